"""A guess of what a guard should protect, from what the schema says and what live objects show.

Neither says what an honest writer may remove: a guess holds what is there as a rule, says why, and how sure it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from app.core.exposure.definition import PRESERVES, Schema
from app.core.exposure.list_keys import key_of
from app.core.pointer import Tokens

DEEPEST: Final = 4
"""Levels below status that are looked at; what lies deeper is protected with the part that holds it."""
FEW: Final = 3
"""With fewer objects than this, that all have a field says little."""

_COME_AND_GO: Final = frozenset({"message", "reason", "error", "errors", "failure", "progress", "warning", "warnings"})
"""Names of what controllers clear when it is over; ``lastError`` and the like end in them."""
_IN_NO_FIELDS_NAME: Final = frozenset("-./:")
"""Characters of node names, image names and addresses, which are keys of maps; fields are in camel case."""


class Sureness(StrEnum):
    """How sure a guess is."""

    SURE = "sure"
    LIKELY = "likely"
    UNSURE = "unsure"


class Part(StrEnum):
    """Where in ``spec.protect`` it belongs."""

    FIELD = "fields"
    MAP = "maps"
    LIST = "lists"


@dataclass(frozen=True, slots=True)
class Guess:
    """One entry of ``spec.protect``.

    Attributes:
        part: which list it belongs to.
        path: below status.
        sureness: how sure; what is unsure is written down as a comment.
        why: in words.
        key: of a list, what tells its items apart.
    """

    part: Part
    path: Tokens
    sureness: Sureness
    why: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class _Node:
    """A part of the status: its schema, and the values it has in live objects.

    Attributes:
        path: below status.
        schema: what the definition says of it; empty where it says nothing.
        values: of the objects that have it.
        places: how many objects have what holds it.
        needed: whether the schema requires it.
    """

    path: Tokens
    schema: Schema
    values: Sequence[Any]
    places: int
    needed: bool


def guesses(status: Schema, samples: Sequence[Mapping[str, Any]]) -> tuple[Guess, ...]:
    """What to protect beside the whole status, in the order of the schema."""
    return tuple(_below(_Node((), status, samples, len(samples), needed=False)))


def _below(parent: _Node) -> Iterator[Guess]:
    held = [value for value in parent.values if isinstance(value, dict)]
    known: Mapping[str, Schema] = parent.schema.get("properties") or {}
    names = dict.fromkeys([*known, *sorted({name for value in held for name in value})])
    required = parent.schema.get("required") or ()
    for name in names:
        if not name or not name.isprintable() or name == "*" or "=" in name:
            continue  # no path of a guard can name it
        schema = known.get(name, {})
        values = [value[name] for value in held if value.get(name) is not None]
        yield from _at(_Node((*parent.path, name), schema, values, len(held), needed=name in required))


def _at(node: _Node) -> Iterator[Guess]:
    if why := _is_map(node):
        yield Guess(Part.MAP, node.path, Sureness.LIKELY, why)
    elif node.schema.get("type", "array") == "array" and (found := key_of(node.path, node.schema, node.values)):
        sureness = Sureness.SURE if found.declared else Sureness.LIKELY if found.shown else Sureness.UNSURE
        yield Guess(Part.LIST, node.path, sureness, found.why, found.key)
        if sureness is Sureness.UNSURE:
            yield from _field(node)
    else:
        yield from _field(node)
        if len(node.path) < DEEPEST:
            yield from _below(node)


def _field(node: _Node) -> Iterator[Guess]:
    """A field. Below the first level only what the schema requires: the rest is too much to look through."""
    if node.needed:
        yield Guess(Part.FIELD, node.path, Sureness.SURE, "the schema requires it")
    elif len(node.path) == 1:
        yield Guess(Part.FIELD, node.path, *_presence(node))


def _presence(node: _Node) -> tuple[Sureness, str]:
    there, places = len(node.values), node.places
    of = f"{there} of {places} objects looked at have it"
    if not there:
        return Sureness.UNSURE, "the schema knows it, no object looked at has it"
    if node.path[-1].lower().endswith(tuple(_COME_AND_GO)):
        return Sureness.UNSURE, f"{of}, but its name is that of something a controller clears when it is over"
    if there < places:
        return Sureness.UNSURE, f"{of}: it comes later than others, or goes"
    if places < FEW:
        return Sureness.UNSURE, f"{of}, which is too few to tell"
    return Sureness.LIKELY, "all of the " + of.partition(" of ")[2]


def _is_map(node: _Node) -> str:
    """Why keys of this object are data and no fields; empty where they are fields, or it is no object."""
    schema = node.schema
    if schema.get("properties"):
        return ""
    if schema.get("additionalProperties"):
        return "the schema allows any keys in it"
    free = schema.get(PRESERVES) is True or not schema
    objects = [value for value in node.values if isinstance(value, dict)]
    if not free or not objects or len(objects) < len(node.values):
        return ""
    keys = {key for value in objects for key in value}
    members = [member for value in objects for member in value.values()]
    if any(_IN_NO_FIELDS_NAME & set(key) for key in keys):
        return "its keys in live objects are no names of fields (the schema says nothing)"
    alike = members and all(isinstance(member, dict) for member in members)
    if alike and len(keys) > 1 and set.intersection(*map(set, members)):
        return "its values in live objects are alike (the schema says nothing)"
    return ""
