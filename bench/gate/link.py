"""A bad line: bytes that take their time, and connections that do not live."""

import asyncio
import contextlib
from dataclasses import dataclass
from random import Random
from typing import Self

from tests.rancher import Clock

CHUNK = 65536
TURNS = 5
"""A connection that is to be lost is lost at one of so many changes of direction: TLS takes two, each call two."""


@dataclass(frozen=True)
class Quality:
    """How bad a line is.

    Attributes:
        latency: seconds from a question to its answer, beside what the answer takes to be made.
        loss: how many of a hundred connections are reset on their way, at a moment drawn at random: before a question
            arrives, or after it has arrived and before its answer does.
    """

    latency: float = 0.0
    loss: float = 0.0


class Link:
    """A TCP relay with the manners of a bad line; an asynchronous context manager."""

    def __init__(self, clock: Clock, port: int, quality: Quality, random: Random) -> None:
        self.port = 0
        self._clock = clock
        self._upstream = port
        self._quality = quality
        self._random = random
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        fate = self._random.randrange(2 * TURNS) if self._random.random() * 100 < self._quality.loss else None
        back = None
        try:
            await self._clock.sleep(self._quality.latency)  # the TCP handshake
            there, back = await asyncio.open_connection("127.0.0.1", self._upstream)
            relay = _Relay(self._clock, self._quality.latency / 2, fate)
            async with asyncio.TaskGroup() as group:
                group.create_task(relay.pass_on(reader, back, asks=True))
                group.create_task(relay.pass_on(there, writer, asks=False))
        except* (OSError, _LostError, asyncio.CancelledError):
            pass
        finally:
            for end in (writer, back):
                if end is not None:
                    end.transport.abort()


class _LostError(Exception):
    """It was this connection's fate."""


class _Relay:
    """One connection: changes of direction are counted, and at a certain one it ends."""

    def __init__(self, clock: Clock, delay: float, fate: int | None) -> None:
        self._clock = clock
        self._delay = delay
        self._fate = fate
        self._turns = -1
        self._asked = False

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, asks: bool) -> None:
        """Pass bytes on, each later by the delay, in order."""
        flying: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._land(flying, writer))
            while data := await reader.read(CHUNK):
                if asks is not self._asked:
                    self._asked = asks
                    self._turns += 1
                    if self._turns == self._fate:
                        raise _LostError
                flying.put_nowait((self._clock.seconds() + self._delay, data))
            flying.put_nowait((0.0, b""))

    async def _land(self, flying: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        while True:
            due, data = await flying.get()
            if not data:
                with contextlib.suppress(OSError):
                    writer.write_eof() if writer.can_write_eof() else writer.close()
                return
            await self._clock.sleep(due - self._clock.seconds())
            writer.write(data)
            await writer.drain()
