"""Apps: the leader's mirror of each helm release's newest revision."""

from typing import Any

from .cluster import Cluster
from .store import Exists

PENDING = {"pending-install", "pending-upgrade", "pending-rollback"}
"""States of a release in which helm starts nothing else."""


async def mirror_app(cluster: Cluster, namespace: str, name: str) -> None:
    """Write the App of a release as the release is by then; only a leader does."""
    await cluster.world.clock.sleep(cluster.world.timing.app_lag)
    await cluster.led_by()
    revisions = cluster.releases.get((namespace, name))
    if not revisions:
        return
    made = _app(cluster, namespace, name, revisions)
    try:
        cluster.store.create("apps", made)
    except Exists:
        cluster.store.update("apps", made)
    state = revisions[-1]["status"]

    def change(status: dict[str, Any]) -> None:
        stored = cluster.store.get("apps", name, namespace)
        status["observedGeneration"] = stored["metadata"]["generation"] if stored else 1
        status["summary"] = {"state": state}
        if state == "failed":
            status["summary"]["error"] = True
        if state in PENDING:
            status["summary"]["transitioning"] = True

    cluster.store.write_status("apps", name, change, namespace)


def _app(cluster: Cluster, namespace: str, name: str, revisions: list[dict[str, Any]]) -> dict[str, Any]:
    newest = revisions[-1]
    labels = {"catalog.cattle.io/cluster-repo-name": newest["repo"]} if newest["repo"] else {}
    clock = cluster.world.clock
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels,
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Secret", "name": f"sh.helm.release.v1.{name}.v{newest['revision']}"}
            ],
        },
        "spec": {
            "name": name,
            "namespace": namespace,
            "version": newest["revision"],
            "helmVersion": 3,
            "info": {
                "firstDeployed": clock.stamp(revisions[0]["at"]),
                "lastDeployed": clock.stamp(newest["at"]),
                "status": newest["status"],
                "description": newest["description"],
            },
            "chart": {"metadata": newest["chart"].metadata},
            "values": newest["values"],
        },
    }
