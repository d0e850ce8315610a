"""Readiness dials the process's own TLS port: the only proof that a caller would get through."""

import asyncio
import hashlib
import socket
import ssl
from typing import Final

PATIENCE: Final = 1.0
"""Seconds: a probe's usual timeout; a handshake with oneself takes milliseconds."""

_EVERY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what may be listened on, and how to reach it


async def served_fingerprint(listener: socket.socket) -> str:
    """The SHA-256 of the certificate that the listener serves, in hexadecimal.

    Raises:
        OSError, TimeoutError: no handshake came about.
    """
    host, port = listener.getsockname()[:2]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # whether it is ours is told by its fingerprint
    context.verify_mode = ssl.CERT_NONE
    async with asyncio.timeout(PATIENCE):
        _, writer = await asyncio.open_connection(_EVERY_ADDRESS.get(host, host), port, ssl=context)
        try:
            certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        finally:
            writer.close()
    return hashlib.sha256(certificate or b"").hexdigest()
