"""What a keeper's client has from the process that it runs in: who it is, its clocks, chance, and how to wait."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

Sleep = Callable[[float], Awaitable[None]]


def elapsed() -> float:
    """Seconds that only ever grow, and grow while the machine sleeps: a Lease runs out meanwhile."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)  # Linux; elsewhere the monotonic clock has to do
    return time.monotonic() if clock is None else time.clock_gettime(clock)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """See above.

    Attributes:
        identity: of this process, unlike that of any other that ever ran: the host's name and something random.
        now: the time of day, for people to read; nothing is decided by it.
        elapsed: a clock for durations, in seconds.
        sleep: waits some seconds.
        chance: keeps those apart who would do the same at once.
    """

    identity: str
    now: Callable[[], datetime]
    elapsed: Callable[[], float] = elapsed
    sleep: Sleep = asyncio.sleep
    chance: Random = field(default_factory=Random)
