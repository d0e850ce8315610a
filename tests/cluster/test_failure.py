"""What a caller sees and what is stored when the guard cannot be asked."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from guarded_cluster import Cluster, dismissed, without
from server_process import Pki, Process

pytestmark = pytest.mark.cluster

Stored = dict[str, Any]
CALL_FAILED = "failed calling webhook"


@pytest.fixture
def registered(cluster: Cluster, guarding: Path, authority: Path, webhook: Process) -> Iterator[Callable[..., None]]:
    """Register another webhook in place of the cluster's own, which is there again afterwards."""

    def register(url: str, trusted: Path = authority) -> None:
        cluster.register(guarding, url, trusted)

    yield register
    cluster.register(guarding, webhook.url, authority)


def a_lossy_write(cluster: Cluster, made: Stored) -> Any:
    """The answer to the buggy dismissal, which nothing stores."""
    return cluster.send("PUT", cluster.path(made["metadata"]["name"]) + "?dryRun=All", dismissed(made))


def await_failure(cluster: Cluster, made: Stored) -> None:
    """Wait until the API server has noticed the registration, and finds the webhook failing."""
    cluster.until(lambda: a_lossy_write(cluster, made).code == 500, "the webhook goes on answering")


def assert_fails_closed_for_losses_alone(cluster: Cluster, made: Stored, healthy: Stored) -> None:
    """A lossy write gets 500 and changes nothing; healthy writes and the controller's pass."""
    path = cluster.path(made["metadata"]["name"])
    refused = cluster.send("PUT", path, dismissed(made))
    assert refused.code == 500
    assert CALL_FAILED in refused.body["message"]
    assert cluster.get(made["metadata"]["name"]) == made
    labelled = cluster.send("PUT", cluster.path(healthy["metadata"]["name"]), {**healthy, "spec": {"changed": True}})
    assert labelled.code == 200
    assert cluster.send("PUT", path, without(made, "conditions"), who="controller").code == 200


def test_a_guard_that_is_down_stops_losses_and_nothing_else(
    cluster: Cluster, upgrade: Stored, start: Callable[..., Process], guarding: Path, registered: Callable[..., None]
) -> None:
    """With the guard's process gone, only the write that loses status is refused."""
    own = start(rules=guarding)
    registered(own.url)
    made, healthy = cluster.create(upgrade), cluster.create(upgrade)
    own.popen.terminate()
    own.ended()
    await_failure(cluster, made)
    assert_fails_closed_for_losses_alone(cluster, made, healthy)


def test_a_guard_with_an_untrusted_certificate_is_one_that_is_down(
    cluster: Cluster, upgrade: Stored, registered: Callable[..., None], webhook: Process, tmp_path: Path
) -> None:
    """A caBundle of another CA fails the call as a missing process does, with the same consequences."""
    from datetime import UTC, datetime  # noqa: PLC0415 - for this certificate alone

    from app.certificates import new_authority  # noqa: PLC0415

    other = tmp_path / "other.crt"
    other.write_bytes(new_authority("another CA", datetime.now(UTC)).certificate)  # noqa: TID251 - valid now
    registered(webhook.url, other)
    made, healthy = cluster.create(upgrade), cluster.create(upgrade)
    await_failure(cluster, made)
    assert_fails_closed_for_losses_alone(cluster, made, healthy)


@contextmanager
def hanging(pki: Pki) -> Iterator[str]:
    """A server that takes connections over TLS and never answers."""
    import socket  # noqa: PLC0415 - for this server alone

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.certificate, pki.key)
    held = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                    held.append(context.wrap_socket(connection, server_side=True))
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in held:
        connection.close()


def test_a_guard_that_hangs_is_given_up_on(
    cluster: Cluster, upgrade: Stored, registered: Callable[..., None], pki: Pki
) -> None:
    """After its timeout a hanging webhook counts as failed, with the same consequences."""
    with hanging(pki) as url:
        registered(url)
        made, healthy = cluster.create(upgrade), cluster.create(upgrade)
        await_failure(cluster, made)
        assert_fails_closed_for_losses_alone(cluster, made, healthy)


def test_a_restart_behind_constant_losses_loses_none(
    cluster: Cluster, upgrade: Stored, start: Callable[..., Process], guarding: Path, registered: Callable[..., None]
) -> None:
    """While one guard takes over from another, each lossy write is mended, or refused by 500; no status is lost."""
    first, second = start(rules=guarding), start(rules=guarding)
    registered(first.url)
    made = cluster.create(upgrade)
    name = made["metadata"]["name"]
    seen: list[int] = []
    lost: list[int] = []
    stop = threading.Event()

    def click() -> None:
        current = made
        while not stop.is_set():
            answer = cluster.send("PUT", cluster.path(name), dismissed(current))
            seen.append(answer.code)
            if answer.code == 200:
                current = answer.body
            if cluster.get(name).get("status") != upgrade["status"]:
                lost.append(len(seen))

    clicking = threading.Thread(target=click)
    clicking.start()
    try:
        cluster.until(lambda: first.metric("status_guard_requests_total", action="restored") > 5, "no click is mended")
        registered(second.url)
        cluster.until(lambda: second.metric("status_guard_requests_total", action="restored") > 5, "nobody took over")
        first.popen.terminate()
        assert first.ended() == 0
        mended = second.metric("status_guard_requests_total", action="restored")
        cluster.until(
            lambda: second.metric("status_guard_requests_total", action="restored") > mended + 5, "it stopped"
        )
    finally:
        stop.set()
        clicking.join()
    assert lost == []
    assert set(seen) == {200}
