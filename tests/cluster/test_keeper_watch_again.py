"""The keeper's watch when it cannot go on as it was: too old, cut off in silence, another server, another kind."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any, cast

import pytest
from guarded_cluster import Cluster, crd, tokens
from keeper_client import QUICK, Follower, Objects, following, guard, keeper_cluster, the_only
from line import Line, port_of
from rbac_server import rbac_server

from app.cluster.reflecting import Pace
from app.keeper.port import Broken, Gone, Happening, Seen, Synced

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

UPGRADES = guard("upgrades")
LISTER = "lister,lister,lister,system:authenticated"
IMPATIENT = Pace(page=3, watch=1.0, grace=0.2, begin=1.0, first=0.05, most=0.2, lived=0.5)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An API server that forgets what was within seconds."""
    folder = tmp_path_factory.mktemp("again")
    with rbac_server(folder, [*tokens(), LISTER], "--etcd-compaction-interval=1s") as server:
        cluster = Cluster(server)
        cluster.furnish(crd("harvesterhci.io", "upgrades"), crd("example.io", "comers"))
        yield cluster
        cluster.close()


@pytest.fixture
def upgrades(own: Cluster) -> Objects:
    """Upgrades, of which there are none yet."""
    objects = Objects(own)
    objects.clear()
    return objects


async def forgotten(upgrades: Objects, query: dict[str, Any]) -> None:
    """Wait until a list or watch with this query is answered 410, with something happening meanwhile."""
    upgrades.create("busy", {})
    numbers = iter(range(10_000))
    words = "&".join(f"{name}={value}" for name, value in query.items())

    def is_gone() -> bool:
        upgrades.set_status("busy", {"n": next(numbers)})
        found = upgrades.cluster.send("GET", f"{upgrades.path}?{words}", who="admin")
        return 410 in {found.code, found.body.get("object", {}).get("code")}

    await asyncio.to_thread(upgrades.cluster.until, is_gone, "the API server remembers everything")


async def test_a_list_too_slow_to_end_begins_anew_and_shows_nothing_twice(own: Cluster, upgrades: Objects) -> None:
    """The rest of a list is no longer to be had: all is shown in the end, once, and it is no trouble to tell of."""
    for number in range(8):
        upgrades.create(f"u{number}", {})
    first = own.send("GET", f"{upgrades.path}?limit=3", who="admin").body["metadata"]["continue"]
    async with keeper_cluster(own.server.kubeconfig) as cluster:
        kind = await the_only(cluster, UPGRADES)
        slow = cast("AsyncGenerator[Happening, None]", cluster.watch(kind))
        shown = [await anext(slow)]
        await forgotten(upgrades, {"limit": 3, "continue": first})
        async with asyncio.timeout(30):
            while not isinstance(shown[-1], Synced):
                shown.append(await anext(slow))
        await slow.aclose()
    names = [one.object.name for one in shown if isinstance(one, Seen)]
    assert sorted(names) == ["busy", *(f"u{number}" for number in range(8))]
    assert shown[-1] == Synced(9)
    assert not [one for one in shown if isinstance(one, Broken)]


async def test_a_version_that_is_too_old_means_a_list(own: Cluster, upgrades: Objects) -> None:
    """After a server that remembers nothing of it: what changed is shown, what went is told, the rest stays silent."""
    upgrades.create("still", {})
    upgrades.create("goes", {})
    moves = upgrades.create("moves", {})
    server = own.server
    async with Line(port_of(server.kubeconfig)) as line:
        kubeconfig = line.kubeconfig(server.kubeconfig_for("admin"), server.folder / "old.kubeconfig")
        async with following(kubeconfig, UPGRADES) as follower:
            await follower.first(Synced)
            line.refuse()
            await follower.first(Broken)
            before = len(follower.seen)
            upgrades.delete("goes")
            changed = upgrades.set_status("moves", {"n": 1})
            since = {"watch": 1, "resourceVersion": moves["metadata"]["resourceVersion"], "timeoutSeconds": 1}
            await asyncio.to_thread(server.process.end)
            await asyncio.to_thread(server.process.begin)
            own.connect()
            await forgotten(upgrades, since)
            line.refuse(refuses=False)
            await follower.shown(changed["metadata"]["resourceVersion"])
            await follower.first(Gone, name="goes")
            assert (await follower.first(Synced, before)).objects == 3
    assert follower.names().count("still") == 1


async def test_a_server_that_was_away_is_found_again(own: Cluster, upgrades: Objects) -> None:
    """While it is away that is told, with what to look at; then changes come again."""
    upgrades.create("one", {})
    server = own.server
    async with Line(port_of(server.kubeconfig)) as line:
        kubeconfig = line.kubeconfig(server.kubeconfig_for("admin"), server.folder / "away.kubeconfig")
        async with following(kubeconfig, UPGRADES) as follower:
            await follower.first(Synced)
            await asyncio.to_thread(server.process.end)
            broken = await follower.first(Broken)
            assert "does not answer" in broken.why
            assert "look whether it can be reached" in broken.why
            before = len(follower.seen)
            await asyncio.to_thread(server.process.begin)
            own.connect()
            await follower.first(Synced, before)
            changed = upgrades.set_status("one", {"n": 1})
            await follower.shown(changed["metadata"]["resourceVersion"])


async def test_a_connection_that_died_in_silence_is_noticed(own: Cluster, upgrades: Objects) -> None:
    """Nothing ends it: the watch should have ended, so its connection leads nowhere."""
    upgrades.create("one", {})
    server = own.server
    async with Line(port_of(server.kubeconfig)) as line:
        kubeconfig = line.kubeconfig(server.kubeconfig, server.folder / "silent.kubeconfig")
        async with following(kubeconfig, UPGRADES, IMPATIENT) as follower:
            await follower.first(Synced)
            line.freeze()
            changed = upgrades.set_status("one", {"n": 1})
            await follower.first(Broken)
            line.thaw()
            await follower.shown(changed["metadata"]["resourceVersion"])
    assert follower.names() == ["one", "one"]


async def test_watches_that_end_by_themselves_are_no_event(own: Cluster, upgrades: Objects) -> None:
    """An API server ends every watch after a time: it is begun anew, nothing is shown again and nothing told."""
    upgrades.create("one", {})
    server = own.server
    async with Line(port_of(server.kubeconfig)) as line:
        kubeconfig = line.kubeconfig(server.kubeconfig, server.folder / "ends.kubeconfig")
        async with following(kubeconfig, UPGRADES, IMPATIENT) as follower:
            await follower.first(Synced)
            await asyncio.to_thread(own.until, lambda: watches(own) > 2, "the watch never ends")
            changed = upgrades.set_status("one", {"n": 1})
            await follower.shown(changed["metadata"]["resourceVersion"])
    assert [type(one) for one in follower.seen] == [Seen, Synced, Seen]


def watches(own: Cluster) -> int:
    """How many watches of Upgrades have ended that were to last a second, by the audit log."""
    log = (own.server.folder / "audit.log").read_text().splitlines()
    return len([line for line in log if "upgrades?" in line and "timeoutSeconds=1" in line and "allowWatch" in line])


async def test_a_kind_may_go_and_come(own: Cluster) -> None:
    """Its objects go with it; then it is told that the kind is not there, and when it is there again all is shown."""
    comers = Objects(own, "comers", "example.io")
    made = comers.create("one", {})
    definition = crd("example.io", "comers")
    async with following(own.server.kubeconfig, guard("comers", "example.io")) as follower:
        await follower.first(Synced)
        await asyncio.to_thread(own.server.kubectl, "delete", "crd", "comers.example.io")
        assert (await follower.first(Gone)).uid == made["metadata"]["uid"]
        assert "404" in (await follower.first(Broken)).why
        before = len(follower.seen)
        await asyncio.to_thread(own.furnish, definition)
        await follower.first(Synced, before)
        again = await asyncio.to_thread(comers.create, "one", {})
        assert (await follower.shown(again["metadata"]["resourceVersion"])).uid != made["metadata"]["uid"]


async def test_a_missing_right_to_watch_is_told(own: Cluster, upgrades: Objects) -> None:
    """What may be listed is shown; that it may not be watched is said, with how to see when it may."""
    upgrades.create("one", {})
    rbac = "rbac.authorization.k8s.io"
    rules = [
        {"apiGroups": ["harvesterhci.io"], "resources": ["upgrades"], "verbs": ["list"]},
        {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": ["get"]},
    ]
    own.server.apply(
        {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": "lists"}, "rules": rules},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "lists"},
            "subjects": [{"kind": "User", "name": "lister", "apiGroup": rbac}],
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "lists"},
        },
    )
    async with following(own.server.kubeconfig_for("lister"), UPGRADES) as follower:
        await follower.first(Synced)
        why = (await follower.first(Broken)).why
    assert "cannot watch upgrades.harvesterhci.io: 403" in why
    assert "kubectl auth can-i watch upgrades.harvesterhci.io --all-namespaces" in why
    assert follower.names() == ["one"]


async def test_who_is_slow_is_sent_no_more_than_buffers_hold(own: Cluster, upgrades: Objects) -> None:
    """Forty megabytes of changes while nobody asks for the next: most stay with the API server; the newest comes."""
    upgrades.create("one", {})
    server = own.server
    async with Line(port_of(server.kubeconfig)) as line:
        kubeconfig = line.kubeconfig(server.kubeconfig, server.folder / "slow.kubeconfig")
        async with keeper_cluster(kubeconfig) as cluster:
            slow = cast("AsyncGenerator[Happening, None]", cluster.watch(await the_only(cluster, UPGRADES)))
            assert [type(await anext(slow)) for _ in range(2)] == [Seen, Synced]
            upgrades.set_status("one", {"n": "the first change opens the watch"})
            assert isinstance(await anext(slow), Seen)
            passed = line.passed
            for number in range(100):
                status = {"n": number, "bulk": "x" * 400_000}
                changed = await asyncio.to_thread(upgrades.set_status, "one", status)
            assert line.passed - passed < 20_000_000
            version, last = changed["metadata"]["resourceVersion"], ""
            async with asyncio.timeout(60):
                while last != version:
                    happening = await anext(slow)
                    assert isinstance(happening, Seen | Synced)
                    last = happening.object.resource_version if isinstance(happening, Seen) else last
            await slow.aclose()


async def test_leaving_a_watch_ends_its_connection(own: Cluster, upgrades: Objects) -> None:
    """Who stops following leaves nothing open behind."""
    upgrades.create("one", {})
    server = own.server
    async with Line(port_of(server.kubeconfig)) as line:
        kubeconfig = line.kubeconfig(server.kubeconfig, server.folder / "left.kubeconfig")
        async with keeper_cluster(kubeconfig, pace=QUICK) as cluster:
            async with Follower(cluster.watch(await the_only(cluster, UPGRADES))) as follower:
                await follower.first(Synced)
                changed = upgrades.set_status("one", {"n": 1})
                await follower.shown(changed["metadata"]["resourceVersion"])
                watching = line.open
            await line.until(lambda: line.open < watching)
