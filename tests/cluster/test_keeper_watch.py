"""The keeper's watch against a real API server: everything is shown once, whatever becomes of connections."""

import json
from collections.abc import Iterator

import pytest
from guarded_cluster import NAMESPACE, Cluster, crd, tokens
from keeper_client import Follower, Objects, following, guard, keeper_cluster, the_only
from line import Line, port_of
from rbac_server import rbac_server

from app.keeper.port import Broken, Gone, KeeperError, RefusedError, Seen, Synced

pytestmark = pytest.mark.cluster

UPGRADES = guard("upgrades")
STRANGER = "stranger,stranger,stranger,system:authenticated"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An API server with guarded kinds, for these tests."""
    with rbac_server(tmp_path_factory.mktemp("watched"), [*tokens(), STRANGER]) as server:
        cluster = Cluster(server)
        nodes = crd("example.io", "scales", subresources=True)
        nodes["spec"]["scope"] = "Cluster"
        cluster.furnish(crd("harvesterhci.io", "upgrades"), nodes)
        yield cluster
        cluster.close()


@pytest.fixture
def upgrades(own: Cluster) -> Objects:
    """Upgrades, of which there are none yet."""
    objects = Objects(own)
    objects.clear()
    return objects


async def test_kinds_are_found_as_the_cluster_has_them(own: Cluster) -> None:
    """Storage version, kind, scope and subresource are the definition's; a kind that is not there is left out."""
    guards = [UPGRADES, guard("scales", "example.io"), guard("absents", "example.io")]
    async with keeper_cluster(own.server.kubeconfig) as cluster:
        found = await cluster.watched(guards)
    assert set(found) == {"upgrades.harvesterhci.io", "scales.example.io"}
    upgrade, scale = found["upgrades.harvesterhci.io"], found["scales.example.io"]
    assert (upgrade.api_version, upgrade.kind, upgrade.namespaced) == ("harvesterhci.io/v1beta1", "Upgrade", True)
    assert (scale.namespaced, scale.status_subresource, upgrade.status_subresource) == (False, True, False)


async def test_a_missing_right_to_read_definitions_is_said(own: Cluster) -> None:
    """The words name the right, how to look whether it is there, and what grants it."""
    async with keeper_cluster(own.server.kubeconfig_for("stranger")) as cluster:
        with pytest.raises(RefusedError) as caught:
            await cluster.watched([UPGRADES])
    for words in ("get customresourcedefinitions", "kubectl auth can-i get", "status-guard export rbac"):
        assert words in str(caught.value)


async def test_nobody_to_ask_is_an_error(own: Cluster) -> None:
    """A server that cannot be reached makes no kind absent."""
    async with Line(1) as line:
        kubeconfig = line.kubeconfig(own.server.kubeconfig, own.server.folder / "nowhere.kubeconfig")
        async with keeper_cluster(kubeconfig) as cluster:
            with pytest.raises(KeeperError, match="does not answer"):
                await cluster.watched([UPGRADES])


async def test_a_list_over_pages_and_then_changes(own: Cluster, upgrades: Objects) -> None:
    """Seven objects on three pages are shown once each, then each change, then what was deleted."""
    made = {f"u{number}": upgrades.create(f"u{number}", {"n": number}) for number in range(7)}
    async with following(own.server.kubeconfig, UPGRADES) as follower:
        assert (await follower.first(Synced)).objects == 7
        assert sorted(follower.names()) == sorted(made)
        changed = upgrades.set_status("u3", {"n": "changed"})
        one = await follower.shown(changed["metadata"]["resourceVersion"])
        assert (one.namespace, one.name, one.uid) == (NAMESPACE, "u3", changed["metadata"]["uid"])
        assert json.loads(bytes(one.content.status)) == {"n": "changed"}
        assert one.created.isoformat().startswith(changed["metadata"]["creationTimestamp"].rstrip("Z"))
        upgrades.delete("u3")
        assert (await follower.first(Gone)).uid == changed["metadata"]["uid"]
    assert len(follower.names()) == 8
    assert not [one for one in follower.seen if isinstance(one, Broken)]


async def test_cluster_scoped_objects_have_no_namespace(own: Cluster) -> None:
    """Their namespace is empty, in lists as in reads."""
    scales = Objects(own, "scales", "example.io", namespaced=False)
    scales.create("one", {"phase": "A"})
    async with keeper_cluster(own.server.kubeconfig) as cluster:
        kind = await the_only(cluster, guard("scales", "example.io"))
        async with Follower(cluster.watch(kind)) as follower:
            assert (await follower.first(Seen)).object.namespace == ""
        found = await cluster.read(kind, "", "one")
        assert found is not None
        assert (str(found), await cluster.read(kind, "", "another")) == ("one", None)


async def test_a_cut_connection_is_resumed_and_shows_nothing_twice(own: Cluster, upgrades: Objects) -> None:
    """What changes while the watch is cut off comes after it, and what did not change is not shown again."""
    upgrades.create("still", {})
    upgrades.create("moves", {})
    server = own.server
    async with Line(port_of(server.kubeconfig)) as line:
        kubeconfig = line.kubeconfig(server.kubeconfig, server.folder / "line.kubeconfig")
        async with following(kubeconfig, UPGRADES) as follower:
            await follower.first(Synced)
            for number in range(3):
                line.cut()
                changed = upgrades.set_status("moves", {"n": number})
                await follower.shown(changed["metadata"]["resourceVersion"])
    assert sorted(set(follower.names())) == ["moves", "still"]
    assert follower.names().count("still") == 1
    assert follower.names().count("moves") == 4
    assert len([one for one in follower.seen if isinstance(one, Synced)]) == 1
