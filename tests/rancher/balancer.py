"""What stands before the replicas: a Service, which gives each connection to one of them and passes bytes through."""

import asyncio
import contextlib
from typing import TYPE_CHECKING

from .faults import Act, Step

if TYPE_CHECKING:
    from .standin import Rancher

CHUNK = 65536


class ConnectionBalancer:
    """An L4 balancer: round robin by connection."""

    def __init__(self, rancher: "Rancher", port: int = 0) -> None:
        self.rancher = rancher
        self.port = port
        self._turn = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; again on the same port after ``stop``."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=4096)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Refuse connections until ``start``; those that are open stay."""
        if self._server:
            self._server.close()
            self._server = None

    async def stop(self) -> None:
        """End, with all connections."""
        await self.refuse()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def choose(self) -> int:
        """The number of the replica whose turn it is; one that is gone and known to be has none."""
        replicas = self.rancher.replicas
        for _ in replicas:
            number = self._turn % len(replicas)
            self._turn += 1
            if replicas[number].member.alive or not self.rancher.notices_deaths:
                return number
        return self._turn % len(replicas)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._pass_on(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._open.discard(task)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = self.choose()
        replica = self.rancher.replicas[number]
        fault = self.rancher.faults.strike(Step.CONNECT, "*", replica.name)
        if fault and fault.do == Act.SLOW:
            await self.rancher.clock.sleep(fault.seconds)
        elif fault:
            (writer.close if fault.do == Act.HANG_UP else writer.transport.abort)()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", replica.port)
        except OSError:
            writer.transport.abort()
            return
        try:
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        finally:
            back.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError:
        writer.transport.abort()  # a reset is passed on as one
    finally:
        with contextlib.suppress(OSError):
            writer.close()
