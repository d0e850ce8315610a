"""The acceptance case: "Dismiss it", and who may write what, through a real API server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from guarded_cluster import CONTROLLER, Answer, Cluster, dismissed, without
from server_process import Process

pytestmark = pytest.mark.cluster

ANNOTATION = "statusguard.io/allow-status-loss"


def test_without_a_guard_the_click_takes_the_status(unguarded: tuple[Answer, dict[str, Any]]) -> None:
    """The API server stores what it is given: the status is gone, or the tests below would prove nothing."""
    answer, stored = unguarded
    assert answer.code == 200
    assert "status" not in stored
    assert stored["metadata"]["labels"]["harvesterhci.io/read-message"] == "true"
    assert "finalizers" not in stored["metadata"]


def test_the_click_adds_its_label_and_takes_nothing(cluster: Cluster, upgrade: dict[str, Any]) -> None:
    """Status and finalizer are there, in the answer and in storage; the generation stays, the version moves on."""
    made = cluster.create(upgrade)
    answer = cluster.send("PUT", cluster.path(made["metadata"]["name"]), dismissed(made))
    stored = cluster.get(made["metadata"]["name"])
    assert answer.code == 200
    assert answer.body["status"] == stored["status"] == upgrade["status"]
    assert stored["metadata"]["labels"]["harvesterhci.io/read-message"] == "true"
    assert stored["metadata"]["finalizers"] == upgrade["metadata"]["finalizers"]
    assert stored["metadata"]["generation"] == made["metadata"]["generation"]
    assert stored["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]
    assert any("/status (SG003)" in warning for warning in answer.warnings)


def test_a_second_click_changes_nothing(cluster: Cluster, upgrade: dict[str, Any]) -> None:
    """The same PUT over its own result is put right again, and generation and status stay."""
    made = cluster.create(upgrade)
    first = cluster.send("PUT", cluster.path(made["metadata"]["name"]), dismissed(made)).body
    second = cluster.send("PUT", cluster.path(made["metadata"]["name"]), dismissed(first)).body
    assert (second["status"], second["metadata"]["generation"]) == (first["status"], first["metadata"]["generation"])


def test_a_lost_condition_comes_back(cluster: Cluster, upgrade: dict[str, Any]) -> None:
    """A PUT that misses the Completed condition alone gets it back; the others stay as the client wrote them."""
    made = cluster.create(upgrade)
    fewer = {**made, "status": {**made["status"], "conditions": made["status"]["conditions"][1:]}}
    answer = cluster.send("PUT", cluster.path(made["metadata"]["name"]), fewer)
    kinds = {condition["type"] for condition in answer.body["status"]["conditions"]}
    assert kinds == {condition["type"] for condition in upgrade["status"]["conditions"]}


def test_healthy_writes_never_reach_the_webhook(cluster: Cluster, upgrade: dict[str, Any], webhook: Process) -> None:
    """A label, a changed node state and the controller's removal of upgradeLog pass, and the webhook is not asked."""
    made = cluster.create(upgrade)
    path = cluster.path(made["metadata"]["name"])
    before = webhook.metric("status_guard_requests_total")
    labelled = {"metadata": {"labels": {"team": "a"}}}
    merge = "application/merge-patch+json"
    assert cluster.send("PATCH", path, labelled, content_type=merge).code == 200
    where = "/status/nodeStatuses/harvester-node-0/state"
    state = [{"op": "replace", "path": where, "value": "Waiting Reboot"}]
    assert cluster.send("PATCH", path, state, content_type="application/json-patch+json").code == 200
    current = cluster.get(made["metadata"]["name"])
    assert cluster.send("PUT", path, without(current, "upgradeLog"), who="controller").code == 200
    assert webhook.metric("status_guard_requests_total") == before


@pytest.mark.parametrize("who", ["rancher", "admin"])
def test_rights_exempt_nobody(cluster: Cluster, upgrade: dict[str, Any], who: str) -> None:
    """A Rancher user's and a cluster administrator's lossy PUT are both put right."""
    made = cluster.create(upgrade)
    answer = cluster.send("PUT", cluster.path(made["metadata"]["name"]), dismissed(made), who=who)
    assert answer.body["status"] == upgrade["status"]


def test_the_controller_may_remove_its_status(cluster: Cluster, upgrade: dict[str, Any]) -> None:
    """Harvester's ServiceAccount is a listed writer: what it drops stays dropped."""
    made = cluster.create(upgrade)
    bare = {key: value for key, value in made.items() if key != "status"}
    answer = cluster.send("PUT", cluster.path(made["metadata"]["name"]), bare, who="controller")
    assert (answer.code, "status" in answer.body) == (200, False)


def test_the_impersonated_user_counts(cluster: Cluster, upgrade: dict[str, Any]) -> None:
    """A proxy that writes in a user's name is judged as that user, and as the controller where it is that."""
    made = cluster.create(upgrade)
    path = cluster.path(made["metadata"]["name"])
    as_user = cluster.send("PUT", path, dismissed(made), who="proxy", Impersonate_User="u-4j7xk")
    assert as_user.body["status"] == upgrade["status"]
    bare = {key: value for key, value in as_user.body.items() if key != "status"}
    as_controller = cluster.send("PUT", path, bare, who="proxy", Impersonate_User=CONTROLLER)
    assert (as_controller.code, "status" in as_controller.body) == (200, False)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("{soon}; *; support case", True),
        ("{past}; *; support case", False),
        ("{far}; *; support case", False),
        ("tomorrow; *", False),
    ],
    ids=["in force", "expired", "too long", "malformed"],
)
def test_an_override_is_honoured_while_it_lasts(
    cluster: Cluster, upgrade: dict[str, Any], text: str, *, allowed: bool
) -> None:
    """A well-formed override lets the status go; any other is put right with a warning that says why."""
    now = datetime.now(UTC)  # noqa: TID251 - overrides end by the clock
    times = {"soon": timedelta(minutes=30), "past": timedelta(minutes=-1), "far": timedelta(hours=9)}
    stamps = {name: (now + span).strftime("%Y-%m-%dT%H:%M:%SZ") for name, span in times.items()}
    made = cluster.create(upgrade)
    write = dismissed(made)
    write["metadata"]["annotations"] = {ANNOTATION: text.format(**stamps)}
    answer = cluster.send("PUT", cluster.path(made["metadata"]["name"]), write)
    assert answer.code == 200
    assert ("status" not in answer.body) == allowed
    assert any("SG013" in warning for warning in answer.warnings) != allowed


def test_a_finished_upgrade_is_not_started_again(cluster: Cluster, upgrade: dict[str, Any]) -> None:
    """The controller's re-initialisation of a dismissed Upgrade without status succeeds, and leaves it finished."""
    labels = {"harvesterhci.io/read-message": "true", "harvesterhci.io/upgradeState": "Succeeded"}
    metadata = {**upgrade["metadata"], "labels": labels}
    made = cluster.create({**{k: v for k, v in upgrade.items() if k != "status"}, "metadata": metadata})
    again = {
        **made,
        "status": {"conditions": [{"type": "Completed", "status": "Unknown"}], "previousVersion": "v1.4.2"},
    }
    again["metadata"] = {
        **made["metadata"],
        "labels": {**labels, "harvesterhci.io/upgradeState": "PreparingLoggingInfra"},
    }
    answer = cluster.send("PUT", cluster.path(made["metadata"]["name"]), again, who="controller")
    assert answer.code == 200
    assert answer.body["metadata"]["labels"]["harvesterhci.io/upgradeState"] == "Succeeded"
    assert answer.body["status"]["conditions"] == [{"type": "Completed", "status": "True"}]
