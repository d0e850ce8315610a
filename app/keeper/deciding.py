"""What the keeper asks of a status: whether it is good, what it lost, and how that is put back.

``neverRemoved`` and ``ignore`` are patterns: ``*`` stands for any member or item, ``key=value`` for the list item with
that key.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Raw

from app.core import jsontext, losses, override, patch, pointer
from app.core.guard import Guard
from app.core.jsontext import ABSENT, JSON
from app.core.losses import APPEND, STATUS, Addition
from app.core.pointer import Tokens
from app.core.review import KubernetesObject

ANY: Final = "*"
_SOMETHING: Final = Raw(b'{"":0}')
"""A status that is not empty, to ask the decision what it takes for empty."""

_canonical = msgspec.json.Encoder(order="deterministic", decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class Lost:
    """What an object has not that it had.

    Attributes:
        paths: as messages write them, sorted.
        lasting: whether the status as a whole or something that no honest writer removes is among it: then the object
            is not taken as it is.
    """

    paths: tuple[str, ...]
    lasting: bool


@dataclass(frozen=True, slots=True)
class Remedy:
    """What may be put back.

    Attributes:
        operations: the text of a JSON Patch of additions.
        paths: what comes back by it, as messages write it.
    """

    operations: bytes = field(repr=False)
    paths: tuple[str, ...]


def digest(status: Raw, guard: Guard) -> str:
    """Sixteen characters that are the same for the same content, whatever is different at ignored places.

    Key order and white space are no content; 1, 1.0 and true differ.
    """
    try:
        value = jsontext.decode(status)
        for pattern in guard.keeper.ignore:
            _remove(value, pattern)
        text = _canonical(value)
    except (RecursionError, ValueError, ArithmeticError):  # beyond Python's means: its text is its content
        text = bytes(status)
    return sha256(text).hexdigest()[:16]


def good(status: Raw, guard: Guard, last: Raw | None) -> bool:
    """Whether a status may be a last-known-good one: not empty, and with all that is never removed.

    Args:
        status: it.
        guard: the rules.
        last: the good one before it; what patterns with ``*`` name there has to be in this one too.
    """
    if not jsontext.is_object(status) or _is_gone(_SOMETHING, status, guard):
        return False
    wanted = {pattern for pattern in guard.keeper.never_removed if ANY not in pattern}
    if last is not None:
        wanted |= _named(last, guard)
    return wanted <= _named(status, guard)


def lost(base: KubernetesObject, now: KubernetesObject, guard: Guard) -> Lost | None:
    """What an object lost since it was last as it should be; None if nothing."""
    found = {loss.path for loss in losses.find(base, now, guard)}
    removed = _removed(base.status, now.status, guard)
    whole = (STATUS,) in found
    if not whole:
        found |= {(STATUS, *path) for path in removed}
    if not found:
        return None
    return Lost(tuple(sorted(map(pointer.render, found))), whole or bool(removed))


def remedy(base: KubernetesObject, now: KubernetesObject, guard: Guard, at: datetime) -> Remedy | str:
    """How to put back what nobody may remove and nothing else; or why that is not done.

    Args:
        base: the object as it was last as it should be.
        now: the object as it is.
        guard: the rules.
        at: the time, by which an override is judged.
    """
    removed = _removed(base.status, now.status, guard)
    if not removed:
        return "nothing is missing that the rules name under neverRemoved"
    allowed = override.read(now, guard.override_max_duration, at)
    paths = sorted({(STATUS, *path) for path in removed})
    if isinstance(allowed, override.Override) and all(allowed.covers(path) for path in paths):
        return "an override on the object allows it"
    whole = () in removed
    additions = (
        [Addition((STATUS,), base.status)]
        if whole
        else [_addition(base.status, now.status, path) for path in _shortest(removed)]
    )
    return Remedy(patch.text(additions, now), tuple(map(pointer.render, paths[:1] if whole else paths)))


def _removed(before: Raw, now: Raw, guard: Guard) -> set[Tokens]:
    """What is never removed, was there and is not: as the paths it had."""
    if _is_gone(before, now, guard):
        return _named(before, guard)
    return _named(before, guard) - _named(now, guard)


def _is_gone(before: Raw, now: Raw, guard: Guard) -> bool:
    return losses.whole_status(before, now, guard.empty_status) is not None


def _named(status: Raw, guard: Guard) -> set[Tokens]:
    """What ``neverRemoved`` names in a status, each as the path of one thing."""
    return {path for pattern in guard.keeper.never_removed for path in _places(status, pattern)}


def _places(value: Raw, pattern: Tokens) -> Iterator[Tokens]:
    if not jsontext.present(value):
        return
    if not pattern:
        yield ()
        return
    for token, inner in _inside(value, pattern[0]):
        for rest in _places(inner, pattern[1:]):
            yield (token, *rest)


def _inside(value: Raw, token: str) -> Iterator[tuple[str, Raw]]:
    """What a token names in a value. An item of a list has a name only by a key: its place may change."""
    members = jsontext.members(value)
    if token == ANY:
        yield from members.items()
    elif token in members:
        yield token, members[token]
    elif "=" in token and (at := _item(value, token)) is not None:
        yield token, jsontext.items(value)[at]


def _item(value: Raw, token: str) -> int | None:
    """The place of the first item that a token like ``key=value`` names."""
    key, _, wanted = token.partition("=")
    found = jsontext.identities(value, key)
    return next((at for at, one in enumerate(found) if one is not None and one[1] == wanted), None)


def _shortest(paths: set[Tokens]) -> list[Tokens]:
    """Without those that lie inside another one, which brings them along."""
    return sorted(path for path in paths if not any(path[:depth] in paths for depth in range(len(path))))


def _addition(before: Raw, now: Raw, path: Tokens) -> Addition:
    """Put a thing back, or the first container above it that is not there any more."""
    at: Tokens = (STATUS,)
    for token in path:
        before = next(inner for _, inner in _inside(before, token))
        if "=" in token and jsontext.is_list(now):
            place = _item(now, token)
            if place is None:
                return Addition((*at, APPEND), before)
            now, at = jsontext.items(now)[place], (*at, str(place))
            continue
        members = jsontext.members(now)
        at = (*at, token) if jsontext.is_object(now) else at
        now = members.get(token, ABSENT)
        if type_of(now) != type_of(before):
            return Addition(at, before)
    return Addition(at, before)


def type_of(value: Raw) -> str:
    """Whether an object, a list, or something else."""
    return "object" if jsontext.is_object(value) else "list" if jsontext.is_list(value) else "other"


def _remove(value: JSON, pattern: Tokens) -> None:
    if not pattern:
        return
    head, rest = pattern[0], pattern[1:]
    if isinstance(value, list):
        key, _, wanted = head.partition("=")
        for item in value:
            if head == ANY or (isinstance(item, dict) and wanted and str(item.get(key)) == wanted):
                _remove(item, rest)
    elif isinstance(value, dict):
        for token in [head] if head != ANY else list(value):
            if rest:
                _remove(value.get(token), rest)
            else:
                value.pop(token, None)
