"""Histories in a real API server: ControllerRevisions that hold what it had sent, byte for byte."""

import json
from collections.abc import AsyncIterator, Iterator

import pytest
from guarded_cluster import NAMESPACE, Cluster, crd, tokens
from keeper_client import Objects, guard, keeper_cluster, the_only
from msgspec import Raw
from rbac_server import rbac_server

from app.cluster.keeper import KubernetesKeeperCluster
from app.cluster.revisions import LARGEST, as_served
from app.keeper.port import ChangedError, Draft, KeeperError, Observed, RefusedError, Watched

pytestmark = pytest.mark.cluster

UPGRADES = guard("upgrades")
SCALES = guard("scales", "example.io", subresource=True)
STRANGER = "stranger,stranger,stranger,system:authenticated"
REVISIONS = "controllerrevisions"
AWKWARD = (
    '{"float":1.0,"exponent":1e3,"long":1.10,"tiny":1e-7,"huge":1e+21,"negative":-0.0,"most":9223372036854775807,'
    '"beyond":9007199254740993,"html":"<a href=\\"x\\">&</a>","lines":"\\u2028\\u2029","text":"Ü 漢 😀",'
    '"slash":"a\\/b","control":"\\u0000\\u001f\\t","empty":{"list":[],"map":{},"text":"","nothing":null},"Z":1,"a":2}'
)
"""What JSON texts differ in that mean the same, and what a careless copy changes."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An API server with guarded kinds, for these tests."""
    with rbac_server(tmp_path_factory.mktemp("kept"), [*tokens(), STRANGER]) as server:
        cluster = Cluster(server)
        scales = crd("example.io", "scales", subresources=True)
        scales["spec"]["scope"] = "Cluster"
        cluster.furnish(crd("harvesterhci.io", "upgrades"), scales)
        for name in ("keeper", "histories"):
            server.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        yield cluster
        cluster.close()


@pytest.fixture
def upgrades(own: Cluster) -> Objects:
    """Upgrades and histories, of which there are none yet."""
    own.server.kubectl("delete", REVISIONS, "--all", "--all-namespaces")
    objects = Objects(own)
    objects.clear()
    return objects


@pytest.fixture
async def cluster(own: Cluster) -> AsyncIterator[KubernetesKeeperCluster]:
    """The cluster, as the keeper has it."""
    async with keeper_cluster(own.server.kubeconfig) as made:
        yield made


@pytest.fixture
async def kind(cluster: KubernetesKeeperCluster) -> Watched:
    """How Upgrades are watched."""
    return await the_only(cluster, UPGRADES)


async def one(cluster: KubernetesKeeperCluster, kind: Watched, name: str = "one") -> Observed:
    """An object as it is."""
    found = await cluster.read(kind, NAMESPACE if kind.namespaced else "", name)
    assert found is not None
    return found


def draft(number: int, **annotations: str) -> Draft:
    """A revision with this number."""
    return Draft(f"statusguard-{number:04d}", f"{number:016x}", number, annotations)


async def test_a_revision_is_owned_labelled_and_listed(
    own: Cluster, upgrades: Objects, cluster: KubernetesKeeperCluster, kind: Watched
) -> None:
    """It stands beside its object, names it as controller, and is found again with all that it was made with."""
    upgrades.create("one", {"phase": "Done"})
    owner = await one(cluster, kind)
    made = await cluster.keep(kind, owner, draft(7, **{"statusguard.io/repairs": "0"}), owner.content.status)
    stored = own.server.get(REVISIONS, made.name, "--namespace", NAMESPACE)
    assert (stored["revision"], stored["data"]) == (7, {"status": {"phase": "Done"}})
    assert stored["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "harvesterhci.io/v1beta1",
            "kind": "Upgrade",
            "name": "one",
            "uid": owner.uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }
    ]
    assert stored["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "status-guard",
        "statusguard.io/guard": "upgrades.harvesterhci.io",
        "statusguard.io/kind": "upgrades.harvesterhci.io",
        "statusguard.io/uid": owner.uid,
        "statusguard.io/digest": f"{7:016x}",
    }
    assert stored["metadata"]["annotations"]["statusguard.io/object"] == f"harvesterhci.io/upgrades/{NAMESPACE}/one"
    assert stored["metadata"]["annotations"]["statusguard.io/resource-version"] == owner.resource_version
    assert await cluster.kept(kind) == (made,)
    assert (made.uid, made.digest, made.revision) == (owner.uid, f"{7:016x}", 7)
    assert made.annotations["statusguard.io/repairs"] == "0"
    assert made.kept_at.tzinfo


async def test_a_status_comes_back_byte_for_byte(
    upgrades: Objects, cluster: KubernetesKeeperCluster, kind: Watched
) -> None:
    """What the API server sent of an object is what a revision gives back, also after its number was raised."""
    upgrades.create("one", json.loads(AWKWARD))
    owner = await one(cluster, kind)
    assert len(bytes(owner.content.status)) > 100
    made = await cluster.keep(kind, owner, draft(1), owner.content.status)
    assert await cluster.recall(made) == owner.content.status
    raised = await cluster.renew(made, 2, {})
    assert await cluster.recall(raised) == owner.content.status


async def test_any_text_comes_back_as_it_was_after_changes(
    upgrades: Objects, cluster: KubernetesKeeperCluster, kind: Watched
) -> None:
    """Numbers and keys keep their spelling even where it is not the API server's own, so no change rewrites data."""
    upgrades.create("one", {})
    made = await cluster.keep(kind, await one(cluster, kind), draft(1), Raw(AWKWARD.encode()))
    first = await cluster.recall(made)
    assert first == Raw(as_served(AWKWARD.encode()))
    assert first is not None
    assert json.loads(bytes(first)) == json.loads(AWKWARD)
    for text in (b'"float":1.0,', b'"exponent":1e3,', b'"long":1.10,', b'"beyond":9007199254740993,'):
        assert text in bytes(first)
    assert await cluster.recall(await cluster.renew(made, 2, {"statusguard.io/repairs": "1"})) == first


async def test_renewing_changes_number_and_annotations_alone(
    own: Cluster, upgrades: Objects, cluster: KubernetesKeeperCluster, kind: Watched
) -> None:
    """A higher number is a later moment; the same number is the same moment; None removes an annotation."""
    upgrades.create("one", {"phase": "Done"})
    made = await cluster.keep(kind, await one(cluster, kind), draft(1), Raw(b'{"phase":"Done"}'))
    noted = await cluster.renew(made, 1, {"statusguard.io/repairs": "1"})
    raised = await cluster.renew(noted, 5, {"statusguard.io/repairs": None})
    assert (noted.revision, noted.annotations["statusguard.io/repairs"]) == (1, "1")
    assert noted.kept_at == made.kept_at
    assert (raised.revision, raised.annotations.get("statusguard.io/repairs")) == (5, None)
    assert await cluster.kept(kind) == (raised,)
    assert own.server.get(REVISIONS, made.name, "--namespace", NAMESPACE)["revision"] == 5


async def test_a_revision_that_changed_is_neither_renewed_nor_forgotten(
    upgrades: Objects, cluster: KubernetesKeeperCluster, kind: Watched
) -> None:
    """Another keeper raised it: whoever still has the earlier version looks again."""
    upgrades.create("one", {})
    made = await cluster.keep(kind, await one(cluster, kind), draft(1), Raw(b"{}"))
    raised = await cluster.renew(made, 2, {})
    for change in (cluster.renew(made, 3, {}), cluster.forget(made)):
        with pytest.raises(ChangedError):
            await change
    assert await cluster.kept(kind) == (raised,)


async def test_forgetting_is_done_once(upgrades: Objects, cluster: KubernetesKeeperCluster, kind: Watched) -> None:
    """What is gone is gone: no error to forget it again, nothing to recall, and nothing to renew."""
    upgrades.create("one", {})
    made = await cluster.keep(kind, await one(cluster, kind), draft(1), Raw(b"{}"))
    await cluster.forget(made)
    await cluster.forget(made)
    assert (await cluster.kept(kind), await cluster.recall(made)) == ((), None)
    with pytest.raises(ChangedError):
        await cluster.renew(made, 2, {})


async def test_the_same_name_twice_is_told(upgrades: Objects, cluster: KubernetesKeeperCluster, kind: Watched) -> None:
    """Two keepers that keep the same content: the second hears of the first."""
    upgrades.create("one", {})
    owner = await one(cluster, kind)
    await cluster.keep(kind, owner, draft(1), Raw(b"{}"))
    with pytest.raises(ChangedError):
        await cluster.keep(kind, owner, draft(1), Raw(b"{}"))


async def test_a_status_of_a_mebibyte_is_kept_and_a_larger_one_refused(
    upgrades: Objects, cluster: KubernetesKeeperCluster, kind: Watched
) -> None:
    """The largest that is promised fits into storage; one byte more is refused before anything is sent."""
    upgrades.create("one", {})
    owner = await one(cluster, kind)
    largest = b'{"x":"' + b"a" * (LARGEST - 8) + b'"}'
    made = await cluster.keep(kind, owner, draft(1), Raw(largest))
    found = await cluster.recall(made)
    assert found is not None
    assert bytes(found) == largest
    with pytest.raises(RefusedError, match=f"upgrades.harvesterhci.io {NAMESPACE}/one has {LARGEST + 1} bytes"):
        await cluster.keep(kind, owner, draft(2), Raw(largest.replace(b"a", b"aa", 1)))


async def test_histories_of_cluster_scoped_objects_are_the_keepers(
    own: Cluster, upgrades: Objects, cluster: KubernetesKeeperCluster
) -> None:
    """They lie in the keeper's namespace, owned by their object nevertheless."""
    scales = Objects(own, "scales", "example.io", namespaced=False)
    scales.create("one")
    upgrades.create("one", {})
    upgrade_kind, scale_kind = await the_only(cluster, UPGRADES), await the_only(cluster, SCALES)
    await cluster.keep(upgrade_kind, await one(cluster, upgrade_kind), draft(1), Raw(b"{}"))
    made = await cluster.keep(scale_kind, await one(cluster, scale_kind), draft(2), Raw(b"{}"))
    assert await cluster.kept(scale_kind) == (made,)
    stored = own.server.get(REVISIONS, made.name, "--namespace=keeper")
    assert stored["metadata"]["ownerReferences"][0]["kind"] == "Scale"


async def test_a_namespace_for_all_histories(own: Cluster, upgrades: Objects) -> None:
    """A namespaced object owns in its own namespace only, so nobody owns; each kind's are told apart nevertheless."""
    upgrades.create("one", {})
    Objects(own, "scales", "example.io", namespaced=False).create("apart")
    async with keeper_cluster(own.server.kubeconfig, history="histories") as apart:
        kind = await the_only(apart, UPGRADES)
        made = await apart.keep(kind, await one(apart, kind), draft(1), Raw(b"{}"))
        scales = await the_only(apart, SCALES)
        other = await apart.keep(scales, await one(apart, scales, "apart"), draft(2), Raw(b"{}"))
        assert await apart.kept(kind) == (made,)
        assert await apart.kept(scales) == (other,)
    stored = own.server.get(REVISIONS, made.name, "--namespace=histories")
    assert "ownerReferences" not in stored["metadata"]


async def test_a_list_takes_pages_and_a_number_that_somebody_hid(
    own: Cluster, upgrades: Objects, cluster: KubernetesKeeperCluster, kind: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All pages are read; a revision whose number stands in no annotation any more is read whole."""
    upgrades.create("one", {})
    owner = await one(cluster, kind)
    monkeypatch.setattr("app.cluster.revisions._PAGE", 2)
    for number in range(1, 6):
        await cluster.keep(kind, owner, draft(number), Raw(b"{}"))
    hidden = draft(5).name
    own.server.kubectl("annotate", REVISIONS, hidden, "--namespace", NAMESPACE, "statusguard.io/revision-")
    assert sorted(found.revision for found in await cluster.kept(kind)) == [1, 2, 3, 4, 5]


async def test_what_may_not_be_listed_is_said(own: Cluster, kind: Watched) -> None:
    """The words name the right."""
    async with keeper_cluster(own.server.kubeconfig_for("stranger")) as stranger:
        with pytest.raises(KeeperError, match=r"kubectl auth can-i list controllerrevisions\.apps --all-namespaces"):
            await stranger.kept(kind)
