"""Certificates that strict verifiers accept, and when a pair is renewed."""

import contextlib
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app.certificates import (
    BadNameError,
    DevelopmentPair,
    KeyPair,
    development_pair,
    issue_leaf,
    new_authority,
    renewal_time,
    why_renew,
)

_NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_SKEW = timedelta(minutes=5)


def _load(certificate: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certificate)


def _advance(end: ssl.SSLObject) -> None:
    with contextlib.suppress(ssl.SSLWantReadError):
        end.do_handshake()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "webhook.example", "a.wild.example", "10.0.0.7"])
def test_a_strict_verifier_accepts_the_pair_under_each_name(tmp_path: Path, host: str) -> None:
    """OpenSSL in strict mode, host name check included, agrees with every name asked for."""
    names = ["Webhook.example", "*.wild.example", "10.0.0.7"]
    pair = development_pair(names, datetime.fromtimestamp(time.time(), UTC))
    (tmp_path / "tls.crt").write_bytes(pair.certificate)
    (tmp_path / "tls.key").write_bytes(pair.key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    client = ssl.create_default_context(cadata=pair.ca.decode())
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(down, up, server_hostname=host)
    far = server.wrap_bio(up, down, server_side=True)
    for end in (near, far, near, far):
        _advance(end)
    assert near.getpeercert()


def test_certificates_say_what_they_are_for() -> None:
    """The CA signs leaves and nothing else; the leaf serves and signs nothing."""
    pair = development_pair([], _NOW)
    ca, leaf = _load(pair.ca).extensions, _load(pair.certificate).extensions
    assert ca.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(ca=True, path_length=0)
    assert leaf.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert ca.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert not leaf.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert [usage.dotted_string for usage in leaf.get_extension_for_class(x509.ExtendedKeyUsage).value] == [
        "1.3.6.1.5.5.7.3.1"  # serverAuth
    ]
    assert (
        leaf.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        == ca.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    )


def test_a_leaf_begins_before_now_and_ends_with_its_authority_at_the_latest() -> None:
    """A client whose clock is behind accepts it at once, and none outlives the CA that vouches for it."""
    authority = new_authority("test", _NOW, timedelta(days=100))
    short = _load(issue_leaf(authority, ["localhost"], _NOW, timedelta(days=7)).certificate)
    cut = _load(issue_leaf(authority, ["localhost"], _NOW + timedelta(days=99)).certificate)
    assert (short.not_valid_before_utc, short.not_valid_after_utc) == (_NOW - _SKEW, _NOW + timedelta(days=7))
    assert cut.not_valid_after_utc == _NOW + timedelta(days=100)


def test_a_name_given_twice_is_there_once() -> None:
    """Naming what is always covered is no mistake."""
    pair = development_pair(["localhost", "LOCALHOST", "127.0.0.1"], _NOW)
    names = _load(pair.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["localhost", "127.0.0.1", "::1"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        " localhost",
        "https://webhook.example",
        "webhook.example:8443",
        "webhook.example.",
        "-a.example",
        "a..example",
        "*",
        "a.*.example",
        "ex\u00e4mple.org",
        "localhost\n",
        "a" * 64 + ".example",
        ".".join(["a" * 49] * 6),
    ],
)
def test_what_is_no_name_is_refused(name: str) -> None:
    """A certificate with such a name would cover nothing, or be refused by verifiers as a whole."""
    with pytest.raises(BadNameError, match="neither a DNS name nor an IP address"):
        development_pair([name], _NOW)


def test_a_leaf_needs_a_name_and_an_authority_of_ours() -> None:
    """Both mistakes are told before anything is signed."""
    authority = new_authority("test", _NOW)
    with pytest.raises(BadNameError, match="at least one"):
        issue_leaf(authority, [], _NOW)
    foreign = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(TypeError, match="new_authority"):
        issue_leaf(KeyPair(authority.certificate, foreign), ["localhost"], _NOW)


def test_a_pair_is_kept_for_two_thirds_of_its_life() -> None:
    """It is renewed at the two-thirds mark, not a second before."""
    pair = development_pair(["webhook.example"], _NOW)
    due = renewal_time(pair.certificate)
    assert due == _NOW - _SKEW + (timedelta(days=365) + _SKEW) * 2 / 3
    assert why_renew(pair, ["webhook.example"], due - timedelta(seconds=1)) is None
    assert why_renew(pair, ["webhook.example"], due) == "67% of its life are over"


def test_the_reason_to_renew_names_what_is_wrong() -> None:
    """Whoever reads why the files were replaced can tell an accident from routine."""
    pair, other = development_pair([], _NOW), development_pair([], _NOW)
    assert why_renew(pair, ["b.example", "localhost", "a.example"], _NOW) == (
        "the certificate does not cover b.example, a.example"
    )
    assert why_renew(pair, [], _NOW - timedelta(days=1)) == "it is not valid yet"
    assert why_renew(pair, [], _NOW + timedelta(days=999)) == "67% of its life are over"
    assert why_renew(pair._replace(key=other.key), [], _NOW) == "the key does not belong to the certificate"
    assert why_renew(pair._replace(ca=other.ca), [], _NOW) == "the certificate is not signed by the CA beside it"
    for broken in (pair._replace(ca=b""), pair._replace(certificate=b"x"), pair._replace(key=pair.key[:40])):
        assert why_renew(broken, [], _NOW) == "a file is not what it should be"
    assert why_renew(DevelopmentPair(pair.ca, pair.ca, pair.key), [], _NOW) == "a file is not what it should be"


def test_renewal_asks_for_names_that_exist() -> None:
    """A bad name is an error even while the pair is good, so that a typing mistake is not found months later."""
    with pytest.raises(BadNameError):
        why_renew(development_pair([], _NOW), ["https://x"], _NOW)
