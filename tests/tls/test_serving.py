"""Following the files, and what the listener speaks."""

import socket
import ssl
import warnings
from datetime import timedelta
from typing import Any

import pytest

from app.tls import Reload, ServingCertificate


def test_unchanged_files_are_left_alone(workshop: Any) -> None:
    """Content decides: files written again with the same bytes are no new generation."""
    serving = ServingCertificate(workshop.certificate, workshop.key)
    workshop.certificate.write_bytes(workshop.certificate.read_bytes())
    workshop.certificate.touch()
    assert serving.reload_if_changed() == Reload("unchanged")
    assert (serving.generation, serving.failures, serving.last_error) == (1, 0, None)


def test_the_same_bad_content_is_refused_once(workshop: Any) -> None:
    """A poll every few seconds must not fill the log, but each new accident is told."""
    serving = ServingCertificate(workshop.certificate, workshop.key)
    good = workshop.certificate.read_bytes()
    seen = []
    for content in (b"one", b"one", b"two", good, b"two", b"two"):
        workshop.certificate.write_bytes(content)
        seen.append(serving.reload_if_changed().outcome)
    assert seen == ["refused", "unchanged", "refused", "unchanged", "refused", "unchanged"]
    assert (serving.generation, serving.failures) == (1, 3)


def test_the_served_content_back_in_the_files_ends_the_refusal(workshop: Any) -> None:
    """A rotation taken back leaves nothing to complain of."""
    serving = ServingCertificate(workshop.certificate, workshop.key)
    good = workshop.certificate.read_bytes()
    workshop.certificate.write_bytes(b"")
    serving.reload_if_changed()
    assert serving.last_error is not None
    workshop.certificate.write_bytes(good)
    serving.reload_if_changed()
    assert serving.last_error is None


def test_an_accepted_pair_changes_what_is_reported(workshop: Any) -> None:
    """Metrics and readiness read fingerprint and dates of what is served now."""
    serving = ServingCertificate(workshop.certificate, workshop.key)
    before = serving.fingerprint, serving.not_after
    workshop.write(workshop.issue(lifetime=timedelta(days=7)))
    assert serving.reload_if_changed() == Reload("accepted")
    assert serving.fingerprint != before[0]
    assert serving.not_after < before[1]


def test_tls_1_1_is_refused(workshop: Any, serve: Any) -> None:
    """The server itself says no to versions that browsers and API servers gave up long ago."""
    context = workshop.client_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(category=DeprecationWarning, action="ignore"):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    serving = ServingCertificate(workshop.certificate, workshop.key)
    with serve(serving) as server, pytest.raises(ssl.SSLError):
        server.get(context)
    assert server.answered == 0
    # The event loops drop the alert that would say why, so the reason is asked of the context itself.
    hello, answer = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(answer, hello, server_hostname="localhost").do_handshake()
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
        serving.listener_context.wrap_bio(hello, answer, server_side=True).do_handshake()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("offered", "chosen"), [(["h2", "http/1.1"], "http/1.1"), (["h2"], None), (["http/1.1"], "http/1.1"), ([], None)]
)
def test_http_2_is_never_chosen(
    workshop: Any, serve: Any, offered: list[str], chosen: str | None, version: ssl.TLSVersion
) -> None:
    """Go's client speaks HTTP/2 when it is chosen, and nothing here would understand it."""
    context = workshop.client_context()
    context.minimum_version = context.maximum_version = version
    if offered:
        context.set_alpn_protocols(offered)
    with (
        serve(ServingCertificate(workshop.certificate, workshop.key)) as server,
        socket.create_connection(("127.0.0.1", server.port), 20) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as connection,
    ):
        assert connection.selected_alpn_protocol() == chosen
        assert connection.version() == version.name.replace("_", ".")


def test_garbage_instead_of_tls_harms_nobody_else(workshop: Any, serve: Any, loop_name: str) -> None:
    """A plain HTTP request, noise and a silent hang-up end their own connection only."""
    with serve(ServingCertificate(workshop.certificate, workshop.key), loop_name) as server:
        for noise in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", bytes(range(256)), b"\x16\x03\x01", b""):
            with socket.create_connection(("127.0.0.1", server.port), 20) as raw:
                raw.sendall(noise)
                raw.shutdown(socket.SHUT_WR)
                while raw.recv(4096):
                    pass
        server.get(workshop.client_context())
    assert server.answered == 1
