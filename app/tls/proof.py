"""From files to a context that has shaken hands: what is served is what was read, and clients will take it."""

import hashlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from app.tls.clients import require_certificate

_MAX_BYTES: Final = 1 << 20
"""A Kubernetes Secret or ConfigMap holds at most 1 MiB, so a longer file is not what was meant."""

_READS: Final = 5
"""Attempts to see the files unchanged from before loading to after it. Each takes milliseconds; a writer that beats
five of them is still writing, and the next look is soon enough."""

_ROUNDS: Final = 5
"""Turns for each end of a handshake in memory. TLS 1.2 needs three, TLS 1.3 two, a retried key share one more."""

_OUT_OF_DATE: Final = frozenset({9, 10})
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""

_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_END: Final = "-----END CERTIFICATE-----"


class CertificateError(Exception):
    """The files cannot be served; the message names the file, what is wrong with it and what to do."""


class _OutOfDateError(CertificateError):
    """Nothing is wrong but the dates."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where the pair and the client CA are."""

    certificate: Path
    key: Path
    client_ca: Path | None

    def digest(self) -> bytes:
        """Hash the content of all files.

        Raises:
            CertificateError: a file cannot be read.
        """
        paths = [self.certificate, self.key, *([self.client_ca] if self.client_ca else [])]
        return b"".join(hashlib.sha256(_read(path)).digest() for path in paths)


@dataclass(frozen=True, slots=True)
class Proven:
    """A context ready to serve, and what its leaf says of itself."""

    digest: bytes
    context: ssl.SSLContext
    fingerprint: str
    not_before: datetime
    not_after: datetime


def server_context() -> ssl.SSLContext:
    """Make a context for the listener or for one generation: OpenSSL takes some settings from either.

    HTTP/1.1 alone is offered, because that is what answers behind it. Sessions are not resumed by ticket: a resumed
    client shows no certificate again, and ticket keys live as long as the process. API servers never ask for one.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.num_tickets = 0  # TLS 1.3; OP_NO_TICKET is for TLS 1.2
    # OP_NO_RENEGOTIATION: a TLS 1.2 client must not change its certificate after it was checked.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    return context


def prove(files: Files, *, any_date: bool) -> Proven:
    """Load the files and shake hands with them.

    Args:
        files: what to load.
        any_date: take a pair that is expired or not yet valid, too.

    Raises:
        CertificateError: the files cannot be served.
    """
    for _ in range(_READS):
        digest = files.digest()
        try:
            proven = _prove(files, digest, any_date=any_date)
        except CertificateError:
            # OpenSSL reads the files itself, so a verdict holds only for content that did not change meanwhile.
            if files.digest() == digest:
                raise
        else:
            if files.digest() == digest:
                return proven
    raise CertificateError(f"{files.certificate} or {files.key} changed at every reading; write them less often")


def _prove(files: Files, digest: bytes, *, any_date: bool) -> Proven:
    context = server_context()
    leaf = _first_certificate(files.certificate)
    _load_pair(context, files)
    try:
        dates = _dates_by_handshake(context, leaf, files.certificate)
    except _OutOfDateError:
        if not any_date:
            raise
        dates = _dates_by_parsing(leaf)
    if files.client_ca is not None:
        _load_client_ca(context, files.client_ca)
        require_certificate(context)
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(leaf)).hexdigest()
    return Proven(digest, context, fingerprint, *dates)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise CertificateError(
            f"cannot read {path}: {error.strerror}; check the path, the mount and the file's mode"
        ) from error
    if len(content) > _MAX_BYTES:
        raise CertificateError(f"{path} is longer than 1 MiB, which no certificate or key is; check the path")
    return content


def _first_certificate(path: Path) -> str:
    text = _read(path).decode("ascii", "ignore")
    begin = text.find(_BEGIN)
    end = text.find(_END, begin)
    if begin < 0 or end < 0:
        raise CertificateError(f"{path} holds no whole PEM certificate; write the leaf there, then its chain")
    return text[begin : end + len(_END)] + "\n"


def _load_pair(context: ssl.SSLContext, files: Files) -> None:
    def no_password() -> str:
        raise CertificateError(f"the key in {files.key} is encrypted; store it without a password, with mode 0600")

    try:
        context.load_cert_chain(files.certificate, files.key, no_password)
    except OSError as error:  # an SSLError, or a file that vanished since it was hashed
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            raise CertificateError(
                f"the key in {files.key} does not belong to the certificate in {files.certificate};"
                " write both files of one issue"
            ) from error
        raise CertificateError(
            f"OpenSSL cannot load {files.certificate} with the key in {files.key} ({_reason(error)});"
            " write whole PEM files: the certificate with its chain, and its private key"
        ) from error


def _load_client_ca(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(cadata=_read(path).decode("ascii", "ignore"))
    except (ssl.SSLError, ValueError) as error:
        raise CertificateError(
            f"{path} is no bundle of PEM certificates ({_reason(error)}); write the client CA there"
        ) from error


def _dates_by_handshake(context: ssl.SSLContext, leaf: str, path: Path) -> tuple[datetime, datetime]:
    """Shake hands as a client that trusts this leaf: proves key, algorithm, dates and purpose, and reads the dates.

    Also the cheapest way to the dates: importing ``cryptography`` for them costs each process some 20 ms and 8 MB.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        client.load_verify_locations(cadata=leaf)
        shown: dict[str, Any] = _handshake(context, client).getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        kind = _OutOfDateError if error.verify_code in _OUT_OF_DATE else CertificateError
        raise kind(
            f"clients would refuse {path} or its chain: {error.verify_message};"
            " put a serving pair there that is valid now"
        ) from error
    except ssl.SSLError as error:
        raise CertificateError(
            f"no client can shake hands with {path} ({_reason(error)}); use an RSA or ECDSA pair"
        ) from error
    if "subjectAltName" not in shown:
        raise CertificateError(
            f"{path} has no subject alternative name, and API servers ignore the common name;"
            " issue it for the DNS name or address it is called by"
        )
    return _date(shown["notBefore"]), _date(shown["notAfter"])


def _dates_by_parsing(leaf: str) -> tuple[datetime, datetime]:
    """Read the dates of a leaf no handshake accepts."""
    from cryptography import x509  # noqa: PLC0415 -- rare, and dear: see _dates_by_handshake

    certificate = x509.load_pem_x509_certificate(leaf.encode())
    return certificate.not_valid_before_utc, certificate.not_valid_after_utc


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLObject:
    """Run both ends in memory and return the client's."""
    upward, downward = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(downward, upward)
    waiting = [near, server.wrap_bio(upward, downward, server_side=True)]
    for _ in range(_ROUNDS):
        waiting = [end for end in waiting if not _advanced(end)]
    if waiting:
        raise ssl.SSLError(f"the handshake did not end in {_ROUNDS} rounds")
    return near


def _advanced(end: ssl.SSLObject) -> bool:
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _date(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or str(error)
