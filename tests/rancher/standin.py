"""The whole of a Rancher: clusters, replicas, the balancer before them, and what tests hold of it."""

import asyncio
import ssl
import tempfile
from collections.abc import Iterable
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Literal, Self

import trustme

from .background import Background
from .balancer import ConnectionBalancer
from .clock import Clock
from .cluster import Cluster, Member, World
from .faults import Faults
from .followers import Follower
from .helm import Command
from .names import Names
from .operations import Operations
from .proxy import RequestProxy
from .reconciler import Reconciler
from .record import Record
from .replica import Replica
from .repositories import source_of
from .steve import Steve
from .store import Object
from .timing import Timing
from .upstreams import Chart, Kind, Upstream
from .users import ADMIN, JANE, LUKE, RIVAL, User

HARVESTER = Chart("harvester", "1.8.1", ui_plugin=True)
HARVESTER_URL = "https://github.com/harvester/harvester-ui-extension"


@cache
def authority() -> trustme.CA:
    """The CA of all stand-ins of this process: keys are dear, and a stand-in a test is wanted."""
    return trustme.CA(organization_name="Rancher stand-in")


@cache
def serving_context() -> ssl.SSLContext:
    """What all replicas serve with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    authority().issue_cert("localhost", "127.0.0.1", "rancher.test").configure_cert(context)
    return context


class Rancher:
    """A Rancher to test against; an asynchronous context manager.

    Args:
        replicas: how many servers; the first leads at first.
        balancing: whether a replica is chosen for each connection, as by a Service, or for each request, as by a proxy.
        line: the minor version, from (2, 10) to (2, 15).
        clock: how fast time runs.
        timing: how long things take.
        seed: of all names.
        downstream: ids of downstream clusters, each with two agents.
        tunnels: whether a downstream cluster's agent is chosen for each request or stays the same for a connection.
        on_disconnect: whether an install ends at its next step when its caller has gone, or goes on.
        users: who may ask; ``users.ADMIN`` and others unless said otherwise.
        notices_deaths: whether the balancer leaves out a replica that is gone.
        substitutes: whether the newest version is found where the wanted one is missing (the helm fork up to 2.14).
        hasty_followers: whether followers raise observedGeneration before the leader has looked (older lines).
        port: of the balancer; 0 takes a free one.
        landing: URL to which /login leads whoever opens it in a browser, as ADMIN; there is no /login without it.
    """

    def __init__(
        self,
        *,
        replicas: int = 3,
        balancing: Literal["L4", "L7"] = "L4",
        line: tuple[int, int] = (2, 15),
        clock: Clock | None = None,
        timing: Timing | None = None,
        seed: int = 0,
        downstream: Iterable[str] = (),
        tunnels: Literal["request", "connection"] = "request",
        on_disconnect: Literal["cancel", "finish"] = "cancel",
        users: Iterable[User] = (ADMIN, RIVAL, JANE, LUKE),
        notices_deaths: bool = True,
        substitutes: bool = False,
        hasty_followers: bool = False,
        port: int = 0,
        landing: str = "",
    ) -> None:
        self.clock = clock or Clock()
        self.record = Record(self.clock)
        self.faults = Faults(self.record)
        self.users = {user.token: user for user in users}
        self.tunnels = tunnels
        self.on_disconnect = on_disconnect
        self.notices_deaths = notices_deaths
        self.landing = landing
        self.failures: list[BaseException] = []
        self._background = Background()
        self.world = World(
            self.clock, timing or Timing(), Names(seed), self.record, self.faults, self._background, line
        )
        self.world.substitutes, self.world.hasty_followers = substitutes, hasty_followers
        members = [Member(f"rancher-{number}") for number in range(replicas)]
        agents = {one: [Member(f"{one}-agent-{number}") for number in range(2)] for one in downstream}
        self.clusters = {
            "local": Cluster(self.world, "local", members),
            **{one: Cluster(self.world, one, serving) for one, serving in agents.items()},
        }
        self.operations = {name: Operations(cluster) for name, cluster in self.clusters.items()}
        self.steves = {name: Steve(cluster, self.operations[name]) for name, cluster in self.clusters.items()}
        self.replicas = [Replica(self, member) for member in members]
        self.balancer: ConnectionBalancer | RequestProxy
        if balancing == "L7":
            self.balancer = RequestProxy(self, port, serving_context())
        else:
            self.balancer = ConnectionBalancer(self, port)
        self._numbers = count()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def local(self) -> Cluster:
        """The cluster that Rancher itself runs in."""
        return self.clusters["local"]

    @property
    def url(self) -> str:
        """Where the balancer is."""
        return f"https://127.0.0.1:{self.balancer.port}"

    @property
    def ca_pem(self) -> bytes:
        """The CA's certificate."""
        return authority().cert_pem.bytes()

    @property
    def ca_file(self) -> Path:
        """The CA's certificate in a file, which is gone with the stand-in."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="rancher-")
        path = Path(self._folder.name) / "ca.crt"
        path.write_bytes(self.ca_pem)
        return path

    def client_context(self) -> ssl.SSLContext:
        """A client's, that trusts the CA."""
        return ssl.create_default_context(cadata=self.ca_pem.decode())

    def next_number(self) -> int:
        """The number of a request."""
        return next(self._numbers)

    async def __aenter__(self) -> Self:
        for replica in self.replicas:
            await replica.start(serving_context())
        await self.balancer.start()
        for cluster in self.clusters.values():
            self._background.start(Reconciler(cluster).run())
            for member in cluster.members:
                self._background.start(Follower(cluster, member).run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.balancer.stop()
        for replica in self.replicas:
            await replica.stop()
        if self._folder:
            self._folder.cleanup()
        await self._background.stop()
        if self.failures:
            raise BaseExceptionGroup("the stand-in's own handlers failed", self.failures)

    def wake(self) -> None:
        """Let controllers look again, as after a replica's start."""
        for cluster in self.clusters.values():
            cluster.store.touch()

    def upstream(self, url: str = HARVESTER_URL, *charts: Chart, kind: Kind = "git", **details: Any) -> Upstream:
        """Offer charts at a URL; the details are those of ``Upstream``."""
        made = Upstream(url, kind, charts or (HARVESTER,), **details)
        self.world.upstreams[url] = made
        return made

    def add_repo(self, name: str = "harvester", *, cluster: str = "local", **spec: Any) -> Object:
        """Create a ClusterRepo as a client would; of Harvester's extension unless the spec says otherwise."""
        wanted = spec or {"gitRepo": HARVESTER_URL, "gitBranch": "gh-pages"}
        if source_of(wanted) == HARVESTER_URL and HARVESTER_URL not in self.world.upstreams:
            self.upstream()
        return self.clusters[cluster].store.create("clusterrepos", {"metadata": {"name": name}, "spec": wanted})

    def repo(self, name: str = "harvester", *, cluster: str = "local") -> Object:
        """A ClusterRepo as it is now."""
        found = self.clusters[cluster].store.get("clusterrepos", name)
        assert found is not None, f"there is no ClusterRepo {name}"
        return found

    async def until(self, holds: Any, *, cluster: str = "local") -> None:
        """Wait until something holds of what is stored; looks again at every change."""
        store = self.clusters[cluster].store
        while True:
            changed = store.changed
            if holds():
                return
            await changed.wait()

    async def settled(self) -> None:
        """Wait until no handler and no helm runs any more, and what follows them is written."""
        while running := self._background.passing.union(*(replica.work for replica in self.replicas)):
            await asyncio.wait(running)
            await asyncio.sleep(0)

    async def downloaded(self, name: str = "harvester", *, everywhere: bool = False, cluster: str = "local") -> None:
        """Wait until the leader has an index or, if asked, until every replica has all that an install needs."""
        world = self.clusters[cluster]

        def ready() -> bool:
            repo = self.repo(name, cluster=cluster)
            status = repo.get("status", {})
            if not status.get("indexConfigMapName") or status["observedGeneration"] < repo["metadata"]["generation"]:
                return False
            key = (repo["metadata"]["uid"], status["url"])
            commit = status.get("commit")
            return not (everywhere and commit) or all(one.checkouts.get(key) == commit for one in world.members)

        await self.until(ready, cluster=cluster)
        if everywhere:
            await self.clock.sleep(self.world.timing.cache_lag)

    def rival_installs(self, namespace: str, release: str, chart: Chart = HARVESTER, *, cluster: str = "local") -> str:
        """Somebody else installs a release; return the Operation's name."""
        flags = (f"--namespace={namespace}", f"--version={chart.version}")
        arguments = ("helm", "install", *flags, release, f"/home/shell/helm/{chart.name}-{chart.version}.tgz")
        command = Command("install", namespace, release, chart, arguments=arguments)
        return self.steves[cluster].installs.start(RIVAL, namespace, (command,))
