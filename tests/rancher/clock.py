"""Time that runs as fast as a test wants: every delay of the stand-in is in seconds of this clock."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass(eq=False)
class Clock:
    """Seconds since the start, `factor` times as fast as on the wall.

    Moments are seconds since the start; what clients read are stamps. A client that lives in this clock's time
    (one that was given ``now``) wants them in it. One that lives in real time wants ``wall_stamps``: each moment is
    stamped with the real time at which it comes, at the price of the whole seconds that Kubernetes writes.
    """

    factor: float = 1.0
    wall_stamps: bool = False
    started: datetime = field(default_factory=lambda: datetime.now(UTC))  # noqa: TID251 - the clock itself
    _origin: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        """The moment that is now."""
        return (time.monotonic() - self._origin) * self.factor

    def now(self) -> datetime:
        """The time of day that is now, in this clock's time."""
        return self.started + timedelta(seconds=self.seconds())

    def real(self, seconds: float) -> float:
        """How long that takes on the wall."""
        return seconds / self.factor

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(max(0.0, self.real(seconds)))

    async def wait(self, event: asyncio.Event, until: float | None) -> bool:
        """Wait for the event until a moment at most; say whether it came."""
        if until is None:
            return await event.wait()
        try:
            async with asyncio.timeout(max(0.0, self.real(until - self.seconds()))):
                return await event.wait()
        except TimeoutError:
            return False

    def stamp(self, moment: float | None = None) -> str:
        """A moment, now if none is given, as Kubernetes writes it."""
        seconds = self.seconds() if moment is None else moment
        shown = self.real(seconds) if self.wall_stamps else seconds
        return (self.started + timedelta(seconds=shown)).strftime("%Y-%m-%dT%H:%M:%SZ")
