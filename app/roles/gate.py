"""The gate role: installs in, held until they can succeed, and Rancher's answers out."""

import asyncio
import random
import secrets
from datetime import UTC, datetime
from typing import Final

from app.api.admission import Admission, Application
from app.api.gate.edge import Edge
from app.api.gate.identity import Identities
from app.api.gate.pages import HtmlPages
from app.api.gate.reception import Reception
from app.api.gate.telemetry import GateTelemetry
from app.api.health import Check, Health
from app.core.gate.forwarding import LARGEST_HEADERS
from app.core.gate.schedule import fresh_probes
from app.gate.clock import LoopClock
from app.gate.gate import Gate as Engine
from app.gate.journal import Journal, JournalError
from app.gate.limits import Limits
from app.gate.port import AnswerLostError, NotSentError
from app.gate.progress import Interrupted, Progress
from app.rancher.client import RancherClient
from app.rancher.passing import Passing
from app.rancher.upstream import Upstream, UpstreamError
from app.roles.allocator import give_back
from app.roles.descriptors import require
from app.roles.journal import open_journal
from app.roles.journal_lines import Keeping
from app.settings import Balancing, Settings, SettingsError
from app.telemetry import Telemetry, log

OTHERS: Final = 1024
"""Connections beside those of held installs: reads of progress, calls that pass, probes."""
UPSTREAM: Final = 256
"""Open files beside callers' connections: Rancher's side of what passes, installs being sent, logs, certificates."""
KEY_BYTES: Final = 32
"""Of the secret under which credentials have fingerprints; it lives as long as the process."""
PING_PATIENCE: Final = 0.8
"""Seconds for Rancher to say that it is there: within a probe's usual timeout of one."""


class Gate:
    """The parts of the gate role, made once.

    Args:
        settings: where Rancher is, and how much is held.
        telemetry: counts and logs.

    Raises:
        SettingsError: something it needs is not set, or cannot be used.
    """

    patience = 90.0
    """Seconds that a request may take to its end once the process is to stop: twice the time in which the traces of an
    install are looked for whose answer was lost (``core.gate.schedule.SETTLE``)."""

    longest_head = 2 * LARGEST_HEADERS
    """Bytes of a request's header lines: what is taken, and as much again for what stands around names and values."""

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        if settings.rancher_url is None:
            raise SettingsError(settings.incomplete())
        self.connections = settings.most_held + OTHERS
        require(self.connections + UPSTREAM)
        give_back()
        self._telemetry = GateTelemetry(telemetry)
        try:
            upstream = Upstream.at(settings.rancher_url, settings.rancher_ca)
        except UpstreamError as error:
            raise SettingsError(str(error)) from None
        self._client = RancherClient(upstream, self._telemetry.exchange)
        self._passing = Passing(upstream, self._telemetry.exchange)
        clock = LoopClock(_now)
        journal, past = _journal(settings)
        self._engine = Engine(self._client, clock, self._telemetry, limits(settings), journal=journal, past=past)
        identities = Identities(self._client, clock, random.random)
        key = secrets.token_bytes(KEY_BYTES)
        self._reception = Reception(identities, key, clock, self._telemetry)
        self._edge = Edge(
            self._engine,
            self._client,
            self._passing,
            self._reception,
            self._telemetry,
            hold_index=settings.hold_index.total_seconds(),
            most_held=settings.most_held,
            pages=HtmlPages(),
        )
        telemetry.gauge(
            "status_guard_gate_requests_in_flight", "Calls being held, passed or answered.", lambda: self.in_flight
        )

    @property
    def checks(self) -> dict[str, Check]:
        """What readiness asks, by name."""
        return {"rancher": self._check_rancher}

    async def _check_rancher(self) -> Health:
        """Whether Rancher answers is said here, and is no reason to be unready.

        A gate that became unready with Rancher would be taken out of its Service, and callers that it could hold until
        Rancher is back would find nobody.
        """
        try:
            async with asyncio.timeout(PING_PATIENCE), self._passing.passed(b"GET", b"/ping", (), None) as answer:
                return Health(ok=True, detail=f"Rancher answers: {answer.status}")
        except (NotSentError, AnswerLostError, TimeoutError) as error:
            words = str(error) or f"nothing within {PING_PATIENCE:g} s"
            return Health(ok=True, detail=f"Rancher does not answer: {words}")

    @property
    def in_flight(self) -> int:
        """Calls being answered."""
        return self._reception.in_flight

    def application(self, admission: Admission | None = None) -> Application:
        """What answers at the HTTPS endpoint.

        Args:
            admission: of the webhook, if that runs here as well: it is described in the same document.
        """
        return self._edge.application(admission)

    async def run(self) -> None:
        """What goes on beside requests; until cancelled."""
        try:
            await self._engine.run()
        finally:
            self._client.close()
            self._passing.close()

    async def drain(self) -> None:
        """Have those told who are held; returns when nothing is being sent any more."""
        self._reception.draining = True
        await self._engine.drain()


def limits(settings: Settings) -> Limits:
    """What one process takes on."""
    each_request = settings.rancher_balancing is Balancing.L7
    return Limits(
        held=settings.most_held,
        held_per_caller=settings.most_held_per_caller,
        posts=settings.most_posts,
        records=settings.most_records,
        probes=fresh_probes(settings.rancher_replicas) if each_request else 1,
    )


def _journal(settings: Settings) -> tuple[Journal | None, list[tuple[Progress, datetime]]]:
    """Where asynchronous installs are written down, and those of before a restart."""
    if settings.journal is None:
        return None, []
    try:
        journal, past = open_journal(settings.journal, _now(), Keeping(limits(settings).kept, settings.most_records))
    except JournalError as error:
        raise SettingsError(str(error)) from None
    interrupted = [progress for progress, _ in past if isinstance(progress.outcome, Interrupted)]
    log.info("journal opened", installs=len(past), interrupted=len(interrupted))
    return journal, past


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - this is the edge: the engine gets its clock as an argument
