"""What all kinds of a keeper share, and the one way by which it writes."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final, ParamSpec, TypeVar

from app.keeper.clock import Clock
from app.keeper.observer import Observer
from app.keeper.port import Cluster, Leadership

P = ParamSpec("P")
T = TypeVar("T")

CALLS_AT_ONCE: Final = 16
"""Calls about single objects that are under way at once: enough for a thousand objects a second at 15 ms each, and few
enough that an API server in trouble does not get more of it from here (its own clients default to 5 a second)."""

FIRST_WAIT: Final = 0.5
"""Seconds until what failed is tried again; twice as long each time."""
LONGEST_WAIT: Final = 30.0
"""Seconds: an API server that is back is noticed within that."""


class NotLeadingError(Exception):
    """Somebody else may write now."""


@dataclass(slots=True)
class Engine:
    """What all kinds share.

    Attributes:
        cluster: the cluster.
        leadership: whether this keeper may write.
        clock: the time.
        observer: told of every change.
        random: for jitter.
    """

    cluster: Cluster
    leadership: Leadership
    clock: Clock
    observer: Observer
    random: Random = field(default_factory=Random)
    _calls: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CALLS_AT_ONCE))

    async def ask(self, call: Callable[P, Awaitable[T]], *arguments: P.args, **named: P.kwargs) -> T:
        """Read something about one object.

        Raises:
            NotLeadingError: it is not ours to see to any more.
            KeeperError: as the call does.
        """
        async with self._calls:
            if not self.leadership.leading():  # asked after the wait for a place, so nothing comes between
                raise NotLeadingError
            return await call(*arguments, **named)

    write = ask

    def wait(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, with jitter so that not all come back at once."""
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures - 1, 10))
        return longest * (0.5 + self.random.random() / 2)
