"""Where in a status a pattern of the keeper's points: ``*`` stands for any one token, ``key=value`` for a list item.

A place is the path of something that is there, a list item in it as ``key=value``. In a list ``*`` stands for each
item by the key that tells them apart: the one that ``protect.lists`` names for that list, else ``type`` or ``name``
where all items have it. Items that nothing tells apart have no place, and neither has a position: both would be another
item tomorrow.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Raw

from app.core import jsontext
from app.core.guard import Guard
from app.core.jsontext import ABSENT
from app.core.losses import is_empty
from app.core.pointer import Tokens

ANY: Final = "*"
WHOLE: Final[Tokens] = ()
"""The place of the status as a whole."""

_USUAL_KEYS: Final = ("type", "name")
"""What Kubernetes' own lists of conditions, containers and ports are told apart by."""


def never_removed(status: Raw, guard: Guard) -> dict[Tokens, Raw]:
    """What there is of all that no honest writer removes, each place with its value."""
    if is_empty(status, guard.empty_status):
        return {}
    return dict(_all(status, guard.keeper.never_removed, guard))


def missing(status: Raw, wanted: Iterable[Tokens], guard: Guard) -> frozenset[Tokens]:
    """Which of some places a status has not. A star is not asked again, its places are looked for."""
    if is_empty(status, guard.empty_status):
        return frozenset(wanted)
    return frozenset(place for place in wanted if not jsontext.present(value(status, place)))


def value(raw: Raw, place: Tokens) -> Raw:
    """What is at a place; empty where nothing is."""
    for token in place:
        if jsontext.is_list(raw):
            index = position(raw, token)
            raw = ABSENT if index is None else jsontext.items(raw)[index]
        else:
            raw = jsontext.members(raw).get(token, ABSENT)
    return raw


def concrete(guard: Guard) -> frozenset[Tokens]:
    """The places that ``neverRemoved`` names without ``*``."""
    return frozenset(pattern for pattern in guard.keeper.never_removed if ANY not in pattern)


def item_key(token: str) -> tuple[str, str] | None:
    """Key and value of a ``key=value`` token."""
    key, equals, value = token.partition("=")
    return (key, value) if equals else None


def position(raw: Raw, token: str) -> int | None:
    """The index of the first item of a list that a ``key=value`` token means."""
    wanted = item_key(token)
    if wanted is None:
        return None
    key, value = wanted
    found = jsontext.identities(raw, key)
    return next((at for at, identity in enumerate(found) if identity is not None and identity[1] == value), None)


def _all(status: Raw, patterns: Iterable[Tokens], guard: Guard) -> Iterator[tuple[Tokens, Raw]]:
    for pattern in patterns:
        yield from _below(status, pattern, (), guard)


def _below(raw: Raw, pattern: Tokens, at: Tokens, guard: Guard) -> Iterator[tuple[Tokens, Raw]]:
    if not jsontext.present(raw):
        return
    if not pattern:
        yield at, raw
        return
    token, rest = pattern[0], pattern[1:]
    if jsontext.is_object(raw):
        members = jsontext.members(raw)
        for key in members if token == ANY else (token,):
            yield from _below(members.get(key, ABSENT), rest, (*at, key), guard)
    elif jsontext.is_list(raw):
        items = jsontext.items(raw)
        for name in _names(raw, at, guard) if token == ANY else (token,):
            index = position(raw, name)
            if index is not None:
                yield from _below(items[index], rest, (*at, name), guard)


def _names(raw: Raw, at: Tokens, guard: Guard) -> list[str]:
    """Each item of a list as ``key=value``, as far as one key tells them apart."""
    for key in [rule.key for rule in guard.protect.lists if rule.path == at] or _USUAL_KEYS:
        found = jsontext.identities(raw, key)
        if found and None not in found:
            return [f"{key}={identity[1]}" for identity in found if identity is not None]
    return []
