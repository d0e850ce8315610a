"""With exactly the rights that the keeper's manifests and ``export rbac`` give, everything it does is allowed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from guarded_cluster import NAMESPACE, Cluster, crd, tokens
from keeper_client import SURROUNDINGS, Follower, Objects, the_only
from msgspec import Raw
from rbac_server import rbac_server

from app.cluster.keeper import KubernetesKeeperCluster
from app.cluster.kubeconfig import connected
from app.cluster.leadership import LeaseLeadership
from app.keeper.port import Draft, Importance, RefusedError, Synced
from app.rules import load

pytestmark = pytest.mark.cluster

OWN = "status-guard"
TOKEN = "keeper-token"
USER = f"system:serviceaccount:{OWN}:status-guard-keeper"
MANIFESTS = Path(__file__).parents[2] / "manifests/keeper/base"
GUARD = """\
apiVersion: statusguard.io/v1alpha1
kind: StatusGuard
metadata: {{name: {resource}}}
spec:
  target: {{group: {group}, versions: ["*"], resource: {resource}, statusSubresource: {subresource}}}
  keeper: {{neverRemoved: [phase], onLoss: {on_loss}}}
"""


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two guards that repair, one of them a status subresource, and one that reports."""
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    guards = [
        GUARD.format(group="harvesterhci.io", resource="upgrades", subresource="false", on_loss="Repair"),
        GUARD.format(group="example.io", resource="scales", subresource="true", on_loss="Repair"),
        GUARD.format(group="example.io", resource="nodes", subresource="false", on_loss="Report"),
    ]
    path.write_text("---\n".join(guards))
    return path


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, rules: Path) -> Iterator[Cluster]:
    """An API server in which the keeper has its rights and no others."""
    keeper = f'{TOKEN},{USER},1,"system:serviceaccounts,system:authenticated"'
    with rbac_server(tmp_path_factory.mktemp("rights"), [*tokens(), keeper]) as server:
        cluster = Cluster(server)
        cluster.furnish(
            crd("harvesterhci.io", "upgrades"),
            crd("example.io", "scales", subresources=True),
            crd("example.io", "nodes"),
        )
        server.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OWN}})
        exported = server.status_guard("export", "rbac", "--rules", str(rules))
        assert exported.returncode == 0, exported.stderr
        cluster.apply_text(exported.stdout)
        shipped = [one for one in yaml.safe_load_all((MANIFESTS / "rbac.yaml").read_text()) if "Role" in one["kind"]]
        for one in shipped:  # as kustomize fills in
            one["metadata"]["namespace"] = OWN
            for subject in one.get("subjects", ()):
                subject["namespace"] = OWN
        server.apply(*shipped)
        yield cluster
        cluster.close()


@pytest.mark.parametrize("name", ["upgrades", "scales", "nodes"])
async def test_the_keeper_may_do_all_that_it_does(own: Cluster, rules: Path, name: str) -> None:
    """It finds, watches, reads, keeps, renews, lists, recalls, forgets, tells; repairs and stops where rules say so."""
    [guard] = [one for one in load([rules]).guards if one.name == name]
    objects = Objects(own, name, guard.target.group)
    objects.create("one", {"phase": "Done"})
    patch = b'[{"op":"add","path":"/status","value":{"phase":"Done"}}]'
    async with connected(str(own.server.kubeconfig_for(TOKEN)), None) as api:
        cluster = KubernetesKeeperCluster(api, OWN, SURROUNDINGS)
        kind = await the_only(cluster, guard)
        async with Follower(cluster.watch(kind)) as follower:
            await follower.first(Synced)
            changed = objects.patch("one", [{"op": "add", "path": "/metadata/labels", "value": {"seen": "yes"}}])
            one = await follower.shown(changed["metadata"]["resourceVersion"])
        made = await cluster.keep(kind, one, Draft(f"statusguard-{name}", "0" * 16, 1), Raw(b"{}"))
        raised = await cluster.renew(made, 2, {})
        assert await cluster.kept(kind) == (raised,)
        assert await cluster.recall(raised) == Raw(b"{}")
        await cluster.forget(raised)
        for _ in range(2):
            await cluster.say(kind, one, Importance.WARNING, "StatusLost", "phase")
        if name == "nodes":
            with pytest.raises(RefusedError):
                await cluster.repair(kind, one, patch)
            return
        repaired = await cluster.repair(kind, one, patch)
        assert (await cluster.annotate(kind, repaired, {"statusguard.io/repair": "stopped"})).uid == one.uid
        assert await cluster.read(kind, NAMESPACE, "one") is not None


async def test_the_keeper_may_lead(own: Cluster) -> None:
    """It makes the Lease, renews it, and lets it go."""
    async with connected(str(own.server.kubeconfig_for(TOKEN)), None) as api:
        leadership = LeaseLeadership(api, OWN, SURROUNDINGS)
        for expected in ("tester", "tester"):
            await leadership._stand()
            assert (
                own.server.get("lease", "status-guard-keeper", "--namespace", OWN)["spec"]["holderIdentity"] == expected
            )
        await leadership._let_go()
    assert own.server.get("lease", "status-guard-keeper", "--namespace", OWN)["spec"]["holderIdentity"] == ""
