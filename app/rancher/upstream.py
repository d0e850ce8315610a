"""Where Rancher is, and which certificates vouch for it."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

_PORTS: Final = {"https": 443, "http": 80}


class UpstreamError(ValueError):
    """The address or the CA cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """The one origin that requests, and the credentials in them, are sent to.

    Attributes:
        scheme: ``https``, or ``http`` where Rancher's TLS ends before it.
        host: a name or an address, without brackets.
        port: of the origin.
        context: what a TLS connection is made with; None for ``http``.
    """

    scheme: str
    host: str
    port: int
    context: ssl.SSLContext | None = field(repr=False)

    @classmethod
    def at(cls, url: str, ca: Path | None = None) -> Self:
        """Take an address apart and load its CA.

        Args:
            url: ``https://host[:port]``.
            ca: a file with the CA certificates that count, and no others; without it those of the system do.

        Raises:
            UpstreamError: either of them is not of use.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise UpstreamError(f"Rancher's URL {_shown(url)} has no valid host and port.") from None
        if parts.scheme not in _PORTS or not parts.hostname or not url.isascii():
            raise UpstreamError(f"Rancher's URL {_shown(url)} is not of the form https://host[:port].")
        if "@" in parts.netloc or parts.path not in {"", "/"} or parts.query or parts.fragment:
            text = "write only https://host[:port]; each request brings its own path and credentials."
            raise UpstreamError(f"Rancher's URL {_shown(url)} holds more than an origin: {text}")
        context = client_context(ca) if parts.scheme == "https" else None
        return cls(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], context)

    @property
    def authority(self) -> bytes:
        """What ``Host`` says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}").encode()

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.scheme}://{self.authority.decode()}"


def client_context(ca: Path | None) -> ssl.SSLContext:
    """What TLS connections are made with: TLS 1.2 or newer, the host's name checked.

    Not ``ssl.create_default_context``: since Python 3.13 that refuses CAs without key usage, and Rancher signs its
    certificates with such a one. As in Go, whatever is in the file is trusted, an intermediate CA too.

    Raises:
        UpstreamError: the file cannot be read or holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["http/1.1"])
    if ca is None:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(cafile=ca)
    except ssl.SSLError:
        raise UpstreamError(f"Rancher's CA {ca} holds no certificate in PEM form.") from None
    except OSError as error:
        raise UpstreamError(f"Rancher's CA {ca} cannot be read: {error.strerror}.") from None
    return context


def _shown(url: str) -> str:
    """The address without what may be a password before its ``@``."""
    return repr(url.rpartition("@")[2])
