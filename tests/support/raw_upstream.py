"""An upstream that does on each connection what a test says, down to the byte, and notes what came."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Self

import trustme

from app.rancher.upstream import Upstream


@cache
def authority() -> trustme.CA:
    """The CA that its clients trust."""
    return trustme.CA(organization_name="raw upstream")


@cache
def serving_context(*names: str) -> ssl.SSLContext:
    """A server's context, for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(*(names or ("localhost", "127.0.0.1"))).configure_cert(context)
    return context


def trusting_context() -> ssl.SSLContext:
    """A client's context that trusts the CA and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    return context


@dataclass(eq=False)
class Peer:
    """The server's end of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: bytes = b""

    async def request(self) -> bytes:
        """Read one request with a Content-Length or none; return its body, and keep its head."""
        self.head = await self.reader.readuntil(b"\r\n\r\n")
        length = self.header(b"content-length")
        return await self.reader.readexactly(int(length or 0))

    def header(self, name: bytes) -> bytes | None:
        """A header of the last request."""
        lines = (line.partition(b":") for line in self.head.split(b"\r\n")[1:])
        return next((value.strip() for key, _, value in lines if key.lower() == name), None)

    async def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, body: bytes = b"{}", status: str = "200 OK", *headers: str) -> None:
        """Write a plain answer."""
        lines = "".join(f"{line}\r\n" for line in (*headers, f"Content-Length: {len(body)}"))
        await self.send(f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body)

    def close(self) -> None:
        """End the connection in order."""
        self.writer.close()

    def reset(self) -> None:
        """End it with a reset."""
        plain = self.writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def gone(self) -> None:
        """Wait until the client has hung up."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass


Script = Callable[[Peer], Awaitable[None]]


@dataclass(eq=False)
class RawUpstream:
    """A server; an asynchronous context manager, which raises what went wrong in a script.

    Attributes:
        script: what to do on each connection.
        tls: the context; None for plain TCP.
        peers: of all connections so far.
    """

    script: Script
    tls: ssl.SSLContext | None = None
    peers: list[Peer] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def upstream(self) -> Upstream:
        """The address, as the gate has it."""
        if self.tls is None:
            return Upstream("http", "127.0.0.1", self.port, None)
        return Upstream("https", "127.0.0.1", self.port, trusting_context())

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for peer in self.peers:
            peer.writer.transport.abort()
        await self._server.wait_closed()
        if self.failures:
            raise BaseExceptionGroup("the script failed", self.failures)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        peer = Peer(reader, writer)
        self.peers.append(peer)
        try:
            await self.script(peer)
        except asyncio.CancelledError:
            pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client hung up, which is what many a test is about
        except Exception as error:  # noqa: BLE001 - it is raised when the test is over
            self.failures.append(error)
        finally:
            self._tasks.discard(task)
            writer.close()
