"""What may become last-known-good: a status that lacks nothing of what no honest writer removes."""

from msgspec import Raw

from app.core.guard import Guard
from app.core.history import places
from app.core.losses import is_empty
from app.core.pointer import Tokens


def good(status: Raw, guard: Guard, last: Raw | None = None) -> bool:
    """Whether a status is worth keeping.

    Args:
        status: it.
        guard: the rules for its kind.
        last: the last good status, if there was one: what it had where ``neverRemoved`` says ``*`` has to be there too.
    """
    return not is_empty(status, guard.empty_status) and not misses(status, guard, last)


def misses(status: Raw, guard: Guard, last: Raw | None = None) -> frozenset[Tokens]:
    """What a status has not, though ``neverRemoved`` names it; relative to ``/status``, ``()`` for all of it."""
    wanted = places.concrete(guard)
    if last is not None:
        wanted |= places.never_removed(last, guard).keys()
    return places.missing(status, wanted, guard)
