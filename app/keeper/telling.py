"""The words of Events: what happened, to what, and what to do about it. Paths and numbers, never values."""

from collections.abc import Sequence
from typing import Final

from app.core.override import ANNOTATION
from app.keeper import marks
from app.keeper.memory import Memory
from app.keeper.port import Kept, Watched

LOST: Final = "StatusLost"
REPAIRED: Final = "StatusRepaired"
STOPPED: Final = "RepairStopped"
NOT_CARRIED_OVER: Final = "StatusNotCarriedOver"
NOT_REPAIRED: Final = "RepairFailed"
NOT_KEPT: Final = "StatusNotKept"

_LONGEST: Final = 1000
"""Characters. An Event's note may have 1024 (events.k8s.io/v1)."""
_PATHS: Final = 8
_LONG: Final = 100


def lost(kind: Watched, memory: Memory, paths: Sequence[str]) -> str:
    """Something is gone."""
    how = "No earlier status was kept."
    if kept := memory.latest:
        how = f"To put it back: {_restore(kind, memory, kept, f'--revision {kept.revision}')}"
    return _cut(f"Lost: {_listed(paths)}. The guard was down, or lets this writer do so. {how}")


def repaired(paths: Sequence[str]) -> str:
    """It was put back."""
    return _cut(f"Put back what no honest writer removes: {_listed(paths)}")


def stopped(kind: Watched, memory: Memory, paths: Sequence[str], times: int) -> str:
    """It is not put back any more."""
    again = f"kubectl annotate {_kind(kind)} {memory.name}{_in(memory)} {marks.REPAIR}-"
    return _cut(
        f"Lost again after {times} repairs, so nothing is put back any more: {_listed(paths)}. Find out who removes it"
        f" (or allow it: annotation {ANNOTATION}), then: {again}"
    )


def not_carried_over(kind: Watched, memory: Memory, earlier: Kept) -> str:
    """There was one before."""
    restore = _restore(kind, memory, earlier, f"--from-uid {earlier.uid}")
    return _cut(
        f"This object was made anew. The status of the earlier one (uid {earlier.uid}) was not carried over; as long as"
        f" its history is there, this puts it back: {restore}"
    )


def not_kept(why: str) -> str:
    """A good status is not kept."""
    return _cut(f"The status as it is now is not kept, so it could not be put back: {why}")


def not_repaired(why: str) -> str:
    """It could not be put back."""
    return _cut(f"What was lost could not be put back: {why}")


def _restore(kind: Watched, memory: Memory, kept: Kept, which: str) -> str:
    apart = f" --history-namespace {kept.namespace}" if kept.namespace != memory.namespace else ""
    return f"kubectl status-guard restore {_kind(kind)}/{memory.name}{_in(memory)}{apart} {which}"


def _kind(kind: Watched) -> str:
    target = kind.guard.target
    return f"{target.resource}.{target.group}" if target.group else target.resource


def _in(memory: Memory) -> str:
    return f" -n {memory.namespace}" if memory.namespace else ""


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _PATHS} more" if len(paths) > _PATHS else ""
    return ", ".join(path if len(path) <= _LONG else f"{path[: _LONG - 1]}…" for path in paths[:_PATHS]) + more


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
