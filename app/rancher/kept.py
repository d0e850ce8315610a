"""Connections that are kept for whoever asks next."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

from app.rancher.http1 import Http1, Observe, dialled
from app.rancher.upstream import Upstream

MOST_KEPT: Final = 16
"""Idle connections. More are made while they are needed."""
KEPT_SECONDS: Final = 15.0
"""Well below the 60 s and more after which Rancher and proxies hang up, so that few requests meet that."""


class Kept:
    """Connections for requests that may be repeated; close them in the end.

    Args:
        upstream: to whom.
        observe: told of every exchange.
        clock: seconds.
    """

    def __init__(self, upstream: Upstream, observe: Observe, clock: Callable[[], float] = monotonic) -> None:
        self._upstream = upstream
        self._observe = observe
        self._clock = clock
        self._kept: list[tuple[float, Http1]] = []
        self._closed = False

    @asynccontextmanager
    async def lent(self, *, fresh: bool = False) -> AsyncIterator[Http1]:
        """A connection for one exchange; it is kept if it can take another one after it.

        Args:
            fresh: make one, since a kept one may have ended without anybody knowing.

        Raises:
            UnconnectedError: there is none to be had.
        """
        connection = None if fresh else await self._taken()
        connection = connection or await dialled(self._upstream, self._observe)
        try:
            yield connection
        finally:
            if len(self._kept) < MOST_KEPT and not self._closed and await connection.is_idle():
                self._kept.append((self._clock() + KEPT_SECONDS, connection))
            else:
                connection.abort()

    def close(self) -> None:
        """Hang up on all that are kept."""
        self._closed = True
        while self._kept:
            self._kept.pop()[1].abort()

    async def _taken(self) -> Http1 | None:
        """The one that was used last; the others grow old and go."""
        while self._kept and self._kept[0][0] < self._clock():
            self._kept.pop(0)[1].abort()
        while self._kept:
            _, connection = self._kept.pop()
            if await connection.is_idle():
                return connection
            connection.abort()
        return None
