"""The gate's endpoints put together: what they share, and the FastAPI application that is made when it is asked for."""

import asyncio
from dataclasses import dataclass

from app.api.admission import Admission, Application, Receive, Scope, Send
from app.api.gate.events import SILENCE
from app.api.gate.front import GateFront
from app.api.gate.helm_log import Logs
from app.api.gate.holding import Holding
from app.api.gate.index import HeldIndex
from app.api.gate.installs import Installs
from app.api.gate.passing import Passing, Upstream
from app.api.gate.receiving import MOST_KEPT, Bodies
from app.api.gate.reception import Reception
from app.api.gate.telemetry import GateTelemetry
from app.api.gate.view import Pages
from app.gate.gate import Gate
from app.gate.port import Rancher


@dataclass(frozen=True, slots=True)
class Edge:
    """What the endpoints are made of.

    Attributes:
        engine: holds installs.
        rancher: reads helm's log.
        upstream: passes calls on.
        reception: says who calls.
        telemetry: counts.
        hold_index: seconds for which reads of an index are held; 0 for not at all.
        most_held: reads held at once.
        most_body_bytes: that the bodies of living installs take together.
        silence: seconds between two signs of life on a stream.
        pages: makes pages; browsers get JSON without it.
    """

    engine: Gate
    rancher: Rancher
    upstream: Upstream
    reception: Reception
    telemetry: GateTelemetry
    hold_index: float = 0.0
    most_held: int = 10_000
    most_body_bytes: int = MOST_KEPT
    silence: float = SILENCE
    pages: Pages | None = None

    def application(self, admission: Admission | None = None) -> Application:
        """What answers at the HTTPS endpoint.

        Args:
            admission: of the webhook, if that runs here as well: it is described in the same document.
        """
        installs = Installs(self.engine, self.reception, Logs(self.rancher), self.pages)
        passing = Passing(self.upstream, self.reception, self.telemetry)
        holding = Holding(self.engine, self.reception, Bodies(most_kept=self.most_body_bytes), self.silence)
        index = HeldIndex(self.engine, self.reception, passing, self.hold_index, self.most_held)
        return GateFront(self.reception, holding, index, passing, _Documented(installs, admission))


class _Documented:
    """The FastAPI application, made when it is first asked for: importing it is most of what a start would take."""

    def __init__(self, installs: Installs, admission: Admission | None) -> None:
        self._installs = installs
        self._admission = admission
        self._making = asyncio.Lock()
        self._api: Application | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one scope on."""
        async with self._making:
            if self._api is None:
                self._api = await asyncio.to_thread(self._make)
        await self._api(scope, receive, send)

    def _make(self) -> Application:
        from app.api.gate.documented import create_gate_api  # noqa: PLC0415 - see the class

        return create_gate_api(self._installs, self._admission)
