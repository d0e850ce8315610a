"""Tasks that nobody waits for: they end with the stand-in, and what went wrong in one is told there."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Background:
    """A set of running tasks."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._passing: set[asyncio.Task[Any]] = set()
        self._failures: list[BaseException] = []

    def start(self, work: Coroutine[Any, Any, Any], *, passing: bool = False) -> asyncio.Task[Any]:
        """Run it; ``passing`` work ends by itself soon, and nothing is settled before it has."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        if passing:
            self._passing.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._passing.discard(task)
        if not task.cancelled() and (failure := task.exception()):
            self._failures.append(failure)

    @property
    def passing(self) -> set[asyncio.Task[Any]]:
        """What is still to end by itself."""
        return set(self._passing)

    async def stop(self) -> None:
        """End all tasks.

        Raises:
            ExceptionGroup: some had failed; a stand-in that is broken proves nothing.
        """
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._failures:
            raise BaseExceptionGroup("the stand-in's own tasks failed", self._failures)
