"""A connection of an install's own: exactly one, for the probe and for the POST after it.

One TCP connection to Rancher's Service is one replica, so the probe speaks for the replica that takes the POST, as long
as it is the same connection. It cannot be another one here: the connection is made once, before there is a request, and
nothing in this module is able to make a second.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import msgspec

from app.core.gate.probe import LONGEST as LARGEST_PROBE
from app.core.gate.reading import Unread
from app.gate.port import JSON, AnswerLostError, Credential, Headers, NotSentError, Place, Post, Reply
from app.rancher import readings
from app.rancher.http1 import Call, Http1, Observe, dialled
from app.rancher.stream import CONNECT_SECONDS
from app.rancher.upstream import Upstream
from app.rancher.wire_errors import WireError

ACCEPT: Final = (b"Accept", b"application/json")
"""Rancher gives a browser that accepts anything a page instead."""

LONGEST_ANSWER_SECONDS: Final = 1860.0
"""Without a byte of an install's answer. Rancher's own Ingress cuts at 1800 (``proxy-read-timeout`` in its chart); the
minute more is for whoever cuts first to say so."""

LARGEST_OBJECT: Final = 4 * 1024 * 1024
"""Bytes of an object: the API server takes 3 MiB at most, and Rancher adds links and states."""
LARGEST_REPLY: Final = 4 * 1024 * 1024
"""Bytes of an install's answer, which is a name or an error; an error may quote an object."""
PROBE_SECONDS: Final = 90.0
"""Without a byte of a probe's answer: Rancher gives the download of an http chart 30 s, and registries take several
requests."""


@asynccontextmanager
async def opened(
    upstream: Upstream, observe: Observe, seconds: float = CONNECT_SECONDS
) -> AsyncIterator["OwnConnection"]:
    """Make a connection; it ends with the context.

    Args:
        upstream: to whom.
        observe: told of every exchange.
        seconds: for TCP, and again for TLS.

    Raises:
        NotSentError: there is none to be had.
    """
    try:
        http = await dialled(upstream, observe, seconds)
    except WireError as error:
        raise NotSentError(f"There is no connection to Rancher at {upstream.name}: {error}.") from None
    try:
        yield OwnConnection(http)
    finally:
        http.abort()


class OwnConnection:
    """What ``app.gate.port.Connection`` asks for. One call at a time."""

    def __init__(self, http: Http1) -> None:
        self._http = http

    async def repository(self, place: Place, credential: Credential) -> JSON | Unread:
        """The ClusterRepo, as this replica has it."""
        call = Call("repository", b"GET", readings.repository(place), (*credential.headers, ACCEPT))
        reply = await self._read(call, LARGEST_OBJECT)
        return reply if isinstance(reply, Unread) else readings.read(reply, place.repo)

    async def probe(self, place: Place, chart: str, version: str, credential: Credential) -> Reply | Unread:
        """``link=info``: the install's own code path without side effects. ``FAILED`` where no answer came."""
        target = readings.probe(place, chart, version)
        call = Call("probe", b"GET", target, (*credential.headers, ACCEPT), seconds=PROBE_SECONDS)
        return await self._read(call, LARGEST_PROBE)

    async def send(self, post: Post) -> Reply:
        """The one call with side effects, never cut short and never on another connection than this one.

        Cancelling it does cut it short, and leaves it unknown what became of it.

        Raises:
            NotSentError: the connection was gone before a byte of it was written.
            AnswerLostError: bytes were written, and no whole answer came.
        """
        if not await self._http.is_idle():
            raise NotSentError("Rancher ended the connection before the request was written.")
        written = self._http.written
        call = Call(post.action.value, b"POST", post.target, post.headers, post.body, LONGEST_ANSWER_SECONDS)
        try:
            reply = await self._http.whole(call, LARGEST_REPLY)
        except WireError as error:
            if self._http.written == written:
                raise NotSentError(f"Nothing was written to Rancher: {error}.") from None
            raise AnswerLostError(f"The request was sent to Rancher, and {error}.") from None
        if not _is_whole(reply):
            raise AnswerLostError("The request was sent to Rancher, and its answer may have been cut off.")
        return reply

    async def _read(self, call: Call, most: int) -> Reply | Unread:
        try:
            return await self._http.whole(call, most)
        except WireError:
            return Unread.FAILED


def _is_whole(reply: Reply) -> bool:
    """Whether the answer's end was marked; else it may have been cut off at any byte, and only JSON would show it."""
    if reply.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED} or _has_end(reply.headers):
        return True
    try:
        return isinstance(msgspec.json.decode(reply.body), dict)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return False


def _has_end(headers: Headers) -> bool:
    return any(name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in headers)
