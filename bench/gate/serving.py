"""The gate as it is put together for service, but in the stand-in's time."""

import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from random import Random

from scripted_gate import served

from app.api.gate.edge import Edge
from app.api.gate.identity import Identities
from app.api.gate.reception import Reception
from app.api.gate.telemetry import GateTelemetry
from app.core.gate.schedule import fresh_probes
from app.gate.clock import LoopClock
from app.gate.gate import Gate
from app.gate.limits import Limits
from app.rancher.client import RancherClient
from app.rancher.passing import Passing
from app.rancher.upstream import Upstream
from app.telemetry import Telemetry
from tests.rancher import Rancher
from tests.rancher.standin import authority


@cache
def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@dataclass(frozen=True)
class Options:
    """How the gate is set up.

    Attributes:
        hold_index: seconds for which reads of an index are held; 0 for not at all.
        replicas: of Rancher behind a proxy that balances each request; 0 where connections are balanced.
    """

    hold_index: float
    replicas: int


@asynccontextmanager
async def served_gate(rancher: Rancher, url: str, options: Options, random: Random) -> AsyncIterator[str]:
    """A gate before a Rancher at a URL; its own URL.

    The engine's clock runs as fast as the stand-in's, and with it every pause, poll, deadline and settling of the
    gate's. What stays in real time are limits of the wire (10 s to connect, 90 s for a probe) and the edge's own, later
    second behind each deadline of the engine's: none is reached.
    """
    telemetry = GateTelemetry(Telemetry())
    upstream = Upstream.at(url, rancher.ca_file)
    client = RancherClient(upstream, telemetry.exchange)
    passing = Passing(upstream, telemetry.exchange)
    clock = LoopClock(rancher.clock.now, rancher.clock.factor)
    limits = Limits(probes=fresh_probes(options.replicas) if options.replicas else 1)
    engine = Gate(client, clock, telemetry, limits, random=random)
    identities = Identities(client, clock, random.random)
    reception = Reception(identities, secrets.token_bytes(32), clock, telemetry)
    edge = Edge(engine, client, passing, reception, telemetry, hold_index=options.hold_index)
    async with served(edge.application(), _context()) as port:
        try:
            yield f"https://127.0.0.1:{port}"
        finally:
            await engine.drain()
            client.close()
            passing.close()
