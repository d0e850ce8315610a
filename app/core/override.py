"""SG012 and SG013: the break-glass annotation, for people who mean to remove status.

``statusguard.io/allow-status-loss: "<RFC 3339 end>; <paths or *>; <reason>"`` on the new object. Paths are separated by
commas or spaces and are written as messages write them (``/status/conditions``) or relative to ``/status``
(``conditions``, ``/conditions/type=Completed``); a path covers everything below it. ``;``, ``,`` and spaces cannot be
part of a path: use ``*`` there.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from app.core import jsontext, pointer
from app.core.jsontext import ABSENT
from app.core.losses import METADATA, STATUS, Loss
from app.core.pointer import Tokens
from app.core.review import KubernetesObject

ANNOTATION: Final = "statusguard.io/allow-status-loss"
EVERYTHING: Final = "*"

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_FORM: Final = "<RFC 3339 end>; <paths or *>; <reason>"


class Override(Struct, frozen=True, gc=False):
    """A well-formed override that is in force now."""

    paths: frozenset[Tokens]
    everything: bool

    def covers(self, path: Tokens) -> bool:
        """Whether the loss of this path is allowed."""
        return self.everything or any(path[:depth] in self.paths for depth in range(1, len(path) + 1))


class Unusable(Struct, frozen=True, gc=False):
    """An annotation that does not count, and why; the text echoes nothing of it."""

    why: str


def read(new: KubernetesObject, longest: timedelta | None, now: datetime) -> Override | Unusable | None:
    """The new object's override, if it has the annotation.

    Args:
        new: the object as the client wrote it.
        longest: how far ahead the end may lie; ``None`` where the guard allows no override.
        now: the current time, with its zone.
    """
    annotation = jsontext.members(new.metadata.annotations).get(ANNOTATION, ABSENT)
    if not jsontext.present(annotation):
        return None
    if longest is None:
        return Unusable("this guard allows no override")
    parts = [part.strip() for part in (jsontext.text(annotation) or "").split(";", 2)]
    if len(parts) != len(_FORM.split(";")) or not all(parts):
        return Unusable(f"it is not of the form {_FORM}")
    return _term(parts[0], longest, now) or scope(parts[1])


def uncovered(override: Override, losses: Iterable[Loss]) -> Unusable | None:
    """Why a valid override does not forgive these losses, if it does not: all have to be covered."""
    missing = [pointer.render(loss.path) for loss in losses if not override.covers(loss.path)]
    return Unusable(f"it does not cover {missing[0]}") if missing else None


def scope(text: str) -> Override | Unusable:
    """What an override's second part covers; nothing where it is empty."""
    if text == EVERYTHING:
        return Override(frozenset(), everything=True)
    try:
        return Override(frozenset(_paths(text)), everything=False)
    except pointer.BadPointerError:
        return Unusable("one of its paths is no JSON Pointer")


def _term(text: str, longest: timedelta, now: datetime) -> Unusable | None:
    end = _end(text)
    if end is None:
        return Unusable("its end is no RFC 3339 time with a zone, like 2026-01-31T12:00:00Z")
    if end <= now:
        return Unusable("it has expired")
    if end - now > longest:
        return Unusable(f"its end is more than {_words(longest)} ahead, the longest this guard allows")
    return None


def _end(text: str) -> datetime | None:
    if not _RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:  # the 31st of February
        return None


def _paths(text: str) -> Iterable[Tokens]:
    for word in text.replace(",", " ").split():
        tokens = pointer.parse(word)
        yield (STATUS, *tokens)
        if tokens[:1] in {(STATUS,), (METADATA,)}:
            yield tokens


def _words(span: timedelta) -> str:
    hours, seconds = divmod(int(span.total_seconds()), 3600)
    minutes, seconds = divmod(seconds, 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{seconds}s" if seconds else ""]
    return "".join(parts) or "1s"
