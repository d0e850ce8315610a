"""The composition root: the only module that knows all parts, and how they start and stop together."""

import asyncio
import gc
import signal
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final, Literal

import uvicorn
import uvloop

from app.api.admission import LONGEST_WAIT, MOST_BUFFERED, Admission, Application, Front, Receive, Scope, Send
from app.api.allowance import LONGEST_HEAD, Allowance
from app.api.health import Health, Ops
from app.api.listener import address, listen
from app.api.probe import served_fingerprint
from app.api.wire import LARGEST_REVIEW
from app.rules import RuleSource
from app.settings import Settings, SettingsError
from app.telemetry import Telemetry, configure_logging, log
from app.tls import ServingCertificate

POLL: Final = 2.0
"""Seconds between two looks at rules and certificates. Mounted files change without events worth the name (kubelet
swaps a link), and kubelet itself takes up to a minute; reading a few files costs under a millisecond."""

KEEP_ALIVE: Final = 120
"""Seconds. The API server's client keeps idle connections for 90; ending them first would break its next call."""

MOST_CONNECTIONS: Final = 1024
"""Open connections; beyond them uvicorn answers 503. A TLS connection costs some 50 KB."""

LARGEST_REQUEST: Final = LARGEST_REVIEW + 1024 * 1024
"""Bytes of a request with all that goes with its body: header lines, and what a chunked body is wrapped in."""

LINGER: Final = 5
"""Seconds in which callers close their ends after a shutdown's last answer. API servers take milliseconds; one that the
network lost would hold up the end beyond kubelet's patience (terminationGracePeriodSeconds, 30 by default)."""

NEAR_EXPIRY: Final = 7 * 24 * 3600
"""Seconds before the certificate's end at which readiness and the log say so: time to act on a working day."""

SOON: Final = "the certificate ends soon; renew it, or find out why nobody did"
EXPIRED: Final = "the certificate has expired"
EARLY: Final = "the certificate is not valid yet; check this machine's clock"


class Webhook:
    """The webhook role: its parts, made once.

    Raises:
        SettingsError: something it needs is not set.
        RulesError: the rule documents cannot be used.
        CertificateError: the certificate cannot be served.
    """

    def __init__(self, settings: Settings) -> None:
        if not (settings.rules and settings.tls_cert and settings.tls_key) or settings.incomplete():
            raise SettingsError(settings.incomplete())
        self.draining = False
        self.serving = False
        self._said = ("", "")
        self.rules = RuleSource([settings.rules])
        self.certificate = ServingCertificate(
            settings.tls_cert,
            settings.tls_key,
            client_ca=settings.client_ca,
            client_names=frozenset(settings.client_name),
        )
        self.allowance = Allowance(LARGEST_REQUEST, MOST_BUFFERED + MOST_CONNECTIONS * LONGEST_HEAD)
        context = self.certificate.listener_context
        context.sslobject_class = self.allowance.applied_to(context.sslobject_class)
        self.telemetry = Telemetry()
        self.admission = Admission(lambda: self.rules.current.guards, self.telemetry, lambda: self.draining)
        self.socket = listen(settings.host, settings.port, MOST_CONNECTIONS, "--port")
        checks = {
            "serving": self._check_serving,
            "rules": self._check_rules,
            "certificate": self._check_certificate,
            "tls": self._check_tls,
        }
        self.ops = Ops(checks, self.telemetry)
        self._export()

    def _export(self) -> None:
        gauge = self.telemetry.gauge
        rules, certificate = self.rules, self.certificate
        gauge("status_guard_requests_in_flight", "Requests being answered.", lambda: self.admission.in_flight)
        gauge("status_guard_held_bytes", "Bytes received that no answer was sent for.", lambda: self.allowance.held)
        gauge("status_guard_rules_generation", "Rule sets accepted since the start.", lambda: rules.generation)
        gauge("status_guard_rules_guards", "Guards in force.", lambda: len(rules.current.guards))
        gauge("status_guard_rules_reload_failures", "Rule sets refused since the start.", lambda: rules.failures)
        gauge("status_guard_certificate_expiry_seconds", "Seconds until the served certificate ends.", self._left)
        gauge(
            "status_guard_clients_refused",
            "TLS handshakes ended by the client CA or its names; the readiness check's own are among them.",
            lambda: certificate.refused_clients,
        )
        gauge(
            "status_guard_certificate_reload_failures",
            "Certificate pairs refused since the start.",
            lambda: certificate.failures,
        )

    def _left(self) -> float:
        return (self.certificate.not_after - _now()).total_seconds()

    async def _check_serving(self) -> Health:
        if self.draining:
            return Health(ok=False, detail="shutting down")
        return Health(ok=self.serving, detail="" if self.serving else "starting")

    async def _check_rules(self) -> Health:
        """An earlier good set goes on working, so a refused one is said here and is no reason to be unready."""
        current = f"generation {self.rules.generation}, {len(self.rules.current.guards)} guards"
        error = self.rules.last_error
        return Health(ok=True, detail=f"{current}; the rules on disk are refused: {error}" if error else current)

    async def _check_certificate(self) -> Health:
        until = f"valid until {self.certificate.not_after.isoformat()}"
        error = self.certificate.last_error
        refused = f"; the files on disk are refused: {error}" if error else ""
        trouble = self._trouble()
        if trouble in {EXPIRED, EARLY}:
            why = f"expired, was {until}" if trouble == EXPIRED else f"{self.certificate.out_of_date(_now())}"
            return Health(ok=False, detail=why + refused)
        return Health(ok=True, detail=f"{'expires soon, ' if trouble else ''}{until}{refused}")

    async def _check_tls(self) -> Health:
        """Dials its own port as the API server would: what is served has to be the current certificate."""
        try:
            fingerprint = await served_fingerprint(self.socket)
        except (OSError, TimeoutError) as error:
            return Health(ok=False, detail=f"own TLS port does not answer: {type(error).__name__}")
        current = fingerprint == self.certificate.fingerprint
        return Health(ok=current, detail="" if current else "another certificate is served than the current one")

    def _trouble(self) -> str:
        """What is wrong with the served certificate's dates; empty if nothing is."""
        if self.certificate.out_of_date(_now()):
            return EXPIRED if self._left() < 0 else EARLY
        return SOON if self._left() < NEAR_EXPIRY else ""

    def say_what_is_wrong(self) -> None:
        """Log what is wrong with the served certificate's dates: at once, and then once a day."""
        said = (self._trouble(), f"{_now():%Y-%m-%d}")
        if said[0] and said != self._said:
            log.error(said[0], not_after=self.certificate.not_after.isoformat())
        self._said = said

    def poll(self) -> None:
        """Look at rules and certificates once; log what came of it."""
        rules = self.rules.reload_if_changed()
        if rules.outcome == "accepted":
            log.info("rules accepted", generation=self.rules.generation, guards=len(self.rules.current.guards))
        elif rules.outcome == "refused":
            log.error("rules refused; the earlier set stays in force", mistakes=str(self.rules.last_error).splitlines())
        pair = self.certificate.reload_if_changed()
        if pair.outcome == "accepted":
            log.info("certificate accepted", not_after=self.certificate.not_after.isoformat())
        elif pair.outcome == "refused":
            log.error("certificate refused; the earlier pair stays in force", reason=pair.error)
        self.say_what_is_wrong()


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - certificates are judged by the time at which they are served


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


def create_app(webhook: Webhook) -> Application:
    """The HTTPS listener's application."""
    return Front(webhook.admission, Documented(webhook.admission))


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain; returns when the last request is answered.

    Raises:
        SettingsError, RulesError, CertificateError, OSError: it could not start; the text says what to do.
    """
    configure_logging()
    webhook = Webhook(settings)
    ops_socket = listen(settings.host, settings.ops_port, MOST_CONNECTIONS, "--ops-port")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(webhook, ops_socket, settings.drain.total_seconds()))


async def _run(webhook: Webhook, ops_socket: socket.socket, drain: float) -> None:
    main = uvicorn.Server(_config(create_app(webhook), "httptools", tls=webhook.certificate))
    ops = uvicorn.Server(_config(webhook.ops, "h11"))  # slower, but bounds header lines, without TLS to count them in
    main_task = asyncio.create_task(main.serve(sockets=[webhook.socket]))
    ops_task = asyncio.create_task(ops.serve(sockets=[ops_socket]))
    poller = asyncio.create_task(_poll(webhook))
    await asyncio.sleep(0)  # both servers have now taken the signals; from here on they are ours
    stop, hurry = _on_signals()
    webhook.serving = True
    webhook.say_what_is_wrong()
    gc.collect()
    gc.freeze()  # what is loaded by now stays: looking through it again would cost each request several microseconds
    log.info(
        "serving", address=address(webhook.socket), ops=address(ops_socket), guards=len(webhook.rules.current.guards)
    )
    await _first(asyncio.create_task(stop.wait()), main_task, ops_task)
    webhook.draining = True
    log.info("draining", seconds=drain)
    hurried = asyncio.create_task(hurry.wait())
    if stop.is_set():
        await _first(hurried, asyncio.create_task(asyncio.sleep(drain)))
    abandoned = asyncio.create_task(_abandoned(webhook.admission))
    for server, task in ((main, main_task), (ops, ops_task)):
        server.should_exit = True
        await _first(hurried, abandoned, task)
        if not task.done():  # whoever runs this cancels what is still running
            if hurry.is_set():
                log.warning("stopped at once, as asked by a second signal", in_flight=webhook.admission.in_flight)
            else:
                log.warning("stopped; callers left connections open")
            return
        await task
    poller.cancel()
    log.info("stopped")


async def _abandoned(admission: Admission) -> None:
    """Wait until nothing is in flight, and for as long again as callers have to close their connections."""
    while admission.in_flight:  # noqa: ASYNC110 - an event would have to be kept for every request
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


async def _poll(webhook: Webhook) -> None:
    while True:
        await asyncio.sleep(POLL)
        try:
            await asyncio.to_thread(webhook.poll)
        except Exception:  # noqa: BLE001 - the next look may go well, and requests must not suffer from this one
            log.exception("could not look at rules and certificates")


def _config(
    app: Callable[..., Awaitable[None]], http: Literal["httptools", "h11"], tls: ServingCertificate | None = None
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
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=int(LONGEST_WAIT),
        ssl_context_factory=(lambda _config, _default: tls.listener_context) if tls else None,
    )
