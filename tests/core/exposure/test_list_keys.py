"""By which key the items of a list are known."""

from dataclasses import replace
from typing import Any

import pytest
from definitions import CONDITIONS, TEXT

from app.core.exposure.list_keys import Key, key_of

NAMED = {"type": "array", "items": {"type": "object", "properties": {"name": TEXT}}}
PORTS = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"]}


@pytest.mark.parametrize(
    ("path", "schema", "values", "expected"),
    [
        (
            "x",
            {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["ip"]},
            [],
            Key("ip", "", declared=True),
        ),
        ("conditions", CONDITIONS, [], Key("type", "", shown=True)),
        ("podConditions", CONDITIONS, [], Key("type", "", shown=True)),
        ("steps", CONDITIONS, [], Key("type", "")),
        ("steps", CONDITIONS, [[{"type": "a"}, {"type": "b"}], []], Key("type", "", shown=True)),
        ("disks", NAMED, [], Key("name", "")),
        ("disks", NAMED, [[{"name": "a"}]], Key("name", "")),
        ("disks", {}, [[{"name": "a"}, {"name": "b"}]], Key("name", "", shown=True)),
        ("disks", {}, [[{"type": "a", "id": 1}, {"type": "a", "id": 2}]], Key("id", "", shown=True)),
        ("ports", PORTS, [], Key("port", "")),
        (
            "ports",
            PORTS,
            [[{"port": 1, "protocol": "a"}, {"port": 1, "protocol": "b"}]],
            Key("protocol", ""),
        ),
    ],
)
def test_a_key_is_found(path: str, schema: dict[str, Any], values: list[Any], expected: Key) -> None:
    """What the schema declares, else the first usual name that no live list contradicts, and what speaks for it."""
    found = key_of((path,), schema, values)
    assert found
    assert found.why
    assert replace(found, why="") == expected


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ({}, []),
        ({"items": TEXT}, [["a", "b"]]),
        (NAMED, [[{"name": "a"}, {"name": "a"}]]),
        (NAMED, [[{"name": "a"}, {}]]),
        (NAMED, [[{"name": {}}, {"name": []}]]),
        ({}, ["text"]),
        ({}, [{"name": "a"}]),
    ],
)
def test_where_nothing_tells_items_apart_there_is_no_key(schema: dict[str, Any], values: list[Any]) -> None:
    """No usual name, one that is there twice or not in each item, or no list of objects at all."""
    assert key_of(("x",), schema, values) is None


def test_several_declared_keys_are_said_to_be_needed_together() -> None:
    """A guard knows items by one key, so the reader hears what it may miss."""
    none = key_of(("ports",), PORTS, [])
    one = key_of(("ports",), PORTS, [[{"port": 1, "protocol": "a"}, {"port": 2, "protocol": "a"}]])
    assert none
    assert one
    assert "two items may share it" in none.why
    assert (one.key, "alone" in one.why) == ("port", True)
