"""Who is told what the keeper does: logs and metrics, one call a change of state."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol


class Repaired(StrEnum):
    """What became of a repair."""

    REPAIRED = "repaired"
    CONFLICT = "conflict"
    """The object was no longer as it had been seen; the newer state is judged anew."""
    FAILED = "failed"


class Recorded(StrEnum):
    """What became of a status that was to be kept."""

    KEPT = "kept"
    RAISED = "raised"
    """There was a revision with the same content, and it is the newest again."""
    OVERSIZE = "oversize"
    REFUSED = "refused"
    """The API server does not take it for another reason: a right is missing, mostly."""
    FAILED = "failed"


class Observer(Protocol):
    """Told of every change, by names and paths, never values. It must not raise, nor take long."""

    def leading(self, *, leads: bool) -> None:
        """This keeper may write from now on, or may not any more."""

    def watching(self, guard: str, *, watches: bool, why: str = "") -> None:
        """Whether all objects of a kind are seen; where they are not, ``why``."""

    def ended(self, guard: str) -> None:
        """A kind is not watched any more: the rules do not name it, or the cluster does not have it."""

    def missing(self, guard: str, *, missing: bool) -> None:
        """Whether the cluster lacks the kind of a guard; told when it changes."""

    def event(self, guard: str, objects: int) -> None:
        """The watch has shown something; so many objects there are."""

    def lost(self, guard: str, subject: str, paths: Sequence[str]) -> None:
        """An object has lost something that a rule protects."""

    def repair(self, guard: str, subject: str, outcome: Repaired, paths: Sequence[str], why: str = "") -> None:
        """It was tried to put something back."""

    def withheld(self, guard: str, subject: str, why: str) -> None:
        """Something that may be put back is not, because of what the object says."""

    def stopped(self, guard: str, stopped: int) -> None:
        """So many objects of a kind are not repaired any more, because the loss came back each time."""

    def gave_up(self, guard: str, subject: str, paths: Sequence[str]) -> None:
        """An object is not repaired any more."""

    def recorded(self, guard: str, subject: str, outcome: Recorded, why: str = "") -> None:
        """A good status was written, or was not."""

    def delayed(self, guard: str, subject: str, why: str, seconds: float) -> None:
        """Something about an object could not be written; it is tried again in so many seconds."""

    def unread(self, guard: str, why: str, seconds: float) -> None:
        """What is kept for a kind could not be listed; it is tried again in so many seconds."""

    def trouble(self, why: str, seconds: float) -> None:
        """The cluster cannot be asked which kinds it has; it is asked again in so many seconds."""

    def broke(self, guard: str, subject: str, error: BaseException) -> None:
        """The keeper itself has a fault. Log the error's type and place, not its words: they may quote anything."""
