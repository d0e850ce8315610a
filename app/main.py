"""The composition root: the only module that knows all roles, and how they start and stop together."""

import asyncio
import gc
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Literal

import uvicorn
import uvloop

from app.api.admission import MOST_BUFFERED, Application, Front
from app.api.allowance import LONGEST_HEAD, Allowance
from app.api.health import Check, Ops
from app.api.listener import address, listen
from app.roles.endpoint import Endpoint
from app.roles.webhook import CONNECTIONS, LARGEST_REQUEST, PATIENCE, Webhook
from app.settings import Role, Settings
from app.telemetry import Telemetry, configure_logging, log
from app.tls import ServingCertificate

if TYPE_CHECKING:
    from app.roles.gate import Gate
    from app.roles.keeper import Keeper

POLL: Final = 2.0
"""Seconds between two looks at rules and certificates. Mounted files change without events worth the name (kubelet
swaps a link), and kubelet itself takes up to a minute; reading a few files costs under a millisecond."""

KEEP_ALIVE: Final = 120
"""Seconds. The API server's client keeps idle connections for 90; ending them first would break its next call."""

LINGER: Final = 5
"""Seconds in which callers close their ends after a shutdown's last answer. API servers take milliseconds; one that the
network lost would hold up the end beyond kubelet's patience (terminationGracePeriodSeconds, 30 by default)."""


class Process:
    """The parts of one process, made once; nothing of it runs yet.

    Raises:
        SettingsError: something it needs is not set.
        RulesError: the rule documents cannot be used.
        CertificateError: the certificate cannot be served.
        ListenError: an address cannot be listened on.
    """

    def __init__(self, settings: Settings) -> None:
        self.telemetry = Telemetry()
        self.gate = _gate(settings, self.telemetry) if Role.GATE in settings.roles else None
        self.connections = max(CONNECTIONS, self.gate.connections if self.gate else 0)
        self.patience = max(PATIENCE, self.gate.patience if self.gate else 0)
        head = self.gate.longest_head if self.gate else LONGEST_HEAD
        allowance = Allowance(LARGEST_REQUEST, MOST_BUFFERED + self.connections * LONGEST_HEAD, head)
        self.draining = False
        calls = {Role.WEBHOOK, Role.GATE} & set(settings.roles)
        self.endpoint = Endpoint(settings, allowance, self.connections) if calls else None
        if self.endpoint:
            self.endpoint.export(self.telemetry)
        webhook = Role.WEBHOOK in settings.roles
        self.webhook = Webhook(settings, self.telemetry, lambda: self.draining) if webhook else None
        keeper = Role.KEEPER in settings.roles
        self.keeper = _keeper(settings, self.telemetry, self.webhook) if keeper else None
        self.ops = Ops(self._checks(), self.telemetry)

    def _checks(self) -> dict[str, Check]:
        parts = (self.endpoint, self.webhook, self.gate, self.keeper)
        return {name: check for part in parts if part for name, check in part.checks.items()}

    @property
    def in_flight(self) -> int:
        """Requests being answered, and installs being sent."""
        return sum(role.in_flight for role in (self.webhook, self.gate) if role)

    @property
    def guards(self) -> int:
        """Guards in force."""
        role = self.webhook or self.keeper
        return len(role.rules.current.guards) if role else 0

    def begin(self) -> None:
        """It serves from now on."""
        if self.endpoint:
            self.endpoint.serving = True
            self.endpoint.say_what_is_wrong()

    def end(self) -> None:
        """It is about to stop: readiness fails from now on."""
        self.draining = True
        for part in (self.endpoint, self.keeper):
            if part:
                part.draining = True

    def poll(self) -> None:
        """Look at everything on disk once."""
        for part in (self.webhook, self.keeper, self.endpoint):
            if part:
                part.poll()

    async def run(self) -> None:
        """What goes on beside requests; until cancelled."""
        running = [role.run() for role in (self.gate, self.keeper) if role]
        await asyncio.gather(*running, *([] if running else [asyncio.Event().wait()]))

    async def drain(self) -> None:
        """Have those told who wait for something; returns when nothing of it is under way."""
        await asyncio.gather(*(role.drain() for role in (self.gate, self.keeper) if role))


def _keeper(settings: Settings, telemetry: Telemetry, webhook: Webhook | None) -> "Keeper":
    from app.roles.keeper import Keeper  # noqa: PLC0415 - the webhook alone does not pay for a client of the cluster

    return Keeper(settings, telemetry, webhook.rules if webhook else None)


def _gate(settings: Settings, telemetry: Telemetry) -> "Gate":
    from app.roles.gate import Gate  # noqa: PLC0415 - the webhook alone does not pay for what the gate imports

    return Gate(settings, telemetry)


def create_app(process: Process) -> Application:
    """The HTTPS endpoint's application; what one role does not know is left to the other. The keeper has none."""
    if process.webhook is None:
        assert process.gate is not None
        return process.gate.application()
    if process.gate is None:
        return Front(process.webhook.admission, process.webhook.documented)
    return Front(process.webhook.admission, process.gate.application(process.webhook.admission))


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain; returns when the last request is answered.

    Raises:
        SettingsError, RulesError, CertificateError, OSError: it could not start; the text says what to do.
    """
    configure_logging()
    process = Process(settings)
    ops_socket = listen(settings.host, settings.ops_port, CONNECTIONS, "--ops-port")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(process, ops_socket, settings.drain.total_seconds()))


async def _run(process: Process, ops_socket: socket.socket, drain: float) -> None:
    servers = _servers(process, ops_socket)
    running = asyncio.create_task(process.run())
    poller = asyncio.create_task(_poll(process))
    await asyncio.sleep(0)  # the servers have now taken the signals; from here on they are ours
    stop, hurry = _on_signals()
    process.begin()
    gc.collect()
    gc.freeze()  # what is loaded by now stays: looking through it again would cost each request several microseconds
    at = {"address": address(process.endpoint.socket)} if process.endpoint else {}
    log.info("serving", **at, ops=address(ops_socket), guards=process.guards)
    await _first(asyncio.create_task(stop.wait()), *servers.values(), running)
    process.end()
    log.info("draining", seconds=drain)
    hurried = asyncio.create_task(hurry.wait())
    if stop.is_set():
        await _first(hurried, asyncio.create_task(asyncio.sleep(drain)))
    draining = asyncio.create_task(process.drain())
    abandoned = asyncio.create_task(_abandoned(process, draining))
    for server, task in servers.items():
        server.should_exit = True
        await _first(hurried, abandoned, task)
        if not task.done():  # whoever runs this cancels what is still running
            if hurry.is_set():
                log.warning("stopped at once, as asked by a second signal", in_flight=process.in_flight)
            else:
                log.warning("stopped; callers left connections open")
            return
        await task
    await _first(hurried, draining)
    poller.cancel()
    if running.done():
        await running
    log.info("stopped")


def _servers(process: Process, ops_socket: socket.socket) -> dict[uvicorn.Server, asyncio.Task[None]]:
    """The listeners, running, in the order in which they stop."""
    servers = {}
    if process.endpoint:
        app, certificate = create_app(process), process.endpoint.certificate
        main = uvicorn.Server(_config(app, "httptools", certificate, process.connections, process.patience))
        servers[main] = asyncio.create_task(main.serve(sockets=[process.endpoint.socket]))
    ops = uvicorn.Server(_config(process.ops, "h11"))  # slower, but bounds header lines, without TLS to count them in
    servers[ops] = asyncio.create_task(ops.serve(sockets=[ops_socket]))
    return servers


async def _abandoned(process: Process, draining: asyncio.Task[None]) -> None:
    """Wait until nothing is in flight, and for as long again as callers have to close their connections."""
    await asyncio.wait([draining])
    while process.in_flight:  # noqa: ASYNC110 - an event would have to be kept for every request
        await asyncio.sleep(0.1)
    await asyncio.sleep(LINGER)


async def _first(*tasks: asyncio.Task[Any]) -> None:
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


def _on_signals() -> tuple[asyncio.Event, asyncio.Event]:
    """Events for the first SIGTERM or SIGINT, and for the second."""
    stop, hurry = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def caught() -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, caught)
    return stop, hurry


async def _poll(process: Process) -> None:
    while True:
        await asyncio.sleep(POLL)
        try:
            await asyncio.to_thread(process.poll)
        except Exception:  # noqa: BLE001 - the next look may go well, and requests must not suffer from this one
            log.exception("could not look at rules and certificates")


def _config(
    app: Callable[..., Awaitable[None]],
    http: Literal["httptools", "h11"],
    tls: ServingCertificate | None = None,
    connections: int = CONNECTIONS,
    patience: float = PATIENCE,
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=http,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=connections,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=int(patience),
        ssl_context_factory=(lambda _config, _default: tls.listener_context) if tls else None,
    )
