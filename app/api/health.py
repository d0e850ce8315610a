"""/livez, /readyz and /metrics, on a listener of their own that speaks plain HTTP."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from msgspec import json

from app.api.admission import Message, Receive, Scope, Send
from app.api.faults import PROBLEM_JSON, problem
from app.telemetry import METRICS_TYPE, Telemetry

_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Health:
    """One named check's answer; a check may be fine and still have something to say."""

    ok: bool
    detail: str = ""


Check = Callable[[], Awaitable[Health]]


class Ops:
    """The operations endpoints as one ASGI application.

    Args:
        checks: what readiness depends on, by name; all are asked each time, in this order.
        telemetry: whose metrics are shown.
    """

    def __init__(self, checks: Mapping[str, Check], telemetry: Telemetry) -> None:
        self._checks = checks
        self._telemetry = telemetry
        self._routes = {"/livez": self._livez, "/readyz": self._readyz, "/metrics": self._metrics}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        del receive  # these endpoints take no body
        route = self._routes.get(scope["path"])
        if route is None:
            detail = "Here are /livez, /readyz and /metrics."
            await _answer(send, HTTPStatus.NOT_FOUND, PROBLEM_JSON, problem(HTTPStatus.NOT_FOUND, detail))
        elif scope["method"] not in {"GET", "HEAD"}:
            status = HTTPStatus.METHOD_NOT_ALLOWED
            await _answer(send, status, PROBLEM_JSON, problem(status, "Use GET."), allow="GET, HEAD")
        else:
            await _answer(send, *await route())

    async def _livez(self) -> tuple[HTTPStatus, str, bytes]:
        """Alive is whoever can answer; nothing else may restart a pod."""
        return HTTPStatus.OK, "text/plain; charset=utf-8", b"ok\n"

    async def _readyz(self) -> tuple[HTTPStatus, str, bytes]:
        found = {name: await check() for name, check in self._checks.items()}
        ready = all(health.ok for health in found.values())
        body = {
            "ready": ready,
            "checks": [{"name": name, "ok": health.ok, "detail": health.detail} for name, health in found.items()],
        }
        return HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, _JSON, json.encode(body)

    async def _metrics(self) -> tuple[HTTPStatus, str, bytes]:
        return HTTPStatus.OK, METRICS_TYPE, self._telemetry.exposition()


async def _answer(send: Send, status: HTTPStatus, content_type: str, body: bytes, allow: str = "") -> None:
    headers = [(b"content-type", content_type.encode()), (b"content-length", b"%d" % len(body))]
    headers += [(b"allow", allow.encode())] if allow else []
    start: Message = {"type": "http.response.start", "status": status.value, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
