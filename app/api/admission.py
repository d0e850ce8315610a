"""POST /mutate and POST /validate: the admission endpoints, as one small ASGI application.

It stands in front of FastAPI, because routing and dependency solving would cost more than the decision does
(bench/README.md); FastAPI documents the same endpoints and serves everything else.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from time import perf_counter
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

from app.api import wire
from app.api.deadline import Deadline
from app.api.faults import PROBLEM_JSON, Fault, problem
from app.core import duration
from app.core.guard import Guards
from app.core.judge import judge
from app.core.verdict import Endpoint
from app.telemetry import Telemetry, log

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

ENDPOINTS: Final = {f"/{endpoint.value}": endpoint for endpoint in Endpoint}

LONGEST_WAIT: Final = 30.0
"""Seconds for a body to arrive: the longest timeoutSeconds a webhook configuration may name."""
DEFAULT_WAIT: Final = 10.0
"""Seconds: the API server's default timeoutSeconds, for callers that name none."""

MOST_BUFFERED: Final = 16 * wire.LARGEST_REVIEW
"""Bytes of unfinished bodies and unread answers held at once; a caller beyond that gets 503 instead of our memory."""

WRITTEN_AT_ONCE: Final = 256 * 1024
"""Bytes of an answer that are left to the HTTP server, and usually fit what the kernel buffers. A larger one goes out
in such pieces, because the event loop holds back the next piece, but not a first one of any size."""

LONGEST_QUERY: Final = 256
"""Bytes. The API server sends ``timeout=10s``, beside what the webhook's own URL may have."""

_JSON_HEADER: Final = (b"content-type", b"application/json")
_PROBLEM_HEADER: Final = (b"content-type", PROBLEM_JSON.encode())
_CLOSE_HEADER: Final = (b"connection", b"close")
_ALLOW: Final = ((b"allow", b"POST"),)


class ClientGoneError(Exception):
    """The caller hung up before its request was whole; there is nobody to answer."""


class Admission:
    """Answers reviews with the rule set in force.

    Args:
        guards: returns the current rule set.
        telemetry: counts and logs.
        draining: whether connections should end with their next answer.
        patience: seconds a caller may take to read a large answer.
    """

    def __init__(
        self,
        guards: Callable[[], Guards],
        telemetry: Telemetry,
        draining: Callable[[], bool],
        patience: float = LONGEST_WAIT,
    ) -> None:
        self.in_flight = 0
        self._buffered = 0
        self._guards = guards
        self._telemetry = telemetry
        self._draining = draining
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request to an admission endpoint; it never raises."""
        started = perf_counter()
        endpoint = ENDPOINTS[scope["path"]]
        status, headers, close = 200, [_JSON_HEADER], False
        self.in_flight += 1
        try:
            answer = self._review(endpoint, await self._body(scope, receive), started)
        except ClientGoneError:
            self._telemetry.fault(endpoint, HTTPStatus.BAD_REQUEST, "The caller hung up before its request was whole.")
            return
        except Fault as fault:
            self._telemetry.fault(endpoint, fault.status, fault.detail)
            answer, status, close = problem(fault.status, fault.detail), fault.status.value, fault.close
            headers = [_PROBLEM_HEADER, *fault.headers]
        except Exception as error:  # noqa: BLE001 - whatever is wrong with us, the caller gets an answer and a log has it
            log.exception("internal error", endpoint=endpoint.value)
            detail = f"Internal error ({type(error).__name__}); the log has it."
            self._telemetry.fault(endpoint, HTTPStatus.INTERNAL_SERVER_ERROR, detail)
            answer = problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail)
            status, headers = HTTPStatus.INTERNAL_SERVER_ERROR.value, [_PROBLEM_HEADER]
        finally:
            self.in_flight -= 1
        headers.append((b"content-length", b"%d" % len(answer)))
        if close or self._draining():
            headers.append(_CLOSE_HEADER)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if len(answer) > WRITTEN_AT_ONCE:
            await self._hand_over(answer, send)
        else:
            await send({"type": "http.response.body", "body": answer})

    async def _hand_over(self, answer: bytes, send: Send) -> None:
        """Send a large answer as it is taken; a caller that does not read is cut off in the end."""
        self._buffered += len(answer)
        try:
            with Deadline(self._patience):
                for at in range(0, len(answer), WRITTEN_AT_ONCE):
                    piece = answer[at : at + WRITTEN_AT_ONCE]
                    more = at + WRITTEN_AT_ONCE < len(answer)
                    await send({"type": "http.response.body", "body": piece, "more_body": more})
        except TimeoutError:
            log.warning("an answer was not read in time; the connection ends", bytes=len(answer))
        finally:
            self._buffered -= len(answer)

    def _review(self, endpoint: Endpoint, body: bytes, started: float) -> bytes:
        request = wire.decode(body)
        now = datetime.now(UTC)  # noqa: TID251 - this is the edge: the decision gets the time as an argument
        try:
            verdict = judge(request, self._guards(), endpoint=endpoint, now=now)
        except RecursionError:
            raise Fault(HTTPStatus.BAD_REQUEST, "The body is nested too deeply.") from None
        answer = wire.encode(request, verdict)
        self._telemetry.decision(endpoint, request, verdict, perf_counter() - started)
        return answer

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body, within its deadline and size."""
        _require_post(scope["method"])
        _require_json(scope["headers"])
        try:
            with Deadline(_wait(_short(scope["query_string"]))):
                message = await receive()
                body: bytes = message.get("body", b"")
                if message.get("more_body"):
                    return await self._rest(body, receive)
        except TimeoutError:
            detail = "The body did not arrive within the request's timeout."
            raise Fault(HTTPStatus.REQUEST_TIMEOUT, detail, close=True) from None
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        _require_size(len(body))
        return body

    async def _rest(self, first: bytes, receive: Receive) -> bytes:
        """A body that comes in parts. What is held of such bodies together is bounded."""
        parts, held = [first], len(first)
        self._buffered += held
        try:
            while True:
                _require_size(held)
                if self._buffered > MOST_BUFFERED:
                    detail = "Too many large requests at once; try again."
                    raise Fault(HTTPStatus.SERVICE_UNAVAILABLE, detail, close=True)
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                part = message.get("body", b"")
                parts.append(part)
                held += len(part)
                self._buffered += len(part)
                if not message.get("more_body"):
                    _require_size(held)
                    return b"".join(parts)
        finally:
            self._buffered -= held


class Front:
    """Sends the admission endpoints to :class:`Admission` and everything else to the rest of the application."""

    def __init__(self, admission: Admission, rest: Application) -> None:
        self._admission = admission
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Route one ASGI scope."""
        if scope["type"] == "http" and scope["path"] in ENDPOINTS:
            await self._admission(scope, receive, send)
        else:
            await self._rest(scope, receive, send)


def _require_post(method: str) -> None:
    if method != "POST":
        raise Fault(HTTPStatus.METHOD_NOT_ALLOWED, "Send an AdmissionReview with POST.", close=True, headers=_ALLOW)


def _require_json(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """The content type has to be JSON; a length beyond the limit is refused before anything is read."""
    content_type = b""
    for name, value in headers:
        if name == b"content-type":
            content_type = value
        elif name == b"content-length":
            _require_size(int(value))
    if content_type != b"application/json" and content_type.partition(b";")[0].strip().lower() != b"application/json":
        raise Fault(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The content type has to be application/json.", close=True)


def _require_size(size: int) -> None:
    if size > wire.LARGEST_REVIEW:
        detail = f"The body is larger than {wire.LARGEST_REVIEW} bytes, more than a review of two objects can be."
        raise Fault(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, close=True)


def _short(query: bytes) -> bytes:
    if len(query) > LONGEST_QUERY:
        detail = f"The query is longer than {LONGEST_QUERY} bytes; it is for ?timeout=3s."
        raise Fault(HTTPStatus.REQUEST_URI_TOO_LONG, detail, close=True)
    return query


@lru_cache(maxsize=64)
def _wait(query: bytes) -> float:
    """Seconds the caller gives us, from ``?timeout=3s`` (the API server always sends it)."""
    named = parse_qs(query.decode("ascii", "replace")).get("timeout")
    if not named:
        return DEFAULT_WAIT
    try:
        return min(duration.parse(named[-1]).total_seconds(), LONGEST_WAIT)
    except duration.BadDurationError:
        detail = "The timeout in the query is no duration like 3s."
        raise Fault(HTTPStatus.BAD_REQUEST, detail, close=True) from None
