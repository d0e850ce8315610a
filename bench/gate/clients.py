"""The clients of Rancher's catalog as they behave today, and ours. Each is told a repository and a chart.

What the dashboards do is in the dashboard's source (shell/utils/uiplugins.ts and the list of Harvester clusters), the
Terraform provider's in its resources for apps and catalogs. Pauses and numbers of tries are theirs.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from session import TYPE, Answer, FailedError, Session, condition

from app.cli.install_course import Course
from app.cli.install_ending import Outcome
from app.cli.install_gate import GateClient
from app.cli.install_order import Order
from app.core.gate.installation_call import Action
from app.gate.progress import Progress
from tests.rancher import ADMIN

NAMESPACE = "cattle-ui-plugin-system"
RELEASE = "harvester"
POLL = 2.5
"""Seconds between two looks of a dashboard."""


@dataclass(frozen=True)
class Wanted:
    """What is to be installed, and from where."""

    repo: str
    spec: dict[str, Any]
    chart: str = "harvester"
    version: str = "1.8.1"


Client = Callable[[Session, Wanted], Awaitable[None]]
"""Returns where the user was told that it is done, and raises ``FailedError`` where they were told that it is not."""


def body(wanted: Wanted) -> dict[str, Any]:
    """An install as the dashboard sends it."""
    chart = {
        "chartName": wanted.chart,
        "version": wanted.version,
        "releaseName": RELEASE,
        "description": "",
        "values": {},
    }
    return {"charts": [chart], "noHooks": False, "timeout": "1000s", "wait": True, "namespace": NAMESPACE}


async def post(session: Session, wanted: Wanted, **headers: str) -> Answer:
    """The install itself."""
    return await session.ask("POST", f"{TYPE}/{wanted.repo}?action=install", body(wanted), **headers)


@dataclass(frozen=True)
class Dashboard:
    """Rancher's dashboard from the click on Install.

    Attributes:
        polls: looks at a new repository until it goes on.
        insists: whether it gives up where the last of them saw no download.
        active: seconds until it gives up waiting for the state ``active`` after its refresh.
        retries: pauses between POSTs that were answered with 500.
    """

    polls: int
    insists: bool
    active: float
    retries: tuple[float, ...] = ()

    async def __call__(self, session: Session, wanted: Wanted) -> None:
        """Click."""
        listed = await self._listed(session)
        if wanted.repo not in listed:
            await session.create(wanted.repo, wanted.spec)
            await self._downloaded(session, wanted.repo)
        await self._refresh(session, wanted.repo)
        await self._choose(session, wanted)
        await self._install(session, wanted)
        for _ in range(20):
            plugins = await session.get("/v1/uiplugins")
            if wanted.chart in plugins.content.get("entries", {}):
                return
            await session.clock.sleep(POLL)
        raise FailedError("the extension is not served")

    async def _listed(self, session: Session) -> dict[str, Any]:
        got = await session.get(TYPE)
        return {one["metadata"]["name"]: one for one in got.content.get("data", [])}

    async def _downloaded(self, session: Session, name: str) -> None:
        for _ in range(self.polls):
            await session.clock.sleep(POLL)
            repo = await session.repo(name)
            if repo and condition(repo) == "True":
                return
        if self.insists:
            raise FailedError("gave up before the repository was downloaded")

    async def _refresh(self, session: Session, name: str) -> None:
        repo = (await self._listed(session)).get(name)
        if repo is None:
            raise FailedError("the repository is not in the list")
        repo["spec"]["forceUpdate"] = session.clock.stamp()
        got = await session.ask("PUT", f"{TYPE}/{name}", repo)
        if not got.ok:
            raise FailedError(f"PUT of forceUpdate: {got.status}")
        end = session.clock.seconds() + self.active
        while (await session.repo(name) or {}).get("metadata", {}).get("state", {}).get("name") != "active":
            if session.clock.seconds() >= end:
                raise FailedError("gave up before the repository was active")
            await session.clock.sleep(POLL)
        await session.clock.sleep(2)

    async def _choose(self, session: Session, wanted: Wanted) -> None:
        for name, repo in (await self._listed(session)).items():
            if repo["metadata"]["state"]["name"] == "active":
                got = await session.get(f"{TYPE}/{name}?link=index")
                versions = [one["version"] for one in got.content.get("entries", {}).get(wanted.chart, [])]
                if wanted.version in versions:
                    return
        raise FailedError("no compatible version in the index")

    async def _install(self, session: Session, wanted: Wanted) -> None:
        for pause in (*self.retries, None):
            got = await post(session, wanted)
            if got.ok:
                return
            if got.status != 500 or pause is None:
                raise FailedError(f"POST: {got.status}")
            await session.clock.sleep(pause)


async def terraform(session: Session, wanted: Wanted) -> None:
    """rancher2_catalog_v2 and rancher2_app_v2."""
    if await session.repo(wanted.repo) is None:
        await session.create(wanted.repo, wanted.spec)
    await _until_downloaded(session, wanted, 600, gives_up_on_failure=True)
    info = f"{TYPE}/{wanted.repo}?link=info&chartName={wanted.chart}&version={wanted.version}"
    end = session.clock.seconds() + 120
    while not (await session.get(info)).ok:
        if session.clock.seconds() >= end:
            raise FailedError("link=info: not within 120 s")
        await session.clock.sleep(5)
    got = await post(session, wanted)
    if not got.ok:
        raise FailedError(f"POST: {got.status}")
    operation = f"/v1/catalog.cattle.io.operations/{NAMESPACE}/{got.content['operationName']}"
    while session.clock.seconds() < end + 600:
        state = (await session.get(operation)).content.get("metadata", {}).get("state", {})
        if state.get("name") == "active" and not state.get("transitioning"):
            return
        if state.get("error"):
            raise FailedError("the operation failed")
        await session.clock.sleep(5)
    raise FailedError("the operation did not end")


async def _until_downloaded(session: Session, wanted: Wanted, seconds: float, *, gives_up_on_failure: bool) -> None:
    end = session.clock.seconds() + seconds
    while True:
        said = condition(await session.repo(wanted.repo) or {})
        if said == "True":
            return
        if said == "False" and gives_up_on_failure:
            raise FailedError("the repository's download failed")
        if session.clock.seconds() >= end:
            raise FailedError(f"not downloaded within {seconds:g} s")
        await session.clock.sleep(2)


async def curl(session: Session, wanted: Wanted) -> None:
    """Two lines: make the repository, install."""
    if await session.repo(wanted.repo) is None:
        await session.create(wanted.repo, wanted.spec)
    got = await post(session, wanted)
    if not got.ok:
        raise FailedError(f"POST: {got.status}")


async def careful_curl(session: Session, wanted: Wanted) -> None:
    """A script: make the repository, wait up to five minutes until it is downloaded, install."""
    if await session.repo(wanted.repo) is None:
        await session.create(wanted.repo, wanted.spec)
    await _until_downloaded(session, wanted, 300, gives_up_on_failure=False)
    got = await post(session, wanted)
    if not got.ok:
        raise FailedError(f"POST: {got.status}")


class Silent:
    """Nobody looks."""

    def progress(self, progress: Progress) -> None:
        """Nothing."""

    def note(self, sentence: str) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Ours:
    """``status-guard install`` without its process and its terminal: the same code asks, watches and concludes."""

    nudge: bool = False
    deadline: int = 600

    async def __call__(self, session: Session, wanted: Wanted) -> None:
        """Install."""
        if await session.repo(wanted.repo) is None:
            await session.create(wanted.repo, wanted.spec)
        order = Order(
            session.url, "local", wanted.repo, wanted.chart, wanted.version, RELEASE, NAMESPACE, Action.INSTALL,
            wait=self.deadline, until_deployed=True, nudge=self.nudge, content=json.dumps(body(wanted)).encode(),
        )  # fmt: skip
        never: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        async with GateClient(order, ADMIN.token, session.trust) as gate:
            ending = await Course(order, gate, Silent(), session.clock.seconds).run(never)
        if ending.outcome is not Outcome.DEPLOYED:
            raise FailedError(f"{ending.outcome}: {ending.sentence}")
