"""The gate's port over HTTP, asked of a Rancher that stands in for one."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from app.core.gate.installation_call import Action
from app.core.gate.operation import State, state
from app.core.gate.probe import Speaks, judge
from app.core.gate.reading import Unread
from app.core.gate.repository import WantedChart, versions
from app.gate.port import Connection, Credential, Nudged, Place, Post, Reply
from app.rancher.client import RancherClient
from app.rancher.upstream import Upstream
from tests.rancher import ADMIN, JANE, Act, Clock, Rancher, Release, Step, Timing, User

NAMESPACE = "cattle-ui-plugin-system"
PLACE = Place("local", "harvester")
CHART = WantedChart("harvester", "1.8.1")
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
NOBODY = Credential(((b"Authorization", b"Bearer token-none:none"),))


def of(user: User) -> Credential:
    """What a user shows."""
    return Credential(((b"Authorization", f"Bearer {user.token}".encode()),))


def install(place: Place = PLACE, user: User = ADMIN) -> Post:
    """The dashboard's install."""
    chart = {"chartName": "harvester", "version": "1.8.1", "releaseName": "harvester", "values": {}}
    body = {"charts": [chart], "namespace": NAMESPACE, "timeout": "600s", "wait": True}
    target = f"{place.prefix}/v1/catalog.cattle.io.clusterrepos/{place.repo}?action=install"
    headers = (*of(user).headers, (b"Content-Type", b"application/json"))
    return Post(place, Action.INSTALL, target.encode(), headers, json.dumps(body).encode())


async def speaks(connection: Connection, place: Place = PLACE) -> Speaks:
    """What a probe says of whoever answers on this connection."""
    probed = await connection.probe(place, "harvester", "1.8.1", of(ADMIN))
    assert isinstance(probed, Reply)
    return judge(probed.status, probed.body, CHART).speaks


@asynccontextmanager
async def scene(**options: Any) -> AsyncIterator[tuple[Rancher, RancherClient]]:
    """A stand-in whose leader has the repository, and the client."""
    async with Rancher(clock=Clock(200), **options) as rancher:
        client = RancherClient(Upstream.at(rancher.url, rancher.ca_file), lambda *_: None)
        for cluster in rancher.clusters:
            rancher.add_repo("harvester", cluster=cluster)
        for cluster in rancher.clusters:
            await asyncio.wait_for(rancher.downloaded(cluster=cluster), 30)
        yield rancher, client
        client.close()


async def test_a_user_is_known_by_id_or_by_ranchers_own_refusal() -> None:
    """A credential that counts gives the user's id, another one Rancher's 401 as it came."""
    async with scene(replicas=1) as (_, client):
        assert await client.user(of(ADMIN)) == ADMIN.id
        assert await client.user(of(JANE)) == JANE.id
        refusal = await client.user(NOBODY)
        assert isinstance(refusal, Reply)
        assert (refusal.status, refusal.body) == (401, b'{"type":"error","status":"401","message":"must authenticate"}')


@pytest.mark.parametrize("place", [PLACE, Place("c-m-1", "harvester", "/k8s/clusters/c-m-1")])
async def test_an_install_is_probed_sent_and_followed(place: Place) -> None:
    """From the repository to the UIPlugin everything is read where it is, in Rancher's own cluster and another."""
    async with scene(replicas=1, tunnels="connection", downstream=("c-m-1",)) as (rancher, client):
        repository = await client.repository(place, of(ADMIN))
        assert repository["spec"]["gitBranch"] == "gh-pages"
        assert versions(await client.index(place, of(ADMIN))) == {"harvester": {"1.8.1"}}
        assert (await client.operations(place, NAMESPACE, of(ADMIN)))["items"] == []
        assert await client.app(place, NAMESPACE, "harvester", of(ADMIN)) is Unread.ABSENT
        reply = None
        while reply is None:  # until there is a connection to somebody who has the checkout
            async with client.connect() as connection:
                assert (await connection.repository(place, of(ADMIN)))["spec"] == repository["spec"]
                if await speaks(connection, place) is Speaks.YES:
                    reply = await connection.send(install(place))
        assert reply.status == 201
        name = json.loads(reply.body)["operationName"]
        store = rancher.clusters[place.cluster].store
        done = rancher.until(lambda: store.get("uiplugins", "harvester", NAMESPACE), cluster=place.cluster)
        await asyncio.wait_for(done, 30)
        while state(await client.operation(place, NAMESPACE, name, of(ADMIN))) is not State.SUCCEEDED:
            pass
        listed = await client.operations(place, NAMESPACE, of(ADMIN))
        assert [one["metadata"]["name"] for one in listed["items"]] == [name]
        assert (await client.app(place, NAMESPACE, "harvester", of(ADMIN)))["kind"] == "App"
        assert (await client.ui_plugin(place, NAMESPACE, "harvester", of(ADMIN)))["kind"] == "UIPlugin"
        assert rancher.record.counts() == {Release(place.cluster, NAMESPACE, "harvester"): 1}


async def test_no_right_to_is_forbidden_and_not_empty() -> None:
    """What a user may not list or read is FORBIDDEN, and what nobody knows the user for is FAILED."""
    async with scene(replicas=1) as (_, client):
        assert await client.operations(PLACE, NAMESPACE, of(JANE)) is Unread.FORBIDDEN
        assert await client.operation(PLACE, NAMESPACE, "helm-operation-x", of(JANE)) is Unread.FORBIDDEN
        assert await client.app(PLACE, NAMESPACE, "harvester", of(JANE)) is Unread.FORBIDDEN
        assert await client.nudge(PLACE, of(JANE), NOW) is Nudged.FORBIDDEN
        assert await client.repository(PLACE, NOBODY) is Unread.FAILED
        assert await client.nudge(PLACE, NOBODY, NOW) is Nudged.FAILED


async def test_a_missing_repository_and_a_missing_kind_are_told_apart() -> None:
    """A repository that is not there is ABSENT; where the kind is hidden from the user it is NOT_SERVED."""
    blind = User("u-blind", "blind", "token-blind:blind", frozenset())
    async with scene(replicas=1, users=(ADMIN, blind)) as (_, client):
        assert await client.repository(Place("local", "none"), of(ADMIN)) is Unread.ABSENT
        assert await client.index(Place("local", "none"), of(ADMIN)) is Unread.ABSENT
        assert await client.repository(PLACE, of(blind)) is Unread.NOT_SERVED
        elsewhere = Place("c-none", "harvester", "/k8s/clusters/c-none")
        assert await client.repository(elsewhere, of(ADMIN)) is Unread.NOT_SERVED


async def test_the_log_of_a_failed_install_is_what_helm_printed() -> None:
    """The log is read with the viewer's credential; who may not see it is told so, and so is who asks for none."""
    async with scene(replicas=1) as (rancher, client):
        rancher.faults.add(Step.HELM, Act.FAIL, error="Error: INSTALLATION FAILED: out of luck")
        async with client.connect() as connection:
            name = json.loads((await connection.send(install())).body)["operationName"]
        await asyncio.wait_for(rancher.settled(), 30)
        log = await client.helm_log(PLACE, NAMESPACE, name, of(ADMIN))
        assert "out of luck" in log
        assert await client.helm_log(PLACE, NAMESPACE, name, of(JANE)) is Unread.FORBIDDEN
        assert await client.helm_log(PLACE, NAMESPACE, "helm-operation-none", of(ADMIN)) is Unread.ABSENT


async def test_a_nudge_moves_force_update_and_nothing_else() -> None:
    """The repository is written back as it was read, with another forceUpdate, and its generation moves."""
    async with scene(replicas=1) as (rancher, client):
        before = rancher.repo()
        assert await client.nudge(PLACE, of(ADMIN), NOW) is Nudged.DONE
        after = rancher.repo()
        assert after["spec"] == before["spec"] | {"forceUpdate": "2026-09-01T12:00:00Z"}
        assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1


async def test_a_browsers_credential_keeps_its_csrf_token() -> None:
    """A cookie caller's nudge carries User-Agent and token; without the token Rancher refuses it."""
    cookie = (b"Cookie", f"R_SESS={ADMIN.token}; CSRF=abc".encode())
    agent = (b"User-Agent", b"Mozilla/5.0")
    async with scene(replicas=1) as (_, client):
        assert await client.nudge(PLACE, Credential((cookie, agent)), NOW) is Nudged.FAILED
        credential = Credential((cookie, agent, (b"X-Api-Csrf", b"abc")))
        assert await client.user(credential) == ADMIN.id
        assert await client.nudge(PLACE, credential, NOW) is Nudged.DONE


async def test_the_probe_speaks_for_the_replica_that_takes_the_post() -> None:
    """Before replicas of which one never has the chart, no install after a good probe meets a missing checkout."""
    timing = Timing(follower_lag=0.5)
    async with Rancher(replicas=3, clock=Clock(200), timing=timing) as rancher:
        rancher.add_repo("harvester")
        await asyncio.wait_for(rancher.downloaded(), 30)
        rancher.local.members[2].corrupt = True
        client = RancherClient(Upstream.at(rancher.url, rancher.ca_file), lambda *_: None)
        told: list[int] = []
        refused = 0
        while len(told) < 20 or not refused:
            async with client.connect() as connection:
                if await speaks(connection) is Speaks.YES:
                    told.append((await connection.send(install())).status)
                else:
                    refused += 1
        client.close()
    assert set(told) == {201}
