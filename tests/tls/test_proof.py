"""What is refused, and what the refusal says to the person who has to mend it."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.tls import CertificateError, ServingCertificate


def _encrypted(key: bytes) -> bytes:
    loaded: Any = serialization.load_pem_private_key(key, None)
    encryption = serialization.BestAvailableEncryption(b"secret")
    return bytes(loaded.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))


def _write_self_signed(workshop: Any, key: Any, *extensions: x509.ExtensionType) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(workshop.now - timedelta(days=1))
    builder = builder.not_valid_after(workshop.now + timedelta(days=1))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    workshop.certificate.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    pkcs8 = serialization.PrivateFormat.PKCS8
    workshop.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption()))


_LOCALHOST = x509.SubjectAlternativeName([x509.DNSName("localhost")])
_FAULTS: dict[str, tuple[Callable[[Any], object], str]] = {
    "missing certificate": (lambda w: w.certificate.unlink(), "tls.crt: No such file"),
    "missing key": (lambda w: w.key.unlink(), "tls.key: No such file"),
    "empty certificate": (lambda w: w.certificate.write_bytes(b""), "tls.crt holds no whole PEM certificate"),
    "truncated certificate": (
        lambda w: w.certificate.write_bytes(w.certificate.read_bytes()[:200]),
        "tls.crt holds no whole PEM certificate",
    ),
    "damaged certificate": (
        lambda w: w.certificate.write_bytes(w.certificate.read_bytes().replace(b"MII", b"AAA", 1)),
        "cannot load .*tls.crt",
    ),
    "empty key": (lambda w: w.key.write_bytes(b""), "cannot load .*tls.key"),
    "a directory": (lambda w: (w.key.unlink(), w.key.mkdir()), "tls.key: Is a directory"),
    "far too long": (lambda w: os.truncate(w.key, 2 << 20), "tls.key is longer than 1 MiB"),
    "of different pairs": (
        lambda w: w.key.write_bytes(w.issue().key),
        "key in .*tls.key does not belong to the certificate in .*tls.crt; write both files",
    ),
    "encrypted key": (lambda w: w.key.write_bytes(_encrypted(w.key.read_bytes())), "tls.key is encrypted"),
    "no alternative name": (
        lambda w: _write_self_signed(w, ec.generate_private_key(ec.SECP256R1())),
        "no subject alternative name",
    ),
    "for clients only": (
        lambda w: _write_self_signed(
            w,
            ec.generate_private_key(ec.SECP256R1()),
            _LOCALHOST,
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),
        ),
        "unsuitable certificate purpose",
    ),
    "a key no client knows": (
        lambda w: _write_self_signed(w, dsa.generate_private_key(2048), _LOCALHOST),
        "no client can shake hands",
    ),
}


@pytest.mark.parametrize("fault", _FAULTS)
def test_a_fault_stops_the_start_and_is_refused_by_a_reload(workshop: Any, fault: str) -> None:
    """The same words come at the start as an error and later as a refusal: the file, what is wrong, what to do."""
    make, words = _FAULTS[fault]
    running = ServingCertificate(workshop.certificate, workshop.key)
    served = running.fingerprint
    make(workshop)
    with pytest.raises(CertificateError, match=words) as start:
        ServingCertificate(workshop.certificate, workshop.key)
    reload = running.reload_if_changed()
    assert (reload.outcome, reload.error, running.last_error) == ("refused", str(start.value), str(start.value))
    assert running.fingerprint == served
    assert "PRIVATE" not in reload.error


def test_a_bad_client_ca_stops_the_start(workshop: Any, tmp_path: Path) -> None:
    """A file without certificates would shut every client out, and names without a CA would let every client in."""
    bundle = tmp_path / "client-ca.crt"
    bundle.write_text("# certificates go here\n")
    with pytest.raises(CertificateError, match=r"client-ca\.crt is no bundle of PEM certificates"):
        ServingCertificate(workshop.certificate, workshop.key, client_ca=bundle)
    with pytest.raises(CertificateError, match="without a client CA"):
        ServingCertificate(workshop.certificate, workshop.key, client_names=frozenset({"kube-apiserver"}))


def test_a_client_ca_may_carry_comments_in_any_language(workshop: Any, tmp_path: Path) -> None:
    """Bundles come with the names of their authorities, which need not be ASCII."""
    bundle = tmp_path / "client-ca.crt"
    bundle.write_bytes("# Främling\n".encode() + trustme.CA().cert_pem.bytes())
    ServingCertificate(workshop.certificate, workshop.key, client_ca=bundle)


@pytest.mark.parametrize(("age", "words"), [(60, "expired at"), (-2, "is valid only from")])
def test_a_pair_out_of_date_is_served_at_the_start_only(workshop: Any, age: int, words: str) -> None:
    """There is nothing better at the start, and it is said; later the pair that works is better."""
    running = ServingCertificate(workshop.certificate, workshop.key)
    assert running.out_of_date(workshop.now) is None
    workshop.write(workshop.issue(age=timedelta(days=age)))
    assert running.reload_if_changed().outcome == "refused"
    started = ServingCertificate(workshop.certificate, workshop.key)
    assert words in str(started.out_of_date(workshop.now))
    begin = x509.load_pem_x509_certificate(workshop.certificate.read_bytes()).not_valid_before_utc
    assert started.not_before == begin


@pytest.mark.parametrize("loaded", ["a mixed pair", "the old pair"])
def test_a_rotation_between_hashing_and_loading_is_waited_for(workshop: Any, tmp_path: Path, loaded: str) -> None:
    """What OpenSSL reads from the files is judged only if it is what was hashed; otherwise both start again."""
    old, new = workshop.issue(), workshop.issue()
    workshop.write(old)
    pipe, key = tmp_path / "pipe", tmp_path / "key"
    key.write_bytes(new.key)
    workshop.key.unlink()
    os.mkfifo(workshop.key)
    os.mkfifo(pipe)

    def rotate() -> None:
        # To open a pipe for writing is to wait for its reader, so each step happens within the reading it names.
        with workshop.key.open("wb") as hashing:
            pipe.rename(workshop.key)
            hashing.write(old.key)
        with workshop.key.open("wb") as loading:
            workshop.certificate.write_bytes(new.certificate)
            key.rename(workshop.key)
            loading.write(new.key if loaded == "a mixed pair" else old.key)

    with ThreadPoolExecutor(1) as pool:
        rotation = pool.submit(rotate)
        serving = ServingCertificate(workshop.certificate, workshop.key)
        rotation.result()
    assert serving.fingerprint == x509.load_pem_x509_certificate(new.certificate).fingerprint(hashes.SHA256()).hex()
    assert serving.reload_if_changed().outcome == "unchanged"


def test_the_leaf_says_who_it_is(workshop: Any) -> None:
    """Fingerprint and dates are those of the leaf in the file, whatever reads them."""
    serving = ServingCertificate(workshop.certificate, workshop.key)
    leaf = x509.load_pem_x509_certificate(workshop.certificate.read_bytes())
    assert serving.fingerprint == leaf.fingerprint(hashes.SHA256()).hex()
    assert (serving.not_before, serving.not_after) == (leaf.not_valid_before_utc, leaf.not_valid_after_utc)


def test_a_chain_is_sent_whole(workshop: Any, serve: Any) -> None:
    """A client that knows the root only finds its way through the intermediate in our file."""
    root = trustme.CA()
    leaf = root.create_child_ca().issue_cert("localhost")
    workshop.certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    workshop.key.write_bytes(leaf.private_key_pem.bytes())
    context = workshop.client_context()
    root.configure_trust(context)
    with serve(ServingCertificate(workshop.certificate, workshop.key)) as server:
        server.get(context)


def test_a_good_start_does_not_import_cryptography(workshop: Any) -> None:
    """The library costs each server process some 20 ms and 8 MB, for two dates."""
    program = (
        "import sys, pathlib; from app.tls import ServingCertificate;"
        "ServingCertificate(*map(pathlib.Path, sys.argv[1:]));"
        "sys.exit('cryptography' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, workshop.certificate, workshop.key], check=True, timeout=30)
