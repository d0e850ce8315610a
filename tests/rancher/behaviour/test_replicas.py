"""Replicas and what stands before them: who answers which connection, and what each of them knows."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.rancher import HARVESTER_URL, Act, Step, Timing

Start = Callable[..., Awaitable[Any]]


def served_by(scene: Any) -> list[str]:
    """The replicas of all requests so far."""
    return [event.replica for event in scene.rancher.record.of("request")]


async def test_a_connection_is_one_replica_behind_l4(start: Start) -> None:
    """All requests of a connection go to the same replica, and the next connection to the next."""
    scene = await start()
    for http in [await scene.client() for _ in range(3)]:
        for _ in range(3):
            await http.get("/v3/users", params={"me": "true"})
    served = served_by(scene)
    assert [len(set(served[n : n + 3])) for n in (0, 3, 6)] == [1, 1, 1]
    assert set(served) == {"rancher-0", "rancher-1", "rancher-2"}


async def test_a_request_is_one_replica_behind_l7(start: Start) -> None:
    """Requests of one connection go to one replica after the other."""
    scene = await start(balancing="L7")
    for _ in range(6):
        assert (await scene.http.get("/v3/users", params={"me": "true"})).status_code == 200
    served = served_by(scene)
    assert [set(served[:3]), served[3:]] == [{"rancher-0", "rancher-1", "rancher-2"}, served[:3]]


async def test_a_proxy_passes_an_install_through_and_names_the_clients_host(start: Start) -> None:
    """Body, status and answer come through, and links are built with the host that the client used."""
    scene = await start(balancing="L7")
    assert (await scene.install()).status_code == 201
    shown = (await scene.http.get("/v1/catalog.cattle.io.clusterrepos/harvester")).json()
    assert shown["actions"]["install"].startswith(scene.rancher.url)


async def test_a_proxy_says_502_when_a_replica_breaks_off(start: Start) -> None:
    """An answer that is lost behind a proxy is a 502 of the proxy, with side effects behind it."""
    scene = await start(balancing="L7")
    scene.rancher.faults.add(Step.ANSWER, Act.LOSE, on="install")
    reply = await scene.install()
    assert (reply.status_code, reply.headers["content-type"]) == (502, "text/html")
    assert scene.rancher.record.begun() == 1


async def test_a_proxy_passes_on_that_its_client_has_gone(start: Start) -> None:
    """A client that hangs up ends its install at the next step, behind a proxy as well."""
    scene = await start(balancing="L7")
    scene.rancher.faults.add(Step.SECRETS, Act.SLOW, on="install", seconds=60)
    asking = asyncio.ensure_future(scene.install())
    await until_event(scene, "fault")
    asking.cancel()
    await asyncio.wait([asking])
    await until_event(scene, "abandoned")
    assert scene.rancher.record.pods() == 0


async def until_event(scene: Any, what: str) -> None:
    """Wait for an event of a sort."""
    async with asyncio.timeout(30):
        while not scene.rancher.record.of(what):
            await scene.rancher.clock.sleep(0.1)


@pytest.mark.parametrize(
    ("late", "words"),
    [("stale", 'clusterrepos.catalog.cattle.io "harvester" not found'), ("stale_index", 'configmaps "{}" not found')],
)
async def test_informers_may_not_have_seen_what_the_api_server_has(start: Start, late: str, words: str) -> None:
    """A new repository, or its new index, is not found by a replica whose informers are late: 500, not 404."""
    scene = await start()
    setattr(scene.rancher.local.members[1], late, 10_000.0)
    reply = await scene.probe(await scene.at(1))
    said = words.format(scene.rancher.repo()["status"]["indexConfigMapName"])
    assert (reply.status_code, reply.json()["code"], reply.json()["message"]) == (500, "ServerError", said)


async def test_before_the_first_index_configmaps_without_a_name_are_not_found(start: Start) -> None:
    """A repository that was never downloaded is looked for in the ConfigMap without a name."""
    scene = await start(ready=False)
    scene.rancher.upstream(clone_seconds=10_000)
    scene.rancher.add_repo()
    await scene.rancher.clock.sleep(1)
    reply = await scene.install()
    assert reply.content == (
        b'{"type":"error","links":{},"code":"ServerError","message":"configmaps \\"\\" not found",'
        b'"status":500,"type":"error"}'
    )


async def test_a_repository_made_again_is_unauthorized_where_its_old_index_is_known(start: Start) -> None:
    """An index of another uid is 401 Unauthorized without a message, which is no failed authentication."""
    scene = await start()
    store = scene.rancher.local.store
    old = scene.rancher.repo()["status"]
    store.delete("clusterrepos", "harvester")
    scene.rancher.upstream(clone_seconds=10_000)
    scene.rancher.add_repo()
    store.write_status("clusterrepos", "harvester", lambda status: status.update(old | {"observedGeneration": 0}))
    await scene.rancher.clock.sleep(1)
    reply = await scene.probe(scene.http)
    assert (reply.status_code, reply.json()["code"], reply.json()["message"]) == (401, "Unauthorized", "")


async def test_a_restart_resets_connections_and_empties_the_disk(start: Start) -> None:
    """A replica that crashed comes back on its port without its checkouts, and fetches them again."""
    scene = await start(replicas=3)
    http = await scene.at(1)
    assert (await scene.probe(http)).status_code == 200
    scene.rancher.local.members[1].lag = 10_000
    await scene.rancher.replicas[1].restart(seconds=1)
    reply = await scene.probe(http)
    assert b"NotFound 404" in reply.content
    assert scene.rancher.local.leader.name == "rancher-0"


async def test_a_dead_leader_leaves_nobody_until_its_lease_has_run_out(start: Start) -> None:
    """Nothing is reconciled until another replica leads, and that one clones anew what it lacks."""
    scene = await start()
    restart = asyncio.ensure_future(scene.rancher.replicas[0].restart(seconds=1))
    await until_event(scene, "restart")
    assert scene.rancher.local.leader is None
    assert (await asyncio.wait_for(scene.rancher.local.led_by(), 30)).alive
    await restart
    names = [event.name for event in scene.rancher.record.of("leader")]
    assert (names[0], len(names)) == (None, 2)


async def test_a_refused_address_is_refused_by_the_kernel_and_comes_back(start: Start) -> None:
    """New connections fail before a byte is sent, open ones stay, and the address is the same afterwards."""
    scene = await start()
    assert (await scene.probe(scene.http)).status_code == 200
    await scene.rancher.balancer.refuse()
    with pytest.raises(httpx.ConnectError):
        await scene.probe(await scene.client())
    assert (await scene.probe(scene.http)).status_code == 200
    await scene.rancher.balancer.start()
    assert (await scene.probe(await scene.client())).status_code == 200


async def test_a_connection_can_fail_in_its_handshake(start: Start) -> None:
    """A fault at the connection lets TLS fail before a byte of a request, once."""
    scene = await start()
    scene.rancher.faults.add(Step.CONNECT, Act.RESET)
    with pytest.raises(httpx.ConnectError):
        await scene.probe(await scene.client())
    assert (await scene.probe(await scene.client())).status_code == 200


async def test_tls_is_real(start: Start) -> None:
    """A client that does not trust the CA gets no further than the handshake."""
    scene = await start(ready=False)
    async with httpx.AsyncClient(verify=ssl.create_default_context()) as http:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await http.get(f"{scene.rancher.url}/ping")


async def test_health_says_nothing_of_the_catalog(start: Start) -> None:
    """Ping and healthz are well without authentication and without any repository or leader."""
    scene = await start(ready=False)
    scene.rancher.local.leader = None
    http = await scene.client(None)
    texts = [(await http.get(path)).text for path in ("/ping", "/healthz")]
    assert texts == ["pong", "ok"]
    assert (await http.get("/rancherversion")).json()["Version"] == "v2.15.0"


async def test_a_corrupt_checkout_never_heals(start: Start) -> None:
    """A replica with a damaged disk goes on not finding the chart, whatever is fetched."""
    scene = await start()
    scene.rancher.local.members[2].corrupt = True
    http = await scene.at(2)
    for _ in range(3):
        assert (await scene.probe(http)).status_code == 500
        await scene.rancher.clock.sleep(100)


async def test_agents_answer_for_their_cluster(start: Start) -> None:
    """A downstream cluster has its own repositories and agents, of which each request finds another."""
    scene = await start(ready=False, downstream=["c-m-abc"])
    scene.rancher.add_repo(cluster="c-m-abc")
    await asyncio.wait_for(scene.rancher.downloaded(cluster="c-m-abc", everywhere=True), 30)
    await scene.rancher.clock.sleep(1)
    path = "/k8s/clusters/c-m-abc/v1/catalog.cattle.io.clusterrepos/harvester"
    for _ in range(4):
        reply = await scene.http.get(path, params={"link": "info", "chartName": "harvester", "version": "1.8.1"})
        assert reply.status_code == 200
    assert {event.member for event in scene.rancher.record.of("request")} == {"c-m-abc-agent-0", "c-m-abc-agent-1"}
    assert (await scene.http.get("/v1/catalog.cattle.io.clusterrepos/harvester")).status_code == 404
    shown = (await scene.http.get(path)).json()
    assert "/k8s/clusters/c-m-abc/v1/" in shown["actions"]["install"]


async def test_the_lease_says_who_leads(start: Start) -> None:
    """The holder is the leader; after its death it still is, and the lease grows old."""
    scene = await start(ready=False)
    path = "/k8s/clusters/local/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/cattle-controllers"
    assert (await scene.http.get(path)).json()["spec"]["holderIdentity"] == "rancher-0"
    scene.rancher.world.timing = Timing(election=1e9)
    scene.rancher.local.bereave(scene.rancher.local.leader)
    first = (await scene.http.get(path)).json()["spec"]
    await scene.rancher.clock.sleep(10)
    assert (await scene.http.get(path)).json()["spec"] == first
    assert first["holderIdentity"] == "rancher-0"


async def test_hasty_followers_say_observed_what_the_leader_has_not_seen(start: Start) -> None:
    """In older lines a follower raises observedGeneration while the leader still fetches."""
    scene = await start(hasty_followers=True, line=(2, 10))
    scene.rancher.world.upstreams[HARVESTER_URL].fetch_seconds = 100_000
    repo = scene.rancher.repo()
    changed = repo | {"spec": repo["spec"] | {"forceUpdate": "2026-09-15T10:02:41Z"}}
    scene.rancher.local.store.update("clusterrepos", changed)
    async with asyncio.timeout(30):
        await scene.rancher.until(lambda: scene.rancher.repo()["status"]["observedGeneration"] == 2)
    assert scene.rancher.repo()["status"]["downloadTime"] == repo["status"]["downloadTime"]


async def test_a_helm_fork_may_answer_with_another_version(start: Start) -> None:
    """Where it is asked for, a missing version is answered with the newest one: the probed version has to be read."""
    scene = await start(substitutes=True)
    assert (await scene.probe(scene.http, version="9.9.9")).json()["chart"]["version"] == "1.8.1"


async def test_who_waits_for_all_checkouts_is_told_of_the_last(start: Start) -> None:
    """The last checkout ends the wait for it, though after it nothing changes among the stored objects."""
    scene = await start(ready=False, timing=Timing(follower_lag=60))
    scene.rancher.add_repo(gitRepo=HARVESTER_URL, gitBranch="gh-pages", refreshInterval=-1)
    await asyncio.wait_for(scene.rancher.downloaded(everywhere=True), 30)
    assert len(scene.rancher.record.of("checkout")) == 2
