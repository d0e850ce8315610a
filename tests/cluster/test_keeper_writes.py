"""What the keeper's client changes in a real API server: nothing that is another than what was looked at."""

import json
from collections.abc import Iterator

import pytest
from guarded_cluster import NAMESPACE, Cluster, crd, tokens
from keeper_client import SURROUNDINGS, Objects, guard, keeper_cluster, the_only
from kubernetes.aio.config import ConfigException
from rbac_server import rbac_server

from app.cluster.keeper import KubernetesKeeperCluster
from app.cluster.kubeconfig import connected
from app.core.guard import Guard
from app.keeper.port import ChangedError, Importance, KeeperError, Observed, RefusedError

pytestmark = pytest.mark.cluster

UPGRADES = guard("upgrades")
SCALES = guard("scales", "example.io", subresource=True)
STRANGER = "stranger,stranger,stranger,system:authenticated"
ADD = b'[{"op":"add","path":"/status/phase","value":"Done"}]'


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An API server with guarded kinds, for these tests."""
    with rbac_server(tmp_path_factory.mktemp("written"), [*tokens(), STRANGER]) as server:
        cluster = Cluster(server)
        scales = crd("example.io", "scales", subresources=True)
        scales["spec"]["scope"] = "Cluster"
        cluster.furnish(crd("harvesterhci.io", "upgrades"), scales)
        yield cluster
        cluster.close()


@pytest.fixture
def upgrades(own: Cluster) -> Objects:
    """Upgrades, of which there are none yet."""
    objects = Objects(own)
    objects.clear()
    return objects


async def seen(
    cluster: KubernetesKeeperCluster, name: str, one: Guard = UPGRADES, namespace: str = NAMESPACE
) -> Observed:
    """An object as it is."""
    found = await cluster.read(await the_only(cluster, one), namespace, name)
    assert found is not None
    return found


async def test_a_repair_applies_to_what_was_seen(own: Cluster, upgrades: Objects) -> None:
    """The patch is applied, the answer is the object as it is then, and managedFields name the keeper."""
    upgrades.create("one", {"kept": 1})
    async with keeper_cluster(own.server.kubeconfig) as cluster:
        after = await cluster.repair(await the_only(cluster, UPGRADES), await seen(cluster, "one"), ADD)
    stored = upgrades.get("one")
    assert stored["status"] == {"kept": 1, "phase": "Done"}
    assert after.resource_version == stored["metadata"]["resourceVersion"]
    assert "status-guard-keeper" in {entry["manager"] for entry in stored["metadata"]["managedFields"]}


async def test_a_repair_writes_a_status_subresource(own: Cluster) -> None:
    """Where status is a subresource the patch goes there, for it would change nothing elsewhere."""
    scales = Objects(own, "scales", "example.io", namespaced=False)
    scales.create("one")
    async with keeper_cluster(own.server.kubeconfig) as cluster:
        kind = await the_only(cluster, SCALES)
        patch = b'[{"op":"add","path":"/status","value":{"phase":"Done"}}]'
        after = await cluster.repair(kind, await seen(cluster, "one", SCALES, ""), patch)
    assert scales.get("one")["status"] == {"phase": "Done"}
    assert json.loads(bytes(after.content.status)) == {"phase": "Done"}


async def test_the_digits_of_a_repair_arrive(own: Cluster, upgrades: Objects) -> None:
    """A value leaves as the text it is: integers that no float holds, and text beyond ASCII."""
    upgrades.create("one", {})
    value = '{"big":9007199254740993,"text":"Ü \\u003c 😀","nothing":null}'
    async with keeper_cluster(own.server.kubeconfig) as cluster:
        patch = f'[{{"op":"add","path":"/status/held","value":{value}}}]'.encode()
        after = await cluster.repair(await the_only(cluster, UPGRADES), await seen(cluster, "one"), patch)
    assert json.loads(bytes(after.content.status))["held"] == json.loads(value)
    assert b"9007199254740993" in bytes(after.content.status)


@pytest.mark.parametrize("kind", ["newer", "created again", "gone"])
async def test_nothing_is_repaired_or_annotated_that_changed(own: Cluster, upgrades: Objects, kind: str) -> None:
    """A newer version, a later object of the same name, and none at all are told alike, and stay as they are."""
    upgrades.create("one", {"kept": 1})
    async with keeper_cluster(own.server.kubeconfig) as cluster:
        watched, before = await the_only(cluster, UPGRADES), await seen(cluster, "one")
        if kind == "newer":
            upgrades.set_status("one", {})
        else:
            upgrades.delete("one")
        if kind == "created again":
            upgrades.create("one", {})
        with pytest.raises(ChangedError):
            await cluster.repair(watched, before, ADD)
        with pytest.raises(ChangedError):
            await cluster.annotate(watched, before, {"statusguard.io/repair": "stopped"})
    if kind != "gone":
        stored = upgrades.get("one")
        assert stored["status"] == {}
        assert "annotations" not in stored["metadata"]


async def test_a_patch_that_never_fits_is_refused(own: Cluster, upgrades: Objects) -> None:
    """An object that is as it was and a patch that cannot be applied to it: trying again cannot help."""
    upgrades.create("one", {})
    async with keeper_cluster(own.server.kubeconfig) as cluster:
        watched, before = await the_only(cluster, UPGRADES), await seen(cluster, "one")
        with pytest.raises(RefusedError):
            await cluster.repair(watched, before, b'[{"op":"add","path":"/status/no/such","value":1}]')
        with pytest.raises(RefusedError, match="no JSON Patch"):
            await cluster.repair(watched, before, b'{"op":"add"}')


async def test_a_missing_right_to_repair_is_said(own: Cluster, upgrades: Objects) -> None:
    """The words name the right, the object, and how to see whether one has it."""
    upgrades.create("one", {})
    async with keeper_cluster(own.server.kubeconfig) as cluster:
        watched, before = await the_only(cluster, UPGRADES), await seen(cluster, "one")
    async with keeper_cluster(own.server.kubeconfig_for("stranger")) as cluster:
        with pytest.raises(RefusedError) as caught:
            await cluster.repair(watched, before, ADD)
    assert "cannot patch upgrades.harvesterhci.io one in namespace harvester-system: 403" in str(caught.value)
    assert "kubectl auth can-i patch upgrades.harvesterhci.io -n harvester-system" in str(caught.value)


async def test_annotations_come_and_go(own: Cluster, upgrades: Objects) -> None:
    """Ours are set and removed; others stay, and so does the status."""
    upgrades.create("one", {"kept": 1}, metadata={"name": "one", "annotations": {"theirs": "stays"}})
    async with keeper_cluster(own.server.kubeconfig) as cluster:
        watched = await the_only(cluster, UPGRADES)
        stopped = await cluster.annotate(watched, await seen(cluster, "one"), {"statusguard.io/repair": "stopped"})
        set_then = upgrades.get("one")
        await cluster.annotate(watched, stopped, {"statusguard.io/repair": None})
    assert set_then["metadata"]["annotations"] == {"theirs": "stays", "statusguard.io/repair": "stopped"}
    stored = upgrades.get("one")
    assert (stored["metadata"]["annotations"], stored["status"]) == ({"theirs": "stays"}, {"kept": 1})


async def test_an_event_said_again_is_counted(own: Cluster, upgrades: Objects) -> None:
    """The same about the same object is one Event with a count; another message, or object, is another Event."""
    upgrades.create("one", {})
    upgrades.create("two", {})
    async with keeper_cluster(own.server.kubeconfig) as cluster:
        watched, one, two = await the_only(cluster, UPGRADES), await seen(cluster, "one"), await seen(cluster, "two")
        for about, message in ((one, "a"), (one, "a"), (one, "b"), (two, "a"), (one, "a")):
            await cluster.say(watched, about, Importance.WARNING, "StatusLost", message)
    events = own.server.get("events", "--namespace", NAMESPACE)["items"]
    told = ((event["involvedObject"]["uid"], event["message"], event) for event in events)
    found = {(uid, message): event for uid, message, event in told if uid in {one.uid, two.uid}}
    assert {key: event["count"] for key, event in found.items()} == {
        (one.uid, "a"): 3,
        (one.uid, "b"): 1,
        (two.uid, "a"): 1,
    }
    event = found[one.uid, "a"]
    assert (event["type"], event["reason"], event["source"]["component"]) == (
        "Warning",
        "StatusLost",
        "status-guard-keeper",
    )
    assert event["involvedObject"]["apiVersion"] == "harvesterhci.io/v1beta1"
    assert event["reportingInstance"] == "tester"


async def test_a_counted_event_that_is_gone_is_told_anew(own: Cluster, upgrades: Objects) -> None:
    """Events end after an hour, or somebody removes them: what is said again then is seen again."""
    made = upgrades.create("gone", {})
    async with keeper_cluster(own.server.kubeconfig) as cluster:
        watched, one = await the_only(cluster, UPGRADES), await seen(cluster, "gone")
        await cluster.say(watched, one, Importance.NORMAL, "Repaired", "x" * 5000)
        own.server.kubectl("delete", "events", "--all", "--namespace", NAMESPACE)
        await cluster.say(watched, one, Importance.NORMAL, "Repaired", "x" * 5000)
    [event] = own.server.get("events", "--namespace", NAMESPACE)["items"]
    assert (event["involvedObject"]["uid"], event["count"]) == (made["metadata"]["uid"], 1)
    assert (len(event["message"]), event["message"][-1]) == (1024, "…")


async def test_events_about_objects_without_a_namespace_are_in_default(own: Cluster) -> None:
    """Where `kubectl describe` of a cluster-scoped object looks for them; a name of any length has room."""
    scales = Objects(own, "scales", "example.io", namespaced=False)
    name = "x" * 240
    scales.create(name)
    async with keeper_cluster(own.server.kubeconfig) as cluster:
        one = await seen(cluster, name, SCALES, "")
        await cluster.say(await the_only(cluster, SCALES), one, Importance.WARNING, "StatusLost", "all")
    [event] = own.server.get("events", "--namespace=default")["items"]
    assert event["involvedObject"]["name"] == name


async def test_who_no_longer_leads_sends_nothing(own: Cluster, upgrades: Objects) -> None:
    """The last question before a write leaves is whether this keeper leads; reads are everybody's."""
    upgrades.create("one", {})
    async with connected(str(own.server.kubeconfig), None) as api:
        cluster = KubernetesKeeperCluster(api, "keeper", SURROUNDINGS, may_write=lambda: False)
        watched, one = await the_only(cluster, UPGRADES), await seen(cluster, "one")
        with pytest.raises(KeeperError, match="no longer leads"):
            await cluster.repair(watched, one, ADD)
        with pytest.raises(KeeperError, match="no longer leads"):
            await cluster.say(watched, one, Importance.WARNING, "StatusLost", "all")
    assert upgrades.get("one")["metadata"]["resourceVersion"] == one.resource_version


async def test_credentials_that_cannot_be_read_are_said(own: Cluster) -> None:
    """A ServiceAccount's token is read anew each minute; where that fails, it is an answer like any other."""

    def unreadable(_: object) -> None:
        raise ConfigException("Token file exists but empty.")

    async with connected(str(own.server.kubeconfig), None) as api:
        cluster = KubernetesKeeperCluster(api, "keeper", SURROUNDINGS)
        api.configuration.refresh_api_key_hook = unreadable
        with pytest.raises(KeeperError, match=r"Token file exists but empty\. Look at what is mounted"):
            await cluster.watched([UPGRADES])


async def test_credentials_that_are_not_accepted_are_said(own: Cluster) -> None:
    """The words tell a token that has ended from a right that is missing."""
    async with keeper_cluster(own.server.kubeconfig_for("nobodys")) as cluster:
        with pytest.raises(KeeperError, match=r"401, .* no longer, accepted"):
            await cluster.watched([UPGRADES])
