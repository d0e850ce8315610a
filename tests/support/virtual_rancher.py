"""The gate's port before a Rancher in virtual time that goes wrong wherever a test, or chance, wants it to.

It is quick rather than faithful to the byte: tests/rancher has the stand-in for that. What it does keep is the order of
Rancher's steps, that a handler goes on when its caller has gone, and that every replica knows something else.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from virtual_releases import Releases, Wish
from virtual_repository import Replica, Repository, State, api_error, server_error
from virtual_time import seconds

from app.core.gate.reading import Unread
from app.gate.port import AnswerLostError, Credential, NotSentError, Nudged, Place, Post, Reply

UNAUTHORIZED = Reply(401, (), b'{"type":"error","status":"401","message":"must authenticate"}')
WHO = b"x-who"
"""The header by which the record tells one request from another."""


@dataclass
class User:
    """A user and what they may do."""

    name: str
    lists: bool = True
    reads: bool = True
    nudges: bool = True
    sees: bool = True
    """The schema is there for this user."""
    until: float = float("inf")
    """When the token ends."""


@dataclass
class Faults:
    """How likely what goes wrong, until a moment at which all of it stops.

    ``post`` maps the ways in which a POST can go wrong to how likely they are.
    """

    until: float = 0.0
    read: float = 0.0
    connect: float = 0.0
    post: dict[str, float] = field(default_factory=dict)

    def strike(self, rng: random.Random, chance: float) -> bool:
        """Whether it goes wrong this time."""
        return chance > 0 and seconds() < self.until and rng.random() < chance

    def way(self, rng: random.Random) -> str:
        """How a POST goes wrong; empty if it does not."""
        if seconds() >= self.until:
            return ""
        point = rng.random()
        for way, chance in self.post.items():
            point -= chance
            if point < 0:
                return way
        return ""


@dataclass
class VirtualRancher:
    """Rancher."""

    repository_: Repository
    releases: Releases
    rng: random.Random
    users: dict[bytes, User]
    faults: Faults = field(default_factory=Faults)
    l7: bool = False
    slow: float = 2.0
    """Seconds that a handler takes."""
    latency: float = 0.01
    posts: list[tuple[float, str]] = field(default_factory=list)
    posting: Counter[str] = field(default_factory=Counter)
    """POSTs that wait for their answer, by release."""
    posted: asyncio.Event = field(default_factory=asyncio.Event)
    wrong: list[str] = field(default_factory=list)
    """What the gate must never do, and did."""
    reads: int = 0
    read_by: Counter[str] = field(default_factory=Counter)
    indexes: int = 0
    probes: int = 0
    log: str | Unread = "Error: INSTALLATION FAILED: password=hunter2secret"
    handlers: set[asyncio.Task[None]] = field(default_factory=set)

    def user_of(self, credential: Credential) -> User | None:
        """Who that is, while the token counts."""
        user = self.users.get(credential.headers[0][1])
        return user if user is not None and seconds() < user.until else None

    def replica(self) -> Replica | None:
        """One of those that can be reached."""
        up = [one for one in self.repository_.replicas if one.down_until <= seconds()]
        return self.rng.choice(up) if up else None

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["VirtualConnection"]:
        """A connection to one replica."""
        await asyncio.sleep(self.latency)
        replica = self.replica()
        if replica is None or self.faults.strike(self.rng, self.faults.connect):
            raise NotSentError("connection refused")
        yield VirtualConnection(self, replica, seconds())

    async def answers(self, credential: Credential) -> User | Unread:
        """The user, if the read gets an answer at all."""
        self.reads += 1
        await asyncio.sleep(self.latency)
        user = self.user_of(credential)
        self.read_by[user.name if user else ""] += 1
        if user is None or self.replica() is None or self.faults.strike(self.rng, self.faults.read):
            return Unread.FAILED
        return user

    async def user(self, credential: Credential) -> str | Reply | Unread:
        """Who it is."""
        await asyncio.sleep(self.latency)
        if self.replica() is None:
            return Unread.FAILED
        user = self.user_of(credential)
        return user.name if user else UNAUTHORIZED

    async def repository(self, place: Place, credential: Credential) -> Any | Unread:
        """As some replica shows it."""
        del place
        return await self.repository_at(self.replica(), credential)

    async def repository_at(self, replica: Replica | None, credential: Credential) -> Any | Unread:
        """As this replica shows it."""
        user = await self.answers(credential)
        if isinstance(user, Unread) or replica is None or replica.down_until > seconds():
            return Unread.FAILED
        if not user.reads:
            return Unread.FORBIDDEN
        if not user.sees:
            return Unread.NOT_SERVED
        return self.repository_.object_for(replica) or Unread.ABSENT

    async def index(self, place: Place, credential: Credential) -> Any | Unread:
        """As some replica has it."""
        del place
        self.indexes += 1
        user, replica = await self.answers(credential), self.replica()
        state = self.repository_.seen_by(replica) if replica else None
        if isinstance(user, Unread) or state is None or not state.commit:
            return Unread.FAILED
        entries = [{"version": version} for version in sorted(state.versions)]
        return {"entries": {self.repository_.chart: entries}}

    async def operations(self, place: Place, namespace: str, credential: Credential) -> Any | Unread:
        """All of a namespace."""
        del place
        user = await self.answers(credential)
        if isinstance(user, Unread) or not user.lists:
            return user if isinstance(user, Unread) else Unread.FORBIDDEN
        return {"items": [one.shown() for one in self.releases.operations if one.wish.namespace == namespace]}

    async def operation(self, place: Place, namespace: str, name: str, credential: Credential) -> Any | Unread:
        """One."""
        del place, namespace
        user, found = await self.answers(credential), self.releases.named(name)
        if isinstance(user, Unread):
            return user
        return found.shown() if found else Unread.ABSENT

    async def app(self, place: Place, namespace: str, release: str, credential: Credential) -> Any | Unread:
        """One."""
        del place
        user, found = await self.answers(credential), self.releases.apps.get((namespace, release))
        if isinstance(user, Unread):
            return user
        return found.shown() if found else Unread.ABSENT

    async def ui_plugin(self, place: Place, namespace: str, name: str, credential: Credential) -> Any | Unread:
        """None is ever made."""
        del place, namespace, name, credential
        return Unread.ABSENT

    async def helm_log(self, place: Place, namespace: str, operation: str, credential: Credential) -> str | Unread:
        """What helm said."""
        del place, namespace, operation
        user = await self.answers(credential)
        return user if isinstance(user, Unread) else self.log

    async def nudge(self, place: Place, credential: Credential, now: datetime) -> Nudged:
        """Move forceUpdate."""
        del place, now
        user = await self.answers(credential)
        if isinstance(user, Unread):
            return Nudged.FAILED
        if not user.nudges:
            return Nudged.FORBIDDEN
        self.repository_.nudge()
        return Nudged.DONE

    def serve(self, wish: Wish, replica: Replica, *, dies: bool = False, says: str = "") -> "asyncio.Future[Reply]":
        """Begin a handler, which goes on whatever becomes of its caller; its answer is the future's."""
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._handle(wish, replica, answer, dies=dies, says=says))
        self.handlers.add(task)
        task.add_done_callback(self.handlers.discard)
        return answer

    async def _handle(
        self, wish: Wish, replica: Replica, answer: "asyncio.Future[Reply]", *, dies: bool, says: str
    ) -> None:
        missing = self.repository_.lookup(replica, wish.chart, wish.version)
        if missing is not None:
            answer.set_result(Reply(missing[0], (), missing[1]))
            return
        self.releases.begin(wish)  # from here on there is something of it in the cluster
        await asyncio.sleep(self.slow * self.rng.uniform(0.5, 1.5))
        if says:
            answer.set_result(Reply(500, (), server_error(says)[1]))
            return
        if dies and self.rng.random() < 0.5:
            return
        operation = self.releases.start(wish)
        if dies:
            return
        await asyncio.sleep(self.rng.choice((0.01, 0.01, 0.5)))
        if operation.state == "empty":
            operation.state = "running"
        output = {"type": "chartActionOutput", "operationName": operation.name, "operationNamespace": wish.namespace}
        answer.set_result(Reply(201, (), json.dumps(output).encode()))


@dataclass
class VirtualConnection:
    """A connection to one replica; behind a proxy that balances requests, each call goes to another one."""

    rancher: VirtualRancher
    own: Replica
    made: float
    probed: State | None = None
    """What the replica knew when it was asked for the chart."""

    def _at(self) -> Replica | None:
        replica = self.rancher.replica() if self.rancher.l7 else self.own
        broken = replica is None or replica.down_until > seconds() or replica.since > self.made
        return None if broken else replica

    async def repository(self, place: Place, credential: Credential) -> Any | Unread:
        """As this replica shows it."""
        del place
        return await self.rancher.repository_at(self._at(), credential)

    async def probe(self, place: Place, chart: str, version: str, credential: Credential) -> Reply | Unread:
        """The chart, if this replica has it."""
        del place
        self.rancher.probes += 1
        user, replica = await self.rancher.answers(credential), self._at()
        if replica is None or isinstance(user, Unread):
            return Unread.FAILED
        missing = self.rancher.repository_.lookup(replica, chart, version)
        if missing is not None:
            return Reply(missing[0], (), missing[1])
        self.probed = self.rancher.repository_.seen_by(replica)
        return Reply(200, (), json.dumps({"chart": {"name": chart, "version": version}}).encode())

    async def send(self, post: Post) -> Reply:
        """Install, or go wrong."""
        rancher, rng = self.rancher, self.rancher.rng
        body = json.loads(post.body)
        chart = body["charts"][-1]
        who = dict(post.headers)[WHO].decode()
        names = (chart.get("releaseName", ""), chart["chartName"], chart["version"])
        wish = Wish(who, str(post.action), body["namespace"], *names)
        replica, way = self._at(), rancher.faults.way(rng)
        if replica is None or way == "not sent":
            raise NotSentError("the connection had ended")
        rancher.posts.append((seconds(), who))
        rancher.posted.set()
        self._check(replica, wish)
        rancher.posting[wish.release] += 1
        try:
            await asyncio.sleep(rancher.latency)
            if rancher.user_of(Credential((post.headers[0],))) is None:
                return UNAUTHORIZED
            return await _WAYS[way](rancher, wish, replica)
        finally:
            rancher.posting[wish.release] -= 1

    def _check(self, replica: Replica, wish: Wish) -> None:
        rancher = self.rancher
        if wish.release and rancher.posting[wish.release]:
            rancher.wrong.append(f"{wish.who} was sent while another POST of its release was under way")
        known = rancher.repository_.seen_by(replica)
        missing = rancher.repository_.lookup(replica, wish.chart, wish.version)
        if rancher.repository_.kind == "git" and not rancher.l7 and missing and self.probed in {None, known}:
            rancher.wrong.append(f"{wish.who} was sent to a replica that had not been asked: {missing[1]!r}")


async def _works(rancher: VirtualRancher, wish: Wish, replica: Replica) -> Reply:
    return await asyncio.shield(rancher.serve(wish, replica))


async def _lost_before(rancher: VirtualRancher, wish: Wish, replica: Replica) -> Reply:
    del rancher, wish, replica
    raise AnswerLostError("the connection broke")


async def _lost_after(rancher: VirtualRancher, wish: Wish, replica: Replica) -> Reply:
    rancher.serve(wish, replica)
    await asyncio.sleep(rancher.rng.uniform(0, 4))
    raise AnswerLostError("the connection broke")


async def _dies(rancher: VirtualRancher, wish: Wish, replica: Replica) -> Reply:
    rancher.serve(wish, replica, dies=True)
    await asyncio.sleep(rancher.rng.uniform(0, 4))
    replica.since, replica.down_until = seconds(), seconds() + 5
    raise AnswerLostError("the connection broke")


async def _cut_by_proxy(rancher: VirtualRancher, wish: Wish, replica: Replica) -> Reply:
    rancher.serve(wish, replica)
    await asyncio.sleep(rancher.rng.uniform(0, 3))
    return Reply(504, (), b"<html>504 Gateway Time-out</html>")


async def _fails_midway(rancher: VirtualRancher, wish: Wish, replica: Replica) -> Reply:
    says = 'Internal error occurred: failed calling webhook "rancher.cattle.io": EOF'
    return await asyncio.shield(rancher.serve(wish, replica, says=says))


async def _says_retry(rancher: VirtualRancher, wish: Wish, replica: Replica) -> Reply:
    del wish, replica
    status, body = rancher.rng.choice((api_error(503, "", ""), server_error('configmaps "" not found')))
    return Reply(status, (), body)


async def _slow(rancher: VirtualRancher, wish: Wish, replica: Replica) -> Reply:
    await asyncio.sleep(rancher.rng.uniform(0, 90))
    return await asyncio.shield(rancher.serve(wish, replica))


async def _slow_and_lost(rancher: VirtualRancher, wish: Wish, replica: Replica) -> Reply:
    async def late() -> None:
        await asyncio.sleep(rancher.rng.uniform(0, 90))
        await rancher.serve(wish, replica)

    task = asyncio.create_task(late())
    rancher.handlers.add(task)
    task.add_done_callback(rancher.handlers.discard)
    await asyncio.sleep(rancher.rng.uniform(0, 2))
    raise AnswerLostError("the connection broke")


_WAYS = {
    "": _works,
    "lost before": _lost_before,
    "lost after": _lost_after,
    "dies": _dies,
    "cut by proxy": _cut_by_proxy,
    "fails midway": _fails_midway,
    "says retry": _says_retry,
    "slow": _slow,
    "slow and lost": _slow_and_lost,
}
WAYS = ("not sent", *(way for way in _WAYS if way))
"""In which a POST can go wrong."""
