"""What differs between two statuses, part by part, and the patch that gives one of them what the other has.

Objects are compared member by member and lists item by item where a key tells the items apart; any other list is one
value, because by position its items would be others tomorrow.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from msgspec import Raw

from app.core import jsontext
from app.core.jsontext import ABSENT
from app.core.losses import APPEND, STATUS, Addition
from app.core.pointer import Tokens

ANY: Final = "*"
KEYS: Final = ("type", "name", "id", "uid", "key")
"""Tried in this order: ``type`` is how Kubernetes' own conventions know conditions, ``name`` how they know the rest."""
_EVERYTHING: Final[tuple[Tokens, ...]] = ((),)


class Sort(StrEnum):
    """What a change does."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One place that differs.

    Attributes:
        path: from the object's root; a list item's token reads ``key=value``.
        place: the same as a JSON Patch of the first status takes it: items by position, ``-`` for a new one.
        before: the value in the first; empty where there is none.
        after: the value in the second; empty where there is none.
    """

    path: Tokens
    place: Tokens
    before: Raw = field(repr=False)
    after: Raw = field(repr=False)

    @property
    def sort(self) -> Sort:
        """What it does."""
        if self.before == ABSENT:
            return Sort.ADDED
        return Sort.REMOVED if self.after == ABSENT else Sort.CHANGED


def changes(before: Raw, after: Raw) -> list[Change]:
    """What has to happen to one status to make it the other; ``null`` is nothing, and so is a list's order."""
    return list(_walk(_Pair(_there(before), _there(after), (STATUS,), (STATUS,)), _EVERYTHING))


def gains(now: Raw, kept: Raw, only: Sequence[Tokens] = _EVERYTHING) -> list[Change]:
    """What has to happen to a status for it to have all that a kept one has; what it has beside that stays.

    Args:
        now: the status.
        kept: the kept one.
        only: patterns of what is meant, relative to ``/status``: ``*`` stands for any member or item, ``key=value``
            for a list item. A list item comes back whole, and so does a list whose items nothing tells apart.
    """
    found = _walk(_Pair(_there(now), _there(kept), (STATUS,), (STATUS,)), tuple(only))
    return [change for change in found if change.after != ABSENT]


def additions(found: Iterable[Change]) -> list[Addition]:
    """The operations that make these changes, in an order in which no position moves."""
    return [Addition(change.place, change.after) for change in found]


def names(status: Raw, pattern: Tokens) -> bool:
    """Whether there is anything in a status that a pattern names."""
    if not jsontext.present(status):
        return False
    if not pattern:
        return True
    head, rest = pattern[0], pattern[1:]
    if jsontext.is_list(status):
        inside = [item for item in jsontext.items(status) if _is_meant(item, head)]
    else:
        inside = [value for token, value in jsontext.members(status).items() if head in {ANY, token}]
    return any(names(value, rest) for value in inside)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two values at the same place."""

    before: Raw
    after: Raw
    path: Tokens
    place: Tokens

    def inside(self, shown: str, token: str, before: Raw, after: Raw) -> "_Pair":
        return _Pair(before, after, (*self.path, shown), (*self.place, token))


def _walk(pair: _Pair, only: tuple[Tokens, ...]) -> Iterator[Change]:
    if not only or jsontext.same(pair.before, pair.after):
        return
    if jsontext.is_object(pair.before) and jsontext.is_object(pair.after):
        yield from _members(pair, only)
    elif key := _key(pair.before, pair.after):
        yield from _items(pair, key, only)
    elif (after := _meant(pair.after, only)) != ABSENT or () in only:
        whole = pair.before != ABSENT and jsontext.is_list(pair.before)  # a part of the other list would cut this one
        yield Change(pair.path, pair.place, pair.before, pair.after if whole else after)


def _members(pair: _Pair, only: tuple[Tokens, ...]) -> Iterator[Change]:
    had, has = jsontext.members(pair.before), jsontext.members(pair.after)
    for token in [*has, *(token for token in had if token not in has)]:
        before, after = _there(had.get(token, ABSENT)), _there(has.get(token, ABSENT))
        yield from _walk(pair.inside(token, token, before, after), _below(only, token))


def _items(pair: _Pair, key: str, only: tuple[Tokens, ...]) -> Iterator[Change]:
    had = dict(zip(jsontext.identities(pair.before, key), enumerate(jsontext.items(pair.before)), strict=True))
    has = dict(zip(jsontext.identities(pair.after, key), jsontext.items(pair.after), strict=True))
    for identity, after in has.items():
        meant = _of_item(only, after)
        shown = f"{key}={identity[1]}" if identity else ""
        if identity in had:
            at, before = had[identity]
            yield from _walk(pair.inside(shown, str(at), before, after), meant)
        elif meant:
            yield Change((*pair.path, shown), (*pair.place, APPEND), ABSENT, after)
    for identity, (at, before) in had.items():
        if identity not in has and identity and _of_item(only, before):
            yield Change((*pair.path, f"{key}={identity[1]}"), (*pair.place, str(at)), before, ABSENT)


def _key(before: Raw, after: Raw) -> str:
    """The key that tells the items of both lists apart; empty where there is none, or something else than lists."""
    if not (jsontext.is_list(before) and jsontext.is_list(after)):
        return ""
    shown = next(iter([*jsontext.items(after), *jsontext.items(before)]), ABSENT)
    others = [key for key in jsontext.members(shown) if key not in KEYS]
    return next((key for key in (*KEYS, *others) if all(_tells_apart(key, one) for one in (before, after))), "")


def _tells_apart(key: str, raw: Raw) -> bool:
    found = jsontext.identities(raw, key)
    return None not in found and len(set(found)) == len(found)


def _meant(value: Raw, only: tuple[Tokens, ...]) -> Raw:
    """Of a value that is missing as a whole, what is asked for, with the containers around it."""
    if () in only or value == ABSENT:
        return value
    if jsontext.is_object(value):
        parts = {token: _meant(_there(part), _below(only, token)) for token, part in jsontext.members(value).items()}
        kept = {token: part for token, part in parts.items() if part != ABSENT}
        return jsontext.encode(kept) if kept else ABSENT
    kept_items = [item for item in jsontext.items(value) if _of_item(only, item)]
    return jsontext.join_list(kept_items) if kept_items else ABSENT


def _below(only: tuple[Tokens, ...], token: str) -> tuple[Tokens, ...]:
    """The patterns as a member sees them."""
    return tuple(pattern[1:] if pattern else pattern for pattern in only if not pattern or pattern[0] in {ANY, token})


def _of_item(only: tuple[Tokens, ...], item: Raw) -> tuple[Tokens, ...]:
    """The patterns as a list item sees them."""
    return tuple(pattern[1:] if pattern else pattern for pattern in only if not pattern or _is_meant(item, pattern[0]))


def _is_meant(item: Raw, token: str) -> bool:
    key, equals, wanted = token.partition("=")
    if token == ANY or not equals:
        return token == ANY
    identity = jsontext.identity(jsontext.members(item).get(key, ABSENT))
    return identity is not None and identity[1] == wanted


def _there(value: Raw) -> Raw:
    return value if jsontext.present(value) else ABSENT
