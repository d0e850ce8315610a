"""Putting back what no honest writer removes: only that, only where it is missing, and only where nobody allowed it.

The smallest JSON Patch: a part goes back alone; where the containers around it are gone too, they come back with the
parts that are named and nothing else. Only ``add`` is used. A list that is there gets its missing item at the end.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from msgspec import Raw

from app.core import jsontext, override, patch, pointer
from app.core.guard import Guard
from app.core.history import places
from app.core.jsontext import ABSENT
from app.core.losses import APPEND, STATUS, Addition, is_empty
from app.core.pointer import Tokens
from app.core.review import KubernetesObject

NOTHING: Final = "nothing that may be put back is missing"
DELETING: Final = "the object is being deleted"
ALLOWED: Final = f"the annotation {override.ANNOTATION} allows it"


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to write.

    Attributes:
        operations: the text of a JSON Patch.
        paths: what it puts back, as JSON Pointers into the object, in order.
    """

    operations: bytes
    paths: tuple[str, ...]


def remedy(
    base: KubernetesObject, now: KubernetesObject, guard: Guard, at: datetime, permitted: str = ""
) -> Remedy | str:
    """What to put back, or in words why nothing is.

    Args:
        base: the object's last good state; only its status is read.
        now: the object as it is.
        guard: the rules for its kind.
        at: the current time, with its zone.
        permitted: what overrides that are over have let go, as ``permission`` tells it.
    """
    if jsontext.present(now.metadata.deletion_timestamp):
        return DELETING
    missing = places.missing(now.status, places.never_removed(base.status, guard), guard)
    if not missing:
        return NOTHING
    for allowed in (override.read(now, guard.override_max_duration, at), override.scope(permitted)):
        if isinstance(allowed, override.Override):
            missing = frozenset(place for place in missing if not allowed.covers((STATUS, *place)))
    if not missing:
        return ALLOWED
    topmost = sorted(place for place in missing if not any(place[:depth] in missing for depth in range(len(place))))
    present = ABSENT if is_empty(now.status, guard.empty_status) else now.status
    operations = patch.text(_additions(base.status, present, topmost), now)
    return Remedy(operations, tuple(sorted(pointer.render((STATUS, *place)) for place in missing)))


def _additions(base: Raw, now: Raw, missing: Iterable[Tokens]) -> list[Addition]:
    """One addition for each topmost thing that is not there, holding all that is missing below it."""
    below: dict[tuple[Tokens, Tokens], list[Tokens]] = {}
    for place in missing:
        spot, depth = _first_gap(base, now, place)
        below.setdefault((spot, place[:depth]), []).append(place[depth:])
    return [Addition((STATUS, *spot), _restored(base, spot, top, parts)) for (spot, top), parts in below.items()]


def _restored(base: Raw, spot: Tokens, top: Tokens, parts: list[Tokens]) -> Raw:
    """What is added at a spot: the parts of what stood at ``top``."""
    if spot[-1:] == (APPEND,):
        return _item(places.value(base, top[:-1]), top[-1], parts)
    return _projected(places.value(base, top), parts)


def _first_gap(base: Raw, now: Raw, place: Tokens) -> tuple[Tokens, int]:
    """Where a patch has to add something to make room for a place, and how many of its tokens that answers for."""
    spot: Tokens = ()
    for depth, token in enumerate(place):
        if jsontext.is_list(base) and jsontext.is_list(now):
            index = places.position(now, token)
            if index is None:
                return (*spot, APPEND), depth + 1
            spot, now = (*spot, str(index)), jsontext.items(now)[index]
        elif jsontext.is_object(base) and jsontext.is_object(now):
            spot, now = (*spot, token), jsontext.members(now).get(token, ABSENT)
        else:  # nothing is here, or something that cannot hold it
            return spot, depth
        base = places.value(base, (token,))
    return spot, len(place)


def _projected(raw: Raw, parts: list[Tokens]) -> Raw:
    """A value with only these parts of it, each as it was written; all of it where a part is the value itself."""
    if () in parts:
        return raw
    inside: dict[str, list[Tokens]] = {}
    for part in parts:
        inside.setdefault(part[0], []).append(part[1:])
    if jsontext.is_list(raw):
        return jsontext.join_list(_item(raw, token, rest) for token, rest in inside.items())
    return jsontext.encode({token: _projected(places.value(raw, (token,)), rest) for token, rest in inside.items()})


def _item(raw: Raw, token: str, parts: list[Tokens]) -> Raw:
    """An item of a list with only these parts of it, and with what it is known by."""
    named = places.item_key(token)
    return _projected(places.value(raw, (token,)), [*([(named[0],)] if named else []), *parts])
