"""By which key the items of a list are known, as far as schema and live objects tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.core.exposure.definition import Schema
from app.core.pointer import Tokens

CANDIDATES: Final = ("type", "name", "id", "uid", "key")
"""Tried in this order: ``type`` is how Kubernetes' own conventions know conditions, ``name`` how they know the rest."""

_LIST_TYPE: Final = "x-kubernetes-list-type"
_LIST_KEYS: Final = "x-kubernetes-list-map-keys"


@dataclass(frozen=True, slots=True)
class Key:
    """A key.

    Attributes:
        key: the member's name.
        why: in words.
        declared: whether the API server itself holds it unique.
        shown: whether something beside its name speaks for it.
    """

    key: str
    why: str
    declared: bool = False
    shown: bool = False


def key_of(path: Tokens, schema: Schema, values: Sequence[Any]) -> Key | None:
    """The key, or nothing where this is no list of objects, or where nothing tells its items apart."""
    lists = [value for value in values if isinstance(value, list) and value]
    if len(lists) < len([value for value in values if value != []]):
        return None
    keys = schema.get(_LIST_KEYS) or [] if schema.get(_LIST_TYPE) == "map" else []
    if len(keys) == 1:
        return Key(keys[0], "the schema makes it a map by this key (x-kubernetes-list-map-keys)", declared=True)
    if keys:
        return _of_several(keys, lists)
    for key in CANDIDATES:
        if found := _candidate(path, key, schema, lists):
            return found
    return None


def _of_several(keys: Sequence[str], lists: Sequence[list[Any]]) -> Key:
    """A guard knows items by one key. Where several are needed together, one may do for the objects there are."""
    together = " and ".join(keys)
    unique = [key for key in keys if lists and all(_tells_apart(key, one) for one in lists)]
    if unique:
        return Key(unique[0], f"the schema knows items by {together}; in live objects this one alone tells them apart")
    return Key(keys[0], f"the schema knows items by {together} and a guard knows one key: two items may share it")


def _candidate(path: Tokens, key: str, schema: Schema, lists: Sequence[list[Any]]) -> Key | None:
    items: Mapping[str, Any] = schema.get("items") or {}
    known = key in (items.get("properties") or {})
    if not known and not lists:
        return None
    if not all(_tells_apart(key, one) for one in lists):
        return None
    compared = sum(len(one) > 1 for one in lists)
    if compared:
        return Key(key, f"it tells the items of {compared} live list{'s' * (compared > 1)} apart", shown=True)
    if key == "type" and path[-1].lower().endswith("conditions"):
        return Key(key, "conditions are known by their type (Kubernetes API conventions)", shown=True)
    return Key(key, "a name for it; no live list with two items shows whether it tells them apart")


def _tells_apart(key: str, items: Sequence[Any]) -> bool:
    if not all(isinstance(item, dict) for item in items):
        return False
    found = [item.get(key) for item in items]
    return all(isinstance(value, str | int) for value in found) and len(set(found)) == len(found)
