"""Which clients may speak: those with a certificate from the client CA and, where names are given, one of these.

OpenSSL verifies the chain; the name is checked here, inside the handshake, so that no byte of a refused client's
request is ever read. ``SSLContext.sslobject_class`` is the documented place for that, and both asyncio and uvloop go
through it. (``wrap_socket`` does not; nothing here serves blocking sockets.)
"""

import ssl
from collections.abc import Callable
from typing import Any


def require_certificate(context: ssl.SSLContext) -> None:
    """Make a server context ask for a client certificate and refuse clients without a good one.

    OpenSSL takes the demand from the listener's context and the trusted CAs from the context a connection is moved
    to, and Python reads the certificate only where the latter demands one as well: both contexts need this.
    """
    # As in Go, whatever is in the bundle is trusted, an intermediate CA too.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_mode = ssl.CERT_REQUIRED


def checked_connection(names: frozenset[str], refused: Callable[[str], None]) -> type[ssl.SSLObject]:
    """Make the class of connections whose handshake succeeds only for a client that may speak.

    Args:
        names: what a client may be called; empty for any.
        refused: told why, in the thread that runs the handshake, before the handshake fails.
    """

    class CheckedConnection(ssl.SSLObject):
        def do_handshake(self) -> None:
            try:
                super().do_handshake()
                _check(self, names)
            except ssl.SSLWantReadError:
                raise
            except ssl.SSLError as error:
                refused(str(error))
                raise

    return CheckedConnection


def _check(connection: ssl.SSLObject, names: frozenset[str]) -> None:
    shown: dict[str, Any] = connection.getpeercert() or {}
    if not shown:
        raise _refusal("the client showed no verified certificate")
    if connection.session_reused:
        # TLS 1.2 session identifiers cannot be turned off, and OpenSSL does not verify the chain again when one is
        # resumed: a client whose certificate expired or whose CA was withdrawn would still get in.
        raise _refusal("the client resumed an old session instead of showing its certificate")
    called = [text for part in shown.get("subject", ()) for kind, text in part if kind == "commonName"]
    called += [text for kind, text in shown.get("subjectAltName", ()) if kind == "DNS"]
    if names and names.isdisjoint(called):
        # 200 characters: enough to recognise a name, and a stranger does not fill our log with his.
        raise _refusal(f"the client is named {', '.join(called)[:200] or 'nothing'}, not {' or '.join(sorted(names))}")


def _refusal(why: str) -> ssl.SSLCertVerificationError:
    """The error both event loops expect of a failed handshake: they close the connection and go on."""
    error = ssl.SSLCertVerificationError(ssl.SSLErrorNumber.SSL_ERROR_SSL, why)
    error.library, error.reason = "SSL", "CERTIFICATE_VERIFY_FAILED"  # whoever logs it expects these
    return error
