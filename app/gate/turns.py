"""Who goes first: queues with room for so many at once, and turns of which there is one a release."""

import asyncio
from collections import deque
from collections.abc import Hashable, Iterable


class Ticket:
    """A place in a queue; giving it back twice does no harm."""

    __slots__ = ("_key", "_queue")

    def __init__(self, queue: "Queue", key: Hashable) -> None:
        self._queue: Queue | None = queue
        self._key = key

    def release(self) -> None:
        """Let the next one in."""
        queue, self._queue = self._queue, None
        if queue is not None:
            queue._released(self._key)  # noqa: SLF001 - two halves of one thing


class Queue:
    """Lets so many in at once for each key, in the order in which they came.

    Args:
        at_once: how many.
    """

    __slots__ = ("_at_once", "_inside", "_waiting")

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._inside: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    def has_room(self, key: Hashable = None) -> bool:
        """Whether somebody who came now would not have to wait."""
        return self._inside.get(key, 0) < self._at_once

    async def take(self, key: Hashable = None) -> Ticket:
        """Wait for a place."""
        if self.has_room(key):
            self._inside[key] = self._inside.get(key, 0) + 1
            return Ticket(self, key)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(key, deque())
        waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._released(key)  # it had been let in, and does not come
            raise
        return Ticket(self, key)

    def _released(self, key: Hashable) -> None:
        """Hand the place on, or have one fewer inside. Those who gave up waiting are passed over."""
        waiting = self._waiting.get(key)
        while waiting:
            place = waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._waiting.pop(key, None)
        left = self._inside[key] - 1
        if left:
            self._inside[key] = left
        else:
            del self._inside[key]


class Turns:
    """One at a time for each key; several keys are taken together or not at all, so that nobody waits for each other.

    It is asked for without waiting, and waited for without holding anything: whoever waits stands in nobody's way.
    """

    __slots__ = ("_taken", "_waiting")

    def __init__(self) -> None:
        self._taken: set[Hashable] = set()
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    def take(self, keys: Iterable[Hashable]) -> bool:
        """Take all of them if all are free; say whether."""
        wanted = set(keys)
        if wanted & self._taken:
            return False
        self._taken |= wanted
        return True

    def release(self, keys: Iterable[Hashable]) -> None:
        """Give them back, and tell who has waited longest for each."""
        for key in set(keys):
            self._taken.discard(key)
            self._call(key)

    def are_free(self, keys: Iterable[Hashable]) -> bool:
        """Whether they could be taken now."""
        return self._taken.isdisjoint(keys)

    async def freed(self, keys: Iterable[Hashable]) -> None:
        """Return when they were all free a moment ago. Somebody else may have taken them since."""
        wanted = set(keys)
        while taken := wanted & self._taken:
            key = min(taken, key=repr)
            call: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(key, deque()).append(call)
            try:
                await call
            except asyncio.CancelledError:
                if call.done() and not call.cancelled() and key not in self._taken:
                    self._call(key)
                raise

    def _call(self, key: Hashable) -> None:
        waiting = self._waiting.get(key)
        while waiting:
            call = waiting.popleft()
            if not call.done():
                call.set_result(None)
                break
        if not waiting:
            self._waiting.pop(key, None)
