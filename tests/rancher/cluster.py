"""One Kubernetes cluster as its catalog sees it: what is stored, who leads, and what each replica has on its disk."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from .background import Background
from .clock import Clock
from .faults import Faults
from .names import Names
from .record import Record
from .store import Object, Store
from .timing import Timing
from .upstreams import DNS, Chart, Outage, Upstream
from .users import User

Line = tuple[int, int]

BEFORE_FOLLOWERS_WENT: Line = (2, 14)
"""The last line that wrote FollowerDownloaded."""


@dataclass(eq=False)
class Member:
    """A process that serves a cluster's catalog: a Rancher replica, or a replica of a downstream cluster's agent."""

    name: str
    lag: float | None = None
    """Its checkouts' lag, where it is not the one of ``Timing``."""

    stale: float | None = None
    """Its informers' lag, where it is not the one of ``Timing``."""

    stale_index: float | None = None
    """Its informer of ConfigMaps, where that one lags otherwise than the others."""

    corrupt: bool = False
    """Its checkouts miss files for ever, as in rancher#43021."""

    checkouts: dict[tuple[str, str], str] = field(default_factory=dict)
    """Commits on its disk, by ClusterRepo uid and URL."""

    plugins: dict[str, str] = field(default_factory=dict)
    """Versions of the UI plugins that it has cached."""

    alive: bool = True

    def forget(self) -> None:
        """Lose the disk, as a restart does."""
        self.checkouts.clear()
        self.plugins.clear()


@dataclass
class World:
    """What all clusters of one Rancher share."""

    clock: Clock
    timing: Timing
    names: Names
    record: Record
    faults: Faults
    background: Background
    line: Line
    substitutes: bool = False
    """Whether the newest version is found where the wanted one is missing, as by the helm fork up to 2.14."""

    hasty_followers: bool = False
    """Whether followers raise observedGeneration before the leader has looked, as in older lines."""

    upstreams: dict[str, Upstream] = field(default_factory=dict)

    def upstream(self, url: str) -> Upstream:
        """The repository at a URL; where there is none, its name does not resolve."""
        return self.upstreams.get(url) or Upstream(url, index_outage=Outage(DNS), chart_outage=Outage(DNS))


class Cluster:
    """A cluster.

    Args:
        world: what it shares with the others.
        id: ``local``, or what Rancher calls a downstream cluster.
        members: who serves its catalog; the first leads at first.
    """

    def __init__(self, world: World, id: str, members: list[Member]) -> None:  # noqa: A002 - Rancher's word
        self.world = world
        self.id = id
        self.members = members
        self.store = Store(world.clock, world.names)
        self.leader: Member | None = members[0]
        self.last_leader, self.bereaved_at = members[0].name, 0.0
        self.releases: dict[tuple[str, str], list[dict[str, Any]]] = {}
        """Revisions by namespace and release name, as helm's secrets keep them."""
        self.grants: set[tuple[str, str, str]] = set()
        """Who may get an Operation because it is theirs: user id, namespace and name."""
        self._elected = asyncio.Event()
        self._elected.set()
        self._indexes: dict[str, dict[str, Any]] = {}

    async def led_by(self) -> Member:
        """The leader; waits while there is none."""
        while self.leader is None:
            await self._elected.wait()
        return self.leader

    def depose(self, successor: Member | None = None) -> None:
        """Make somebody else the leader at once; the next living member where nobody is named."""
        others = [one for one in self.members if one.alive and one is not self.leader]
        self.leader = successor or (others[0] if others else self.leader)
        self.world.record.add("leader", cluster=self.id, name=self.leader and self.leader.name)
        self._elected.set()

    def bereave(self, member: Member) -> None:
        """A member has died: if it led, nobody does until its lease has run out."""
        if member is not self.leader:
            return
        self.leader = None
        self.last_leader, self.bereaved_at = member.name, self.world.clock.seconds()
        self._elected = asyncio.Event()
        self.world.record.add("leader", cluster=self.id, name=None)
        self.world.background.start(self._elect())

    async def _elect(self) -> None:
        while self.leader is None:
            await self.world.clock.sleep(self.world.timing.election)
            alive = [one for one in self.members if one.alive]
            if alive and self.leader is None:
                self.depose(alive[0])

    def allows(self, user: User, verb: str, resource: str, name: str = "", namespace: str = "") -> bool:
        """Whether a user may do it here; Operations of one's own may be read by their name."""
        own = (resource, verb) == ("operations", "get") and (user.id, namespace, name) in self.grants
        return own or user.may(f"{resource}.{verb}", self.id)

    def seen_by(self, member: Member, resource: str, name: str, namespace: str = "") -> Object | None:
        """An object as a member's informers have it."""
        lag = self.world.timing.cache_lag if member.stale is None else member.stale
        if resource == "configmaps" and member.stale_index is not None:
            lag = member.stale_index
        return self.store.get(resource, name, namespace, lag)

    def in_checkout(self, member: Member, repo: Object, chart: str, version: str) -> Chart | None:
        """A chart in a member's checkout of a repository."""
        url = repo["status"]["url"]
        commit = member.checkouts.get((repo["metadata"]["uid"], url))
        if member.corrupt or commit is None:
            return None
        charts = self.world.upstream(url).at(commit)
        return next((one for one in charts if (one.name, one.version) == (chart, version)), None)

    def parsed(self, key: str, content: bytes) -> dict[str, Any]:
        """An index, read once for all."""
        if key not in self._indexes:
            self._indexes[key] = json.loads(content)
        return self._indexes[key]
