"""The calls that ``status-guard install`` makes, and what their failures mean to whoever typed the command."""

import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx
import msgspec

from app import __version__
from app.cli.install_ending import Ending, Later, Outcome, Told, concluded, read_body
from app.cli.install_events import NoEventsError, Stream
from app.cli.install_order import Order
from app.core.gate.preferences import EVENT_STREAM, JSON
from app.gate.progress import Progress

CONNECT: Final = 10.0
"""Seconds for a connection with TLS: three lost packets, and nobody at a terminal waits longer for a wrong address."""
SILENCE: Final = 45.0
"""Seconds without a byte after which a stream is taken for broken: the gate gives a sign of life every ten."""

_EVENTS: Final = {"accept": f"{EVENT_STREAM}, {JSON};q=0.9"}
_DOCUMENT: Final = {"accept": JSON}


class LostError(Exception):
    """The connection broke, or a proxy answered in the gate's place; what had been asked for may be under way."""


class NotSentError(Exception):
    """There was no connection to be had, so nothing was sent. The text says why, and what may help."""


class Greeting(msgspec.Struct):
    """The gate's own time, and the caller's installs."""

    now: datetime
    installs: tuple[Progress, ...] = ()


class GateClient:
    """Talks to one gate about one order; an asynchronous context manager.

    Args:
        order: what is asked for.
        token: the caller's.
        trust: whose certificates count.
    """

    def __init__(self, order: Order, token: str, trust: ssl.SSLContext) -> None:
        self._order = order
        self._client = httpx.AsyncClient(
            base_url=order.server,
            verify=trust,
            headers={"authorization": f"Bearer {token}", "user-agent": f"status-guard/{__version__}"},
            timeout=httpx.Timeout(SILENCE, connect=CONNECT),
            follow_redirects=False,  # a token goes to the host it was meant for
            # each call on a connection of its own: one that was kept may just be ending, and a POST would seem lost
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def greet(self) -> Greeting | Ending | Later:
        """Make sure that this is a gate, which knows the caller, before anything is asked of it.

        Raises:
            NotSentError: it cannot be reached.
        """
        try:
            with _explained(self._order):
                answer = await self._client.get(self._order.place(), headers=_DOCUMENT)
        except LostError:
            raise NotSentError(
                f"{self._order.server} hung up without an answer; is it the gate's HTTPS port?"
            ) from None
        if answer.status_code == HTTPStatus.OK and (greeting := _greeting(answer.content)):
            return greeting
        told = Told(answer.status_code, read_body(answer.content))
        if told.body.slug not in {"", "not-here"} or answer.status_code == HTTPStatus.UNAUTHORIZED:
            return concluded(told, None, self._order)
        sentence = _no_gate(answer, self._order)
        return Ending(outcome=Outcome.UNUSABLE, sentence=sentence, sent=False, status=answer.status_code)

    def ask(self, remaining: float) -> AbstractAsyncContextManager[httpx.Response]:
        """POST the order. Raises ``NotSentError`` and ``LostError``."""
        headers = {"prefer": self._order.prefer(remaining), "content-type": JSON, **_EVENTS}
        return self._streamed("POST", self._order.path, headers, self._order.content)

    def watch(self, identity: str) -> AbstractAsyncContextManager[httpx.Response]:
        """Look at an install again. Raises ``NotSentError`` and ``LostError``."""
        return self._streamed("GET", self._order.place(identity), _EVENTS)

    async def cancel(self, identity: str) -> int:
        """Cancel an install; the status of the answer. Raises ``NotSentError`` and ``LostError``."""
        with _explained(self._order):
            answer = await self._client.delete(self._order.place(identity), headers=_DOCUMENT)
        return answer.status_code

    async def progress(self, identity: str) -> Progress | None:
        """How an install stands; None where that cannot be had. Raises ``NotSentError`` and ``LostError``."""
        with _explained(self._order):
            answer = await self._client.get(self._order.place(identity), headers=_DOCUMENT)
        return read_progress(answer.content) if answer.is_success else None

    @asynccontextmanager
    async def _streamed(
        self, method: str, path: str, headers: dict[str, str], content: bytes | None = None
    ) -> AsyncIterator[httpx.Response]:
        with _explained(self._order):
            async with self._client.stream(method, path, headers=headers, content=content) as answer:
                yield answer


async def events(answer: httpx.Response) -> AsyncIterator[tuple[str, bytes]]:
    """Name and data of each event of an answer.

    Raises:
        LostError: what comes is no stream of events.
    """
    stream = Stream()
    async for data in answer.aiter_bytes():
        try:
            for event in stream.feed(data):
                yield event.name, event.data
        except NoEventsError as error:
            raise LostError from error


def is_stream(answer: httpx.Response) -> bool:
    """Whether an answer is a stream of events."""
    return answer.is_success and answer.headers.get("content-type", "").startswith(EVENT_STREAM)


def read_progress(data: bytes) -> Progress | None:
    """How an install stands; None where a gate of another version says it in words that are unknown here."""
    try:
        return msgspec.json.decode(data, type=Progress)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _greeting(data: bytes) -> Greeting | None:
    try:
        return msgspec.json.decode(data, type=Greeting)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    try:
        known: dict[str, Any] = json.loads(data)
        return Greeting(datetime.fromisoformat(known["now"])) if isinstance(known["installs"], list) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _no_gate(answer: httpx.Response, order: Order) -> str:
    server = order.server
    if answer.is_redirect:
        there = urlsplit(answer.headers.get("location", "")).netloc or "another path"
        return f"{server} is no gate: it sends callers on to {there}. Give --server the gate's own address."
    if any(name in answer.headers for name in ("x-api-cattle-auth", "x-api-schemas", "x-rancher-version")):
        return (
            f"{server} is Rancher itself, not a gate. Give --server the gate's own host; where both share one,"
            " /installs has to be routed to the gate as well (docs/gate.md). Nothing was sent."
        )
    kind = answer.headers.get("content-type", "nothing").partition(";")[0]
    return (
        f"{server} answers, but not as a gate does (HTTP {answer.status_code}, {kind} for {order.place()})."
        " Is --server right, and does its proxy route /installs to the gate? Nothing was sent."
    )


class _explained:  # noqa: N801 - used as a statement
    """Turns httpx's errors into the two kinds that matter: nothing was sent, or nobody knows."""

    def __init__(self, order: Order) -> None:
        self._order = order

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError):
            raise NotSentError(_why(error, self._order)) from None
        if isinstance(error, httpx.HTTPError | httpx.StreamError):
            raise LostError(type(error).__name__) from None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                yield from _causes(inner)
        error = error.__cause__ or error.__context__


def _why(error: BaseException, order: Order) -> str:
    """Why there is no connection, and what to do about it."""
    host = urlsplit(order.server).hostname
    for cause in _causes(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return _distrusted(cause, order.server)
            case ssl.SSLError() if cause.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
                return f"{order.server} does not speak TLS on that port; give --server the gate's HTTPS port."
            case socket.gaierror():
                return f"{host} is no known host ({cause.strerror}); check --server and the network."
            case ConnectionRefusedError():
                return (
                    f"{order.server} refuses connections: nothing listens there. Check host, port and the gate's pod."
                )
            case TimeoutError() | httpx.ConnectTimeout():
                return f"{order.server} does not answer within {CONNECT:g} s; check host, port and firewalls."
            case httpx.ProxyError():
                return f"The proxy of HTTPS_PROXY does not lead to {order.server}; NO_PROXY={host} goes around it."
    return f"{order.server} cannot be reached: {type(error).__name__}. Check --server and the network."


_NO_ISSUER: Final = {18, 19, 20, 21}
"""OpenSSL's verify codes: self-signed, self-signed in the chain, no local issuer, no issuer at all."""


def _distrusted(error: ssl.SSLCertVerificationError, server: str) -> str:
    if error.verify_code in _NO_ISSUER:
        return (
            f"{server} has a certificate of a CA that is not trusted here; give that CA's certificate with --ca FILE."
        )
    return f"{server} has a certificate that does not hold: {error.verify_message or error.reason}."
