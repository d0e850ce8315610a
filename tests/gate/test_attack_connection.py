"""The probe speaks for the replica that takes the POST: no POST meets a replica that lags, however many there are."""

import asyncio
import os

import pytest
from virtual_gate import Scene
from virtual_repository import Course, Replica, Repository
from virtual_time import run

from app.gate.progress import Answered

INSTALLS = int(os.environ.get("CHAOS_RUNS", "1000"))
EACH = 50
"""Installs of one life: some begin while both followers lag, some while one does, some when none does."""
LAST_LAG = 60
PARTS = 4


async def _life(seed: int) -> tuple[int, list[str]]:
    """Have installs arrive while one follower after the other gets the chart; how many POSTs, and what is wrong."""
    replicas = [Replica(0.1, 0), Replica(0.3, 5 + seed % 20), Replica(0.5, LAST_LAG)]
    repository = Repository(course=Course(created=1, clone=5), replicas=replicas)
    scene = Scene(repository, seed=seed)
    leader = asyncio.create_task(repository.lead())
    installs = []
    for number in range(EACH):
        await asyncio.sleep(LAST_LAG * 1.2 / EACH)
        installs.append(await scene.submit(f"r{number}", "wait=600", releaseName=f"demo-{number}"))
    ends = [(await install.ended()).outcome for install in installs]
    await scene.quiet()
    leader.cancel()
    wrong = [*scene.rancher.wrong, *(repr(end) for end in ends if not isinstance(end, Answered))]
    wrong += [f"{who} began {begun} times" for who, begun in scene.releases.effects.items() if begun != 1]
    return len(scene.rancher.posts), [*wrong, *map(repr, scene.seen.faults)]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
def test_no_post_meets_a_replica_that_lags(part: int) -> None:
    """Behind a balancer of connections each install takes one POST, the first: of so many installs none misses."""
    lives = -(-INSTALLS // EACH)
    for seed in range(part, lives, PARTS):
        posts, wrong = run(_life(seed))
        assert wrong == [], f"seed {seed}"
        assert posts == EACH, f"seed {seed}"
