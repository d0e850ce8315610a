"""Which objects there is something to do about: each once, one at a time, the others beside it."""

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Work(Generic[Key]):
    """Objects waiting for somebody to see to them, each at most once: it is no longer than there are objects.

    An object that comes up again while somebody sees to it waits until that is done: nothing about one object is ever
    done twice at a time, or in another order.
    """

    __slots__ = ("_again", "_idle", "_taken", "_takers", "_waiting")

    def __init__(self) -> None:
        self._waiting: dict[Key, None] = {}
        self._taken: set[Key] = set()
        self._again: set[Key] = set()
        self._takers: deque[asyncio.Future[None]] = deque()
        self._idle: list[asyncio.Future[None]] = []

    def __len__(self) -> int:
        return len(self._waiting) + len(self._taken)

    def add(self, key: Key) -> None:
        """There is something to do about an object."""
        if key in self._taken:
            self._again.add(key)
            return
        self._waiting[key] = None
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(None)
                break

    async def take(self) -> Key:
        """The object that waits longest; give it back by ``done``."""
        while not self._waiting:
            taker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._takers.append(taker)
            await taker
        key = next(iter(self._waiting))
        del self._waiting[key]
        self._taken.add(key)
        return key

    def done(self, key: Key) -> None:
        """It has been seen to."""
        self._taken.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)
        if not self:
            for one in self._idle:
                if not one.done():
                    one.set_result(None)
            self._idle.clear()

    async def idle(self) -> None:
        """Return when nothing is left to do."""
        while self:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(waiter)
            await waiter
