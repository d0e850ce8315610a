"""A block that ends when its time has come, unless it has passed the point of no return."""

import asyncio
from types import TracebackType
from typing import Self

from app.gate.clock import Alarm, Clock


class Until:
    """Ends the block with ``TimeoutError`` at a moment, like ``asyncio.timeout`` but by a clock of one's own.

    Args:
        clock: the time.
        moment: when, by the clock's ``monotonic``.
    """

    __slots__ = ("_alarm", "_cancelling", "_clock", "_moment", "_rung", "_task")

    def __init__(self, clock: Clock, moment: float) -> None:
        self._clock = clock
        self._moment = moment
        self._rung = False
        self._alarm: Alarm | None = None

    def __enter__(self) -> Self:
        """Begin to count.

        A block is entered once.
        """
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._set(self._moment)
        return self

    def move(self, moment: float) -> None:
        """Have it end at another moment, unless it is disarmed: whoever joins later must not arm it again."""
        if self._alarm is not None:
            self._set(moment)

    def _set(self, moment: float) -> None:
        self.disarm()
        self._alarm = self._clock.call_later(max(0.0, moment - self._clock.monotonic()), self._ring)

    def disarm(self) -> None:
        """Have it never end by time any more. If it has just ended, the block does not get to calling this."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring(self) -> None:
        self._rung = True
        self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Stop counting.

        Raises:
            TimeoutError: its time had come, and nobody else cancelled the task meanwhile.
        """
        self.disarm()
        if self._rung and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
