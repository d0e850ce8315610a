"""What is worth keeping, and what is gone of it."""

from collections.abc import Callable

import pytest
from msgspec import Raw

from app.core.guard import Guard
from app.core.history import good, lost, misses
from app.core.review import KubernetesObject

WHOLE = '{"phase":"Done","nodes":{"a":1,"b":2},"conditions":[{"type":"Completed"},{"type":"Ready"}]}'
PATTERNS = ("/", "/conditions/type=Completed", "/nodes/*")


@pytest.mark.parametrize(
    ("status", "last", "expected"),
    [
        (WHOLE, None, True),
        (WHOLE, WHOLE, True),
        ("", None, False),
        ("null", None, False),
        ("{}", None, False),
        ('{"phase":"New"}', None, False),
        ('{"phase":"Done","conditions":[]}', None, False),
        ('{"phase":"Done","conditions":[{"type":"Completed"}]}', None, True),
        ('{"phase":"Done","conditions":[{"type":"Completed"}]}', WHOLE, False),
        ('{"phase":"Done","conditions":[{"type":"Completed"}],"nodes":{"a":1}}', WHOLE, False),
        ('{"conditions":[{"type":"Completed"}],"nodes":{"b":3,"a":null,"c":1}}', WHOLE, False),
        ('{"conditions":[{"type":"Completed"}],"nodes":{"b":3,"a":4,"c":1}}', WHOLE, True),
        ('"Done"', None, False),
    ],
)
def test_a_status_is_good_if_it_lacks_nothing_that_is_never_removed(
    make: Callable[..., Guard], status: str, last: str | None, *, expected: bool
) -> None:
    """What is named has to be there; what a star names, if the last good one had it; a changed value is no lack."""
    guard = make(*PATTERNS, empty_status=(Raw(b'{"phase":"New"}'),))
    assert good(Raw(status.encode()), guard, Raw(last.encode()) if last else None) is expected


def test_what_is_missing_is_named(make: Callable[..., Guard]) -> None:
    """The places, relative to the status."""
    guard = make(*PATTERNS)
    assert misses(Raw(b'{"nodes":{"a":1}}'), guard, Raw(WHOLE.encode())) == {
        ("conditions", "type=Completed"),
        ("nodes", "b"),
    }


def test_without_rules_any_status_is_good_but_an_empty_one(make: Callable[..., Guard]) -> None:
    """A guard that calls nothing never removed keeps whatever there is."""
    assert good(Raw(b'{"a":1}'), make())
    assert not good(Raw(b"{}"), make(), Raw(b'{"a":1}'))


@pytest.mark.parametrize(
    ("now", "paths", "lasting"),
    [
        (WHOLE, None, False),
        (
            '{"phase":"Other","nodes":{"b":3,"a":4},"conditions":[{"type":"Completed","x":1},{"type":"Ready"}]}',
            None,
            False,
        ),
        ("", ("/status",), True),
        ("{}", ("/status",), True),
        ('{"nodes":{"a":1,"b":2},"conditions":[{"type":"Completed"}]}', ("/status/phase",), False),
        ('{"phase":"Done","conditions":[{"type":"Completed"}]}', ("/status/nodes/a", "/status/nodes/b"), True),
        ('{"phase":"Done","nodes":{"a":1,"b":2}}', ("/status/conditions/type=Completed",), True),
        ('{"nodes":{"a":1},"conditions":[{"type":"Completed"}]}', ("/status/nodes/b", "/status/phase"), True),
    ],
)
def test_a_loss_is_what_either_list_names(
    make: Callable[..., Guard], stored: Callable[..., KubernetesObject], now: str, paths: object, *, lasting: bool
) -> None:
    """Protected or never removed; it lasts if something of the latter is gone. A changed value is none."""
    found = lost(stored(WHOLE), stored(now), make(*PATTERNS, fields=["phase"]))
    assert (found and found.paths) == paths
    assert bool(found and found.lasting) is lasting


def test_a_whole_status_lasts_also_where_no_rule_says_so(
    make: Callable[..., Guard], stored: Callable[..., KubernetesObject]
) -> None:
    """No status is never good, so what was there stays the last-known-good."""
    found = lost(stored(WHOLE), stored(), make())
    assert found is not None
    assert (found.paths, found.lasting) == (("/status",), True)
