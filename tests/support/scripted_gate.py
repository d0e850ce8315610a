"""The gate's edge on a real TLS socket, before an engine and a Rancher that do what a test tells them."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.api.admission import Application
from app.api.gate.edge import Edge
from app.api.gate.identity import Identities
from app.api.gate.reception import Reception
from app.api.gate.telemetry import GateTelemetry
from app.core.gate.origin import Caller
from app.core.gate.reading import Unread
from app.gate.clock import LoopClock
from app.gate.gate import Cancelling
from app.gate.install import Install
from app.gate.limits import NotTaken
from app.gate.port import AnswerLostError, Credential, NotSentError, Place, Reply
from app.gate.progress import Cancelled, ChartProgress, Phase, Progress
from app.gate.request import InstallRequest
from app.telemetry import Telemetry

KEY = b"k" * 32
UNAUTHORIZED = Reply(
    401,
    ((b"Content-Type", b"application/json"), (b"X-Api-Cattle-Auth", b"false"), (b"Content-Length", b"63")),
    b'{"type":"error","status":"401","message":"must authenticate"}\n\n',
)


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)  # noqa: TID251 - the tests' own edge


class ScriptedGate:
    """An engine that takes everything on, and leaves it to the test what becomes of it."""

    def __init__(self) -> None:
        self.requests: list[InstallRequest] = []
        self.installs: list[Install] = []
        self.refusal: NotTaken | None = None
        self.no_room: NotTaken | None = None
        """What callers are told of whom it is not known yet who they are."""
        self.slow: asyncio.Event | None = None
        """What taking on waits for."""
        self.ends: Callable[[Install], None] = lambda _: None
        self.index: asyncio.Event = asyncio.Event()
        self.index_reads: list[tuple[Place, Credential, float]] = []
        self._news = asyncio.Condition()

    def arriving(self, caller: Caller, *, asynchronous: bool) -> AbstractContextManager[None] | NotTaken:
        """Count callers of whom it is not known who they are."""
        del caller, asynchronous
        return self.no_room or nullcontext()

    async def submit(self, request: InstallRequest) -> Install | NotTaken:
        """Take it on."""
        self.requests.append(request)
        if self.slow:
            await self.slow.wait()
        if self.refusal:
            return self.refusal
        made = Install(progress(request, f"{len(self.installs):032x}"))
        self.installs.append(made)
        self.ends(made)
        async with self._news:
            self._news.notify_all()
        return made

    async def submitted(self, count: int = 1) -> Install:
        """Wait for the install number ``count``."""
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(lambda: len(self.installs) >= count)
        return self.installs[count - 1]

    def find(self, user: str, cluster: str, identity: str) -> Install | None:
        """By owner and id."""
        return next((one for one in self.listed(user, cluster) if one.progress.id == identity), None)

    def listed(self, user: str, cluster: str) -> tuple[Install, ...]:
        """By owner."""
        return tuple(one for one in self.installs if (one.progress.user, one.progress.cluster) == (user, cluster))

    def cancel(self, user: str, cluster: str, identity: str) -> Cancelling | None:
        """While nothing was sent."""
        found = self.find(user, cluster, identity)
        if found is None:
            return None
        if not found.progress.phase.is_before_sending:
            return Cancelling.TOO_LATE
        found.end(Cancelled())
        return Cancelling.DONE

    async def held_index(self, place: Place, credential: Credential, seconds: float) -> bool:
        """Until the test says so."""
        self.index_reads.append((place, credential, seconds))
        try:
            await asyncio.wait_for(self.index.wait(), seconds)
        except TimeoutError:
            return False
        return True


def progress(request: InstallRequest, identity: str) -> Progress:
    """An install that begins."""
    charts = tuple(ChartProgress(one.name, one.version, one.release) for one in request.body.charts)
    place = request.post.place
    return Progress(
        id=identity,
        version=1,
        phase=Phase.HELD,
        cluster=place.cluster,
        repo=place.repo,
        action=request.post.action,
        namespace=request.body.namespace,
        charts=charts,
        user=request.user,
        asynchronous=request.preferences.asynchronous,
        created=now(),
        deadline=now() + timedelta(seconds=request.preferences.wait),
    )


class ScriptedRancher:
    """Knows users by their tokens, as bearers and as cookies; passes calls on into a record."""

    def __init__(self, users: dict[str, str]) -> None:
        self.users = users
        self.down = False
        self.asked = 0
        self.log: str | Unread = Unread.FAILED
        self.log_readers: list[Credential] = []

    async def user(self, credential: Credential) -> str | Reply | Unread:
        """Who it is."""
        self.asked += 1
        await asyncio.sleep(0)
        if self.down:
            return Unread.FAILED
        text = b" ".join(value for name, value in credential.headers if name.lower() in {b"authorization", b"cookie"})
        return next((user for token, user in self.users.items() if token.encode() in text), UNAUTHORIZED)

    async def helm_log(self, place: Place, namespace: str, operation: str, credential: Credential) -> str | Unread:
        """What helm said."""
        del place, namespace, operation
        self.log_readers.append(credential)
        return self.log


@dataclass
class Passed:
    """An answer that passes."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    parts: AsyncIterator[bytes]


@dataclass
class ScriptedUpstream:
    """Answers calls that pass."""

    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: tuple[bytes, ...] = ()
    breaks: bool = False
    down: bool = False
    calls: list[tuple[bytes, bytes, tuple[tuple[bytes, bytes], ...], bytes]] = field(default_factory=list)
    gate: asyncio.Event | None = None
    """What the answer's body waits for after each part."""
    silent: asyncio.Event | None = None
    """What the answer's head waits for."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def passed(
        self, method: bytes, target: bytes, headers: tuple[tuple[bytes, bytes], ...], body: AsyncIterator[bytes] | None
    ) -> AsyncIterator[Passed]:
        """Answer."""
        if self.down:
            raise NotSentError("down")
        sent = b"".join([part async for part in body]) if body else b""
        self.calls.append((method, target, headers, sent))
        self.asked.set()
        try:
            if self.silent:
                await self.silent.wait()
            yield Passed(self.status, self.headers, self._parts())
        finally:
            self.left.set()

    async def _parts(self) -> AsyncIterator[bytes]:
        for part in self.body:
            yield part
            if self.gate:
                await self.gate.wait()
        if self.breaks:
            raise AnswerLostError("broke off")


@dataclass
class Scene:
    """A served edge and all that stands around it."""

    engine: ScriptedGate
    rancher: ScriptedRancher
    upstream: ScriptedUpstream
    telemetry: Telemetry
    reception: Reception
    port: int = 0


def scene(users: dict[str, str], **options: Any) -> tuple[Scene, Edge]:
    """The parts, and the edge over them."""
    engine, rancher, upstream = ScriptedGate(), ScriptedRancher(users), ScriptedUpstream()
    telemetry = Telemetry()
    counted = GateTelemetry(telemetry)
    clock = LoopClock(now)
    reception = Reception(Identities(rancher, clock, random.Random(1).random), KEY, clock, counted)
    edge = Edge(engine, rancher, upstream, reception, counted, **options)  # type: ignore[arg-type]
    return Scene(engine, rancher, upstream, telemetry, reception), edge


@asynccontextmanager
async def served(app: Application, context: Any) -> AsyncIterator[int]:
    """Serve an application over TLS as the process does; the port."""
    config = uvicorn.Config(
        app, http="httptools", ws="none", lifespan="off", interface="asgi3", log_config=None, server_header=False,
        access_log=False, proxy_headers=False, timeout_keep_alive=120,
    )  # fmt: skip
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()

    def connected() -> HttpToolsProtocol:
        return HttpToolsProtocol(config=config, server_state=state, app_state={}, _loop=loop)

    server = await loop.create_server(connected, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
