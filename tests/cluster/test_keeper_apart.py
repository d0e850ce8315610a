"""Histories in a namespace of their own: the keeper has rights to ControllerRevisions there and nowhere else."""

from collections.abc import Iterator
from typing import Any

import pytest
from chaos_cluster import KEEPER
from guarded_cluster import dismissed
from kept_cluster import KeptCluster, kept_cluster

pytestmark = pytest.mark.cluster
APART = "status-guard-histories"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptCluster]:
    """A cluster whose keeper leads and keeps histories apart."""
    with kept_cluster(tmp_path_factory.mktemp("apart"), APART) as cluster:
        cluster.begin()
        yield cluster


def test_a_life_with_the_history_apart(kept: KeptCluster, upgrade: dict[str, Any]) -> None:
    """Kept there without an owner, repaired from there, restored by the command of the Event; nothing was refused."""
    one = kept.cluster.create({**upgrade, "metadata": {**upgrade["metadata"], "finalizers": []}})
    name = one["metadata"]["name"]
    kept.until(lambda: kept.history(one) == [one["status"]], "its status is not kept")
    revisions = kept.cluster.server.get("controllerrevisions", "-A")["items"]
    assert {revision["metadata"]["namespace"] for revision in revisions} == {APART}
    assert all("ownerReferences" not in revision["metadata"] for revision in revisions)

    stored = kept.cluster.get(name)
    assert kept.cluster.send("PUT", kept.cluster.path(name), dismissed(stored)).code == 200
    kept.until(lambda: kept.cluster.get(name).get("status") == one["status"], "it is not put back")

    assert kept.cluster.send("DELETE", kept.cluster.path(name), who="admin").code == 200
    body = {key: value for key, value in upgrade.items() if key != "status"}
    body["metadata"] = {"name": name, "namespace": "harvester-system"}
    again = kept.cluster.send("POST", kept.cluster.path(), body, who="admin")
    assert again.code == 201, again
    kept.until(lambda: kept.events(again.body) == ["StatusNotCarriedOver"], "the earlier history is not told of")
    words = kept.told(again.body)[0]["message"].partition("kubectl status-guard ")[2].split()
    run = kept.cluster.server.status_guard(*words, "--yes", "--reason", "it was deleted by mistake")
    assert run.returncode == 0, run.stdout + run.stderr
    assert kept.cluster.get(name)["status"] == one["status"]
    assert kept.cluster.server.refused(KEEPER) == []
