"""One request to Rancher and its answer, byte for byte, and what went wrong in words that hold no secret."""

import logging
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, TypeAlias

import httpcore

from app.gate.port import Headers, Reply
from app.rancher.stream import Dialer
from app.rancher.upstream import Upstream

# At DEBUG httpcore logs the headers of every answer, cookies included, whatever the root logger's level was meant for.
logging.getLogger("httpcore").setLevel(logging.WARNING)

Observe: TypeAlias = Callable[[str, float, int], None]
"""Told of every exchange: what was asked for, the seconds until its answer began, and its status (0: none came)."""

Way: TypeAlias = httpcore.AsyncHTTP11Connection | httpcore.AsyncConnectionPool

CONNECT_SECONDS: Final = 10.0
"""For TCP, and again for TLS. Rancher is next door; a lost SYN is repeated after 1 and 3 s."""
READ_SECONDS: Final = 30.0
"""Without a byte of an answer that needs no work but a look-up."""
WRITE_SECONDS: Final = 30.0
"""Without Rancher reading any of a request."""
LONGEST_ANSWER_SECONDS: Final = 1860.0
"""Without a byte of an install's answer: Rancher's own Ingress cuts at 1800 (``nginx.ingress.kubernetes.io/
proxy-read-timeout`` in its chart); the minute more is for whoever cuts first to say so."""

SHARED_CONNECTIONS: Final = 16
"""That are kept for the next read. More are made while they are needed."""
KEPT_SECONDS: Final = 15.0
"""For how long: well below the 60 s and more after which Rancher and proxies hang up, so that few meet that."""

FAILURES: Final = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.ConnectionNotAvailable,
)
"""All that httpcore raises on a connection."""


STALE: Final = (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError)
"""What a kept connection ends with that the other end has closed meanwhile, among others."""


class TooLargeError(Exception):
    """The answer is larger than what is waited for can be."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request.

    Attributes:
        what: for whoever is told of the exchange.
        method: as it goes out.
        target: path and query as they go out.
        headers: without ``Host``, and without framing.
        body: whole; None for a request that has none.
        seconds: without a byte of the answer, after which it is given up; None for never.
    """

    what: str
    method: bytes
    target: bytes = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    seconds: float | None = READ_SECONDS


def shared_connections(upstream: Upstream) -> httpcore.AsyncConnectionPool:
    """Connections that are kept for whoever asks next; to be closed in the end."""
    return httpcore.AsyncConnectionPool(
        ssl_context=upstream.context,
        max_connections=None,  # streams hold theirs for hours, and nobody is to wait for them
        max_keepalive_connections=SHARED_CONNECTIONS,
        keepalive_expiry=KEPT_SECONDS,
        network_backend=Dialer(),
    )


@asynccontextmanager
async def answered(
    way: Way, upstream: Upstream, call: Call, observe: Observe, body: AsyncIterable[bytes] | None = None
) -> AsyncIterator[httpcore.Response]:
    """Send a request and have the answer begin; its body is ``response.stream``, as it came.

    Args:
        way: over what.
        upstream: to whom.
        call: the request; its headers include the framing if ``body`` is given.
        observe: told when the answer begins or fails to.
        body: streamed up instead of the call's own.

    Raises:
        httpcore exceptions: those in ``FAILURES``.
    """
    request = _request(upstream, call, body)
    began, status = monotonic(), 0
    try:
        response = await way.handle_async_request(request)
        status = response.status
    finally:
        observe(call.what, monotonic() - began, status)
    try:
        yield response
    finally:
        await response.aclose()


async def exchanged(way: Way, upstream: Upstream, call: Call, observe: Observe, most: int) -> Reply:
    """Send a request and read the whole answer; its headers are as they came.

    Raises:
        TooLargeError: the body has more than ``most`` bytes.
        httpcore exceptions: those in ``FAILURES``.
    """
    async with answered(way, upstream, call, observe) as response:
        body = bytearray()
        async with aclosing(parts_of(response)) as parts:
            async for part in parts:
                body += part
                if len(body) > most:
                    raise TooLargeError
        return Reply(response.status, tuple(response.headers), bytes(body))


async def parts_of(response: httpcore.Response) -> AsyncGenerator[bytes, None]:
    """The body's bytes as they come, neither decompressed nor decoded.

    Raises:
        httpcore exceptions: those in ``FAILURES``.
    """
    assert isinstance(response.stream, AsyncIterable)
    iterator = aiter(response.stream)
    assert isinstance(iterator, AsyncGenerator)  # so it can be closed here, and not when somebody collects it
    async with aclosing(iterator) as parts:
        async for part in parts:
            yield part


def why(error: Exception) -> str:
    """What happened, as the rest of a sentence about Rancher; never what httpcore says, which may quote an answer."""
    match error:
        case httpcore.ConnectError() | httpcore.ConnectTimeout():
            return str(error)  # ``stream`` words these
        case httpcore.ReadTimeout() | httpcore.WriteTimeout():
            return str(error)
        case httpcore.RemoteProtocolError():
            return "it ended the connection without a whole answer, or what it answered is no HTTP"
        case httpcore.LocalProtocolError():
            return "the request cannot be written as HTTP"
        case TooLargeError():
            return "its answer is too large"
        case _:
            return "the connection broke"


def _request(upstream: Upstream, call: Call, body: AsyncIterable[bytes] | None) -> httpcore.Request:
    """The request, with what HTTP needs on this connection and nothing else."""
    # Space around a value is no part of it (RFC 9110, 5.5), and h11 refuses to write it.
    headers = [(name, value.strip(b" \t")) for name, value in call.headers]
    if call.body is not None:
        length = str(len(call.body)).encode()
        headers = [one for one in headers if one[0].lower() != b"content-length" or one[1] == length]
        if all(name.lower() != b"content-length" for name, _ in headers):
            headers.append((b"Content-Length", length))
    timeout = {"connect": CONNECT_SECONDS, "read": call.seconds, "write": WRITE_SECONDS}
    return httpcore.Request(
        call.method,
        upstream.url(call.target),
        headers=[(b"Host", upstream.authority), *headers],
        content=call.body if body is None else body,
        extensions={"timeout": timeout},
    )
