"""A deadline for part of a task: what ``asyncio.timeout`` does for one block, at a quarter of its price.

Every admission has one around its body, and there ``asyncio.timeout`` was a tenth of all we do (bench/README.md).
"""

import asyncio
from types import TracebackType
from typing import Self


class Deadline:
    """Ends the block with ``TimeoutError`` when it takes longer than this many seconds.

    Enter it in the task that is to be interrupted, once.
    """

    __slots__ = ("_passed", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._passed = False

    def __enter__(self) -> Self:
        """Start the clock."""
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task(loop)
        self._timer = loop.call_later(self._seconds, self._interrupt)
        return self

    def _interrupt(self) -> None:
        self._passed = True
        if self._task:
            self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Stop the clock.

        Raises:
            TimeoutError: the deadline passed, and nobody else cancelled the task meanwhile.
        """
        self._timer.cancel()
        # as many cancellations as before ours: the one that came up here is ours, not the server's that shuts down
        if self._passed and self._task and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise TimeoutError from error
