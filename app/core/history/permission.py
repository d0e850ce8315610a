"""What somebody has let go of: an override ends, and what was removed under it is not put back for that.

A permission is text, as the second part of an override is: ``*`` or paths. It holds for what the last good status had.
"""

from datetime import datetime

from app.core import override, pointer
from app.core.guard import Guard
from app.core.history import places
from app.core.losses import STATUS
from app.core.override import EVERYTHING, Override
from app.core.pointer import Tokens
from app.core.review import KubernetesObject


def permission(base: KubernetesObject, now: KubernetesObject, guard: Guard, at: datetime, earlier: str = "") -> str:
    """What has been let go: all that was so far, and what an override allows of what is missing now.

    Args:
        base: the object's last good state; only its status is read.
        now: the object as it is.
        guard: the rules for its kind.
        at: the current time, with its zone.
        earlier: what had been let go before.
    """
    allowed = override.read(now, guard.override_max_duration, at)
    if not isinstance(allowed, Override):
        return earlier
    missing = [place for place in _missing(base, now, guard) if allowed.covers(place)]
    if not missing or EVERYTHING in earlier.split():
        return earlier
    if allowed.everything:
        return EVERYTHING
    used = {path for path in allowed.paths if any(place[: len(path)] == path for place in missing)}
    return " ".join(sorted({*earlier.split(), *map(pointer.render, used)}))


def permits(base: KubernetesObject, now: KubernetesObject, guard: Guard, permitted: str) -> bool:
    """Whether something is missing that would be put back, and all of it was let go.

    Args:
        base: the object's last good state; only its status is read.
        now: the object as it is.
        guard: the rules for its kind.
        permitted: what has been let go.
    """
    scope = override.scope(permitted)
    missing = _missing(base, now, guard)
    return bool(missing) and isinstance(scope, Override) and all(map(scope.covers, missing))


def _missing(base: KubernetesObject, now: KubernetesObject, guard: Guard) -> list[Tokens]:
    never_removed = places.never_removed(base.status, guard)
    return [(STATUS, *place) for place in places.missing(now.status, never_removed, guard)]
