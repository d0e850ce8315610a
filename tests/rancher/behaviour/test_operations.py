"""What follows an install: the Operation's states and traps, the App, and the UI plugin on every replica."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.rancher import HARVESTER_URL, JANE, LUKE, Act, Chart, Step, Timing

Start = Callable[..., Awaitable[Any]]
SLOW = {"pod_start": 4000.0, "helm": 4000.0, "operation_kept": 1e6}


async def begun(start: Start, **timing: float) -> tuple[Any, str]:
    """A scene with an install that was answered, and its Operation."""
    scene = await start()
    scene.rancher.world.timing = Timing(**(SLOW | timing))
    return scene, (await scene.install()).json()["operationName"]


async def until(scene: Any, name: str, state: str, message: str = "") -> dict[str, Any]:
    """Wait for an Operation's state as Steve says it."""
    async with asyncio.timeout(30):
        while True:
            changed = scene.rancher.local.store.changed
            shown = await scene.operation(name)
            if shown["metadata"]["state"]["name"] == state and message in shown["metadata"]["state"]["message"]:
                return dict(shown)
            await changed.wait()


def conditions(shown: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Status and message by condition type."""
    return {one["type"]: (one["status"], one.get("message", "")) for one in shown["status"]["conditions"]}


async def test_a_new_operation_is_in_progress_before_anybody_has_looked(start: Start) -> None:
    """Right after its creation nothing is observed, there are no conditions, and no log to ask for."""
    scene, name = await begun(start, watch=100_000)
    shown = await scene.operation(name)
    assert (shown["status"]["observedGeneration"], shown["metadata"]["state"]["name"]) == (0, "in-progress")
    assert "conditions" not in shown["status"]
    assert "logs" not in shown["links"]
    assert shown["metadata"]["state"]["message"] == "Operation generation is 1, but latest observed generation is 0"


async def test_an_operation_waits_runs_and_becomes_active(start: Start) -> None:
    """Its conditions follow the pod, and the log's link is there from the pod's start."""
    scene, name = await begun(start, pod_start=100, helm=100)
    shown = await until(scene, name, "reconciling", "waiting to run operation")
    assert conditions(shown)["Reconciling"] == ("True", "waiting to run operation")
    shown = await until(scene, name, "reconciling", "running operation")
    assert shown["status"]["podCreated"] is True
    assert shown["links"]["logs"].endswith("?link=logs")
    shown = await until(scene, name, "active")
    assert conditions(shown) == {"Reconciling": ("False", ""), "Stalled": ("False", "")}


async def test_a_failed_operation_says_only_its_exit_code(start: Start) -> None:
    """What helm said is in the log alone; the condition has xargs' 123."""
    scene = await start(ready=False)
    scene.rancher.upstream(
        HARVESTER_URL,
        Chart("harvester", "1.8.1", failure="no matches for kind"),
    )
    scene.rancher.add_repo()
    await asyncio.wait_for(scene.rancher.downloaded(everywhere=True), 30)
    name = (await scene.install()).json()["operationName"]
    shown = await until(scene, name, "error")
    assert conditions(shown)["Stalled"] == ("True", " exit code: 123")
    log = await scene.http.get(shown["links"]["logs"])
    assert log.text.endswith("Error: INSTALLATION FAILED: no matches for kind\n")


async def test_a_failed_operation_turns_active_when_its_pod_is_gone(start: Start) -> None:
    """The trap: the handler takes a missing pod for success, and the log is gone as well."""
    scene = await start(timing=Timing(follower_lag=0.5, pod_kept=300, operation_kept=1e6))
    scene.rancher.faults.add(Step.HELM, Act.FAIL, error="boom")
    name = (await scene.install()).json()["operationName"]
    await until(scene, name, "error")
    shown = await until(scene, name, "active")
    assert conditions(shown)["Stalled"] == ("False", "")
    log = await scene.http.get(shown["links"]["logs"])
    assert (log.status_code, log.json()["message"]) == (500, f'pods "{name}" not found')


async def test_an_operation_vanishes_after_an_hour(start: Start) -> None:
    """What belongs to it is deleted with its cluster role; the App stays."""
    scene = await start(factor=5000)
    name = (await scene.install()).json()["operationName"]
    await scene.deployed()
    (pod,) = scene.rancher.record.of("effect", made="pod")
    async with asyncio.timeout(30):
        await scene.rancher.until(lambda: not scene.rancher.local.store.list("operations"))
    assert scene.rancher.clock.seconds() - pod.at >= 3600
    assert (await scene.operation(name))["status"] == 404
    assert scene.stored("apps")["status"]["summary"] == {"state": "deployed"}


async def test_without_a_leader_nobody_writes_what_happened(start: Start) -> None:
    """Helm ends, and neither the Operation nor the App says so before somebody leads."""
    scene = await start()
    scene.rancher.world.timing = Timing(election=1e9)
    scene.rancher.local.bereave(scene.rancher.local.leader)
    name = (await scene.install()).json()["operationName"]
    async with asyncio.timeout(30):
        while not scene.rancher.record.of("helm"):
            await scene.rancher.clock.sleep(1)
    await scene.rancher.clock.sleep(20)
    assert scene.stored("apps") == {}
    assert "conditions" not in (await scene.operation(name))["status"]
    scene.rancher.local.depose(scene.rancher.local.members[2])
    await scene.deployed()
    await until(scene, name, "active")


async def test_a_log_that_is_read_early_ends_with_the_pod(start: Start) -> None:
    """The log of a running pod is answered to its end."""
    scene, name = await begun(start, pod_start=1, helm=50)
    shown = await until(scene, name, "reconciling", "running operation")
    log = await scene.http.get(shown["links"]["logs"])
    assert "STATUS: deployed" in log.text


async def test_the_app_mirrors_the_newest_revision(start: Start) -> None:
    """An upgrade raises the revision, and the label names the repository."""
    scene = await start()
    for _ in range(2):
        await scene.install(action="upgrade")
        await scene.rancher.settled()
    app = (await scene.http.get("/v1/catalog.cattle.io.apps/cattle-ui-plugin-system/harvester")).json()
    assert (app["spec"]["version"], app["spec"]["info"]["status"]) == (2, "deployed")
    assert app["spec"]["chart"]["metadata"]["version"] == "1.8.1"
    assert app["metadata"]["labels"] == {"catalog.cattle.io/cluster-repo-name": "harvester"}
    assert app["metadata"]["state"]["name"] == "deployed"


async def test_an_app_is_pending_while_helm_works(start: Start) -> None:
    """Before it is deployed the App says pending-install, in transition."""
    scene, _ = await begun(start, pod_start=1)
    async with asyncio.timeout(30):
        await scene.rancher.until(lambda: scene.stored("apps").get("status"))
    assert scene.stored("apps")["status"]["summary"] == {"state": "pending-install", "transitioning": True}


async def test_a_plugin_is_served_by_each_replica_once_it_has_it(start: Start) -> None:
    """One shared status says cached, and a replica that has not cached it answers 425 for its file."""
    scene = await start()
    await scene.install()
    await scene.rancher.settled()
    assert scene.stored("uiplugins")["status"] == {"observedGeneration": 1, "cacheState": "cached", "ready": True}
    scene.rancher.local.members[1].plugins.clear()
    file = "/v1/uiplugins/harvester/1.8.1/plugin/harvester-1.8.1.umd.min.js"
    answers = [(await (await scene.at(number)).get(file)).status_code for number in range(3)]
    assert answers == [200, 425, 200]
    assert "harvester" in (await (await scene.at(0)).get("/v1/uiplugins")).json()["entries"]


async def test_an_uninstall_removes_the_release(start: Start) -> None:
    """The App and the plugin are gone, and the name is free."""
    scene = await start()
    await scene.install()
    await scene.rancher.settled()
    path = "/v1/catalog.cattle.io.apps/cattle-ui-plugin-system/harvester"
    assert (await scene.http.post(path, params={"action": "uninstall"}, json={})).status_code == 201
    await scene.rancher.settled()
    assert (scene.stored("apps"), scene.stored("uiplugins")) == ({}, {})
    await scene.install()
    await scene.deployed()


@pytest.mark.parametrize("resource", ["operations", "apps"])
async def test_one_cluster_knows_nothing_of_another(start: Start, resource: str) -> None:
    """What is installed here is not seen downstream."""
    scene = await start(downstream=["c-m-abc"])
    await scene.install()
    await scene.rancher.settled()
    await scene.rancher.clock.sleep(1)
    for prefix, number in (("", 1), ("/k8s/clusters/local", 1), ("/k8s/clusters/c-m-abc", 0)):
        path = f"{prefix}/v1/catalog.cattle.io.{resource}/cattle-ui-plugin-system"
        assert (await scene.http.get(path)).json()["count"] == number


async def test_a_plugin_that_fails_is_tried_again(start: Start) -> None:
    """The status has the error and when it is tried again, first after 10 s; then it is ready."""
    scene = await start(ready=False)
    scene.rancher.upstream(HARVESTER_URL, Chart("harvester", "1.8.1", ui_plugin=True, plugin_failures=2))
    scene.rancher.add_repo()
    await asyncio.wait_for(scene.rancher.downloaded(everywhere=True), 30)
    await scene.install()
    async with asyncio.timeout(30):
        await scene.rancher.until(lambda: scene.stored("uiplugins").get("status", {}).get("retryNumber") == 2)
    status = scene.stored("uiplugins")["status"]
    assert (status["ready"], status["cacheState"], set(status) >= {"error", "retryAt"}) == (False, "pending", True)
    await scene.rancher.settled()
    assert scene.stored("uiplugins")["status"] == {"observedGeneration": 1, "cacheState": "cached", "ready": True}


async def test_who_started_an_operation_may_get_it(start: Start) -> None:
    """The last thing an install makes is its caller's right to read the Operation; others stay without."""
    scene = await start()
    luke = await scene.client(LUKE)
    name = (await scene.install(luke)).json()["operationName"]
    path = f"/v1/catalog.cattle.io.operations/cattle-ui-plugin-system/{name}"
    assert [(await http.get(path)).status_code for http in (luke, await scene.client(JANE))] == [200, 403]
