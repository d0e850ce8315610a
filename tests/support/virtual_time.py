"""An event loop whose time passes only when nothing else is to be done: an hour takes as long as its events."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from app.gate.clock import LoopClock

T = TypeVar("T")

BEGINNING = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""The time of day at second 0."""


class Stuck(Exception):
    """Everybody waits for something that will not come."""


class _Selector(selectors.DefaultSelector):
    """Waits for nothing, and has the time pass instead."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck
        self.loop.seconds += max(timeout, 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; it has no sockets, threads or processes."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.seconds = 0.0
        super().__init__(selector)

    def time(self) -> float:
        """Seconds since it was made."""
        return self.seconds


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end, in no time; whatever is left then is cancelled."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()


def in_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test in a loop of its own."""

    @functools.wraps(test)
    def wrapper(*arguments: Any, **named: Any) -> None:
        run(test(*arguments, **named))

    return wrapper


def clock() -> LoopClock:
    """The time of the running loop."""
    return LoopClock(now)


def now() -> datetime:
    """The time of day."""
    return moment(seconds())


def moment(since: float) -> datetime:
    """The time of day at a second."""
    return BEGINNING + timedelta(seconds=since)


def seconds() -> float:
    """Seconds since the loop was made."""
    return asyncio.get_running_loop().time()


def stamp(since: float) -> str:
    """A moment as Kubernetes writes it."""
    return moment(since).strftime("%Y-%m-%dT%H:%M:%SZ")
