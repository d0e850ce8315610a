"""The gate role: installs in, held until they can succeed, and Rancher's answers out."""

from typing import Any, Final

from app.api.admission import Admission, Application, Receive, Scope, Send
from app.api.gate.problems import problem, written
from app.api.gate.writing import write
from app.core.gate.forwarding import LARGEST_HEADERS
from app.settings import Settings, SettingsError
from app.telemetry import Telemetry

OTHERS: Final = 1024
"""Connections beside those of held installs: reads of progress, calls that pass, probes."""


class Gate:
    """The parts of the gate role, made once.

    Raises:
        SettingsError: something it needs is not set.
    """

    patience = 90.0
    """Seconds that a request may take to its end once the process is to stop."""

    longest_head = 2 * LARGEST_HEADERS
    """Bytes of a request's header lines: what is taken, and as much again for what stands around names and values."""

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        if settings.rancher_url is None:
            raise SettingsError(settings.incomplete())
        self.connections = settings.most_held + OTHERS
        self.checks: dict[str, Any] = {}
        self.in_flight = 0
        self.telemetry = telemetry

    def application(self, admission: Admission | None = None) -> Application:
        """What answers at the HTTPS endpoint."""
        del admission

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            del scope, receive
            await write(send, written(problem(501, "not-there", "The gate is being built.")))

        return answer

    async def run(self) -> None:
        """What goes on beside requests."""

    async def drain(self) -> None:
        """Tell those who wait."""
