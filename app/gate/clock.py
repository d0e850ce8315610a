"""Time as the engine has it: an argument, so that tests can have it pass at their own pace."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol


class Alarm(Protocol):
    """Something that will be called; ``asyncio.TimerHandle`` is one."""

    def cancel(self) -> None:
        """Have it not called."""


class Clock(Protocol):
    """What time it is, and how to wait for a later one. All durations are seconds."""

    def now(self) -> datetime:
        """The time of day, with its zone; for people, and to compare with what Rancher wrote."""

    def monotonic(self) -> float:
        """A number of seconds that only ever grows, to measure durations with."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Alarm:
        """Have something called from the event loop, unless its alarm is cancelled before."""


class LoopClock:
    """The event loop's time.

    Args:
        now: the time of day; the edge reads it.
        factor: how many of this clock's seconds pass in one of the loop's: 1 but in tests.
    """

    __slots__ = ("_factor", "_now")

    def __init__(self, now: Callable[[], datetime], factor: float = 1.0) -> None:
        self._now = now
        self._factor = factor

    def now(self) -> datetime:
        """The time of day."""
        return self._now()

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return asyncio.get_running_loop().time() * self._factor

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds / self._factor)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Alarm:
        """Have something called."""
        return asyncio.get_running_loop().call_later(max(seconds, 0.0) / self._factor, callback)
