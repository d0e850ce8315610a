"""A TCP load balancer as a Service is one: new connections go to ready backends, open ones stay where they are."""

import asyncio
import contextlib
import itertools
from dataclasses import dataclass, field
from typing import Self

CHECK_EVERY = 0.2
"""Seconds between two looks at each backend's readiness."""


@dataclass(eq=False)
class Backend:
    """One instance behind the balancer."""

    port: int
    ops_port: int
    ready: bool = False


@dataclass
class Balancer:
    """Passes bytes between clients and backends, chosen in turn when a connection comes."""

    backends: list[Backend] = field(default_factory=list)
    port: int = 0
    _turn: "itertools.count[int]" = field(default_factory=itertools.count)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._checks = asyncio.create_task(self._check())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._checks.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._checks

    async def until_ready(self, backend: Backend, *, ready: bool = True) -> None:
        """Wait until the balancer knows a backend to be ready, or not to be."""
        async with self._changed:
            await self._changed.wait_for(lambda: backend.ready is ready)

    async def _check(self) -> None:
        while True:
            for backend in list(self.backends):
                ready = await _is_ready(backend.ops_port)
                async with self._changed:
                    backend.ready = ready
                    self._changed.notify_all()
            await asyncio.sleep(CHECK_EVERY)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ready = [backend for backend in self.backends if backend.ready]
        if not ready:
            writer.close()
            return
        backend = ready[next(self._turn) % len(ready)]
        try:
            there, back = await asyncio.open_connection("127.0.0.1", backend.port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, back), _copy(there, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        writer.transport.abort()  # a reset is passed on as one
    finally:
        writer.close()


async def _is_ready(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.write(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    try:
        return b" 200 " in await reader.readline()
    except ConnectionError:
        return False
    finally:
        writer.close()
