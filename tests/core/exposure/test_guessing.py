"""What a guard should protect, guessed from schema and live objects."""

from typing import Any

import pytest
from definitions import ANYTHING, TEXT, UPGRADE_STATUS

from app.core.exposure.guessing import DEEPEST, Part, Sureness, guesses

FULL = {
    "conditions": [{"type": "Completed", "status": "True"}, {"type": "LogReady", "status": "True"}],
    "imageID": "x",
    "nodeStatuses": {"node-1": {"state": "Succeeded"}},
    "repoInfo": "y",
}


def guessed(status: Any, *samples: dict[str, Any]) -> dict[tuple[str, str], str]:
    """How sure each guess is, by part and path."""
    return {(guess.part.value, "/".join(guess.path)): guess.sureness.value for guess in guesses(status, samples)}


def test_harvesters_upgrade_is_guessed_as_its_own_rules_say() -> None:
    """Conditions by type, nodes as a map, and the fields that all objects have; what none has is left out."""
    assert guessed(UPGRADE_STATUS, FULL, FULL, {**FULL, "upgradeLog": "log"}) == {
        ("lists", "conditions"): "likely",
        ("fields", "imageID"): "likely",
        ("maps", "nodeStatuses"): "likely",
        ("fields", "previousVersion"): "unsure",
        ("fields", "repoInfo"): "likely",
        ("fields", "singleNode"): "unsure",
        ("fields", "upgradeLog"): "unsure",
    }


def test_each_guess_says_why() -> None:
    """In words, whatever it is."""
    found = guesses(UPGRADE_STATUS, [FULL, {**FULL, "lastError": "x"}])
    assert all(guess.why for guess in found)
    whys = {guess.path[-1]: guess.why for guess in found}
    assert "it comes later than others, or goes" in whys["lastError"] or "clears" in whys["lastError"]
    assert whys["imageID"] == "2 of 2 objects looked at have it, which is too few to tell"
    assert whys["nodeStatuses"] == "the schema allows any keys in it"


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("phase", ["a", "b", "c"], Sureness.LIKELY),
        ("phase", ["a", "b"], Sureness.UNSURE),
        ("phase", ["a", "b", None], Sureness.UNSURE),
        ("phase", [None, None, None], None),
        ("message", ["a", "b", "c"], Sureness.UNSURE),
        ("lastError", ["a", "b", "c"], Sureness.UNSURE),
    ],
)
def test_a_field_is_sure_by_where_it_is_seen(name: str, values: list[Any], expected: Sureness | None) -> None:
    """In all of at least three objects, under a name that nobody clears; null is not there."""
    found = guesses(ANYTHING, [{name: value} if value else {"other": 1} for value in values])
    assert next((guess.sureness for guess in found if guess.path == (name,)), None) is expected


def test_what_the_schema_requires_is_sure_at_any_depth() -> None:
    """Of fields inside a part, only these are named: the part itself stands for the rest."""
    inner = {"type": "object", "required": ["state"], "properties": {"state": TEXT, "note": TEXT}}
    status = {"type": "object", "required": ["phase"], "properties": {"phase": TEXT, "inner": inner}}
    assert guessed(status) == {
        ("fields", "phase"): "sure",
        ("fields", "inner"): "unsure",
        ("fields", "inner/state"): "sure",
    }


def test_what_lies_too_deep_is_not_looked_at() -> None:
    """A required field below the deepest level is protected with the part that holds it."""
    schema: dict[str, Any] = {"type": "string"}
    for name in "fedcba":
        schema = {"type": "object", "required": [name], "properties": {name: schema}}
    assert len(guesses(schema, [])) == DEEPEST


@pytest.mark.parametrize(
    ("schema", "values", "is_map"),
    [
        ({"type": "object", "additionalProperties": TEXT}, [], True),
        ({"type": "object", "additionalProperties": True}, [], True),
        ({"type": "object", "additionalProperties": False}, [], False),
        ({"type": "object", "properties": {"a": TEXT}}, [{"node-1": "x"}], False),
        ({"type": "object"}, [{"node-1": "x"}], False),
        (ANYTHING, [], False),
        (ANYTHING, [{"node-1": "x"}], True),
        ({}, [{"10.0.0.1": 5}, {}], True),
        (ANYTHING, [{"one": {"state": "a"}}, {"two": {"state": "b", "x": 1}}], True),
        (ANYTHING, [{"one": {"state": "a"}}], False),
        (ANYTHING, [{"one": {"state": "a"}, "two": {"other": "b"}}], False),
        (ANYTHING, [{"one": {"state": "a"}, "two": "b"}], False),
        (ANYTHING, [{}], False),
        ({}, [{"node-1": "x"}, "text"], False),
    ],
)
def test_a_map_is_told_from_an_object_with_fields(schema: dict[str, Any], values: list[Any], *, is_map: bool) -> None:
    """By ``additionalProperties``; where the schema says nothing, by keys or values that no set of fields has."""
    found = guesses({"type": "object", "properties": {"x": schema}}, [{"x": value} for value in values])
    assert [guess.path for guess in found if guess.part is Part.MAP] == ([("x",)] if is_map else [])


def test_a_list_by_an_unsure_key_is_a_field_as_well() -> None:
    """Both are put to the reader: the items by that key, or the list as a whole."""
    disks = {"type": "array", "items": {"type": "object", "properties": {"name": TEXT}}}
    found = guesses({"properties": {"disks": disks}}, [])
    assert [(guess.part, guess.key, guess.sureness) for guess in found] == [
        (Part.LIST, "name", Sureness.UNSURE),
        (Part.FIELD, "", Sureness.UNSURE),
    ]


def test_a_list_that_the_schema_makes_a_map_is_sure() -> None:
    """The API server itself keeps its keys apart; a list of plain values is a field."""
    declared = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["ip"]}
    plain = {"type": "array", "items": TEXT}
    assert guessed({"properties": {"a": declared, "b": plain}}) == {("lists", "a"): "sure", ("fields", "b"): "unsure"}


def test_names_that_no_path_can_name_are_left_out() -> None:
    """Empty, with characters that do not print, or that a guard would take for a pattern."""
    names = ["", "a\u202eb", "*", "a=b", "fine"]
    assert {path for _, path in guessed(ANYTHING, dict.fromkeys(names, 1))} == {"fine"}
