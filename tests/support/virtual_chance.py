"""A life of the gate by chance: callers, rivals, leaders, replicas and the gate itself come and go as dice have it."""

import asyncio
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from virtual_gate import NAMESPACE, Scene
from virtual_rancher import WAYS, Faults
from virtual_releases import App, Wish
from virtual_repository import Course, Replica, Repository
from virtual_time import run, seconds

from app.core.gate.schedule import fresh_probes
from app.gate.install import Install
from app.gate.limits import Limits, NotTaken
from app.gate.progress import Phase


@dataclass
class Asked:
    """One caller.

    Attributes:
        who: the name in Rancher's record.
        install: what the gate gave; of a gate that was killed nothing is told any more.
        bad: when it last could not have succeeded.
        disturbed: somebody cancelled it, or the process ended.
    """

    who: str
    user: str
    release: str
    action: str
    install: Install | None = None
    bad: float = 0.0
    ended: float | None = None
    gone: bool = False
    disturbed: bool = False
    drained: bool = False
    prefer: str = ""
    body: tuple[str, ...] = ()

    @property
    def asynchronous(self) -> bool:
        """Whether it goes on without its caller."""
        return "respond-async" in self.prefer


@dataclass
class Life:
    """One run."""

    seed: int
    rng: random.Random
    scene: Scene
    asked: list[Asked] = field(default_factory=list)
    calm: bool = True
    """Nothing was set to go wrong with a POST, so its outcome has to be known."""
    wrong: list[str] = field(default_factory=list)


def live(seed: int, limits: Limits | None = None) -> Life:
    """Live it to its end."""
    return run(_live(seed, limits))


async def _live(seed: int, limits: Limits | None) -> Life:
    rng = random.Random(seed)
    life = Life(seed, rng, _scene(rng, seed, limits))
    scene = life.scene
    tasks = [asyncio.create_task(_lead(life)), asyncio.create_task(_monitor(life))]
    tasks += [asyncio.create_task(one) for one in _events(life)]
    process = asyncio.create_task(scene.gate.run())
    callers = [asyncio.create_task(_caller(life, number)) for number in range(rng.choice((1, 1, 2, 2, 3, 4)))]
    end = asyncio.create_task(_stop(life, process))
    await asyncio.gather(*callers)
    end.cancel()
    await scene.quiet()
    await asyncio.sleep(100)  # handlers that come late, and followers of the last Operation
    await scene.quiet()
    for task in (*tasks, process):
        task.cancel()
    await asyncio.gather(*tasks, process, end, return_exceptions=True)
    return life


def _scene(rng: random.Random, seed: int, limits: Limits | None) -> Scene:
    def often(chance: float, one: float, other: float = 0.0) -> float:
        return one if rng.random() < chance else other

    course = Course(
        created=often(0.4, rng.uniform(0, 15)),
        clone=rng.uniform(0.2, 15),
        failures=rng.choice((0, 0, 0, 1, 2)),
        back_off=rng.choice((5, 20, 300)),
        published=often(0.2, rng.uniform(5, 30)),
        refresh=rng.choice((15, 60, 3600)),
    )
    replicas = [
        Replica(often(0.5, rng.uniform(0, 3)), often(0.5, rng.uniform(0, 25))) for _ in range(rng.choice((1, 2, 3)))
    ]
    repository = Repository(kind=rng.choice(("git", "git", "http", "oci")), course=course, replicas=replicas)
    l7 = rng.random() < 0.3
    probes = fresh_probes(len(replicas)) if l7 and len(replicas) > 1 else 1
    scene = Scene(repository, seed, limits or Limits(probes=probes))
    scene.rancher.l7 = l7
    scene.rancher.slow = rng.choice((0.3, 2, 8))
    scene.rancher.latency = often(0.1, rng.uniform(0.3, 1.0), scene.rancher.latency)
    scene.releases.helm, scene.releases.fails = rng.choice((0.5, 3, 12)), rng.random() < 0.1
    scene.user("luke", lists=rng.random() < 0.8)
    scene.user("jane", lists=rng.random() < 0.9, reads=rng.random() < 0.96, until=often(0.05, 20.0, float("inf")))
    if rng.random() < 0.2:
        wish = Wish("before", "install", NAMESPACE, "demo", "demo", "0.9.0")
        scene.releases.apps[NAMESPACE, "demo"] = App(wish, 1, "deployed")
    return scene


async def _lead(life: Life) -> None:
    """Reconcile; leaders change, and the next one takes a while."""
    while True:
        leader = asyncio.create_task(life.scene.repository.lead())
        await asyncio.sleep(life.rng.choice((10, 40, 1e6)))
        leader.cancel()
        await asyncio.sleep(life.rng.uniform(2, 20))


def _events(life: Life) -> list[Coroutine[Any, Any, None]]:
    """What else happens."""
    rng, scene = life.rng, life.scene
    events: list[Coroutine[Any, Any, None]] = []
    if rng.random() < 0.6:
        ways = rng.sample(WAYS, rng.choice((1, 2, 4)))
        post = {way: rng.choice((0.1, 0.4, 1.0)) / len(ways) for way in ways}
        noise = rng.choice((0.0, 0.05, 0.3))
        scene.rancher.faults = Faults(rng.uniform(5, 80), noise, noise, post)
        life.calm = set(ways) <= {"not sent", "says retry", "slow"}
    if rng.random() < 0.2:
        life.calm = False
        events.append(_restart_of_a_replica(life))
    events += [_rival(life, f"rival-{number}") for number in range(rng.choice((0, 0, 0, 1, 2)))]
    return events


async def _restart_of_a_replica(life: Life) -> None:
    await asyncio.sleep(life.rng.uniform(0, 40))
    replica = life.rng.choice(life.scene.repository.replicas)
    replica.since, replica.down_until = seconds(), seconds() + 4


async def _rival(life: Life, who: str) -> None:
    """Somebody else installs, without the gate."""
    rng, scene = life.rng, life.scene
    await asyncio.sleep(rng.uniform(0, 60))
    release = rng.choice(("demo", "demo", "other"))
    version = rng.choice(("0.9.0", "1.0.0"))
    wish = Wish(who, rng.choice(("install", "upgrade")), NAMESPACE, release, "demo", version)
    replica = scene.rancher.replica()
    if replica is not None:
        scene.rancher.serve(wish, replica, dies=rng.random() < 0.2)


async def _stop(life: Life, process: "asyncio.Task[None]") -> None:
    """Now and then the process is stopped, or killed, and another one starts."""
    rng, scene = life.rng, life.scene
    chance = rng.random()
    await asyncio.sleep(rng.uniform(0, 60))
    if chance < 0.45 and rng.random() < 0.6:
        scene.rancher.posted.clear()
        await scene.rancher.posted.wait()
        await asyncio.sleep(rng.choice((0, 0, rng.uniform(0, 4))))
    if chance < 0.15:
        await scene.gate.drain()
        for asked in life.asked:
            asked.disturbed = asked.drained = True
            if asked.install is not None and asked.install.progress.phase is not Phase.ENDED:
                life.wrong.append(f"{asked.who} is at work after all was drained")
    elif chance < 0.45:
        scene.journal.dead = True
        scene.seen.open.clear()
        process.cancel()
        for asked in life.asked:
            asked.disturbed = True
            asked.gone = asked.ended is None
        scene.journal = type(scene.journal)(list(scene.journal.lines))
        scene.gate = scene.start()


def _preferences(rng: random.Random) -> str:
    wishes = [f"wait={rng.choice((0, 5, 20, 50, 120))}"] if rng.random() < 0.7 else []
    if rng.random() < 0.4:
        wishes.append(f"respond-async; deadline={rng.choice((10, 60, 400))}")
    wishes += ["until=deployed"] * (rng.random() < 0.4) + ["nudge"] * (rng.random() < 0.3)
    return ", ".join(wishes)


async def _caller(life: Life, number: int) -> None:
    """Somebody who asks for an install, and perhaps does not wait for its end."""
    rng, scene = life.rng, life.scene
    await asyncio.sleep(rng.choice((0, rng.uniform(0, 40))))
    release = rng.choice(("demo", "demo", "other", ""))
    asked = Asked(f"r{number}", rng.choice(("jane", "jane", "luke")), release, rng.choice(("install", "upgrade")))
    asked.bad = seconds()
    asked.prefer = _preferences(rng)
    version = rng.choice(("1.0.0",) * 9 + ("7.7.7",))
    wanted = {"releaseName": release, "version": version, "action": asked.action, "timeout": rng.choice(("60s", "90s"))}
    if life.asked and rng.random() < 0.35:  # somebody clicks twice, or does nearly what another one did
        asked, wanted = _like(life.asked[-1], asked, wanted, rng)
    asked.body = (asked.user, *wanted.values())
    gate = scene.gate
    taken = await gate.submit(scene.request(asked.who, asked.prefer, asked.user, **wanted))
    if isinstance(taken, NotTaken) or gate is not scene.gate:
        return
    asked.install = taken
    life.asked.append(asked)
    leaving = rng.choice((None, None, rng.uniform(0, 60)))
    if rng.random() < 0.1:
        asyncio.get_running_loop().call_later(rng.uniform(0, 40), _cancel, life, asked)
    try:
        async with asyncio.timeout(leaving):
            await taken.ended()
    except TimeoutError:
        asked.disturbed = True
    if not asked.gone:
        taken.leave()
        await taken.ended()
        asked.ended = seconds()


def _like(other: Asked, asked: Asked, wanted: dict[str, str], rng: random.Random) -> tuple[Asked, dict[str, str]]:
    """The same as somebody else's, or all but one thing of it."""
    keys = ("user", "releaseName", "version", "action", "timeout")
    same = dict(zip(keys, other.body, strict=True))
    mine = {"user": asked.user, **wanted}
    key = rng.choice((*keys, "", "", ""))
    same |= {key: mine[key]} if key else {}
    user = same.pop("user")
    return Asked(asked.who, user, same["releaseName"], same["action"], bad=asked.bad, prefer=other.prefer), same


def _cancel(life: Life, asked: Asked) -> None:
    assert asked.install is not None
    progress = asked.install.progress
    for other in life.asked:
        other.disturbed |= other.install is asked.install
    life.scene.gate.cancel(asked.user, "local", progress.id)


async def _monitor(life: Life) -> None:
    """Note when an install could not have succeeded, whoever had sent it."""
    empty: dict[str, float] = {}
    while True:
        await asyncio.sleep(0.5)
        for one in life.scene.releases.operations:
            if one.state == "empty":
                empty.setdefault(one.name, seconds())
        young = any(seconds() - since < 12 for since in empty.values())
        for asked in life.asked:
            if asked.ended is None and (young or not _possible(life, asked)):
                asked.bad = seconds()


def _possible(life: Life, asked: Asked) -> bool:
    scene = life.scene
    user = scene.rancher.users[f"Bearer {asked.user}".encode()]
    if seconds() < scene.rancher.faults.until or not user.reads or seconds() >= user.until:
        return False
    if scene.repository.ready_everywhere_at() is None or scene.rancher.handlers:
        return False
    if any(
        one.state in {"running", "empty"} and one.wish.release == asked.release for one in scene.releases.operations
    ):
        return False
    return not any(
        other is not asked
        and other.install is not None
        and other.release == asked.release
        and other.install.progress.phase in {Phase.SENDING, Phase.SETTLING}
        for other in life.asked
    )
