"""Stand-ins that end with their test, clients of them, and the requests that clients make."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.rancher import ADMIN, Clock, Rancher, Release, Timing, User

FAST = 200.0
REPOS = "/v1/catalog.cattle.io.clusterrepos"
NAMESPACE = "cattle-ui-plugin-system"
Start = Callable[..., Awaitable["Scene"]]


def body(*charts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What the dashboard sends to install Harvester's extension, or these charts."""
    chart = {"chartName": "harvester", "version": "1.8.1", "releaseName": "harvester", "values": {}}
    asked = {"charts": list(charts) or [chart], "timeout": "1000s", "wait": True, "namespace": NAMESPACE}
    return asked | {"projectId": "", "skipCRDs": False} | changes


@dataclass
class Scene:
    """A running stand-in, with a client of one connection."""

    rancher: Rancher
    stack: AsyncExitStack
    http: httpx.AsyncClient = field(init=False)

    async def client(self, user: User | None = ADMIN, url: str = "", **headers: str) -> httpx.AsyncClient:
        """Another client, which is given the next replica."""
        made = httpx.AsyncClient(
            base_url=url or self.rancher.url,
            verify=self.rancher.client_context(),
            headers=(user.bearer if user else {}) | {name.replace("_", "-"): value for name, value in headers.items()},
            limits=httpx.Limits(max_connections=1),
            timeout=30,
        )
        return await self.stack.enter_async_context(made)

    async def at(self, replica: int) -> httpx.AsyncClient:
        """A client of one replica, past the balancer."""
        return await self.client(url=f"https://127.0.0.1:{self.rancher.replicas[replica].port}")

    async def install(self, http: httpx.AsyncClient | None = None, *, action: str = "install", **changes: Any) -> Any:
        """POST an install."""
        sent = changes.pop("json", None) or body(**changes)
        return await (http or self.http).post(f"{REPOS}/harvester", params={"action": action}, json=sent)

    async def probe(self, http: httpx.AsyncClient, chart: str = "harvester", version: str = "1.8.1") -> Any:
        """GET a chart's info."""
        asked = {"link": "info", "chartName": chart, "version": version}
        return await http.get(f"{REPOS}/harvester", params=asked)

    async def operation(self, name: str) -> dict[str, Any]:
        """An Operation as Steve shows it."""
        reply = await self.http.get(f"/v1/catalog.cattle.io.operations/{NAMESPACE}/{name}")
        return dict(reply.json())

    def stored(self, resource: str, name: str = "harvester", namespace: str = NAMESPACE) -> dict[str, Any]:
        """An object as it is stored; empty while it is not."""
        return self.rancher.local.store.get(resource, name, namespace) or {}

    async def deployed(self) -> None:
        """Wait for the App to say so."""

        def says_so() -> bool:
            status: dict[str, Any] = self.stored("apps").get("status", {})
            return bool(status.get("summary") == {"state": "deployed"})

        await asyncio.wait_for(self.rancher.until(says_so), 30)


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts stand-ins; one has Harvester's repository, downloaded by all, unless ``ready`` says otherwise."""
    async with AsyncExitStack() as stack:

        async def begin(*, ready: bool = True, factor: float = FAST, **options: Any) -> Scene:
            options.setdefault("timing", Timing(follower_lag=0.5))
            rancher = await stack.enter_async_context(Rancher(clock=Clock(factor), **options))
            scene = Scene(rancher, stack)
            scene.http = await scene.client()
            if ready:
                rancher.add_repo()
                await asyncio.wait_for(rancher.downloaded(everywhere=True), 30)
            return scene

        yield begin


@pytest.fixture
def release() -> Release:
    """What the dashboard installs."""
    return Release("local", NAMESPACE, "harvester")
