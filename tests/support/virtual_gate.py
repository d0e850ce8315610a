"""The engine before a Rancher in virtual time, and what it writes down and reports."""

import asyncio
import json
import random
from dataclasses import dataclass, field
from typing import Any

import virtual_time
from virtual_rancher import WHO, User, VirtualRancher
from virtual_releases import Releases
from virtual_repository import Repository

from app.core.gate import body as bodies
from app.core.gate import preferences
from app.core.gate.installation_call import Action
from app.core.gate.origin import Caller, Kind
from app.gate.gate import Gate
from app.gate.install import Install
from app.gate.journal import Accepted, Ended, JournalError, Line, Sending, Unsent, replayed
from app.gate.limits import Limits, NotTaken
from app.gate.port import Credential, Nudged, Place, Post
from app.gate.progress import Progress
from app.gate.request import InstallRequest

NAMESPACE = "apps"


@dataclass
class Seen:
    """An observer that remembers."""

    calls: list[tuple[str, str, object]] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)
    open: dict[tuple[str, str], str] = field(default_factory=dict)
    """Releases with a POST of which it is not known what came of it."""
    wrong: list[str] = field(default_factory=list)

    def of(self, what: str) -> list[object]:
        """What was told of one kind."""
        return [detail for kind, _, detail in self.calls if kind == what]

    def _note(self, what: str, progress: Progress, detail: object = None) -> None:
        self.calls.append((what, progress.id, detail))

    def held(self, progress: Progress) -> None:
        """Taken on."""
        self._note("held", progress)

    def joined(self, progress: Progress) -> None:
        """Shared."""
        self._note("joined", progress)

    def released(self, progress: Progress, waited: float) -> None:
        """Sent."""
        self._note("released", progress, waited)
        for key in _releases(progress):
            if key in self.open:
                self.wrong.append(f"{progress.id} was sent before it was known what came of {self.open[key]}")
            self.open[key] = progress.id

    def _close(self, progress: Progress) -> None:
        self.open = {key: identity for key, identity in self.open.items() if identity != progress.id}

    def retried(self, progress: Progress, cause: str) -> None:
        """Came to nothing."""
        self._note("retried", progress, cause)
        self._close(progress)

    def settling(self, progress: Progress, cause: str) -> None:
        """Lost."""
        self._note("settling", progress, cause)

    def following(self, progress: Progress) -> None:
        """Accepted."""
        self._note("following", progress)
        self._close(progress)

    def nudged(self, progress: Progress, result: Nudged) -> None:
        """Nudged."""
        self._note("nudged", progress, result)

    def ended(self, progress: Progress, waited: float) -> None:
        """Ended."""
        self._note("ended", progress, waited)
        self._close(progress)

    def broke(self, progress: Progress, error: BaseException) -> None:
        """A fault of the engine."""
        del progress
        self.faults.append(error)


def _releases(progress: Progress) -> list[tuple[str, str]]:
    return [(progress.namespace, chart.release) for chart in progress.charts if chart.release]


@dataclass
class MemoryJournal:
    """A journal that outlives the gate, not the test.

    Attributes:
        dead: the process that wrote has been killed.
        full: nothing can be written.
    """

    lines: list[Line] = field(default_factory=list)
    dead: bool = False
    full: bool = False

    async def _write(self, line: Line, seconds: float) -> None:
        await virtual_time.clock().sleep(seconds)
        if self.full:
            raise JournalError("no space left on the device")
        if not self.dead:
            self.lines.append(line)

    async def accepted(self, line: Accepted) -> None:
        """Write."""
        await self._write(line, 0.005)

    async def sending(self, identity: str) -> None:
        """Write."""
        await self._write(Sending(identity), 0.005)

    async def unsent(self, identity: str) -> None:
        """Write."""
        await self._write(Unsent(identity), 0)

    async def ended(self, line: Ended) -> None:
        """Write."""
        await self._write(line, 0)


class Scene:
    """A gate, a Rancher, and requests. To be made within a virtual loop."""

    def __init__(self, repository: Repository | None = None, seed: int = 1, limits: Limits | None = None) -> None:
        self.rng = random.Random(seed)
        self.repository = repository or Repository()
        self.repository.rng = self.rng
        self.releases = Releases(self.rng)
        self.rancher = VirtualRancher(self.repository, self.releases, self.rng, {})
        self.seen = Seen()
        self.journal = MemoryJournal()
        self.limits = limits or Limits()
        self.gate = self.start()
        self.user("jane")

    def user(self, name: str, **rights: bool | float) -> User:
        """Give somebody a token."""
        user = User(name, **rights)  # type: ignore[arg-type]
        self.rancher.users[f"Bearer {name}".encode()] = user
        return user

    def start(self) -> Gate:
        """A process; one that starts after another one knows what the journal says."""
        past = [(progress, ended or virtual_time.now()) for progress, ended in replayed(self.journal.lines)]
        return Gate(
            self.rancher,
            virtual_time.clock(),
            self.seen,
            self.limits,
            journal=self.journal,
            random=self.rng,
            identities=lambda: f"{self.rng.getrandbits(128):032x}",
            past=past,
        )

    def request(self, who: str = "r1", prefer: str = "", user: str = "jane", **changed: Any) -> InstallRequest:
        """An install request; ``who`` is the name in Rancher's record."""
        chart = {"chartName": self.repository.chart, "version": self.repository.version, "releaseName": "demo"}
        chart |= {
            key: value for key, value in changed.items() if key in {"chartName", "version", "releaseName", "values"}
        }
        wanted = {"namespace": NAMESPACE, "charts": [chart], "timeout": changed.get("timeout", "600s")}
        raw = json.dumps(wanted).encode()
        read = bodies.read(raw)
        assert isinstance(read, bodies.InstallBody), read
        bearer = f"Bearer {user}".encode()
        action = Action(changed.get("action", "install"))
        place = Place("local", self.repository.name)
        headers = ((b"authorization", bearer), (WHO, who.encode()))
        target = f"/v1/catalog.cattle.io.clusterrepos/{place.repo}?action={action}".encode()
        return InstallRequest(
            post=Post(place, action, target, headers, raw),
            body=read,
            credential=Credential(((b"authorization", bearer),)),
            caller=Caller(Kind.BEARER, user),
            preferences=preferences.read([prefer.encode()]),
            user=user,
        )

    async def submit(self, who: str = "r1", prefer: str = "", user: str = "jane", **changed: Any) -> Install:
        """Have an install taken on."""
        taken = await self.gate.submit(self.request(who, prefer, user, **changed))
        assert not isinstance(taken, NotTaken), taken
        return taken

    async def lead(self, seconds: float = 0.0) -> None:
        """Have the leader at work, for ever, and for so many seconds before this returns."""
        self.leader = asyncio.create_task(self.repository.lead())
        await asyncio.sleep(seconds)

    async def quiet(self) -> None:
        """Wait until Rancher has done all that it began."""
        clock = virtual_time.clock()
        while self.rancher.handlers or self.releases.helms:
            await clock.sleep(1)
