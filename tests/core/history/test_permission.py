"""What an override lets go is remembered by its own words, as far as they were needed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from app.core.guard import Guard
from app.core.history import permission, permits, remedy
from app.core.history.remedy import ALLOWED
from app.core.review import KubernetesObject

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
WHOLE = '{"phase":"Done","nodes":{"a":1,"b":2},"conditions":[{"type":"Completed"}]}'
NAMED = ("/", "/phase", "/nodes/*", "/conditions/type=Completed")


@pytest.mark.parametrize(
    ("paths", "now", "words"),
    [
        ("*", "", ("", "*")),
        ("/phase", '{"nodes":{"a":1,"b":2}}', ("", "/status/phase")),
        ("phase, /status/nodes/b /status/nodes/a", '{"nodes":{"a":1}}', ("", "/status/nodes/b /status/phase")),
        ("/nodes", '{"phase":"Done"}', ("/status/phase", "/status/nodes /status/phase")),
        ("/phase", '{"nodes":{}}', ("*", "*")),
        ("/other", "", ("/status/phase", "/status/phase")),
        ("*", WHOLE, ("/status/phase", "/status/phase")),
        ("", "", ("/status/phase", "/status/phase")),
    ],
)
def test_a_permission_grows_by_what_was_needed(
    make: Callable[..., Guard],
    stored: Callable[..., KubernetesObject],
    paths: str,
    now: str,
    words: tuple[str, str],
) -> None:
    """A path that nothing is missing at is not remembered, and nothing that was let go is forgotten."""
    annotation = {"statusguard.io/allow-status-loss": f"2026-01-31T12:30:00Z; {paths}; a test"}
    after = stored(now, annotations=json.dumps(annotation))
    earlier, expected = words
    guard = make(*NAMED, override_max_duration=timedelta(hours=1))
    assert permission(stored(WHOLE), after, guard, NOW, earlier) == expected


@pytest.mark.parametrize(
    ("permitted", "now", "expected"),
    [
        ("*", "", True),
        ("/status", "", True),
        ("/status/phase", '{"nodes":{"a":1,"b":2},"conditions":[{"type":"Completed"}]}', True),
        ("/status/phase", '{"nodes":{"b":2},"conditions":[{"type":"Completed"}]}', False),
        ("*", WHOLE, False),
        ("", "", False),
        ("/~2", "", False),
    ],
)
def test_all_that_is_missing_has_to_be_permitted(
    make: Callable[..., Guard],
    stored: Callable[..., KubernetesObject],
    permitted: str,
    now: str,
    *,
    expected: bool,
) -> None:
    """What somebody wrote there instead of paths permits nothing, and where nothing is missing nothing is let go."""
    assert permits(stored(WHOLE), stored(now), make(*NAMED), permitted) is expected


def test_a_remedy_leaves_out_what_was_let_go(
    make: Callable[..., Guard], stored: Callable[..., KubernetesObject]
) -> None:
    """Also without an override that is in force now."""
    left = remedy(stored(WHOLE), stored('{"nodes":{"a":1,"b":2}}'), make(*NAMED), NOW, "/status/phase")
    assert not isinstance(left, str)
    assert left.paths == ("/status/conditions/type=Completed",)
    assert remedy(stored(WHOLE), stored(), make(*NAMED), NOW, "*") == ALLOWED
