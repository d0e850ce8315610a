"""The edge over TLS with a scripted engine, and connections to it."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from gate_wire import INSTALL, Answer, Wire, request
from scripted_gate import Scene, scene, served
from server_process import Pki

USERS = {"token-ann:MARKER-ann-secret": "u-ann", "token-bob:MARKER-bob-secret": "u-bob"}
ANN = "Bearer token-ann:MARKER-ann-secret"
BOB = "Bearer token-bob:MARKER-bob-secret"
COOKIE = "R_SESS=token-ann:MARKER-ann-secret; CSRF=MARKER-csrf"

Begin = Callable[..., Awaitable["Served"]]


class Served:
    """A served edge, and a client of it."""

    def __init__(self, made: Scene, context: ssl.SSLContext, stack: AsyncExitStack) -> None:
        self.scene = made
        self.engine = made.engine
        self.rancher = made.rancher
        self.upstream = made.upstream
        self._context = context
        self._stack = stack

    async def connect(self) -> Wire:
        """A connection that ends with the test."""
        wire = await Wire.open(self.scene.port, self._context)
        self._stack.callback(wire.close)
        return wire

    async def begin(self, path: str = INSTALL, body: Any = None, **headers: Any) -> Wire:
        """Send a request as Ann, and leave its answer to be read."""
        wire = await self.connect()
        return await wire.send(request(path, body, **({"authorization": ANN} | headers)))

    async def ask(self, path: str = INSTALL, body: Any = None, **headers: Any) -> Answer:
        """Send a request as Ann, and read its answer."""
        wire = await self.begin(path, body, **headers)
        return await wire.answer(headers.get("method", "POST"))

    def metric(self, name: str, **labels: str) -> float:
        """A metric's value."""
        return self.scene.telemetry.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
async def begin(pki: Pki) -> AsyncIterator[Begin]:
    """Serves an edge with these options."""
    async with AsyncExitStack() as stack:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pki.certificate, pki.key)

        async def start(**options: Any) -> Served:
            made, edge = scene(USERS, **options)
            made.port = await stack.enter_async_context(served(edge.application(), context))
            return Served(made, pki.client_context(), stack)

        yield start


@pytest.fixture
async def gate(begin: Begin) -> Served:
    """An edge with default options."""
    return await begin()
