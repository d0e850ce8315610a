"""Every other call on the path that the gate stands for: it goes to Rancher and comes back as it is, in a stream."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Final, Protocol

from app.api.admission import ClientGoneError, Receive, Scope, Send
from app.api.gate.arriving import target, values
from app.api.gate.attending import Attending
from app.api.gate.outcomes import VIA
from app.api.gate.problems import problem, refused, written
from app.api.gate.reception import Reception
from app.api.gate.telemetry import GateTelemetry
from app.api.gate.writing import Written
from app.core.gate.forwarding import Header, to_client
from app.core.gate.refusal import Refusal
from app.gate.limits import RETRY_AFTER
from app.gate.port import AnswerLostError, NotSentError
from app.telemetry import log


class Streamed(Protocol):
    """An answer of Rancher's whose head is there."""

    @property
    def status(self) -> int:
        """Its status."""

    @property
    def headers(self) -> tuple[Header, ...]:
        """Its headers, as they came."""

    @property
    def parts(self) -> AsyncIterator[bytes]:
        """Its body as it comes; raises ``AnswerLostError`` where it breaks off."""


class Upstream(Protocol):
    """What passes calls on; app/rancher does."""

    def passed(
        self, method: bytes, target: bytes, headers: tuple[Header, ...], body: AsyncIterator[bytes] | None
    ) -> AbstractAsyncContextManager[Streamed]:
        """Send a call; entering gives the head of the answer.

        Raises:
            NotSentError: there is no connection to be had.
            AnswerLostError: there is no answer.
        """


class Passing:
    """Passes calls on.

    Args:
        upstream: sends them.
        reception: reads their headers.
        telemetry: counts them.
    """

    def __init__(self, upstream: Upstream, reception: Reception, telemetry: GateTelemetry) -> None:
        self._upstream = upstream
        self._reception = reception
        self._telemetry = telemetry

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> Written | None:
        """Answer one call; None where the answer is sent, or broke off and the connection has to end."""
        arrived = self._reception.arrive(scope)
        if isinstance(arrived, Refusal):
            return refused(arrived)
        self._telemetry.passed()
        upload = _Upload(scope, receive)
        method = scope["method"].encode()
        headers = arrived.forwarded.headers
        begun = False
        try:
            with Attending(receive, upload.ended):
                async with self._upstream.passed(method, target(scope), headers, upload.parts()) as streamed:
                    begun = True
                    await send({"type": "http.response.start", "status": streamed.status, "headers": _kept(streamed)})
                    async for part in streamed.parts:
                        await send({"type": "http.response.body", "body": part, "more_body": True})
        except (NotSentError, AnswerLostError) as error:
            if not begun:
                return _UNANSWERED
            log.warning("an answer that passed broke off", error=type(error).__name__)
            return None
        await send({"type": "http.response.body", "body": b""})
        return None


class _Upload:
    """A request's body, as the client sends it.

    Attributes:
        ended: all of it was read, or there is none.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self.ended = asyncio.Event()
        if not any(values(scope["headers"], name) for name in _FRAMING):
            self.ended.set()

    def parts(self) -> AsyncIterator[bytes] | None:
        """What comes; None where there is no body."""
        return None if self.ended.is_set() else self._parts()

    async def _parts(self) -> AsyncIterator[bytes]:
        while not self.ended.is_set():
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            if not message.get("more_body"):
                self.ended.set()
            if part := message.get("body", b""):
                yield part


def _kept(streamed: Streamed) -> list[Header]:
    """The answer's headers; the HTTP server would wait for the body that these two statuses only speak of."""
    without = {b"content-length"} if streamed.status in _BODILESS else set()
    return [*((name, value) for name, value in to_client(streamed.headers) if name.lower() not in without), VIA]


_FRAMING: Final = (b"content-length", b"transfer-encoding")
_BODILESS: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_UNANSWERED: Final = written(
    problem(
        HTTPStatus.BAD_GATEWAY,
        "rancher-unreachable",
        "Rancher gave no answer. If this goes on, look at Rancher, and at the gate's --rancher-url and --rancher-ca.",
        retry_after=RETRY_AFTER,
    ),
    close=True,
)
