"""The keeper: a watch for each guarded kind that the cluster has, and care for its objects while this one leads."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from app.core.guard import Guards
from app.keeper.engine import Engine
from app.keeper.kind import Kind
from app.keeper.port import KeeperError, Watched

TICK: Final = 1.0
"""Seconds between two looks at whether rules or watches say that the cluster has to be asked anew; no call is made."""
LOOK: Final = 15.0
"""Seconds after which a kind that has been made, removed or changed since is noticed; one read a guard."""
DOUBT: Final = 3.0
"""The same while a watch is broken: it may be because the kind is gone."""
FLUSH: Final = 10.0
"""Seconds for what is pending to be written when this keeper stops: thousands of objects in a cluster that answers, and
well within the time that Kubernetes gives a pod to end."""


@dataclass(slots=True)
class _Running:
    kind: Kind
    task: asyncio.Task[None]


class Keeper:
    """Watches, keeps, reports and repairs.

    Args:
        engine: the cluster, the lease, the clock and whom to tell.
        guards: the rules in force when it is called.
    """

    def __init__(self, engine: Engine, guards: Callable[[], Guards]) -> None:
        self._engine, self._guards = engine, guards
        self._running: dict[str, _Running] = {}
        self._missing: frozenset[str] = frozenset()
        self._terms = 0
        self._leads = False
        self.asked = False
        self.trouble = ""

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """What is watched, by the guard's name."""
        return {name: running.kind for name, running in self._running.items()}

    @property
    def missing(self) -> frozenset[str]:
        """The guards whose kind the cluster does not have."""
        return self._missing

    @property
    def leads(self) -> bool:
        """Whether this keeper writes."""
        return self._leads

    async def run(self) -> None:
        """Keep; until cancelled. What is pending then is not written: ``flush`` before."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._look_after_kinds())
                group.create_task(self._lead())
        finally:
            self._leads = False
            for name in tuple(self._running):
                await self._stop(name)

    async def flush(self) -> None:
        """Write what is pending, if this keeper leads; returns within ``FLUSH`` seconds."""
        if not self._leads:
            return
        flushing = asyncio.gather(*(running.kind.flush() for running in self._running.values()))
        waiting = asyncio.ensure_future(self._engine.clock.sleep(FLUSH))
        both: tuple[asyncio.Future[Any], ...] = (flushing, waiting)
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for one in both:
            one.cancel()
        await asyncio.gather(flushing, waiting, return_exceptions=True)

    async def _lead(self) -> None:
        while True:
            await self._engine.leadership.gained()
            self._terms += 1
            self._leads = True
            self._engine.observer.leading(leads=True)
            for running in self._running.values():
                running.kind.lead(self._terms)
            await self._engine.leadership.lost()
            self._leads = False
            for running in self._running.values():
                running.kind.rest()
            self._engine.observer.leading(leads=False)

    async def _look_after_kinds(self) -> None:
        failures = 0
        while True:
            guards = self._guards()
            try:
                there = await self._engine.cluster.watched(list(guards))
            except KeeperError as error:
                failures += 1
                self.trouble = str(error)
                seconds = self._engine.wait(failures)
                self._engine.observer.trouble(self.trouble, seconds)
                await self._engine.clock.sleep(seconds)
                continue
            failures = 0
            self.trouble = ""
            await self._adjust(guards, there)
            self.asked = True
            await self._wait(guards)

    async def _wait(self, guards: Guards) -> None:
        """Until rules have changed, a watch is in doubt, or it is time to ask in any case."""
        begun = self._engine.clock.monotonic()
        while True:
            await self._engine.clock.sleep(TICK)
            passed = self._engine.clock.monotonic() - begun
            doubtful = any(running.kind.broken for running in self._running.values())
            if self._guards() is not guards or passed >= (DOUBT if doubtful else LOOK):
                return

    async def _adjust(self, guards: Guards, there: Mapping[str, Watched]) -> None:
        for name in tuple(self._running):
            if name not in there or _elsewhere(self._running[name].kind.watched, there[name]):
                await self._stop(name)
                self._engine.observer.ended(name)
        for name, watched in there.items():
            running = self._running.get(name)
            if running is None:
                self._start(watched)
            elif running.kind.watched != watched:
                running.kind.change(watched)
        missing = frozenset(guard.name for guard in guards) - there.keys()
        for name in missing ^ self._missing:
            self._engine.observer.missing(name, missing=name in missing)
        self._missing = missing

    def _start(self, watched: Watched) -> None:
        kind = Kind(self._engine, watched)
        self._running[watched.guard.name] = _Running(kind, asyncio.create_task(kind.run()))
        if self._leads:
            kind.lead(self._terms)

    async def _stop(self, name: str) -> None:
        running = self._running.pop(name)
        running.task.cancel()
        await asyncio.gather(running.task, return_exceptions=True)


def _elsewhere(before: Watched, now: Watched) -> bool:
    """Whether other objects are meant, or the same ones read in another version; changed rules alone are neither."""
    old, new = before.guard.target, now.guard.target
    return (old.group, old.resource) != (new.group, new.resource) or replace(before, guard=now.guard) != now
