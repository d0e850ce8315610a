"""Exchanging the pair under a running server, with clients that never stop asking."""

import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from app.certificates import KeyPair
from app.tls import ServingCertificate


@dataclass
class Crowd:
    """Clients that ask in a loop until told to stop; any failed handshake or lost request fails the test."""

    server: Any
    context: ssl.SSLContext
    stop: threading.Event = field(default_factory=threading.Event)
    tally: threading.Condition = field(default_factory=threading.Condition)
    fresh: int = 0
    kept: int = 0

    def look(self, host: str = "localhost") -> bytes:
        """Ask over a new connection; return the certificate seen, in DER form."""
        seen: bytes = self.server.get(self.context, host)
        with self.tally:
            self.fresh += 1
            self.tally.notify_all()
        return seen

    def by_new_connections(self, host: str) -> None:
        """Connect, ask, close, again and again."""
        while not self.stop.is_set():
            self.look(host)

    def by_one_connection(self) -> None:
        """Ask again and again over one connection."""
        connection = self.server.connect(self.context)
        first = connection.sock
        while not self.stop.is_set():
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"ok"
            first = first or connection.sock
            assert connection.sock is first, "a kept connection was closed"
            with self.tally:
                self.kept += 1
                self.tally.notify_all()
        connection.close()

    def wait_for_more(self) -> None:
        """Let both kinds of clients be answered some more times."""
        with self.tally:
            fresh, kept = self.fresh, self.kept
            assert self.tally.wait_for(lambda: self.fresh >= fresh + 6 and self.kept >= kept + 6, 30), "clients stalled"


@contextmanager
def _crowd(server: Any, context: ssl.SSLContext) -> Iterator[Crowd]:
    crowd = Crowd(server, context)
    tasks: list[Callable[[], None]] = [
        lambda: crowd.by_new_connections("localhost"),  # sends a server name
        lambda: crowd.by_new_connections("127.0.0.1"),  # sends none
        crowd.by_one_connection,
        crowd.by_one_connection,
    ]
    with ThreadPoolExecutor(len(tasks)) as pool:
        clients: list[Future[None]] = [pool.submit(task) for task in tasks]
        try:
            crowd.wait_for_more()
            yield crowd
        finally:
            crowd.stop.set()
    for client in clients:
        client.result()
    assert server.answered == crowd.fresh + crowd.kept, "a request was answered that no client counted, or the reverse"


def _renewed(pair: KeyPair, workshop: Any) -> bytes:
    """A later certificate over the same key, as renewals with a kept key make them."""
    from cryptography import x509  # noqa: PLC0415 -- this one test's need
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415

    old = x509.load_pem_x509_certificate(pair.certificate)
    builder = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(old.not_valid_before_utc)
    builder = builder.not_valid_after(old.not_valid_after_utc + timedelta(days=1))
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    signer: Any = serialization.load_pem_private_key(workshop.authority.key, None)
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _same_key_written_otherwise(pair: KeyPair) -> bytes:
    key: Any = serialization.load_pem_private_key(pair.key, None)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))


def _der(certificate: bytes) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate.decode())


def test_every_rotation_and_every_accident_is_survived_under_load(workshop: Any, serve: Any, loop_name: str) -> None:
    """No handshake fails and no request is lost, whatever is written; the old pair stays until a good one is there."""
    first = workshop.write(workshop.issue())
    second = workshop.issue()
    certificate, key = workshop.certificate, workshop.key
    renewed = _renewed(second, workshop)
    expired = workshop.issue(age=timedelta(days=60))
    steps: list[tuple[str, Callable[[], object], str, bytes]] = [
        ("mismatched pair", lambda: certificate.write_bytes(second.certificate), "refused", first.certificate),
        ("key follows", lambda: key.write_bytes(second.key), "accepted", second.certificate),
        ("certificate only", lambda: certificate.write_bytes(renewed), "accepted", renewed),
        ("key only", lambda: key.write_bytes(_same_key_written_otherwise(second)), "accepted", renewed),
        ("key only, a stranger", lambda: key.write_bytes(first.key), "refused", renewed),
        ("truncated certificate", lambda: certificate.write_bytes(renewed[: len(renewed) // 2]), "refused", renewed),
        ("empty certificate", lambda: certificate.write_bytes(b""), "refused", renewed),
        ("missing certificate", certificate.unlink, "refused", renewed),
        ("garbage", lambda: certificate.write_bytes(bytes(range(256)) * 9), "refused", renewed),
        ("both", lambda: workshop.write(first), "accepted", first.certificate),
        ("truncated key", lambda: key.write_bytes(first.key[:100]), "refused", first.certificate),
        ("empty key", lambda: key.write_bytes(b""), "refused", first.certificate),
        ("missing key", key.unlink, "refused", first.certificate),
        ("garbage key", lambda: key.write_bytes(b"\xff" * 999), "refused", first.certificate),
        ("expired", lambda: workshop.write(expired), "refused", first.certificate),
        ("healed", lambda: workshop.write(second), "accepted", second.certificate),
    ]
    serving = ServingCertificate(certificate, key)
    with serve(serving, loop_name) as server, _crowd(server, workshop.client_context()) as crowd:
        for name, change, outcome, expected in steps:
            change()
            assert serving.reload_if_changed().outcome == outcome, name
            assert crowd.look() == _der(expected), name
            crowd.wait_for_more()
            assert serving.reload_if_changed().outcome == "unchanged", name
    outcomes = [outcome for _, _, outcome, _ in steps]
    assert (serving.generation, serving.failures) == (1 + outcomes.count("accepted"), outcomes.count("refused"))


def test_a_writer_that_races_the_poll_never_breaks_a_handshake(workshop: Any, serve: Any) -> None:
    """Files rewritten in place while they are being read do no harm, and the last pair written is served in the end."""
    pairs = [workshop.issue() for _ in range(3)]
    workshop.write(pairs[0])
    serving = ServingCertificate(workshop.certificate, workshop.key)
    written = threading.Event()

    def poll() -> None:
        while not written.is_set():
            serving.reload_if_changed()

    with serve(serving) as server, _crowd(server, workshop.client_context()) as crowd, ThreadPoolExecutor(1) as pool:
        polling = pool.submit(poll)
        for _ in range(6):
            for pair in pairs:
                workshop.write(pair)
            crowd.wait_for_more()
        written.set()
        polling.result()
        serving.reload_if_changed()
        assert serving.last_error is None
        assert crowd.look() == _der(pairs[-1].certificate)


def test_a_mounted_secret_is_followed_through_its_symbolic_link(workshop: Any, serve: Any, tmp_path: Path) -> None:
    """The swap of ..data, by which Kubernetes updates a mounted Secret, is one accepted change without a refusal."""
    volume = tmp_path / "volume"
    volume.mkdir()

    def publish(version: str, pair: KeyPair) -> None:
        (volume / version).mkdir()
        (volume / version / "tls.crt").write_bytes(pair.certificate)
        (volume / version / "tls.key").write_bytes(pair.key)
        (volume / "..new").symlink_to(version)
        (volume / "..new").rename(volume / "..data")

    publish("..1", workshop.issue())
    for name in ("tls.crt", "tls.key"):
        (volume / name).symlink_to(f"..data/{name}")
    serving = ServingCertificate(volume / "tls.crt", volume / "tls.key")
    with serve(serving) as server, _crowd(server, workshop.client_context()) as crowd:
        for version in range(2, 6):
            pair = workshop.issue()
            publish(f"..{version}", pair)
            assert serving.reload_if_changed().outcome == "accepted"
            assert crowd.look() == _der(pair.certificate)
            crowd.wait_for_more()
    assert serving.failures == 0


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_new_pair_is_served_with_and_without_a_server_name(workshop: Any, serve: Any, host: str) -> None:
    """A client that calls us by address sends no server name, and gets the newest pair all the same."""
    serving = ServingCertificate(workshop.certificate, workshop.key)
    with serve(serving) as server:
        before = server.get(workshop.client_context(), host)
        pair = workshop.write(workshop.issue())
        serving.reload_if_changed()
        assert before != server.get(workshop.client_context(), host) == _der(pair.certificate)
