"""A stand-in in a thread of its own: for tests that are not asynchronous, and for clients that run as processes."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from .standin import Rancher

Result = TypeVar("Result")
PATIENCE = 30.0
"""Seconds, real ones, until a call into the thread is given up on."""


class Threaded:
    """A running stand-in seen from another thread.

    Reading what it recorded is safe. What changes it goes through ``call`` and ``run``, which run in its thread.
    """

    def __init__(self, rancher: Rancher, loop: asyncio.AbstractEventLoop) -> None:
        self.rancher = rancher
        self._loop = loop

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in its loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def call(self, function: Callable[..., Result], *arguments: Any, **options: Any) -> Result:
        """Call a function in its thread, and wait for it."""

        async def called() -> Result:
            return function(*arguments, **options)

        return self.run(called())


@contextmanager
def in_thread(**options: Any) -> Iterator[Threaded]:
    """Run a stand-in; the options are those of ``Rancher``."""
    started: list[Threaded] = []
    failures: list[BaseException] = []
    ready = threading.Event()

    async def serve() -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        async with Rancher(**options) as rancher:
            started.append(Threaded(rancher, loop))
            stops.append(lambda: loop.call_soon_threadsafe(ended.set))
            ready.set()
            await ended.wait()

    def live() -> None:
        try:
            asyncio.run(serve())
        except BaseException as failure:  # noqa: BLE001 - raised again where the thread is waited for
            failures.append(failure)
        finally:
            ready.set()

    stops: list[Callable[[], object]] = []
    thread = threading.Thread(target=live, name="rancher")
    thread.start()
    ready.wait()
    try:
        if started:
            yield started[0]
    finally:
        for stop in stops:
            stop()
        thread.join(PATIENCE)
        if failures:
            raise failures[0]
