"""What an object has lost since its last good status, as a watch sees it: nobody says who wrote, or why."""

from dataclasses import dataclass

from app.core import losses, pointer
from app.core.guard import Guard
from app.core.history import places
from app.core.losses import STATUS
from app.core.review import KubernetesObject


@dataclass(frozen=True, slots=True)
class Lost:
    """What is gone.

    Attributes:
        paths: each as a JSON Pointer into the object, in order, a list item as ``key=value``.
        lasting: whether what is left is not good: the whole status is gone, or something that no honest writer removes.
            Else it is the new last-known-good once the loss is told.
    """

    paths: tuple[str, ...]
    lasting: bool


def lost(base: KubernetesObject, now: KubernetesObject, guard: Guard) -> Lost | None:
    """What the object lacks that it had, of all that ``protect`` or ``neverRemoved`` names; None for nothing.

    Args:
        base: the object when it lacked nothing.
        now: the object as it is.
        guard: the rules for its kind.
    """
    found = {loss.path for loss in losses.find(base, now, guard)}
    gone = places.missing(now.status, places.never_removed(base.status, guard), guard)
    whole = (STATUS,) in found
    if not whole:  # else all of it is gone, and one path says so
        found |= {(STATUS, *place) for place in gone}
    if not found:
        return None
    return Lost(tuple(sorted(map(pointer.render, found))), lasting=whole or bool(gone))
