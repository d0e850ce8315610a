"""One install, as those who wait for it see it."""

import asyncio
from typing import Any, Protocol

from msgspec.structs import replace

from app.gate.port import Reply
from app.gate.progress import Cancelled, Outcome, Phase, Progress


class Owner(Protocol):
    """Who keeps count of installs."""

    def left(self, install: "Install") -> None:
        """A caller left."""

    def done(self, install: "Install") -> None:
        """It has ended."""


class Install:
    """An install that the gate has taken on; callers that asked for the same share one.

    Args:
        progress: how it stands.
        owner: told when a caller leaves, and once when it has ended; none if nobody keeps count.
    """

    __slots__ = ("_end", "_next", "_owner", "_progress", "reply", "task")

    reply: Reply | None
    """Rancher's own answer, whole: to the POST, or the 401 by which it refused the caller. The edge passes it on."""

    def __init__(self, progress: Progress, owner: Owner | None = None) -> None:
        self._progress = progress
        self._owner = owner
        self._next: asyncio.Future[None] | None = None
        self._end: asyncio.Future[None] | None = None
        self.task: asyncio.Task[None] | None = None
        """What carries it out; the engine's own."""
        self.reply = None

    @property
    def progress(self) -> Progress:
        """How it stands now."""
        return self._progress

    async def changed(self, seen: int) -> Progress:
        """How it stands as soon as its version is beyond ``seen``; at once if it is already."""
        while self._progress.version <= seen:
            if self._next is None:
                self._next = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._next)  # one waits for many, and any of them may give up
        return self._progress

    async def ended(self) -> Progress:
        """How it ended, as soon as it has. What changes before that wakes nobody here: there may be ten thousand."""
        if self._progress.phase is not Phase.ENDED:
            if self._end is None:
                self._end = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._end)
        return self._progress

    def leave(self) -> None:
        """One caller waits no more: to be called exactly once for each ``Gate.submit`` that gave this install.

        When the last one leaves a synchronous install of which nothing was sent yet, it is cancelled. Once sending has
        begun, it goes on to its end. An asynchronous one goes on in any case.
        """
        progress = self._progress
        if progress.phase is Phase.ENDED or progress.joined == 0:
            return
        self.callers(-1)
        if self._owner is not None:
            self._owner.left(self)
        if self._progress.joined == 0 and progress.phase.is_before_sending and not progress.asynchronous:
            self.end(Cancelled())

    def callers(self, more: int) -> None:
        """The engine's own: count those who wait. It makes no new version: ten thousand would wake each other."""
        self._progress = replace(self._progress, joined=self._progress.joined + more)

    def update(self, **changes: Any) -> None:  # noqa: ANN401 - fields of Progress
        """The engine's own: change what is known. What changes nothing makes no new version."""
        known = self._progress
        if known.phase is Phase.ENDED or all(getattr(known, name) == value for name, value in changes.items()):
            return
        self._progress = replace(known, version=known.version + 1, **changes)
        if self._next is not None:
            self._next.set_result(None)
            self._next = None

    def end(self, outcome: Outcome) -> None:
        """The engine's own: say what became of it, and stop what carries it out. The first word counts."""
        if self._progress.phase is Phase.ENDED:
            return
        self.update(phase=Phase.ENDED, waits_for="", outcome=outcome)
        if self._end is not None:
            self._end.set_result(None)
        if self._owner is not None:
            self._owner.done(self)
            self._owner = None
        if self.task is not None and self.task is not asyncio.current_task():
            self.task.cancel()
