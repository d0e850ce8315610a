"""A repair puts back what is named, exactly that, and changes nothing that is there."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonpatch
import pytest
from arbitrary import render, statuses
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from app.core import pointer
from app.core.guard import Guard, KeeperRules, OnLoss, Target
from app.core.history import Remedy, places, remedy
from app.core.history.remedy import ALLOWED, DELETING, NOTHING
from app.core.review import KubernetesObject, ObjectMeta

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
WHOLE = (
    '{"phase":"Done","nodes":{"a":1.0,"b":{"x":1e3,"y":2}},"conditions":[{"type":"Completed","n":1},{"type":"Ready"}]}'
)
OVERRIDE = "statusguard.io/allow-status-loss"


class Number(str):
    """A JSON number as it is written."""

    __slots__ = ()


def value(text: str | bytes) -> Any:
    """A JSON value that keeps how its numbers are written."""
    return json.loads(text, parse_int=Number, parse_float=Number)


def operations(found: Remedy | str) -> list[tuple[str, Any]]:
    """Path and value of each operation; every one is an ``add``."""
    assert isinstance(found, Remedy), found
    parsed = value(found.operations)
    assert {one["op"] for one in parsed} == {"add"}
    return [(one["path"], one["value"]) for one in parsed]


@pytest.mark.parametrize(
    ("patterns", "now", "expected"),
    [
        (["/"], "", [("/status", value(WHOLE))]),
        (["/", "/phase"], "{}", [("/status", value(WHOLE))]),
        (["/phase"], '{"x":1}', [("/status/phase", "Done")]),
        (["/phase"], '{"phase":null}', [("/status/phase", "Done")]),
        (["/phase"], "", [("/status", {"phase": "Done"})]),
        (["/nodes/*"], '{"nodes":{"a":5}}', [("/status/nodes/b", value('{"x":1e3,"y":2}'))]),
        (["/nodes/b/x"], '{"nodes":{"a":5}}', [("/status/nodes/b", {"x": "1e3"})]),
        (["/nodes/b/x"], '{"nodes":{"b":"gone"}}', [("/status/nodes/b", {"x": "1e3"})]),
        (["/nodes/b/x", "/nodes/a"], '{"x":1}', [("/status/nodes", {"a": "1.0", "b": {"x": "1e3"}})]),
        (
            ["/conditions/type=Completed"],
            '{"conditions":[{"type":"Ready"}]}',
            [("/status/conditions/-", value('{"type":"Completed","n":1}'))],
        ),
        (["/conditions/type=Completed"], '{"x":1}', [("/status/conditions", [value('{"type":"Completed","n":1}')])]),
        (["/conditions/type=Completed/n"], '{"x":1}', [("/status/conditions", [{"type": "Completed", "n": "1"}])]),
        (
            ["/conditions/type=Completed/n"],
            '{"conditions":[]}',
            [("/status/conditions/-", {"type": "Completed", "n": "1"})],
        ),
        (
            ["/conditions/type=Completed/n"],
            '{"conditions":[{"type":"Ready"},{"type":"Completed"}]}',
            [("/status/conditions/1/n", "1")],
        ),
        (["/conditions/*"], '{"conditions":{}}', None),
        (
            ["/conditions/*"],
            '{"conditions":[]}',
            [
                ("/status/conditions/-", value('{"type":"Completed","n":1}')),
                ("/status/conditions/-", {"type": "Ready"}),
            ],
        ),
    ],
)
def test_the_patch_is_the_smallest(
    make: Callable[..., Guard],
    stored: Callable[..., KubernetesObject],
    patterns: list[str],
    now: str,
    expected: list[tuple[str, Any]] | None,
) -> None:
    """A part comes back alone, containers only where they are gone, and with nothing in them that is not named."""
    found = remedy(stored(WHOLE), stored(now), make(*patterns), NOW)
    if expected is None:  # an object stands where the list was: it is replaced by the list
        expected = [("/status/conditions", value(WHOLE)["conditions"])]
    assert operations(found) == expected


def test_values_are_the_original_bytes(make: Callable[..., Guard], stored: Callable[..., KubernetesObject]) -> None:
    """Numbers, escapes and order stay as the API server returned them."""
    text = '{"big":9007199254740993,"n":1.0,"e":1E+3,"s":"\\u0041","z":1,"a":2}'
    found = remedy(stored(text), stored(), make("/"), NOW)
    assert isinstance(found, Remedy)
    assert found.operations == f'[{{"op":"add","path":"/status","value":{text}}}]'.encode()


def test_what_comes_back_is_named(make: Callable[..., Guard], stored: Callable[..., KubernetesObject]) -> None:
    """As pointers into the object, those below another named one too."""
    found = remedy(stored(WHOLE), stored(), make("/", "/nodes/*"), NOW)
    assert isinstance(found, Remedy)
    assert found.paths == ("/status", "/status/nodes/a", "/status/nodes/b")


def test_nothing_is_put_back_where_nothing_named_is_missing(
    make: Callable[..., Guard], stored: Callable[..., KubernetesObject]
) -> None:
    """Other losses are for people, and an object that is being deleted is left alone."""
    now = '{"conditions":[{"type":"Completed"}]}'
    assert remedy(stored(WHOLE), stored(now), make("/", "/conditions/type=Completed"), NOW) == NOTHING
    assert remedy(stored(WHOLE), stored("", deletion_timestamp='"2026-01-01T00:00:00Z"'), make("/"), NOW) == DELETING


def test_what_defaults_made_of_nothing_is_replaced(
    make: Callable[..., Guard], stored: Callable[..., KubernetesObject]
) -> None:
    """An ``emptyStatus`` counts as no status: what is named takes its place, and no item of a default is doubled."""
    default = '{"conditions":[{"type":"Completed","n":0}]}'
    guard = make("/conditions/type=Completed", empty_status=(Raw(default.encode()),))
    found = remedy(stored(WHOLE), stored(default), guard, NOW)
    assert operations(found) == [("/status", {"conditions": [value('{"type":"Completed","n":1}')]})]


@pytest.mark.parametrize(
    ("paths", "ends", "back"),
    [
        ("*", 10, None),
        ("/status", 10, None),
        ("nodes/a", 10, ["/status/phase"]),
        ("/nodes/a, /phase", 10, None),
        ("*", -1, ["/status/nodes/a", "/status/phase"]),
        ("*", 120, ["/status/nodes/a", "/status/phase"]),
    ],
)
def test_what_an_override_allows_is_not_put_back(
    make: Callable[..., Guard],
    stored: Callable[..., KubernetesObject],
    paths: str,
    ends: int,
    back: list[str] | None,
) -> None:
    """A valid one covers what it names; expired or too long, it is as if it were not there."""
    paths = paths if paths.startswith(("/", "*")) else f"/{paths}"
    end = (NOW + timedelta(minutes=ends)).strftime("%Y-%m-%dT%H:%M:%SZ")
    annotations = json.dumps({OVERRIDE: f"{end}; {paths}; a test"})
    guard = make("/phase", "/nodes/a", override_max_duration=timedelta(hours=1))
    found = remedy(stored(WHOLE), stored('{"nodes":{"b":1}}', annotations=annotations), guard, NOW)
    if back is None:
        assert found == ALLOWED
    else:
        assert [path for path, _ in operations(found)] == back


_PATTERNS = st.lists(
    st.sampled_from(
        [
            "/",
            "/a",
            "/b/*",
            "/*",
            "/conditions/*",
            "/conditions/type=Completed",
            "/conditions/type=A/status",
            "/a/b",
            "/*/*/a",
        ]
    ),
    min_size=1,
    max_size=4,
    unique=True,
)


def _guard(patterns: list[str]) -> Guard:
    keeper = KeeperRules(never_removed=tuple(map(pointer.parse, patterns)), on_loss=OnLoss.REPAIR)
    return Guard("g", Target("a.io", frozenset({"*"}), "things", status_subresource=False), keeper=keeper)


def _thing(tree: Any) -> KubernetesObject:
    return KubernetesObject(metadata=ObjectMeta(), status=Raw(render(tree).encode()))


def _holds(after: Any, before: Any) -> bool:
    """Whether all that was there is there still; what was empty, or no container, may have become something else."""
    if before in ({}, []):
        return True
    if isinstance(before, dict):
        return isinstance(after, (dict, list)) and (
            isinstance(after, list) or all(key in after and _holds(after[key], item) for key, item in before.items())
        )
    if isinstance(before, list):
        return isinstance(after, dict) or all(map(_holds, after, before))
    return after == before or before is None or isinstance(after, (dict, list))


@settings(deadline=None)
@given(statuses(), statuses(), _PATTERNS)
def test_a_repair_leaves_nothing_missing_and_nothing_changed(base: Any, now: Any, patterns: list[str]) -> None:
    """Applied by a library of its own: all places are there again, all else is as it was, and nothing is left to do."""
    guard, before, after = _guard(patterns), _thing(base), _thing(now)
    found = remedy(before, after, guard, NOW)
    had = places.never_removed(before.status, guard)
    if isinstance(found, str):
        assert not places.missing(after.status, had, guard)
        return
    whole = {"status": value(render(now))}
    mended = jsonpatch.apply_patch(whole, value(found.operations))
    assert _holds(mended["status"], whole["status"])
    text = _text(mended["status"])
    repaired = KubernetesObject(metadata=ObjectMeta(), status=Raw(text.encode()))
    assert not places.missing(repaired.status, had, guard)
    assert remedy(before, repaired, guard, NOW) == NOTHING


def _text(tree: Any) -> str:
    """The JSON text, numbers as they were written."""
    if isinstance(tree, Number):
        return str.__str__(tree)
    if isinstance(tree, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_text(item)}" for key, item in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ",".join(map(_text, tree)) + "]"
    return json.dumps(tree)
