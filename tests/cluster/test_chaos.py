"""Guard, keeper and fifty objects while guards and leaders are killed, the API server restarts, and rules change.

Some forty seconds by default; ``CHAOS_MINUTES=10`` makes it longer (``make chaos``), ``CHAOS_SEED=N`` another course.
The report is printed (``-s``): what was written, and what became of it.
"""

import os
import random
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_server import until
from chaos_cluster import GUARDED, Installation, installation
from chaos_writers import Follower, Object, Report, Writer, path, whole

SECONDS = float(os.environ.get("CHAOS_MINUTES", "0.5")) * 60
SEED = int(os.environ.get("CHAOS_SEED", "1"))
OBJECTS, WRITERS = 25, 4
REPAIRED_WITHIN = 90.0
"""Seconds until every loss is repaired when nothing goes wrong any more: a lease runs out, a leader reads all."""

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(SECONDS * 2 + 240)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The installation that is harmed."""
    with installation(tmp_path_factory.mktemp("chaos"), SEED) as made:
        yield made


def populate(installed: Installation, upgrade: dict[str, Any]) -> list[Object]:
    """Finished objects of both kinds, with a status worth keeping."""
    found = []
    for resource, group in GUARDED.items():
        kind = {"apiVersion": f"{group}/v1beta1", "kind": resource[:-1].capitalize()}
        for _ in range(OBJECTS):
            made = installed.cluster.create({**upgrade, **kind}, installed.cluster.path("", resource, group))
            found.append(Object(resource, made["metadata"]["name"]))
    return found


def versions(installed: Installation) -> dict[str, str]:
    """Where each kind's history stands."""
    cluster = installed.cluster
    return {
        resource: cluster.send("GET", cluster.path("", resource, group), who="admin").body["metadata"][
            "resourceVersion"
        ]
        for resource, group in GUARDED.items()
    }


def kept(installed: Installation) -> int:
    """How many objects have a revision."""
    listed = installed.server.get("controllerrevisions", "--all-namespaces")["items"]
    return len({one["metadata"]["labels"]["statusguard.io/uid"] for one in listed})


def harm(installed: Installation, seconds: float) -> None:
    """Every harm at least once, in an order by the seed, spread over the time."""
    pick = random.Random(SEED)
    rounds = max(1, round(seconds / 60))
    harms = [one for _ in range(rounds) for one in pick.sample(installed.harms, len(installed.harms))]
    pause = threading.Event()
    for one in harms:
        pause.wait(seconds / len(harms))  # the time in which the writers write; nothing is waited for
        installed.harm(one)


def test_nothing_is_lost_for_good(installed: Installation, upgrade: dict[str, Any], tmp_path: Path) -> None:
    """Whatever goes wrong: in the end every object has what its rule calls never removed, and no honest write is gone.

    What slipped past admission was repaired.
    """
    objects, report = populate(installed, upgrade), Report()
    installed.cluster.until(lambda: kept(installed) == len(objects), "the keeper does not keep what there is")
    followers = [Follower(installed.cluster, one, since, report) for one, since in versions(installed).items()]
    writers = [Writer(installed.cluster, objects, report, SEED * 100 + at) for at in range(WRITERS)]
    for thread in (*followers, *writers):
        thread.start()
    try:
        harm(installed, SECONDS)
    finally:
        for writer in writers:
            writer.end()

    def lost() -> list[str]:
        found = {one.name: installed.cluster.send("GET", path(installed.cluster, one), who="admin") for one in objects}
        return [name for name, answer in found.items() if answer.code != 200 or not whole(answer.body)]

    try:
        until(lambda: not lost(), "not everything is repaired", REPAIRED_WITHIN)
    finally:
        for follower in followers:
            follower.end()
        report.lost = lost()
        text = f"seed {SEED}, {SECONDS:g} s, {' '.join(installed.harmed)}: {report.text()}"
        sys.stdout.write(f"{text}\n")
        (tmp_path / "report.txt").write_text(text)
    assert report.lost == []
    assert report.slipped > 0
    assert report.restored > 0
    assert report.repaired >= report.slipped
    for one in objects:
        stored = installed.cluster.send("GET", path(installed.cluster, one), who="admin").body
        assert one.stored <= stored["spec"].get("counter", 0) <= one.tried, stored["metadata"]["name"]
        assert stored["status"].get("progress", 0) <= one.tried
