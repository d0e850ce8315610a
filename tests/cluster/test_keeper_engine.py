"""The keeper as a process, against a real API server, with the rights that are shipped: what slips past is put back."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from guarded_cluster import dismissed, without
from kept_cluster import KeptCluster, kept_cluster

from app.keeper import marks

pytestmark = pytest.mark.cluster
LAST_EVENT = "status_guard_keeper_last_event_timestamp_seconds"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptCluster]:
    """A cluster without a webhook: whatever is written is stored."""
    with kept_cluster(tmp_path_factory.mktemp("kept")) as found:
        yield found


@pytest.fixture
def kept(cluster: KeptCluster) -> Iterator[KeptCluster]:
    """The cluster with a keeper that leads; it is stopped afterwards."""
    cluster.begin()
    yield cluster
    for keeper in tuple(cluster.keepers):
        assert cluster.end(keeper) == 0


def made(kept: KeptCluster, upgrade: dict[str, Any]) -> dict[str, Any]:
    """An Upgrade whose status is kept."""
    found = kept.cluster.create(upgrade)
    kept.until(lambda: len(kept.history(found)) == 1, "its status is not kept")
    return found


def now(kept: KeptCluster, one: dict[str, Any]) -> dict[str, Any]:
    """An object as it is stored."""
    return kept.cluster.get(one["metadata"]["name"])


def lose(kept: KeptCluster, one: dict[str, Any]) -> None:
    """The click that drops the status."""
    name = one["metadata"]["name"]
    answer = kept.cluster.send("PUT", kept.cluster.path(name), dismissed(now(kept, one)))
    assert answer.code == 200, answer
    assert "status" not in answer.body


def test_a_dismissed_upgrade_has_its_status_back(kept: KeptCluster, upgrade: dict[str, Any]) -> None:
    """The status is as it was, the click's label stays, and Events and metrics tell of it."""
    one = made(kept, upgrade)
    assert kept.history(one) == [one["status"]]
    lose(kept, one)
    keeper = kept.keepers[0]
    lost = keeper.line("loss seen", object=f"harvester-system/{one['metadata']['name']}")
    assert lost["paths"] == ["/status"]
    kept.until(lambda: now(kept, one).get("status") == one["status"], "it is not put back")
    assert now(kept, one)["metadata"]["labels"]["harvesterhci.io/read-message"] == "true"
    kept.until(lambda: kept.events(one) == ["StatusLost", "StatusRepaired"], "it is not told of")
    assert keeper.metric("status_guard_keeper_losses_total", guard="upgrades") >= 1
    assert keeper.metric("status_guard_keeper_repairs_total", guard="upgrades", outcome="repaired") >= 1
    assert keeper.metric("status_guard_keeper_objects", guard="upgrades") >= 1


def test_only_what_nobody_removes_comes_back(kept: KeptCluster, upgrade: dict[str, Any]) -> None:
    """A controller may drop a field; the condition that says that all is done it may not."""
    one = made(kept, upgrade)
    name = one["metadata"]["name"]
    body = without(now(kept, one), "imageID")
    body["status"]["conditions"] = [c for c in body["status"]["conditions"] if c["type"] != "Completed"]
    assert kept.cluster.send("PUT", kept.cluster.path(name), body).code == 200
    kept.until(lambda: "StatusRepaired" in kept.events(one), "it is not put back")
    after = now(kept, one)["status"]
    assert sorted(c["type"] for c in after["conditions"]) == sorted(c["type"] for c in one["status"]["conditions"])
    assert "imageID" not in after


def test_the_command_in_the_event_brings_back_what_the_keeper_may_not(
    kept: KeptCluster, upgrade: dict[str, Any]
) -> None:
    """What a controller may drop is told of with a command; run as it stands there, it puts the field back."""
    one = made(kept, upgrade)
    name = one["metadata"]["name"]
    assert kept.cluster.send("PUT", kept.cluster.path(name), without(now(kept, one), "imageID")).code == 200
    kept.until(lambda: kept.events(one) == ["StatusLost"], "it is not told of")
    message = kept.told(one)[0]["message"]
    assert "/status/imageID" in message
    words = message.partition("kubectl status-guard ")[2].split()
    run = kept.cluster.server.status_guard(*words, "--yes", "--reason", "it was lost")
    assert run.returncode == 0, run.stdout + run.stderr
    assert now(kept, one)["status"] == one["status"]


def test_it_gives_up_after_three_times_and_goes_on_when_told(kept: KeptCluster, upgrade: dict[str, Any]) -> None:
    """The fourth loss stays, across a restart; removing the annotation as the Event says has it put back."""
    one = made(kept, upgrade)
    name = one["metadata"]["name"]
    for times in range(3):
        lose(kept, one)
        repaired = times + 1
        kept.until(lambda: "status" in now(kept, one), "it is not put back")
        kept.keepers[0].line("repaired", count=repaired, object=f"harvester-system/{name}")
    lose(kept, one)
    kept.until(lambda: "RepairStopped" in kept.events(one), "it does not give up")
    assert "status" not in now(kept, one)
    assert now(kept, one)["metadata"]["annotations"][marks.REPAIR].startswith("stopped ")
    assert kept.end(kept.keepers[0]) == 0
    keeper = kept.begin()
    keeper.until(lambda: keeper.metric("status_guard_keeper_repair_stopped", guard="upgrades") == 1)
    assert "status" not in now(kept, one)
    kept.cluster.server.kubectl(
        "annotate", "upgrades.harvesterhci.io", name, "-n", "harvester-system", f"{marks.REPAIR}-"
    )
    kept.until(lambda: now(kept, one).get("status") == one["status"], "it does not go on")


def test_a_new_object_of_the_same_name_starts_anew(kept: KeptCluster, upgrade: dict[str, Any]) -> None:
    """Making anew is the documented way to restart an upgrade: nothing of the old one is put into it but by command."""
    one = made(kept, {**upgrade, "metadata": {**upgrade["metadata"], "finalizers": []}})
    name = one["metadata"]["name"]
    assert kept.cluster.send("DELETE", kept.cluster.path(name), who="admin").code == 200
    body = {key: value for key, value in upgrade.items() if key != "status"}
    body["metadata"] = {"name": name, "namespace": "harvester-system"}
    again = kept.cluster.send("POST", kept.cluster.path(), body, who="admin")
    assert again.code == 201, again
    kept.until(lambda: kept.events(again.body) == ["StatusNotCarriedOver"], "the earlier history is not told of")
    assert "status" not in kept.cluster.get(name)
    assert kept.history(one) == [one["status"]]
    words = kept.told(again.body)[0]["message"].partition("kubectl status-guard ")[2].split()
    run = kept.cluster.server.status_guard(*words, "--yes", "--reason", "it was deleted by mistake")
    assert run.returncode == 0, run.stdout + run.stderr
    assert kept.cluster.get(name)["status"] == one["status"]


def test_a_kind_with_a_status_subresource_is_repaired_through_it(kept: KeptCluster) -> None:
    """What a write to /status drops comes back through /status."""
    scales = kept.cluster.path("", "scales", "example.io")
    one = kept.cluster.create({"apiVersion": "example.io/v1beta1", "kind": "Scale", "metadata": {}}, scales)
    path = f"{scales}/{one['metadata']['name']}"
    status = {"big": 9007199254740993, "conditions": [{"type": "Ready"}]}
    assert kept.cluster.send("PUT", f"{path}/status", {**one, "status": status}).code == 200
    kept.until(lambda: kept.history(one) == [status], "it is not kept")
    stored = kept.cluster.send("GET", path).body
    assert kept.cluster.send("PUT", f"{path}/status", {**stored, "status": {}}).code == 200
    kept.until(lambda: kept.cluster.send("GET", path).body.get("status") == status, "it is not put back")


def test_when_the_leader_is_killed_the_other_one_goes_on(kept: KeptCluster, upgrade: dict[str, Any]) -> None:
    """A loss right after SIGKILL is seen and repaired by the standby, within the Lease's time and a little."""
    one = made(kept, upgrade)
    other = kept.start()
    other.until(lambda: other.ready()[0])
    assert other.metric("status_guard_keeper_leading") == 0
    kept.end(kept.keepers[0], signal.SIGKILL)
    lose(kept, one)
    other.line("keeper leading")
    kept.until(lambda: now(kept, one).get("status") == one["status"], "it is not put back")
    kept.until(lambda: kept.events(one) == ["StatusLost", "StatusRepaired"], "it is not told of once")


def test_a_loss_while_no_keeper_ran_is_seen_by_the_next(cluster: KeptCluster, upgrade: dict[str, Any]) -> None:
    """A keeper that starts compares with what was kept."""
    cluster.begin()
    one = made(cluster, upgrade)
    cluster.end(cluster.keepers[0])
    lose(cluster, one)
    keeper = cluster.begin()
    cluster.until(lambda: now(cluster, one).get("status") == one["status"], "it is not put back")
    assert cluster.end(keeper) == 0


def test_a_stop_releases_the_lease_and_writes_what_is_pending(cluster: KeptCluster, upgrade: dict[str, Any]) -> None:
    """After SIGTERM the next keeper leads at once, and the newest status is in the history."""
    keeper = cluster.begin()
    one = made(cluster, upgrade)
    body = now(cluster, one)
    body["status"]["note"] = "the newest"
    shown = keeper.metric(LAST_EVENT, guard="upgrades")
    assert cluster.cluster.send("PUT", cluster.cluster.path(one["metadata"]["name"]), body).code == 200
    keeper.until(lambda: keeper.metric(LAST_EVENT, guard="upgrades") > shown)
    assert cluster.end(keeper) == 0
    assert cluster.history(one)[-1] == body["status"]
    lease = cluster.cluster.server.get("lease", "status-guard-keeper", "-n", "status-guard")
    assert not lease["spec"].get("holderIdentity")


def test_it_had_no_more_rights_than_it_used_and_none_was_missing(cluster: KeptCluster) -> None:
    """Nothing that the keepers of all these tests asked for was refused."""
    assert cluster.cluster.server.refused("system:serviceaccount:status-guard:status-guard-keeper") == []


def test_both_roles_run_in_one_process(cluster: KeptCluster, upgrade: dict[str, Any], starter: Any) -> None:
    """Webhook and keeper share rules, process and operations listener; readiness shows both."""
    kubeconfig = cluster.cluster.server.kubeconfig_for("keeper")
    process = starter(roles="webhook,keeper", rules=cluster.rules, kubeconfig=kubeconfig, namespace="status-guard")
    process.line("keeper leading")
    process.until(lambda: process.ready()[0])
    assert set(process.ready()[1]) == {"serving", "certificate", "tls", "rules", "keeper"}
    one = made(cluster, upgrade)
    lose(cluster, one)
    cluster.until(lambda: now(cluster, one).get("status") == one["status"], "it is not put back")
    process.signal(signal.SIGTERM)
    assert process.ended() == 0
