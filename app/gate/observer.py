"""Who is told what the engine does: logs and metrics, one call a change of state."""

from typing import Protocol

from app.gate.port import Nudged
from app.gate.progress import Progress


class Observer(Protocol):
    """Told of every change; what it is given holds no secret. It must not raise, nor take long."""

    def held(self, progress: Progress) -> None:
        """An install was taken on."""

    def joined(self, progress: Progress) -> None:
        """One more caller shares an install."""

    def released(self, progress: Progress, waited: float) -> None:
        """The POST begins, so many seconds after the install was taken on."""

    def retried(self, progress: Progress, cause: str) -> None:
        """An attempt came to nothing and left no trace; ``cause`` is a check's, a table row's or the gate's own id."""

    def settling(self, progress: Progress, cause: str) -> None:
        """The POST's answer was lost, or does not tell; traces of the install are looked for."""

    def following(self, progress: Progress) -> None:
        """Rancher accepted it, and it is followed to its end."""

    def nudged(self, progress: Progress, result: Nudged) -> None:
        """Rancher was asked to look at the repository again."""

    def ended(self, progress: Progress, waited: float) -> None:
        """It has ended (``progress.outcome``), so many seconds after it was taken on."""

    def broke(self, progress: Progress, error: BaseException) -> None:
        """The engine itself has a fault. Log the error's type and place, not its words: they may quote anything."""
