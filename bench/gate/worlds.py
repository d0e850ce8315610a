"""What a client meets: how many replicas, how late, what is wrong with the repository, and the line to Rancher."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Literal

from clients import Wanted
from link import Link, Quality
from serving import Options, served_gate

from tests.rancher import DNS, HARVESTER, HARVESTER_URL, Chart, Clock, Member, Outage, Rancher, Timing
from tests.rancher.balancer import ConnectionBalancer

OLDER = Chart("harvester", "1.8.0", ui_plugin=True)
WEB = "https://charts.example.com/harvester"
REGISTRY = "oci://registry.example.com/harvester"
SPECS: dict[str, dict[str, Any]] = {
    "git": {"gitRepo": HARVESTER_URL, "gitBranch": "gh-pages"},
    "http": {"url": WEB},
    "oci": {"url": REGISTRY},
}
PERFECT = Quality()
URLS = {"git": HARVESTER_URL, "http": WEB, "oci": REGISTRY}


@dataclass(frozen=True)
class Front:
    """What a client talks to: a line of Rancher, behind a gate or not, which holds reads of the index or not."""

    line: tuple[int, int]
    gate: bool
    hold_index: float


@dataclass(frozen=True)
class Scenario:
    """One row of the table.

    Attributes:
        name: for people.
        lag: seconds that followers' checkouts are late.
        outage: fetches of the index that fail at first.
        begins: ``new``, no repository is there; ``refresh``, it is there, whole, everywhere, and a refresh that takes
            ten seconds begins now, with a new commit; ``stale``, the same, and the wanted version is in that commit.
    """

    name: str
    lag: float = 5.0
    kind: Literal["git", "http", "oci"] = "git"
    replicas: int = 3
    balancing: Literal["L4", "L7"] = "L4"
    begins: Literal["new", "refresh", "stale"] = "new"
    outage: int = 0
    quality: Quality = PERFECT


SCENARIOS = (
    Scenario("follower lag 5 s"),
    Scenario("follower lag 20 s", lag=20),
    Scenario("follower lag 60 s", lag=60),
    Scenario("1 replica", replicas=1),
    Scenario("5 replicas, lag 20 s", replicas=5, lag=20),
    Scenario("L7, lag 20 s", lag=20, balancing="L7"),
    Scenario("L7, 5 replicas, lag 60 s", lag=60, replicas=5, balancing="L7"),
    Scenario("first clone fails, 5 min back-off", outage=1),
    Scenario("refresh in flight, lag 20 s", lag=20, begins="refresh"),
    Scenario("stale index, lag 20 s", lag=20, begins="stale"),
    Scenario("http repository", kind="http"),
    Scenario("OCI repository", kind="oci"),
    Scenario("2 s latency, 5 % lost, lag 20 s", lag=20, quality=Quality(2.0, 5.0)),
)


class World:
    """A running scenario.

    Attributes:
        first: the moment at which one replica could serve the install.
        everywhere: the moment at which every replica could.
    """

    def __init__(self, scenario: Scenario, rancher: Rancher) -> None:
        self.scenario = scenario
        self.rancher = rancher
        self.wanted = Wanted("harvester", SPECS[scenario.kind])
        self.began = 0.0
        self.first: float | None = None
        self.everywhere: float | None = None
        self.url = self.direct = ""

    async def watch(self) -> None:
        """Note when the install becomes possible: what a replica's handler would look up is there."""
        cluster = self.rancher.local
        while self.everywhere is None:
            able = [self._able(member, any_commit=False) for member in cluster.members]
            now = self.rancher.clock.seconds()
            if any(able) and self.first is None:
                self.first = now
            if all(able):
                self.everywhere = now
            await self.rancher.clock.sleep(0.05)

    def _able(self, member: Member, *, any_commit: bool) -> bool:
        """Whether one replica could serve the install, or the one of an older commit."""
        cluster = self.rancher.local
        repo = cluster.seen_by(member, "clusterrepos", self.wanted.repo)
        status = (repo or {}).get("status", {})
        if repo is None or not status.get("indexConfigMapName"):
            return False
        index = cluster.seen_by(member, "configmaps", status["indexConfigMapName"], "cattle-system")
        if index is None or not (any_commit or self.scenario.begins != "stale" or status.get("commit") == self._commit):
            return False
        if not status.get("commit"):
            return True
        if any_commit:
            return member.checkouts.get((repo["metadata"]["uid"], status["url"])) == status["commit"]
        return cluster.in_checkout(member, repo, self.wanted.chart, self.wanted.version) is not None

    @property
    def _commit(self) -> str:
        return self.rancher.world.upstream(URLS[self.scenario.kind]).commit

    async def begin(self, random: Random) -> None:
        """Come to the moment of the click. A first clone takes 2 to 10 seconds, a refresh half a second to two."""
        rancher, scenario = self.rancher, self.scenario
        charts = (OLDER,) if scenario.begins == "stale" else (HARVESTER,)
        outage = Outage(DNS, scenario.outage) if scenario.outage else None
        upstream = rancher.upstream(URLS[scenario.kind], *charts, kind=scenario.kind, index_outage=outage)
        upstream.clone_seconds, upstream.fetch_seconds = random.uniform(2, 10), random.uniform(0.5, 2)
        if scenario.begins != "new":
            rancher.add_repo(self.wanted.repo, **self.wanted.spec)
            while not all(self._able(member, any_commit=True) for member in rancher.local.members):
                await rancher.clock.sleep(1)
            await rancher.clock.sleep(30)
            upstream.fetch_seconds = 10.0
            upstream.publish(HARVESTER if scenario.begins == "stale" else OLDER)
            repo = rancher.repo(self.wanted.repo)
            forced = {**repo, "spec": {**repo["spec"], "forceUpdate": rancher.clock.stamp()}}
            rancher.local.store.update("clusterrepos", forced)
        self.began = rancher.clock.seconds()


@asynccontextmanager
async def world(scenario: Scenario, front: Front, factor: float, seed: int) -> AsyncIterator[World]:
    """A scenario at its click."""
    random = Random(f"{scenario.name} {seed}")  # the same for every client; small seeds alone begin alike
    clock = Clock(factor)
    timing = replace(Timing(), follower_lag=scenario.lag)
    async with AsyncExitStack() as stack:
        rancher = await stack.enter_async_context(
            Rancher(
                replicas=scenario.replicas,
                balancing=scenario.balancing,
                line=front.line,
                clock=clock,
                timing=timing,
                seed=seed,
            )
        )
        made = World(scenario, rancher)
        made.url = rancher.url
        if scenario.quality != PERFECT:
            link = await stack.enter_async_context(Link(clock, rancher.balancer.port, scenario.quality, random))
            made.url = f"https://127.0.0.1:{link.port}"
        made.direct = made.url
        if front.gate:
            replicas = scenario.replicas if scenario.balancing == "L7" else 0
            serving = served_gate(rancher, made.url, Options(front.hold_index, replicas), random)
            made.url = await stack.enter_async_context(serving)
        if isinstance(rancher.balancer, ConnectionBalancer):
            for _ in range(random.randrange(scenario.replicas)):  # whose turn it is at the click is anybody's guess
                rancher.balancer.choose()
        await made.begin(random)
        yield made
