"""What differs between two statuses, and the patch that brings back what one of them has not."""

import json
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from app.core import patch, pointer
from app.core.history.difference import Change, Sort, additions, changes, gains, names
from app.core.jsontext import ABSENT
from app.core.review import KubernetesObject

KEYS = st.sampled_from(["type", "name", "state", "a", "b/c", "~"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "x", "y", 1.0, 2**60]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
STATUSES = st.dictionaries(KEYS, VALUES, max_size=4)


def raw(value: Any) -> Raw:
    """The text of a value."""
    return Raw(json.dumps(value).encode())


def shown(found: list[Change]) -> dict[str, str]:
    """Paths and what happens there."""
    return {pointer.render(change.path): change.sort.value for change in found}


def applied(now: Any, found: list[Change]) -> Any:
    """The status after the patch that makes these changes."""
    body = {"status": now} if now is not None else {}
    text = patch.text(additions(found), KubernetesObject())
    return jsonpatch.apply_patch(body, json.loads(text)).get("status")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 1.0}, {"/status/a": "changed"}),
        ({"a": None}, {}, {}),
        ({"a": {"b": 1}}, {"a": {}}, {"/status/a/b": "removed"}),
        ({"a": {"b": 1}}, {"a": [1]}, {"/status/a": "changed"}),
        ({"a/b": 1}, {}, {"/status/a~1b": "removed"}),
        ({"l": [1, 2]}, {"l": [2, 1]}, {"/status/l": "changed"}),
        ({"l": []}, {"l": [1]}, {"/status/l": "changed"}),
        ({"l": [{"type": "A"}, {"type": "B"}]}, {"l": [{"type": "B"}, {"type": "A"}]}, {}),
        ({"l": [{"type": "A", "x": 1}]}, {"l": [{"type": "A", "x": 2}]}, {"/status/l/type=A/x": "changed"}),
        ({"l": [{"type": "A"}]}, {"l": [{"type": "B"}]}, {"/status/l/type=B": "added", "/status/l/type=A": "removed"}),
        ({"l": [{"host": "h", "x": 1}]}, {"l": [{"host": "h", "x": 2}]}, {"/status/l/host=h/x": "changed"}),
        ({"l": [{"type": "A"}, {"type": "A", "x": 1}]}, {"l": [{"type": "A"}]}, {"/status/l": "changed"}),
        ({"l": [{"type": "A"}]}, {"l": []}, {"/status/l/type=A": "removed"}),
    ],
)
def test_what_differs_is_named_part_by_part(before: Any, after: Any, expected: dict[str, str]) -> None:
    """Members by name, items by the key that tells them apart, other lists as one value; null is nothing."""
    assert shown(changes(raw(before), raw(after))) == expected


def test_a_status_that_is_not_there_is_added_or_removed_whole() -> None:
    """One change, at the status."""
    assert shown(changes(ABSENT, raw({"a": 1}))) == {"/status": "added"}
    assert shown(changes(raw({"a": 1}), raw(None))) == {"/status": "removed"}


NOW = {"conditions": [{"type": "C"}], "plain": [1], "twice": [{"type": "Z"}]}
KEPT = {
    "phase": "Done",
    "conditions": [{"type": "A", "status": "True"}, {"type": "B"}],
    "nodes": {"n1": {"state": "x", "more": 1}, "n2": {"state": "y"}},
    "plain": [2, 3],
    "apart": [{"type": "A"}, {"type": "B"}],
    "twice": [{"type": "A"}, {"type": "A"}, {"type": "B"}],
}


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ("/phase", {"phase": "Done"}),
        ("/conditions/type=B", {"conditions": [{"type": "C"}, {"type": "B"}]}),
        ("/conditions/*/status", {"conditions": [{"type": "C"}, {"type": "A", "status": "True"}, {"type": "B"}]}),
        ("/conditions/0", {}),
        ("/nodes/n1", {"nodes": {"n1": {"state": "x", "more": 1}}}),
        ("/nodes/*/state", {"nodes": {"n1": {"state": "x"}, "n2": {"state": "y"}}}),
        ("/plain", {"plain": [2, 3]}),
        ("/plain/*", {"plain": [2, 3]}),
        ("/twice/type=A", {"twice": [{"type": "A"}, {"type": "A"}, {"type": "B"}]}),
        ("/apart/type=B", {"apart": [{"type": "B"}]}),
        ("/phase/deeper", {}),
    ],
)
def test_only_what_is_named_comes_back(only: str, expected: dict[str, Any]) -> None:
    """With the containers around it; an item of a list whole, and a list without a key whole."""
    found = gains(raw(NOW), raw(KEPT), [pointer.parse(only)])
    assert applied(NOW, found) == NOW | expected


@pytest.mark.parametrize("pattern", ["/phase", "/nodes/*/more", "/conditions/type=A/status", "/"])
def test_a_pattern_names_what_is_there(pattern: str) -> None:
    """Members, items by key, any of them, and the whole."""
    assert names(raw(KEPT), pointer.parse(pattern))


@pytest.mark.parametrize("pattern", ["/nodes/n3", "/conditions/type=Z", "/conditions/0", "/phase/x"])
def test_a_pattern_names_nothing_else(pattern: str) -> None:
    """No other member, no other item, none by position, and nothing inside of a string."""
    assert not names(raw(KEPT), pointer.parse(pattern))


def test_nothing_is_named_in_a_status_that_is_not_there() -> None:
    """Not even the whole of it."""
    assert not names(ABSENT, ())


@given(STATUSES)
def test_a_status_differs_in_nothing_from_itself(status: Any) -> None:
    """Whatever is in it, and however its members are ordered."""
    assert changes(raw(status), raw(dict(reversed(status.items())))) == []


@given(STATUSES | st.none(), STATUSES)
def test_restoring_brings_all_back_and_takes_nothing(now: Any, kept: Any) -> None:
    """Afterwards nothing of the kept status is missing, nothing that was there is gone, and nothing is left to do."""
    found = gains(raw(now), raw(kept))
    result = applied(now, found)
    assert gains(raw(result), raw(kept)) == []
    assert [change for change in changes(raw(now), raw(result)) if change.sort is Sort.REMOVED] == []


@given(STATUSES, STATUSES, st.lists(KEYS | st.just("*"), min_size=1, max_size=3))
def test_what_is_not_named_stays_as_it_is(now: Any, kept: Any, only: list[str]) -> None:
    """Every change lies on the way to the pattern or below what it names."""
    found = gains(raw(now), raw(kept), [tuple(only)])
    for change in found:
        assert all(wanted in {"*", token} for wanted, token in zip(only, change.path[1:], strict=False)), change
    result = applied(now, found)
    first = only[0]
    assert {key: value for key, value in result.items() if first not in {"*", key}} == {
        key: value for key, value in now.items() if first not in {"*", key}
    }
