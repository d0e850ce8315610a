"""A certificate that is exchanged under a listener that never stops.

Two facts shape this file. Loading a half-rotated pair (new certificate, old key) into a live ``ssl.SSLContext``
raises *and* leaves that context without a usable pair, so every later handshake fails; and a listener keeps the
context it was given. Hence the listener's context holds no certificate at all: its ``sni_callback``, which OpenSSL
calls in every handshake, with or without a server name, moves the connection to the newest proven context.
"""

import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from app.tls.clients import checked_connection, require_certificate
from app.tls.proof import CertificateError, Files, prove, server_context


@dataclass(frozen=True, slots=True)
class Reload:
    """What one look at the files led to.

    ``refused`` is said once for each new refusal; while the same bad content lies there, later looks are ``unchanged``.
    """

    outcome: Literal["unchanged", "accepted", "refused"]
    error: str = ""


class ServingCertificate:
    """A certificate, its key and optionally a client CA, followed from their files into handshakes.

    Args:
        certificate: PEM file, the leaf first, then its chain.
        key: PEM file with the leaf's private key, not encrypted.
        client_ca: PEM bundle; with it a client must show a certificate that leads to one in the bundle.
        client_names: with these, the client certificate's common name or one of its DNS names must be among them.

    Attributes:
        listener_context: what the listener is given, once.
        generation: 1 after the start, one more for each accepted change.
        failures: how many times a changed pair was refused.
        refused_clients: how many handshakes the client CA or the names ended, or a peer that speaks no TLS.
        last_refused_client: why the last of them was refused; may contain the names in the client's certificate.

    Raises:
        CertificateError: the files cannot be served. At the start a pair that is merely out of date is served all the
            same, since a silent listener tells nobody why; ``out_of_date`` then says it.
    """

    def __init__(
        self,
        certificate: Path,
        key: Path,
        *,
        client_ca: Path | None = None,
        client_names: frozenset[str] = frozenset(),
    ) -> None:
        if client_names and client_ca is None:
            raise CertificateError(
                "client names are given without a client CA; name the CA file too, or drop the names"
            )
        self._files = Files(certificate, key, client_ca)
        self._served = prove(self._files, any_date=True)
        self._refused = (b"", "")
        self.generation = 1
        self.failures = 0
        self.refused_clients = 0
        self.last_refused_client = ""
        self.listener_context = server_context()
        self.listener_context.sni_callback = self._choose
        if client_ca is not None:
            require_certificate(self.listener_context)
            self.listener_context.sslobject_class = checked_connection(client_names, self._note_refused_client)

    def reload_if_changed(self) -> Reload:
        """Look at the files; if they changed and prove good, serve them from the next handshake on.

        Open connections stay as they are. A key that does not belong to the certificate, a file that is missing or
        broken, and a pair out of date are refused, and what was served before stays. It polls, because a mounted
        Secret changes by a swap of symbolic links that file events miss. Blocks for some milliseconds; call it from
        one thread at a time.
        """
        digest = b""
        try:
            digest = self._files.digest()
            if digest == self._served.digest:
                self._refused = (b"", "")
                return Reload("unchanged")
            self._served = prove(self._files, any_date=False)
        except CertificateError as error:
            return self._refuse(digest, str(error))
        self._refused = (b"", "")
        self.generation += 1
        return Reload("accepted")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the served leaf in DER form, in lower-case hexadecimal."""
        return self._served.fingerprint

    @property
    def not_before(self) -> datetime:
        """When the served leaf becomes valid, in UTC."""
        return self._served.not_before

    @property
    def not_after(self) -> datetime:
        """When the served leaf expires, in UTC."""
        return self._served.not_after

    @property
    def last_error(self) -> str | None:
        """Why what lies in the files now is not served; None while files and served pair agree."""
        return self._refused[1] or None

    def out_of_date(self, now: datetime) -> str | None:
        """Say that clients refuse the served leaf for its dates, and what to do; None while they do not."""
        if now > self.not_after:
            return f"{self._files.certificate} expired at {self.not_after:%Y-%m-%dT%H:%M:%SZ}; put a renewed pair there"
        if now < self.not_before:
            return (
                f"{self._files.certificate} is valid only from {self.not_before:%Y-%m-%dT%H:%M:%SZ};"
                " check this machine's clock, or put an earlier pair there"
            )
        return None

    def _refuse(self, digest: bytes, error: str) -> Reload:
        if (digest, error) == self._refused:
            return Reload("unchanged")
        self._refused = (digest, error)
        self.failures += 1
        return Reload("refused", error)

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _listener: ssl.SSLContext) -> None:
        connection.context = self._served.context

    def _note_refused_client(self, why: str) -> None:
        self.refused_clients += 1
        self.last_refused_client = why
