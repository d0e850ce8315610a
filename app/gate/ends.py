"""What is done when an install has ended, however it did."""

import asyncio

from app.gate.engine import Engine
from app.gate.install import Install
from app.gate.journal import JournalError, ending
from app.gate.progress import Progress
from app.gate.registry import Registry


class Ends:
    """Keeps count, tells the observer, and writes asynchronous installs' ends down.

    Args:
        engine: what all installs share.
        registry: of installs.
    """

    __slots__ = ("_engine", "_registry")

    def __init__(self, engine: Engine, registry: Registry) -> None:
        self._engine = engine
        self._registry = registry

    def left(self, install: Install) -> None:
        """A caller left."""
        self._registry.left(install)

    def done(self, install: Install) -> None:
        """It has ended."""
        job = self._registry.done(install)
        self._engine.observer.ended(install.progress, job.waited)
        if install.progress.asynchronous:
            self._registry.started(asyncio.create_task(self._write(install.progress)))

    async def _write(self, progress: Progress) -> None:
        try:
            await self._engine.journal.ended(ending(progress, self._engine.clock.now()))
        except JournalError as error:  # after a restart it is said to have been interrupted
            self._engine.observer.broke(progress, error)
