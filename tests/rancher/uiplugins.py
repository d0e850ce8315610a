"""UI plugins: each replica caches them for itself, and all write one shared status."""

from typing import Any

from .cluster import Cluster, Member
from .store import Exists
from .upstreams import Chart

SHORTEST, LONGEST = 10.0, 1800.0
"""Seconds between two tries to cache a plugin: they double."""

NAMESPACE = "cattle-ui-plugin-system"


def plug_in(cluster: Cluster, namespace: str, release: str, chart: Chart) -> None:
    """Make what a UI extension's chart consists of, and let every replica see it."""
    made = {
        "metadata": {
            "name": release,
            "namespace": namespace,
            "annotations": {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace},
            "labels": {"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": release},
        },
        "spec": {
            "plugin": {
                "name": chart.name,
                "version": chart.version,
                "endpoint": f"https://extensions.example.com/{chart.name}/{chart.version}",
                "noCache": False,
                "noAuth": False,
                "metadata": chart.metadata["annotations"],
            }
        },
    }
    try:
        cluster.store.create("uiplugins", made)
    except Exists:
        cluster.store.update("uiplugins", made)
    if cluster.id == "local" and namespace == NAMESPACE:
        for member in cluster.members:
            cluster.world.background.start(_cache(cluster, member, release, chart), passing=True)


async def _cache(cluster: Cluster, member: Member, name: str, chart: Chart) -> None:
    await cluster.world.clock.sleep(cluster.world.timing.watch)
    _write(cluster, name, "pending", ready=False)
    for number in range(chart.plugin_failures):
        wait = min(SHORTEST * 2**number, LONGEST)
        await cluster.world.clock.sleep(cluster.world.timing.plugin)
        at = cluster.world.clock.stamp(cluster.world.clock.seconds() + wait)
        error = f"failed to fetch plugin file for [Name: {chart.name} Version: {chart.version}]"
        _write(cluster, name, "pending", ready=False, error=error, retryNumber=number + 1, retryAt=at)
        await cluster.world.clock.sleep(wait)
    await cluster.world.clock.sleep(cluster.world.timing.plugin)
    if member.alive:
        member.plugins[chart.name] = chart.version
        _write(cluster, name, "cached", ready=True)


def _write(cluster: Cluster, name: str, state: str, *, ready: bool, **trouble: Any) -> None:
    """Whoever writes last has said it, for the others too."""

    def change(status: dict[str, Any]) -> None:
        stored = cluster.store.get("uiplugins", name, NAMESPACE)
        status["observedGeneration"] = stored["metadata"]["generation"] if stored else 1
        for gone in ("error", "retryNumber", "retryAt"):
            status.pop(gone, None)
        status |= {"cacheState": state, "ready": ready} | trouble

    cluster.store.write_status("uiplugins", name, change, NAMESPACE)


def index_of(cluster: Cluster, member: Member) -> dict[str, Any]:
    """The plugins that a replica serves, as ``GET /v1/uiplugins`` lists them."""
    listed = {}
    for plugin in cluster.store.list("uiplugins", NAMESPACE):
        spec = plugin["spec"]["plugin"]
        if member.plugins.get(spec["name"]) == spec["version"]:
            listed[spec["name"]] = spec
    return {"entries": listed}
