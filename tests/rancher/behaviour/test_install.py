"""An install on the stand-in: its side effects in order, and what follows them."""

from typing import Any

import httpx

from tests.rancher import ADMIN, Clock, Rancher, Release, Timing

REPO = "/v1/catalog.cattle.io.clusterrepos/harvester"
RELEASE = Release("local", "cattle-ui-plugin-system", "harvester")
BODY: dict[str, Any] = {
    "charts": [{"chartName": "harvester", "version": "1.8.1", "releaseName": "harvester", "values": {}}],
    "timeout": "1000s",
    "wait": True,
    "namespace": "cattle-ui-plugin-system",
    "projectId": "",
    "skipCRDs": False,
}


def client(rancher: Rancher) -> httpx.AsyncClient:
    """A client of one connection, as ADMIN."""
    limits = httpx.Limits(max_connections=1)
    return httpx.AsyncClient(
        base_url=rancher.url, verify=rancher.client_context(), headers=ADMIN.bearer, limits=limits, timeout=30
    )


async def test_an_install_makes_everything_in_ranchers_order_and_ends_deployed() -> None:
    """A POST makes the namespace first and the answer last, and the App says deployed when helm is done."""
    async with Rancher(clock=Clock(200), timing=Timing(follower_lag=0.1)) as rancher, client(rancher) as http:
        rancher.add_repo()
        await rancher.downloaded(everywhere=True)
        reply = await http.post(REPO, params={"action": "install"}, json=BODY)
        assert (reply.status_code, reply.json()["operationNamespace"]) == (201, "cattle-ui-plugin-system")
        made = [event.made for event in rancher.record.of("effect")]
        assert made == [
            *("namespace", "service-account", "cluster-role", "cluster-role-binding", "token-secret", "secrets"),
            *("pod", "operation", "role", "role-binding"),
        ]

        def deployed() -> bool:
            app = rancher.local.store.get("apps", "harvester", "cattle-ui-plugin-system")
            return app is not None and app.get("status", {}).get("summary") == {"state": "deployed"}

        await rancher.until(deployed)
        assert (rancher.record.begun(RELEASE), rancher.record.pods(RELEASE)) == (1, 1)


async def test_a_follower_without_the_checkout_refuses_what_the_leader_installs() -> None:
    """The controller says ready, the leader has the chart, and another replica does not find it."""
    async with Rancher(clock=Clock(100), timing=Timing(follower_lag=10_000)) as rancher:
        rancher.add_repo()
        await rancher.downloaded()
        await rancher.clock.sleep(1)
        answers = []
        for _ in rancher.replicas:
            async with client(rancher) as http:
                answers.append(await http.post(REPO, params={"action": "install"}, json=BODY))
        assert sorted(one.status_code for one in answers) == [201, 500, 500]
        refused = [one.content for one in answers if one.status_code == 500]
        words = b"failed to find chartName harvester version 1.8.1: NotFound 404"
        error = b'{"type":"error","links":{},"code":"ServerError","message":"%s","status":500,"type":"error"}'
        assert set(refused) == {error % words}
        assert rancher.record.begun() == 1
