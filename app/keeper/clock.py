"""Time as the keeper has it: an argument, so that tests can have it pass at their own pace."""

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
        """The time of day, with its zone; it is written into revisions and compared with what stands there."""

    def monotonic(self) -> float:
        """A number of seconds that only ever grows, to measure durations with."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Alarm:
        """Have something called from the event loop, unless its alarm is cancelled before."""
