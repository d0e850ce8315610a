"""Patterns point at what is there, and at nothing that would be something else tomorrow."""

import json
from collections.abc import Callable

import pytest
from msgspec import Raw

from app.core.guard import Guard
from app.core.history import places

STATUS = Raw(
    json.dumps(
        {
            "phase": "Done",
            "none": None,
            "nodes": {"n1": {"state": "Up"}, "a/b": {"state": "Down"}, "k=v": 1},
            "conditions": [
                {"type": "Completed", "status": "True"},
                {"type": "Ready"},
                {"type": "Ready", "reason": "x"},
            ],
            "ports": [{"name": "http"}, {"name": "https"}],
            "mixed": [{"type": "A"}, {"name": "B"}, 3],
            "numbers": [{"type": 1}, {"type": True}],
            "empty": [],
        }
    ).encode()
)


def found(guard: Guard) -> set[str]:
    """The places that the guard's patterns have, as paths."""
    return {"/".join(("", *place)) or "/" for place in places.never_removed(STATUS, guard)}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/", {"/"}),
        ("/phase", {"/phase"}),
        ("phase", {"/phase"}),
        ("/none", set()),
        ("/gone", set()),
        ("/phase/deeper", set()),
        ("/nodes/*", {"/nodes/n1", "/nodes/a/b", "/nodes/k=v"}),
        ("/nodes/*/state", {"/nodes/n1/state", "/nodes/a/b/state"}),
        ("/nodes/a~1b", {"/nodes/a/b"}),
        ("/nodes/k=v", {"/nodes/k=v"}),
        ("/conditions/type=Completed", {"/conditions/type=Completed"}),
        ("/conditions/type=Completed/status", {"/conditions/type=Completed/status"}),
        ("/conditions/type=Gone", set()),
        ("/conditions/*", {"/conditions/type=Completed", "/conditions/type=Ready"}),
        ("/conditions/0", set()),
        ("/ports/*", {"/ports/name=http", "/ports/name=https"}),
        ("/mixed/*", set()),
        ("/mixed/type=A", {"/mixed/type=A"}),
        ("/numbers/*", {"/numbers/type=1", "/numbers/type=true"}),
        ("/empty/*", set()),
        ("/*", {"/phase", "/nodes", "/conditions", "/ports", "/mixed", "/numbers", "/empty"}),
    ],
)
def test_a_pattern_has_these_places(make: Callable[..., Guard], pattern: str, expected: set[str]) -> None:
    """A star is each key or item, an item is known by its key, null is nothing, a position is no place."""
    assert found(make(pattern)) == expected


def test_the_key_that_a_rule_names_goes_before_the_usual_ones(make: Callable[..., Guard]) -> None:
    """Items of a list in ``protect.lists`` are told apart as that says; where not all have it, none has a place."""
    assert found(make("/conditions/*", lists=[("/conditions", "status")])) == set()
    assert found(make("/ports/*", lists=[("/ports", "name"), ("/conditions", "status")])) == {
        "/ports/name=http",
        "/ports/name=https",
    }


def test_of_two_items_with_one_key_the_first_counts(make: Callable[..., Guard]) -> None:
    """The second condition of a type is nobody's, as for the guard."""
    guard = make("/conditions/type=Ready", "/conditions/type=Ready/reason")
    assert found(guard) == {"/conditions/type=Ready"}


def test_a_status_that_is_as_good_as_none_has_no_place(make: Callable[..., Guard]) -> None:
    """What CRD defaults make of a missing status is not the status."""
    guard = make("/", "/phase", empty_status=(Raw(b'{"phase":"New"}'),))
    assert places.never_removed(Raw(b'{ "phase": "New" }'), guard) == {}
    assert places.never_removed(Raw(b"{}"), guard) == {}
    assert set(places.never_removed(Raw(b'{"phase":"Old"}'), guard)) == {(), ("phase",)}
