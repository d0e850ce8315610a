"""Clicks that go on while the guard, or the API server itself, is killed and started again."""

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_server import free_port
from guarded_cluster import Cluster, crd, dismissed, tokens
from rbac_server import rbac_server
from server_process import Process

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

Stored = dict[str, Any]


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that may be taken down."""
    with rbac_server(tmp_path_factory.mktemp("restarted"), tokens()) as server:
        cluster = Cluster(server)
        cluster.furnish(crd("harvesterhci.io", "upgrades"))
        yield cluster
        cluster.close()


class Clicks(threading.Thread):
    """Lossy PUTs of one object, one after another; each is followed by a look at what is stored."""

    def __init__(self, cluster: Cluster, made: Stored) -> None:
        super().__init__()
        self.codes: list[int] = []
        self.unreachable = 0
        self.lost = 0
        self._cluster, self._made = cluster, made
        self._ended = threading.Event()

    def run(self) -> None:
        """Click until told to stop."""
        while not self._ended.is_set():
            try:
                self._click()
            except httpx.TransportError:
                self.unreachable += 1

    def _click(self) -> None:
        name = self._made["metadata"]["name"]
        current = self._cluster.send("GET", self._cluster.path(name), who="rancher")
        if current.code != 200:  # an API server that comes up knows its RBAC a moment later
            return
        answer = self._cluster.send("PUT", self._cluster.path(name), dismissed(current.body))
        for seen in (current, answer):
            self.lost += seen.code == 200 and seen.body.get("status") != self._made["status"]
        self.codes.append(answer.code)

    def until(self, code: int) -> None:
        """Wait for the next answer with a code."""
        since = len(self.codes)
        self._cluster.until(lambda: code in self.codes[since:] or not self.is_alive(), f"no answer is {code}")

    def stop(self) -> None:
        """No more clicks."""
        self._ended.set()
        self.join()


def register(cluster: Cluster, guarding: Path, url: str, authority: Path, upgrade: Stored) -> None:
    """Register a webhook and wait until it mends."""
    cluster.register(guarding, url, authority)
    probe = cluster.create(upgrade)
    path = cluster.path(probe["metadata"]["name"]) + "?dryRun=All"
    cluster.until(lambda: "status" in cluster.send("PUT", path, dismissed(probe)).body, "nobody mends")


@pytest.fixture
def only_upgrades(tmp_path: Path, guarding: Path) -> Path:
    """The guard of the one kind that a cluster of a test's own has."""
    folder = tmp_path / "only-upgrades"
    folder.mkdir()
    (folder / "upgrades.yaml").write_bytes((guarding / "upgrades.yaml").read_bytes())
    return folder


def test_a_guard_that_is_killed_and_started_again_loses_nothing(
    own: Cluster, upgrade: Stored, start: Callable[..., Process], only_upgrades: Path, authority: Path
) -> None:
    """While there is no guard each click is refused by a 500; before and after that it is mended; nothing is lost.

    A guard that comes up between the two calls of one click refuses it by a 422: it was not there to mend it.
    """
    port = free_port()
    first = start(rules=only_upgrades, port=port)
    register(own, only_upgrades, first.url, authority, upgrade)
    clicks = Clicks(own, own.create(upgrade))
    clicks.start()
    try:
        clicks.until(200)
        first.signal(signal.SIGKILL)
        first.ended()
        clicks.until(500)
        start(rules=only_upgrades, port=port)
        clicks.until(200)
        clicks.until(200)
    finally:
        clicks.stop()
    assert {200, 500} <= set(clicks.codes) <= {200, 422, 500}
    assert (clicks.lost, clicks.unreachable) == (0, 0)


def test_an_api_server_that_is_started_again_calls_the_guard_from_its_first_answer_on(
    own: Cluster, upgrade: Stored, start: Callable[..., Process], only_upgrades: Path, authority: Path
) -> None:
    """While the API server comes and goes clicks are refused or not answered; none gets through unmended.

    Refused by 503 while it goes, by 403 or 500 while it comes and cannot ask webhooks yet.
    """
    guard = start(rules=only_upgrades)
    register(own, only_upgrades, guard.url, authority, upgrade)
    clicks = Clicks(own, own.create(upgrade))
    clicks.start()
    try:
        clicks.until(200)
        own.server.process.end()
        own.until(lambda: clicks.unreachable > 0, "it goes on answering")
        own.server.process.begin()
        own.connect()
        clicks.until(200)
        clicks.until(200)
    finally:
        clicks.stop()
    assert clicks.lost == 0
    assert {code for code in clicks.codes if code < 400} == {200}
