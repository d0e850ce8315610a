"""One connection's bytes, for httpcore to speak HTTP over.

Unlike httpcore's own streams this one reads at all times, as far as its buffer goes. So an answer that comes before the
request was read is seen even if a reset follows it, an idle connection's end is known when it comes, and whether a byte
was ever written is a count and no guess.
"""

import asyncio
import select
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

import httpcore

_MOST_HELD: Final = 64 * 1024
"""Bytes received and not yet asked for, beyond which reading pauses: what httpcore asks for at once."""

_DEAD_AFTER: Final = 60
"""Seconds without any sign of the other end after which a connection is given up. Answers take as long as they like;
this is about machines and networks that have gone without a word, of which TCP would learn after two hours."""


_TURNS: Final = 5
"""Of the event loop, for it to take in what the system holds. It needs two."""


class Wire(asyncio.Protocol):
    """What a connection has received, and what became of it."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.ended = False
        """Nothing more will come."""
        self.lost = False
        """Nothing more can be written."""
        self.broken = False
        """It did not end in order."""
        self.full = False
        """The other end does not read, and the system's buffers are full."""
        self.transport: asyncio.Transport | None = None
        self._held = False
        self._changed = asyncio.Event()

    @property
    def answered(self) -> bool:
        """Whether an answer has begun, one that is not merely interim."""
        return bool(self.received) and not self.received.startswith(b"HTTP/1.1 1")

    @property
    def deaf(self) -> bool:
        """Whether nobody is going to read the rest of a request."""
        return self.lost or self.answered

    async def change(self) -> None:
        """Wait until something is different; whoever waits looks for themselves what."""
        self._changed.clear()
        await self._changed.wait()

    def take(self, most: int) -> bytes:
        """Take what was received."""
        taken = bytes(self.received[:most])
        del self.received[:most]
        if self._held and len(self.received) < _MOST_HELD and self.transport and not self.ended:
            self._held = False
            self.transport.resume_reading()
        return taken

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102 - asyncio's
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:  # noqa: D102 - asyncio's
        self.received += data
        if len(self.received) >= _MOST_HELD and not self._held and self.transport:
            self._held = True
            self.transport.pause_reading()
        self._changed.set()

    def eof_received(self) -> None:  # noqa: D102 - asyncio's
        self.ended = True
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102 - asyncio's
        self.ended = self.lost = True
        self.broken = self.broken or exc is not None
        self._changed.set()

    def pause_writing(self) -> None:  # noqa: D102 - asyncio's
        self.full = True

    def resume_writing(self) -> None:  # noqa: D102 - asyncio's
        self.full = False
        self._changed.set()


class Stream(httpcore.AsyncNetworkStream):
    """A connection, in TLS or not."""

    def __init__(self, transport: asyncio.Transport, wire: Wire) -> None:
        self._transport = transport
        self.wire = wire
        self.written = 0
        """Bytes handed to the system, or to TLS: some of them may have reached the other end."""

    @property
    def gone(self) -> bool:
        """Whether an idle connection cannot take another request: it has ended, or something came unasked for."""
        return bool(self.wire.ended or self.wire.received) or self._transport.is_closing() or self._has_news()

    async def is_idle(self) -> bool:
        """Whether it can take a request, after all that has come by now was looked at.

        What is on its way into the event loop may be the connection's end or a TLS ticket, which means nothing.
        """
        for _ in range(_TURNS):
            if self.wire.ended or self.wire.received or self._transport.is_closing():
                return False
            if not self._has_news():
                return True
            await asyncio.sleep(0)
        return False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        """What came, at least one byte; empty at the end.

        Raises:
            httpcore.ReadTimeout: nothing came in time.
            httpcore.ReadError: the connection broke, and all that came before was read.
        """
        try:
            async with asyncio.timeout(timeout):
                while not self.wire.received and not self.wire.ended:
                    await self.wire.change()
        except TimeoutError:
            raise httpcore.ReadTimeout(f"nothing came for {timeout:g} s") from None
        if not self.wire.received and self.wire.broken:
            raise httpcore.ReadError("the connection broke")
        return self.wire.take(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        """Write, and wait while the other end does not read.

        Raises:
            httpcore.WriteError: it cannot be written, or the other end has answered instead of reading it; httpcore
                then reads the answer, if there is one.
            httpcore.WriteTimeout: the other end did not read in time.
        """
        if not buffer:
            return
        if self.wire.lost or self._transport.is_closing():
            raise httpcore.WriteError("the connection has ended")
        self.written += len(buffer)
        self._transport.write(buffer)
        try:
            async with asyncio.timeout(timeout):
                while self.wire.full:
                    if self.wire.deaf:
                        raise httpcore.WriteError("the other end does not read")
                    await self.wire.change()
        except TimeoutError:
            raise httpcore.WriteTimeout(f"the other end did not read for {timeout:g} s") from None

    async def aclose(self) -> None:
        """Hang up, at once: nothing of what is left to write or read matters to anybody any more."""
        self._transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
    ) -> "Stream":
        """Put TLS around the connection.

        Raises:
            httpcore.ConnectError: the other end's certificate is not trusted, or it does not speak TLS.
            httpcore.ConnectTimeout: it took too long.
        """
        loop = asyncio.get_running_loop()
        secured = None
        try:
            async with asyncio.timeout(timeout):
                secured = await loop.start_tls(self._transport, self.wire, ssl_context, server_hostname=server_hostname)
        except OSError as error:
            raise _unconnected(error, timeout) from None
        finally:
            if secured is None:
                self._transport.abort()
        assert secured is not None
        self.wire.transport = secured
        return Stream(secured, self.wire)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's
        """What httpcore asks: whether an idle connection is readable, which is to say useless, and which TLS it is."""
        return self.gone if info == "is_readable" else self._transport.get_extra_info(info)

    def _has_news(self) -> bool:
        """Whether the system holds something that the event loop has not come to yet."""
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))


class Dialer(httpcore.AsyncNetworkBackend):
    """Makes connections."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> Stream:
        """Connect; local address and options are as the system has them.

        Raises:
            httpcore.ConnectError: nobody is there.
            httpcore.ConnectTimeout: it took too long.
        """
        del local_address, socket_options
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                transport, wire = await loop.create_connection(Wire, host, port)
        except OSError as error:
            raise _unconnected(error, timeout) from None
        _watch(transport.get_extra_info("socket"))
        return Stream(transport, wire)


def _watch(connected: socket.socket) -> None:
    """Have the system notice when the other end is no more, whether or not there is something to send."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wanted = {"TCP_KEEPIDLE": _DEAD_AFTER // 2, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
    for name, value in (wanted | {"TCP_USER_TIMEOUT": _DEAD_AFTER * 1000}).items():
        if option := getattr(socket, name, None):  # not every system has all of them
            with suppress(OSError):
                connected.setsockopt(socket.IPPROTO_TCP, option, value)


def _unconnected(error: OSError, seconds: float | None) -> Exception:
    """The same in httpcore's terms, and in words that help."""
    match error:
        case TimeoutError():
            return httpcore.ConnectTimeout(f"it did not answer within {seconds:g} s")
        case ssl.SSLCertVerificationError():
            return httpcore.ConnectError(f"its certificate is not trusted ({error.verify_message})")
        case ssl.SSLError():
            return httpcore.ConnectError(f"it does not speak TLS as expected ({error.reason or 'no reason given'})")
        case socket.gaierror():
            return httpcore.ConnectError("its name cannot be resolved")
        case ConnectionRefusedError():
            return httpcore.ConnectError("connection refused")
        case _:
            return httpcore.ConnectError((error.strerror or "the connection broke").lower())
