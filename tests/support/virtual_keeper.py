"""Keepers in virtual time: each with its view of one cluster, and told by the test who of them leads."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from virtual_cluster import Key, VirtualClient, VirtualCluster, VirtualLeadership
from virtual_time import clock

from app.core.guard import Guard, Guards, KeeperRules, OnLoss, Protect, ProtectedList, Target
from app.keeper.engine import Engine
from app.keeper.keeper import Keeper
from app.keeper.observer import Recorded, Repaired

UPGRADES = "upgrades"


def guard(name: str = UPGRADES, **keeper: Any) -> Guard:
    """A guard like Harvester's for upgrades: no honest writer removes the status or its Completed."""
    rules = {
        "revisions": 4,
        "min_interval": timedelta(seconds=30),
        "ignore": (("conditions", "*", "lastUpdateTime"),),
        "never_removed": ((), ("conditions", "type=Completed")),
        "on_loss": OnLoss.REPAIR,
    } | keeper
    return Guard(
        name,
        Target("harvesterhci.io", frozenset({"*"}), name, status_subresource=False),
        protect=Protect(
            fields=(("imageID",),), maps=(("nodeStatuses",),), lists=(ProtectedList(("conditions",), "type"),)
        ),
        override_max_duration=timedelta(hours=1),
        keeper=KeeperRules(**rules),
    )


def key(name: str, kind: str = UPGRADES) -> Key:
    """Where an object is."""
    return (kind, "harvester-system", name)


@dataclass
class Told:
    """What the keepers told their observer."""

    losses: Counter[str] = field(default_factory=Counter)
    repairs: Counter[Repaired] = field(default_factory=Counter)
    recorded: Counter[Recorded] = field(default_factory=Counter)
    gave_up: list[str] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    delayed: list[str] = field(default_factory=list)
    watching: dict[str, bool] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    missing: dict[str, bool] = field(default_factory=dict)
    stopped: dict[str, int] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)


class Listener:
    """An observer that notes what it is told."""

    def __init__(self, told: Told) -> None:
        self.told = told

    def leading(self, *, leads: bool) -> None:
        """See ``app.keeper.observer``."""

    def watching(self, guard: str, *, watches: bool, why: str = "") -> None:
        """See ``app.keeper.observer``."""
        self.told.watching[guard] = watches

    def ended(self, guard: str) -> None:
        """See ``app.keeper.observer``."""
        self.told.ended.append(guard)

    def missing(self, guard: str, *, missing: bool) -> None:
        """See ``app.keeper.observer``."""
        self.told.missing[guard] = missing

    def event(self, guard: str, objects: int) -> None:
        """See ``app.keeper.observer``."""

    def lost(self, guard: str, subject: str, paths: Sequence[str]) -> None:
        """See ``app.keeper.observer``."""
        self.told.losses[subject.rpartition("/")[2]] += 1

    def repair(self, guard: str, subject: str, outcome: Repaired, paths: Sequence[str], why: str = "") -> None:
        """See ``app.keeper.observer``."""
        self.told.repairs[outcome] += 1

    def withheld(self, guard: str, subject: str, why: str) -> None:
        """See ``app.keeper.observer``."""
        self.told.withheld.append(why)

    def stopped(self, guard: str, stopped: int) -> None:
        """See ``app.keeper.observer``."""
        self.told.stopped[guard] = stopped

    def gave_up(self, guard: str, subject: str, paths: Sequence[str]) -> None:
        """See ``app.keeper.observer``."""
        self.told.gave_up.append(subject)

    def recorded(self, guard: str, subject: str, outcome: Recorded, why: str = "") -> None:
        """See ``app.keeper.observer``."""
        self.told.recorded[outcome] += 1

    def delayed(self, guard: str, subject: str, why: str, seconds: float) -> None:
        """See ``app.keeper.observer``."""
        self.told.delayed.append(why)

    def unread(self, guard: str, why: str, seconds: float) -> None:
        """See ``app.keeper.observer``."""
        self.told.troubles.append(why)

    def trouble(self, why: str, seconds: float) -> None:
        """See ``app.keeper.observer``."""
        self.told.troubles.append(why)

    def broke(self, guard: str, subject: str, error: BaseException) -> None:
        """See ``app.keeper.observer``."""
        self.told.faults.append(error)


@dataclass
class Running:
    """A keeper process."""

    client: VirtualClient
    leadership: VirtualLeadership
    keeper: Keeper
    task: asyncio.Task[None]

    async def kill(self) -> None:
        """End it as SIGKILL does: whatever it has under way is cut short."""
        self.leadership.set(leads=False)
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def stop(self) -> None:
        """End it as SIGTERM does."""
        await self.keeper.flush()
        await self.kill()


@dataclass
class Scene:
    """A cluster, rules, and keepers."""

    cluster: VirtualCluster = field(default_factory=VirtualCluster)
    guards: Guards = field(default_factory=lambda: Guards([guard()]))
    told: Told = field(default_factory=Told)
    keepers: list[Running] = field(default_factory=list)

    def start(self, *, leads: bool = True) -> Running:
        """Start a keeper."""
        client = VirtualClient(self.cluster, f"keeper-{len(self.keepers)}")
        leadership = VirtualLeadership(leads)
        chance = random.Random(self.cluster.rng.random())
        engine = Engine(client, leadership, clock(), Listener(self.told), chance)
        keeper = Keeper(engine, lambda: self.guards)
        running = Running(client, leadership, keeper, asyncio.create_task(keeper.run()))
        self.keepers.append(running)
        return running
