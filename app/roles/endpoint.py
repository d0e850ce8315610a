"""The HTTPS endpoint that the roles of a process share: one socket, one certificate, and their readiness."""

from datetime import UTC, datetime
from typing import Final

from app.api.allowance import Allowance
from app.api.health import Check, Health
from app.api.listener import listen
from app.api.probe import served_fingerprint
from app.settings import Settings, SettingsError
from app.telemetry import Telemetry, log
from app.tls import ServingCertificate

NEAR_EXPIRY: Final = 7 * 24 * 3600
"""Seconds before the certificate's end at which readiness and the log say so: time to act on a working day."""

SOON: Final = "the certificate ends soon; renew it, or find out why nobody did"
EXPIRED: Final = "the certificate has expired"
EARLY: Final = "the certificate is not valid yet; check this machine's clock"


class Endpoint:
    """The socket and the certificate.

    Args:
        settings: where to listen, with which certificate.
        allowance: what callers may send before anything of it is a request.
        connections: as many may wait to be accepted.

    Raises:
        SettingsError: something it needs is not set.
        CertificateError: the certificate cannot be served.
        ListenError: the address cannot be listened on.
    """

    def __init__(self, settings: Settings, allowance: Allowance, connections: int) -> None:
        if not (settings.tls_cert and settings.tls_key) or settings.incomplete():
            raise SettingsError(settings.incomplete())
        self.draining = False
        self.serving = False
        self._said = ("", "")
        self.certificate = ServingCertificate(
            settings.tls_cert,
            settings.tls_key,
            client_ca=settings.client_ca,
            client_names=frozenset(settings.client_name),
        )
        self.allowance = allowance
        context = self.certificate.listener_context
        context.sslobject_class = allowance.applied_to(context.sslobject_class)
        self.socket = listen(settings.host, settings.port, connections, "--port")

    @property
    def checks(self) -> dict[str, Check]:
        """What readiness asks, by name."""
        return {"serving": self._check_serving, "certificate": self._check_certificate, "tls": self._check_tls}

    def export(self, telemetry: Telemetry) -> None:
        """Show its figures among the metrics."""
        gauge, certificate = telemetry.gauge, self.certificate
        gauge("status_guard_held_bytes", "Bytes received that no answer was sent for.", lambda: self.allowance.held)
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
        """Look at the certificate once; log what came of it."""
        pair = self.certificate.reload_if_changed()
        if pair.outcome == "accepted":
            log.info("certificate accepted", not_after=self.certificate.not_after.isoformat())
        elif pair.outcome == "refused":
            log.error("certificate refused; the earlier pair stays in force", reason=pair.error)
        self.say_what_is_wrong()


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - certificates are judged by the time at which they are served
