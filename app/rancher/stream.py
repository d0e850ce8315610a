"""One connection's bytes.

It reads at all times, as far as its buffer goes: so an answer that comes before the request was read is seen even if a
reset follows it, and an idle connection's end is known when it comes. And it counts what it writes: whether a byte of a
request can have reached the other end is known and no guess.
"""

import asyncio
import select
import socket
import ssl
from contextlib import suppress
from typing import Final, cast

from app.rancher.upstream import Upstream
from app.rancher.wire_errors import BrokenError, SilentError, UnconnectedError

CONNECT_SECONDS: Final = 10.0
"""For TCP, and again for TLS. Rancher is next door; a lost SYN is repeated after 1 and 3 s."""
MOST_HELD: Final = 64 * 1024
"""Bytes received and not yet asked for, beyond which reading pauses."""
_DEAD_AFTER: Final = 60
"""Seconds without any sign of the other end after which a connection is given up. Answers take as long as they like;
this is about machines and networks that are gone without a word, of which TCP would learn after hours."""
_TURNS: Final = 5
"""Of the event loop, for it to take in what the system holds. It needs two."""


async def connected(upstream: Upstream, seconds: float = CONNECT_SECONDS) -> "Stream":
    """Make a connection, with TLS around it where the upstream has it.

    Args:
        upstream: to whom.
        seconds: for TCP, and again for TLS.

    Raises:
        UnconnectedError: there is none to be had.
    """
    loop = asyncio.get_running_loop()
    stream = Stream()
    try:
        async with asyncio.timeout(seconds):
            plain, _ = await loop.create_connection(lambda: stream, upstream.host, upstream.port)
        _watch(plain.get_extra_info("socket"))
        if upstream.context:
            async with asyncio.timeout(seconds):
                secured = await loop.start_tls(plain, stream, upstream.context, server_hostname=upstream.host)
            assert secured is not None
            stream.secured(secured)
    except OSError as error:
        raise UnconnectedError(_why(error, seconds)) from None
    return stream


class Stream(asyncio.Protocol):
    """A connection, in TLS or not.

    Attributes:
        written: bytes handed to the system or to TLS; each of them may have reached the other end.
    """

    def __init__(self) -> None:
        self.written = 0
        self._plain: asyncio.Transport | None = None
        self._transport: asyncio.Transport | None = None  # TLS's, if there is TLS, else the same
        self._received = bytearray()
        self._ended = False  # nothing more will come
        self._broken = False  # and it did not end in order
        self._held = False  # reading pauses, because nobody takes what came
        self._full = False  # the other end does not read, and the system's buffers are full
        self._changed = asyncio.Event()

    @property
    def unwritten(self) -> int:
        """Bytes that wait because the other end does not read."""
        ends = {self._plain, self._transport} - {None}
        return sum(end.get_write_buffer_size() for end in ends if end)

    async def is_idle(self) -> bool:
        """Whether it can take a request, after all that has come by now was looked at.

        What is on its way into the event loop may be the connection's end, or a TLS ticket, which means nothing.
        """
        for _ in range(_TURNS):
            if self._ended or self._received or self._closing:
                return False
            if not self._has_news():
                return True
            await asyncio.sleep(0)
        return False

    async def read(self, seconds: float | None) -> bytes:
        """What came, at least one byte; empty at the end.

        Raises:
            SilentError: nothing came for so many seconds.
            BrokenError: the connection broke; all that came before has been read.
        """
        try:
            async with asyncio.timeout(seconds):
                while not self._received and not self._ended:
                    await self._change()
        except TimeoutError:
            raise SilentError(f"it sent nothing for {seconds:g} s") from None
        if not self._received and self._broken:
            raise BrokenError("it broke the connection")
        taken = bytes(self._received)
        self._received.clear()
        if self._held and self._transport and not self._closing:
            self._held = False
            self._transport.resume_reading()
        return taken

    def write(self, data: bytes) -> None:
        """Write; what the other end does not read yet waits in memory.

        Raises:
            BrokenError: the connection has ended, and nothing was written.
        """
        if self._closing or self._transport is None:
            raise BrokenError("it ended the connection")
        self.written += len(data)
        self._transport.write(data)

    async def drained(self) -> None:
        """Wait until there is room for more.

        Raises:
            BrokenError: the connection has ended.
        """
        while self._full and not self._ended:
            await self._change()
        if self._closing:
            raise BrokenError("it ended the connection")

    def abort(self) -> None:
        """Hang up, at once: nothing of what is left to write or read matters to anybody any more."""
        self._ended = True
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's."""
        self._plain = self._transport = cast("asyncio.Transport", transport)  # uvloop's is of no class of asyncio's

    def secured(self, transport: asyncio.Transport) -> None:
        """From now on all goes through TLS."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Asyncio's."""
        self._received += data
        if len(self._received) >= MOST_HELD and not self._held and self._transport:
            self._held = True
            self._transport.pause_reading()
        self._changed.set()

    def eof_received(self) -> None:
        """Asyncio's; it closes the connection after this."""
        self._ended = True
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's."""
        self._ended = True
        self._broken = exc is not None
        self._changed.set()

    def pause_writing(self) -> None:
        """Asyncio's."""
        self._full = True

    def resume_writing(self) -> None:
        """Asyncio's."""
        self._full = False
        self._changed.set()

    @property
    def _closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    async def _change(self) -> None:
        """Wait until something is different; whoever waits looks for themselves what."""
        self._changed.clear()
        await self._changed.wait()

    def _has_news(self) -> bool:
        """Whether the system holds something that the event loop has not come to yet."""
        assert self._transport is not None
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))


def _watch(plain: socket.socket) -> None:
    """Have the system notice when the other end is no more, whether or not there is something to send."""
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wanted = {"TCP_KEEPIDLE": _DEAD_AFTER // 2, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
    for name, value in (wanted | {"TCP_USER_TIMEOUT": _DEAD_AFTER * 1000}).items():
        if option := getattr(socket, name, None):  # not every system has all of them
            with suppress(OSError):
                plain.setsockopt(socket.IPPROTO_TCP, option, value)


def _why(error: OSError, seconds: float) -> str:
    """Why there is no connection, in words that help."""
    match error:
        case TimeoutError():
            return f"it did not answer within {seconds:g} s"
        case ssl.SSLCertVerificationError():
            return f"it shows a certificate that is not trusted ({error.verify_message})"
        case ssl.SSLError():
            return f"it does not speak TLS as expected ({error.reason or 'no reason given'})"
        case socket.gaierror():
            return "it has a name that cannot be resolved"
        case ConnectionRefusedError():
            return "it refused the connection"
        case _:
            return f"it cannot be reached ({error.strerror or 'the connection broke'})"
