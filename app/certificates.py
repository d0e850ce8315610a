"""Making certificates: values in, PEM out.

Certificates are ECDSA on P-256, which every TLS client knows and which signs an order of magnitude faster than RSA,
and carry what strict verifiers ask for: Go wants a subject alternative name, OpenSSL in strict mode (Python's default
since 3.13) wants key identifiers and critical constraints, RFC 5280 wants all of it.
"""

import ipaddress
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFETIME: Final = timedelta(days=3650)
"""Ten years, as kubeadm gives its own: clients are told of a new CA by hand or through ``caBundle``, so it is rare."""

LEAF_LIFETIME: Final = timedelta(days=365)
"""One year: a developer meets a renewal seldom, and the limit browsers set (398 days) is kept."""

RENEW_AFTER: Final = 2 / 3
"""The share of its life after which a leaf is renewed: four months are left of a year, to notice a failing renewal."""

_CLOCK_SKEW: Final = timedelta(minutes=5)
"""Certificates begin in the past by as much as a client's clock may be behind (Kerberos' customary tolerance)."""

_ALWAYS: Final = ("localhost", "127.0.0.1", "::1")
"""What a development pair is called by on every machine."""

_DNS_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z"
)
"""RFC 1123 host names, at most 253 characters, labels of 63, optionally below a wildcard."""


class BadNameError(ValueError):
    """The text is neither a DNS name nor an IP address."""


class KeyPair(NamedTuple):
    """A certificate and its unencrypted private key (PKCS #8), both PEM."""

    certificate: bytes
    key: bytes


class DevelopmentPair(NamedTuple):
    """A CA certificate and a leaf it signed, with the leaf's key, all PEM."""

    ca: bytes
    certificate: bytes
    key: bytes


def new_authority(name: str, now: datetime, lifetime: timedelta = AUTHORITY_LIFETIME) -> KeyPair:
    """Make a self-signed CA that signs leaves only.

    Args:
        name: its common name, at most 64 characters.
        now: when it begins, less the clock skew.
        lifetime: from ``now`` to its end.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(name)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _builder(subject, subject, key.public_key(), now, now + lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(ca=True), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(certificate, key)


def issue_leaf(authority: KeyPair, names: Iterable[str], now: datetime, lifetime: timedelta = LEAF_LIFETIME) -> KeyPair:
    """Issue a serving certificate with a fresh key.

    Args:
        authority: the CA that signs it.
        names: DNS names and IP addresses it is called by; at least one.
        now: when it begins, less the clock skew.
        lifetime: from ``now`` to its end, cut to the authority's end.

    Raises:
        BadNameError: no name is given, or one is neither a DNS name nor an IP address.
    """
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    issuer_key = serialization.load_pem_private_key(authority.key, None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not an elliptic curve key; use one from new_authority")
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    end = min(now + lifetime, issuer.not_valid_after_utc)
    certificate = (
        _builder(_subject("status-guard"), issuer.subject, key.public_key(), now, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_alternative_names(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return _pem(certificate, key)


def development_pair(names: Iterable[str], now: datetime) -> DevelopmentPair:
    """Make a pair for localhost and the names, and the CA to trust it by.

    The CA's key is dropped: a developer who trusts the CA trusts this one leaf, and nobody can sign another. So the
    CA lives no longer than the leaf.

    Raises:
        BadNameError: a name is neither a DNS name nor an IP address.
    """
    authority = new_authority("status-guard development CA", now, LEAF_LIFETIME)
    return DevelopmentPair(authority.certificate, *issue_leaf(authority, (*_ALWAYS, *names), now))


def why_renew(pair: DevelopmentPair, names: Iterable[str], now: datetime) -> str | None:
    """Say why a development pair will not do any more, in words that follow "because"; None while it will.

    Raises:
        BadNameError: a name is neither a DNS name nor an IP address.
    """
    wanted = _alternative_names((*_ALWAYS, *names))
    try:
        ca = x509.load_pem_x509_certificate(pair.ca)
        leaf = x509.load_pem_x509_certificate(pair.certificate)
        key = serialization.load_pem_private_key(pair.key, None)
        covered = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        leaf.verify_directly_issued_by(ca)
    except (ValueError, TypeError, x509.ExtensionNotFound):
        return "a file is not what it should be"
    except InvalidSignature:
        return "the certificate is not signed by the CA beside it"
    if key.public_key() != leaf.public_key():
        return "the key does not belong to the certificate"
    missing = [str(name.value) for name in wanted if name not in covered]
    if missing:
        return f"the certificate does not cover {', '.join(missing)}"
    if not leaf.not_valid_before_utc <= now < renewal_time(pair.certificate):
        return f"{RENEW_AFTER:.0%} of its life are over" if now >= leaf.not_valid_before_utc else "it is not valid yet"
    return None


def renewal_time(certificate: bytes) -> datetime:
    """When a certificate (PEM) should be renewed, in UTC.

    Raises:
        ValueError: the text is no certificate.
    """
    leaf = x509.load_pem_x509_certificate(certificate)
    life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    return leaf.not_valid_before_utc + life * RENEW_AFTER


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - _CLOCK_SKEW)
        .not_valid_after(end.astimezone(UTC))
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_names(names: Iterable[str]) -> x509.SubjectAlternativeName:
    unique = dict.fromkeys(_general_name(name) for name in names)
    if not unique:
        raise BadNameError("a serving certificate needs at least one DNS name or IP address")
    return x509.SubjectAlternativeName(unique)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    if _DNS_NAME.match(name.lower()) is None:
        raise BadNameError(
            f"{name!r} is neither a DNS name nor an IP address; write it like webhook.example or 10.0.0.7,"
            " without scheme, port or trailing dot"
        )
    return x509.DNSName(name.lower())


def _pem(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> KeyPair:
    return KeyPair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
