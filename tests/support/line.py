"""A line between a client and a server that can be cut, go dead without a word, or be gone."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Self

import yaml


class Line:
    """Passes bytes between its own port and another, while it may.

    Args:
        port: of the server, on the loopback.

    Attributes:
        port: its own.
        open: connections at the moment.
        passed: bytes to the client so far.
    """

    def __init__(self, port: int) -> None:
        self.port = 0
        self.open = 0
        self.passed = 0
        self._to = port
        self._alive = asyncio.Event()
        self._alive.set()
        self._refuses = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """End every connection with a reset; new ones are taken."""
        for writer in self._writers:
            writer.transport.abort()

    def refuse(self, *, refuses: bool = True) -> None:
        """End every connection, those too that will be opened, until told otherwise."""
        self._refuses = refuses
        if refuses:
            self.cut()

    def freeze(self) -> None:
        """Pass nothing on any more; no connection ends, new ones are taken and lead nowhere."""
        self._alive.clear()

    def thaw(self) -> None:
        """Take connections again; what was held is lost, and the connections that it came by end."""
        self.cut()
        self._alive.set()

    def kubeconfig(self, direct: Path, to: Path) -> Path:
        """A kubeconfig like another, but by this line, and for a server that may get another certificate."""
        content = yaml.safe_load(direct.read_text())
        server = f"https://127.0.0.1:{self.port}"
        content["clusters"][0]["cluster"] = {"server": server, "insecure-skip-tls-verify": True}
        to.write_text(yaml.safe_dump(content))
        to.chmod(0o600)
        return to

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())  # type: ignore[arg-type]  # a handler runs in a task
        self._writers.add(writer)
        if self._refuses:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(back)
        await self._count(1)
        await asyncio.gather(self._copy(reader, back), self._copy(there, writer, back=True))
        await self._count(-1)

    async def until(self, state: Callable[[], bool]) -> None:
        """Wait until something is so, looked at whenever a connection comes or goes."""
        async with self._news:
            await self._news.wait_for(state)

    async def _count(self, change: int) -> None:
        async with self._news:
            self.open += change
            self._news.notify_all()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, back: bool = False) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._alive.wait()
                if writer.is_closing():
                    break
                self.passed += len(data) * back
                writer.write(data)
                await writer.drain()
        if self._alive.is_set():
            writer.transport.abort()


def port_of(kubeconfig: Path) -> int:
    """The port of a kubeconfig's server."""
    content = yaml.safe_load(kubeconfig.read_text())
    return int(content["clusters"][0]["cluster"]["server"].rpartition(":")[2])
