"""Status that is written to without a pause while certificates change.

Short by default; ``LONG_RUN=1`` makes it a minute.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from guarded_cluster import Cluster, dismissed
from server_process import Process

from app.certificates import issue_leaf, new_authority

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

Stored = dict[str, Any]
LONG = bool(os.environ.get("LONG_RUN"))
CLICKS_A_STEP = 40
SECONDS_A_STEP = 13.0 if LONG else 0.0


class Clicks(threading.Thread):
    """Lossy PUTs of one object without a pause, each checked."""

    def __init__(self, cluster: Cluster, made: Stored) -> None:
        super().__init__()
        self.codes: list[int] = []
        self.lost = 0
        self._cluster, self._current = cluster, made
        self._ended = threading.Event()

    def run(self) -> None:
        """Click until told to stop."""
        path = self._cluster.path(self._current["metadata"]["name"])
        status = self._current["status"]
        while not self._ended.is_set():
            answer = self._cluster.send("PUT", path, dismissed(self._current))
            self.codes.append(answer.code)
            if answer.code == 200:
                self._current = answer.body
                self.lost += answer.body.get("status") != status

    def more(self) -> None:
        """Wait for a good many further clicks, and for as long as a step takes at least."""
        after, end = len(self.codes) + CLICKS_A_STEP, time.monotonic() + SECONDS_A_STEP

        def enough() -> bool:
            return (len(self.codes) >= after and time.monotonic() >= end) or not self.is_alive()

        self._cluster.until(enough, "nobody clicks")

    def stop(self) -> None:
        """No more clicks."""
        self._ended.set()
        self.join()


def test_leaf_and_ca_change_under_constant_losses(  # noqa: PLR0917 - fixtures are asked for by name
    cluster: Cluster,
    upgrade: Stored,
    start: Callable[..., Process],
    guarding: Path,
    authority: Path,
    webhook: Process,
    tmp_path: Path,
) -> None:
    """A new leaf, then a new CA by way of a bundle of both: no write fails, no status is lost."""
    from datetime import UTC, datetime  # noqa: PLC0415 - certificates are valid now

    now = datetime.now(UTC)  # noqa: TID251
    names = ["localhost", "127.0.0.1"]
    certificate, key, bundle = tmp_path / "tls.crt", tmp_path / "tls.key", tmp_path / "bundle.crt"
    old, new = new_authority("old CA", now), new_authority("new CA", now)

    def serve(pair: Any) -> None:
        certificate.write_bytes(pair.certificate)
        key.write_bytes(pair.key)

    serve(issue_leaf(old, names, now))
    bundle.write_bytes(old.certificate)
    own = start(rules=guarding, tls_cert=certificate, tls_key=key)
    cluster.register(guarding, own.url, bundle)
    clicks = Clicks(cluster, cluster.create(upgrade))
    clicks.start()
    try:
        cluster.until(lambda: own.metric("status_guard_requests_total", action="restored") > 0, "it is not called")
        serve(issue_leaf(old, names, now))
        own.line("certificate accepted", count=1)
        clicks.more()
        bundle.write_bytes(old.certificate + new.certificate)
        cluster.register(guarding, own.url, bundle)
        clicks.more()  # every API server has to trust both before the new leaf is served
        serve(issue_leaf(new, names, now))
        own.line("certificate accepted", count=2)
        clicks.more()
        # the API server keeps its connections; another process is one it has to shake hands with under this bundle
        other = start(rules=guarding, tls_cert=certificate, tls_key=key)
        cluster.register(guarding, other.url, bundle)
        called = "status_guard_requests_total"
        cluster.until(lambda: other.metric(called, action="restored") > 0 or set(clicks.codes) != {200}, "nobody calls")
        clicks.more()
        bundle.write_bytes(new.certificate)
        cluster.register(guarding, other.url, bundle)
        clicks.more()
    finally:
        clicks.stop()
        cluster.register(guarding, webhook.url, authority)
    assert set(clicks.codes) == {200}
    assert clicks.lost == 0
