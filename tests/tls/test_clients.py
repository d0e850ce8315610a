"""Which clients are heard, over real connections and both event loops."""

import itertools
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from app.tls import ServingCertificate
from app.tls.clients import checked_connection

_NAMES = frozenset({"kube-apiserver", "aggregator.example"})


@dataclass
class ClientCa:
    """A CA for client certificates, and the file it is read from."""

    path: Path
    authority: trustme.CA


@pytest.fixture
def client_ca(tmp_path: Path) -> ClientCa:
    """The CA that signs the API server's client certificate."""
    made = ClientCa(tmp_path / "client-ca.crt", trustme.CA())
    made.path.write_bytes(made.authority.cert_pem.bytes())
    return made


def _with_certificate(workshop: Any, authority: trustme.CA, name: str, dns: str = "somebody.example") -> ssl.SSLContext:
    context: ssl.SSLContext = workshop.client_context()
    authority.issue_cert(dns, common_name=name).configure_cert(context)
    return context


def test_a_client_of_the_ca_is_answered_by_common_name_or_dns_name(
    workshop: Any, serve: Any, loop_name: str, client_ca: ClientCa
) -> None:
    """Either kind of name opens the door, as API servers are issued with one or the other."""
    serving = ServingCertificate(workshop.certificate, workshop.key, client_ca=client_ca.path, client_names=_NAMES)
    by_common_name = _with_certificate(workshop, client_ca.authority, "kube-apiserver")
    by_dns_name = _with_certificate(workshop, client_ca.authority, "whoever", "aggregator.example")
    with serve(serving, loop_name) as server:
        server.get(by_common_name)
        server.get(by_dns_name)
    assert (server.answered, serving.refused_clients) == (2, 0)


def test_without_names_any_client_of_the_ca_is_answered(workshop: Any, serve: Any, client_ca: ClientCa) -> None:
    """Naming no client means trusting the CA alone."""
    serving = ServingCertificate(workshop.certificate, workshop.key, client_ca=client_ca.path)
    with serve(serving) as server:
        server.get(_with_certificate(workshop, client_ca.authority, "whoever"))
    assert server.answered == 1


@pytest.mark.parametrize(
    "who",
    list(
        itertools.product(
            ["wrong name", "wrong CA", "no certificate"], [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
        )
    ),
    ids=str,
)
def test_other_clients_are_never_answered(
    workshop: Any, serve: Any, loop_name: str, client_ca: ClientCa, who: tuple[str, ssl.TLSVersion]
) -> None:
    """A client with the wrong name, of the wrong CA or without a certificate reaches nothing; the next is served."""
    fault, version = who
    strangers = {
        "wrong name": _with_certificate(workshop, client_ca.authority, "system:anonymous"),
        "wrong CA": _with_certificate(workshop, trustme.CA(), "kube-apiserver"),
        "no certificate": workshop.client_context(),
    }
    stranger = strangers[fault]
    stranger.minimum_version = stranger.maximum_version = version
    serving = ServingCertificate(workshop.certificate, workshop.key, client_ca=client_ca.path, client_names=_NAMES)
    with serve(serving, loop_name) as server:
        with pytest.raises(OSError):  # noqa: PT011 -- an alert, a reset or an end of file: TLS versions differ
            server.get(stranger)
        assert (server.answered, serving.refused_clients) == (0, 1)
        server.get(_with_certificate(workshop, client_ca.authority, "kube-apiserver"))
        assert server.answered == 1
    if fault == "wrong name":
        assert "system:anonymous" in serving.last_refused_client
        assert "kube-apiserver" in serving.last_refused_client


def test_a_request_that_rides_with_the_handshake_is_not_read(
    workshop: Any, serve: Any, loop_name: str, client_ca: ClientCa
) -> None:
    """A TLS 1.3 client may send its request in one packet with its last handshake message; a stranger's is dropped."""
    serving = ServingCertificate(workshop.certificate, workshop.key, client_ca=client_ca.path, client_names=_NAMES)
    context = _with_certificate(workshop, client_ca.authority, "system:anonymous")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with serve(serving, loop_name) as server, socket.create_connection(("127.0.0.1", server.port), 20) as wire:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                wire.sendall(outgoing.read())
                incoming.write(wire.recv(65536))
        client.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wire.sendall(outgoing.read())
        try:
            answer = wire.recv(65536)
        except ConnectionResetError:
            answer = b""
        assert answer == b""
        assert (server.answered, serving.refused_clients) == (0, 1)


def test_a_withdrawn_client_ca_shuts_its_clients_out_at_the_next_handshake(
    workshop: Any, serve: Any, loop_name: str, client_ca: ClientCa
) -> None:
    """The CA file is followed like the pair: its clients change with it, and the serving certificate stays."""
    successor = trustme.CA()
    serving = ServingCertificate(workshop.certificate, workshop.key, client_ca=client_ca.path, client_names=_NAMES)
    old = _with_certificate(workshop, client_ca.authority, "kube-apiserver")
    new = _with_certificate(workshop, successor, "kube-apiserver")
    before = serving.fingerprint
    with serve(serving, loop_name) as server:
        server.get(old)
        client_ca.path.write_bytes(b"no CA at all")
        assert serving.reload_if_changed().outcome == "refused"
        server.get(old)
        client_ca.path.write_bytes(client_ca.authority.cert_pem.bytes() + successor.cert_pem.bytes())
        assert serving.reload_if_changed().outcome == "accepted"
        server.get(old)
        server.get(new)
        client_ca.path.write_bytes(successor.cert_pem.bytes())
        assert serving.reload_if_changed().outcome == "accepted"
        server.get(new)
        with pytest.raises(OSError):  # noqa: PT011 -- see above
            server.get(old)
        assert server.answered == 5
    assert serving.fingerprint == before


def _shake(context: ssl.SSLContext, port: int, session: ssl.SSLSession | None) -> tuple[bool, ssl.SSLSession | None]:
    """Ask once; return whether the session was resumed, and the one to come back with."""
    with (
        socket.create_connection(("127.0.0.1", port), 20) as raw,
        context.wrap_socket(raw, server_hostname="localhost", session=session) as connection,
    ):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        if not connection.recv(65536).startswith(b"HTTP/1.1 200"):
            raise ConnectionResetError("not answered")
        while connection.recv(65536):
            pass
        resumed, left = connection.session_reused, connection.session
        connection.unwrap()  # a session is good for another time only after a polite end
        return bool(resumed), left


def test_a_resumed_session_does_not_pass_for_a_certificate(
    workshop: Any, serve: Any, loop_name: str, client_ca: ClientCa
) -> None:
    """TLS 1.2 session identifiers cannot be turned off, so a client that comes back by one is refused."""
    serving = ServingCertificate(workshop.certificate, workshop.key, client_ca=client_ca.path, client_names=_NAMES)
    context = _with_certificate(workshop, client_ca.authority, "kube-apiserver")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with serve(serving, loop_name) as server:
        resumed, session = _shake(context, server.port, None)
        assert not resumed
        with pytest.raises(OSError):  # noqa: PT011 -- see above
            _shake(context, server.port, session)
        assert server.answered == 1
        assert "resumed" in serving.last_refused_client
        _shake(context, server.port, None)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_tickets_are_given(workshop: Any, serve: Any, loop_name: str, version: ssl.TLSVersion) -> None:
    """A client that comes back by TLS 1.3 makes a full handshake, and so sees the certificate of today."""
    serving = ServingCertificate(workshop.certificate, workshop.key)
    context = workshop.client_context()
    context.maximum_version = version
    with serve(serving, loop_name) as server:
        _, session = _shake(context, server.port, None)
        assert session is None or not session.has_ticket
        resumed, _ = _shake(context, server.port, session)
    assert not (resumed and version is ssl.TLSVersion.TLSv1_3)


def test_an_intermediate_ca_in_the_bundle_is_enough(workshop: Any, serve: Any, tmp_path: Path) -> None:
    """Whatever is in the bundle is trusted, as in Go: a cluster may hand out its intermediate only."""
    intermediate = trustme.CA().create_child_ca()
    bundle = tmp_path / "intermediate.crt"
    bundle.write_bytes(intermediate.cert_pem.bytes())
    serving = ServingCertificate(workshop.certificate, workshop.key, client_ca=bundle, client_names=_NAMES)
    with serve(serving) as server:
        server.get(_with_certificate(workshop, intermediate, "kube-apiserver"))
    assert server.answered == 1


def test_a_listener_that_forgot_to_ask_lets_nobody_in(workshop: Any) -> None:
    """Should a context ever lose its demand for a certificate, connections fail instead of passing unchecked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(workshop.certificate, workshop.key)
    refusals: list[str] = []
    context.sslobject_class = checked_connection(frozenset(), refusals.append)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = workshop.client_context().wrap_bio(down, up, server_hostname="localhost")
    far = context.wrap_bio(up, down, server_side=True)
    for end in (near, far):
        with pytest.raises(ssl.SSLWantReadError):
            end.do_handshake()
    near.do_handshake()
    with pytest.raises(ssl.SSLCertVerificationError, match="no verified certificate"):
        far.do_handshake()
    assert refusals == ["the client showed no verified certificate"]
