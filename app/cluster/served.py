"""What a webhook's listener shows to a client that trusts what the API server trusts."""

import asyncio
import base64
import binascii
import socket
import ssl
from dataclasses import replace
from datetime import datetime
from typing import Final

from app.core.diagnosis.observation import Address, Reach, Served

_TIMEOUT: Final = 5.0
"""Seconds to connect and shake hands; the API server gives a whole call 3 (app/core/export/webhook.py)."""


async def look(address: Address, bundle: str, by: tuple[str, int] | None = None) -> Served:
    """Connect twice: trusting everybody, to see the certificate, and as the API server does, to see if that is enough.

    Args:
        address: where the configuration says that the webhook is; its host is the name that is asked for and checked.
        bundle: base64 of PEM, the CAs to trust; empty for the system's.
        by: what to connect to instead, such as the end of a tunnel.
    """
    return replace(
        await _look(address, bundle, by or (address.host, address.port)), trusted_until=_trusted_until(bundle)
    )


async def _look(address: Address, bundle: str, by: tuple[str, int]) -> Served:
    host, port = by
    reached_by = f"{host}:{port}"
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    try:
        shown = await _shake_hands(host, port, address.host, anybody)
    except socket.gaierror as error:
        return Served(Reach.UNRESOLVED, reached_by, said=error.strerror or str(error))
    except (OSError, TimeoutError) as error:  # an SSLError is an OSError
        return Served(Reach.FAILED, reached_by, said=_words(error))
    begins, ends = _dates(shown)
    refused = ""
    try:
        await _shake_hands(host, port, address.host, _trusting(bundle))
    except (ssl.CertificateError, ValueError) as error:
        refused = getattr(error, "verify_message", "") or str(error)
    except (OSError, TimeoutError) as error:
        refused = _words(error)
    return Served(Reach.REACHED, reached_by, refused=refused, begins=begins, ends=ends)


async def _shake_hands(host: str, port: int, name: str, context: ssl.SSLContext) -> bytes:
    """The certificate that is served, in DER."""
    async with asyncio.timeout(_TIMEOUT):
        _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=name)
    try:
        found: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return found.getpeercert(binary_form=True) or b""
    finally:
        writer.transport.abort()


def _trusting(bundle: str) -> ssl.SSLContext:
    """As Go verifies: what the bundle holds is trusted, be it a root or not, and the common name says nothing.

    Raises:
        ValueError: the bundle holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.hostname_checks_common_name = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not bundle:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(cadata=base64.b64decode(bundle).decode())
    except (binascii.Error, UnicodeDecodeError, ssl.SSLError):
        raise ValueError("the caBundle holds no PEM certificate") from None
    return context


def _trusted_until(bundle: str) -> datetime | None:
    from cryptography import x509  # noqa: PLC0415 - takes 25 ms

    try:
        found = x509.load_pem_x509_certificates(base64.b64decode(bundle))
    except ValueError:  # a binascii.Error is one
        return None
    return max(one.not_valid_after_utc for one in found)


def _dates(certificate: bytes) -> tuple[datetime, datetime]:
    from cryptography import x509  # noqa: PLC0415 - takes 25 ms

    found = x509.load_der_x509_certificate(certificate)
    return found.not_valid_before_utc, found.not_valid_after_utc


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError) and not str(error):
        return f"no answer within {_TIMEOUT:g} s"
    return str(error)
