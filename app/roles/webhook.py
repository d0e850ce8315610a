"""The webhook role: rules in, admission endpoints out. It talks to nobody."""

import asyncio
from collections.abc import Callable
from typing import Final

from app.api.admission import LONGEST_WAIT, Admission, Application, Receive, Scope, Send
from app.api.health import Check
from app.api.wire import LARGEST_REVIEW
from app.roles.ruling import Ruling
from app.settings import Settings, SettingsError
from app.telemetry import Telemetry

LARGEST_REQUEST: Final = LARGEST_REVIEW + 1024 * 1024
"""Bytes of a request with all that goes with its body: header lines, and what a chunked body is wrapped in."""

CONNECTIONS: Final = 1024
"""Open connections; beyond them uvicorn answers 503. A TLS connection costs some 50 KB."""

PATIENCE: Final = LONGEST_WAIT
"""Seconds that a request may take to its end."""


class Webhook:
    """The parts of the webhook role, made once.

    Args:
        settings: where the rules are.
        telemetry: counts and logs.
        draining: whether the process is about to end.

    Raises:
        SettingsError: something it needs is not set.
        RulesError: the rule documents cannot be used.
    """

    def __init__(self, settings: Settings, telemetry: Telemetry, draining: Callable[[], bool]) -> None:
        if not settings.rules:
            raise SettingsError(settings.incomplete())
        self._ruling = Ruling(settings.rules, telemetry)
        self.rules = self._ruling.source
        self.admission = Admission(lambda: self.rules.current.guards, telemetry, draining)
        self.documented = Documented(self.admission)
        telemetry.gauge("status_guard_requests_in_flight", "Requests being answered.", lambda: self.admission.in_flight)

    @property
    def checks(self) -> dict[str, Check]:
        """What readiness asks, by name."""
        return {"rules": self._ruling.check}

    @property
    def in_flight(self) -> int:
        """Requests being answered."""
        return self.admission.in_flight

    def poll(self) -> None:
        """Look at the rules once; log what came of it."""
        self._ruling.poll()


class Documented:
    """The FastAPI application, made when it is first asked for.

    The API server never needs it, and importing it would be most of the time from exec to the first answer.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._making = asyncio.Lock()
        self._api: Application | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one scope on."""
        async with self._making:
            if self._api is None:
                self._api = await asyncio.to_thread(self._make)  # half a second in which reviews are answered
        await self._api(scope, receive, send)

    def _make(self) -> Application:
        from app.api.documented import create_api  # noqa: PLC0415 - see the class

        return create_api(self._admission)
