"""HTTP/1.1 on one connection: what goes out is what was given, byte for byte, and so is what comes back.

h11 reads and writes the protocol. A client library would add headers, keep cookies, follow redirects, decompress, and
open another connection where it sees fit; each of these the gate promises not to do.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, TypeAlias

import h11

from app.gate.port import Headers, Reply
from app.rancher.stream import CONNECT_SECONDS, Stream, connected
from app.rancher.upstream import Upstream
from app.rancher.wire_errors import BrokenError, MalformedError, SilentError, TooLargeError, UnwritableError

Observe: TypeAlias = Callable[[str, float, int], None]
"""Told of every exchange: what was asked for, the seconds until its answer began, and its status (0: none came)."""

READ_SECONDS: Final = 30.0
"""Without a byte of an answer that needs no work but a look-up."""
LARGEST_HEAD: Final = 128 * 1024
"""Bytes of an answer's headers, twice what the gate takes of a request's."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request.

    Attributes:
        what: for whoever is told of the exchange.
        method: as it goes out.
        target: path and query as they go out.
        headers: as they go out, without ``Host``.
        body: whole; None for none, or for one that is streamed.
        seconds: without a byte of the answer, after which it is given up.
    """

    what: str
    method: bytes
    target: bytes = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    seconds: float | None = READ_SECONDS


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of an answer; the headers are as they came."""

    status: int
    headers: Headers = field(repr=False)


class Http1:
    """A connection; one exchange at a time."""

    def __init__(self, upstream: Upstream, stream: Stream, observe: Observe) -> None:
        self._upstream = upstream
        self._stream = stream
        self._observe = observe
        self._http = h11.Connection(h11.CLIENT, LARGEST_HEAD)
        self._between = True  # no exchange is under way
        self.exchanges = 0
        """How many it has had."""

    @property
    def written(self) -> int:
        """Bytes that may have reached the other end."""
        return self._stream.written

    async def is_idle(self) -> bool:
        """Whether it can take a request."""
        return self._between and await self._stream.is_idle()

    def abort(self) -> None:
        """Hang up."""
        self._between = False
        self._stream.abort()

    async def whole(self, call: Call, most: int) -> Reply:
        """Send a request and read the whole answer.

        Raises:
            WireError: there was none, or its body has more than ``most`` bytes.
        """
        head = await self.ask(call)
        body = bytearray()
        async with aclosing(self.parts(call.seconds)) as parts:
            async for part in parts:
                body += part
                if len(body) > most:
                    raise TooLargeError("it sent more than what was asked for can be")
        return Reply(head.status, head.headers, bytes(body))

    async def ask(self, call: Call, body: AsyncIterable[bytes] | None = None) -> Head:
        """Send a request and have its answer begin, whether or not all of the body was read; then read ``parts``.

        Args:
            call: the request.
            body: streamed up instead of the call's own, framed as the headers say.

        Raises:
            WireError: there is no answer.
            Exception: what the body raised; the request is left unfinished.

        After either of them, or without having read all parts, the connection is of no use but to be ended.
        """
        if not self._between:
            raise BrokenError("it ended the connection")
        self._between = False
        self.exchanges += 1
        began, status = monotonic(), 0
        try:
            self._write(call, streams=body is not None)
            head = await (self._uploaded(body, call.seconds) if body else self._head(call.seconds))
            status = head.status
        finally:
            self._observe(call.what, monotonic() - began, status)
        return head

    async def parts(self, seconds: float | None) -> AsyncGenerator[bytes, None]:
        """The answer's body as it comes, neither decompressed nor decoded; trailers are left out.

        Raises:
            WireError: it broke off, or nothing came for so many seconds.
        """
        while not isinstance(event := await self._event(seconds), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                yield bytes(event.data)
        self._finish()

    def _write(self, call: Call, *, streams: bool) -> None:
        """Write all of a request at once, or its head if the body is streamed after it."""
        # Space around a value is no part of it (RFC 9110, 5.5), and h11 refuses to write it.
        headers = [(name, value.strip(b" \t")) for name, value in call.headers]
        if call.body is not None:
            length = str(len(call.body)).encode()
            headers = [one for one in headers if one[0].lower() != b"content-length" or one[1] == length]
            if all(name.lower() != b"content-length" for name, _ in headers):
                headers.append((b"Content-Length", length))
        host = (b"Host", self._upstream.authority)
        try:
            request = h11.Request(method=call.method, target=call.target, headers=[host, *headers])
            data = self._http.send(request) or b""
            if not streams:
                data += self._http.send(h11.Data(data=call.body or b"")) or b""
                data += self._http.send(h11.EndOfMessage()) or b""
        except h11.LocalProtocolError:
            raise UnwritableError("the request cannot be written as HTTP") from None
        self._stream.write(data)

    async def _uploaded(self, body: AsyncIterable[bytes], seconds: float | None) -> Head:
        """Stream a body up until it ends or the answer begins."""
        upload = asyncio.create_task(self._upload(body))
        answer = asyncio.create_task(self._head(None))
        try:
            await asyncio.wait({upload, answer}, return_when=asyncio.FIRST_COMPLETED)
            if upload.done() and not answer.done():
                with suppress(BrokenError):  # who stops reading may have answered why
                    upload.result()
                await asyncio.wait({answer}, timeout=seconds)
            if not answer.done():
                raise SilentError(f"it sent nothing for {seconds:g} s")
            return answer.result()
        finally:
            for task in (upload, answer):
                task.cancel()
            await asyncio.gather(upload, answer, return_exceptions=True)

    async def _upload(self, body: AsyncIterable[bytes]) -> None:
        try:
            async for chunk in body:
                self._stream.write(self._http.send(h11.Data(data=chunk)) or b"")
                await self._stream.drained()
            self._stream.write(self._http.send(h11.EndOfMessage()) or b"")
        except h11.LocalProtocolError:
            raise UnwritableError("the body is not as long as its length says") from None

    async def _head(self, seconds: float | None) -> Head:
        while not isinstance(event := await self._event(seconds), h11.Response):
            pass  # interim answers
        return Head(event.status_code, tuple(event.headers.raw_items()))

    async def _event(self, seconds: float | None) -> h11.Event:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                data = await self._stream.read(seconds)
                if not data and self._http.their_state is h11.SEND_RESPONSE:
                    raise BrokenError("it ended the connection without a whole answer")
                self._http.receive_data(data)
        except h11.RemoteProtocolError:
            raise MalformedError("it broke off its answer, or its answer is no HTTP") from None
        assert isinstance(event, h11.Event)  # h11 pauses only after an answer's end, which is not read past
        return event

    def _finish(self) -> None:
        """Make ready for another exchange, where both ends have said all and nothing came unasked for."""
        done = self._http.our_state is self._http.their_state is h11.DONE
        if done and self._http.trailing_data == (b"", False) and not self._stream.unwritten:
            self._http.start_next_cycle()
            self._between = True


async def dialled(upstream: Upstream, observe: Observe, seconds: float = CONNECT_SECONDS) -> Http1:
    """Make a connection.

    Raises:
        UnconnectedError: there is none to be had.
    """
    return Http1(upstream, await connected(upstream, seconds), observe)
