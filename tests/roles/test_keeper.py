"""The keeper role: what readiness says, what is done while leading, and what it refuses to start with."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from virtual_cluster import VirtualCluster, VirtualLeadership
from virtual_keeper import Scene
from virtual_time import in_virtual_time
from virtual_upgrade import begun

from app.api.health import Health
from app.cluster.port import ClusterError
from app.roles.keeper import Keeper, while_leading
from app.settings import Settings, SettingsError
from app.telemetry import Telemetry


@pytest.fixture
def role(rules: Path) -> Keeper:
    """A keeper that does not run."""
    return Keeper(Settings(roles=("keeper",), rules=rules), Telemetry(), None)


async def health(role: Keeper, scene: Scene | None = None) -> Health:
    """What readiness says of the keeper."""
    if scene:
        role._watching = scene.keepers[0].keeper
    found: Health = await role.checks["keeper"]()
    return found


def test_it_needs_rules() -> None:
    """Without rule documents there is nothing to keep, and the setting is named."""
    with pytest.raises(SettingsError, match="the keeper role needs --rules"):
        Keeper(Settings(roles=("keeper",)), Telemetry(), None)


def test_rules_of_the_webhook_are_looked_after_by_it(role: Keeper) -> None:
    """Beside a webhook the keeper uses its rules, and neither reads them again nor speaks of them in readiness."""
    beside = Keeper(role._settings, Telemetry(), role.rules)
    beside.poll()
    assert beside.rules is role.rules
    assert set(beside.checks) == {"keeper"}
    assert set(role.checks) == {"rules", "keeper"}


async def test_without_a_cluster_it_ends_in_words(role: Keeper, tmp_path: Path) -> None:
    """A kubeconfig that is none ends the role with what to do, and whoever waits for its end waits no longer."""
    role._settings = role._settings.model_copy(update={"kubeconfig": tmp_path / "none"})
    with pytest.raises(ClusterError, match="name a kubeconfig with --kubeconfig"):
        await role.run()
    await role.drain()


@in_virtual_time
async def test_ready_is_who_has_seen_everything_leader_or_not(role: Keeper) -> None:
    """Starting is not ready; a standby that has seen all objects is, and so is a leader; shutting down is not."""
    assert await health(role) == Health(ok=False, detail="starting")
    scene = await begun()
    assert await health(role, scene) == Health(ok=True, detail="leading; 1 kinds, 1 objects")
    scene.keepers[0].leadership.set(leads=False)
    await asyncio.sleep(1)
    assert await health(role, scene) == Health(ok=True, detail="standing by; 1 kinds, 1 objects")
    role.draining = True
    assert await health(role, scene) == Health(ok=False, detail="shutting down")


@in_virtual_time
async def test_readiness_tells_what_is_wrong(role: Keeper) -> None:
    """A kind that the cluster lacks and a watch that broke are said, and are no reason to be unready."""
    scene = Scene(VirtualCluster(absent={"upgrades"}))
    scene.start()
    await asyncio.sleep(1)
    assert await health(role, scene) == Health(
        ok=True, detail="leading; 0 kinds, 0 objects; not in this cluster: upgrades"
    )
    scene.cluster.absent.clear()
    await asyncio.sleep(30)
    [kind] = scene.keepers[0].keeper.kinds.values()
    kind.broken = "no right to watch"
    assert (await health(role, scene)).detail.endswith("; upgrades: no right to watch")
    kind.synced, kind.broken = False, ""
    assert await health(role, scene) == Health(ok=False, detail="leading; 1 kinds, 0 objects; not seen yet: upgrades")


@in_virtual_time
async def test_duties_are_done_while_leading() -> None:
    """A duty begins when this keeper leads, ends when it does not, and begins again."""
    leadership, done = VirtualLeadership(), []

    async def duty() -> None:
        done.append("begun")
        try:
            await asyncio.sleep(1000)
        finally:
            done.append("ended")

    task = asyncio.create_task(while_leading(leadership, duty))
    for leads, so_far in ((False, 0), (True, 1), (False, 2), (True, 3)):
        leadership.set(leads=leads)
        await asyncio.sleep(1)
        assert len(done) == so_far
    task.cancel()
    await asyncio.sleep(1)
    assert done == ["begun", "ended", "begun", "ended"]


@in_virtual_time
async def test_a_duty_that_fails_is_begun_again() -> None:
    """What goes wrong in a duty is reported without its words, and stops nothing else."""
    times = []

    async def duty() -> None:
        times.append(1)
        raise ValueError("a secret")

    with capture_logs() as said:
        task = asyncio.create_task(while_leading(VirtualLeadership(leads=True), duty))
        await asyncio.sleep(70)
        task.cancel()
    assert len(times) == 3
    assert [(line["event"], line["error"]) for line in said] == [("internal error", "ValueError")] * 3
    assert "secret" not in str(said)
