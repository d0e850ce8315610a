"""Facing a loss: tell of it once, and put back what may be put back, at most a few times."""

from collections.abc import Mapping
from datetime import datetime

from app.core import history, jsontext
from app.core.guard import OnLoss
from app.core.history import Remedy
from app.core.review import KubernetesObject
from app.keeper import marks, telling
from app.keeper.engine import Engine
from app.keeper.memory import Held, Memory, unpack
from app.keeper.observer import Repaired
from app.keeper.port import ChangedError, Importance, KeeperError, Observed, RefusedError
from app.keeper.recording import Family, Later, Recording


class Facing:
    """Faces the losses of a kind's objects.

    Args:
        engine: what all kinds share.
        family: the kind.
        recording: keeps what is good.
    """

    def __init__(self, engine: Engine, family: Family, recording: Recording) -> None:
        self._engine, self._family, self._recording = engine, family, recording

    async def tell_gone(self, memory: Memory) -> None:
        """Tell of parts that are gone and may be; what is left is the new last-known-good.

        Raises:
            KeeperError: something could not be written.
        """
        if not memory.untold:
            return
        while memory.untold:
            one = memory.untold[0]
            if one.before is not None:
                await self._recording.keep(memory, one.before)
            await self._tell(memory, one.paths)
            memory.untold = tuple(other for other in memory.untold if other is not one)
        if memory.pending and memory.base is not None:
            await self._recording.keep(memory, memory.base)  # that it was told is remembered by this

    async def face(self, memory: Memory) -> None:
        """See to a loss that lasts.

        Raises:
            KeeperError: something could not be written.
        """
        seen, lossy, base, paths = memory.reference(), memory.lossy, memory.base, memory.paths
        assert base is not None
        if memory.pending:
            await self._recording.keep(memory, base)
        if await self._let_go(memory, base, lossy, memory.permitted):
            return
        mark = marks.loss(paths)
        if memory.reported != mark:
            await self._tell(memory, paths)
            memory.reported = mark
        await self._recording.remember(memory, {marks.REPORTED: mark})
        if await self._is_allowed(memory, seen, base, lossy):
            return
        if self._family.watched.guard.keeper.on_loss is OnLoss.REPAIR:
            await self._consider(memory, seen, unpack(base.packed), unpack(lossy))

    async def _is_allowed(self, memory: Memory, seen: Observed, base: Held, lossy: bytes) -> bool:
        """Whether an override allows all that would be put back; that it did is remembered, for when it is over."""
        guard, now = self._family.watched.guard, self._engine.clock.now()
        before = memory.permitted
        words = history.permission(unpack(base.packed), unpack(lossy), guard, now, before)
        if words != before:
            await self._recording.remember(memory, {marks.PERMITTED: f"{seen.resource_version}; {words}"})
            self._withhold(memory, history.ALLOWED)
        return await self._let_go(memory, base, lossy, words)

    async def _let_go(self, memory: Memory, base: Held, lossy: bytes, words: str) -> bool:
        """Take what is left for what there is, if all that would be put back was allowed to go."""
        if not words or not history.permits(unpack(base.packed), unpack(lossy), self._family.watched.guard, words):
            return False
        if memory.lossy is lossy:  # else a newer state was seen meanwhile, and is looked at next
            memory.accept(self._family.watched.guard)
            await self.over(memory)
        return True

    async def _consider(self, memory: Memory, seen: Observed, base: KubernetesObject, lossy: KubernetesObject) -> None:
        if seen.resource_version == memory.tried:
            return  # a newer state will be shown, and judged anew
        remedy = history.remedy(base, lossy, self._family.watched.guard, self._engine.clock.now(), memory.permitted)
        if isinstance(remedy, str):
            self._withhold(memory, remedy)
        elif memory.latest is None:
            self._withhold(memory, "its last good status could not be kept, so repairs could not be counted")
        elif await self._may_repair(memory, seen, lossy, remedy):
            await self._repair(memory, seen, remedy)

    async def _may_repair(self, memory: Memory, seen: Observed, lossy: KubernetesObject, remedy: Remedy) -> bool:
        """Whether it was not put back too often yet; if it was, say so and stop."""
        assert memory.latest is not None
        said = memory.latest.annotations
        now = self._engine.clock.now()
        if marks.REPAIR in jsontext.members(lossy.metadata.annotations):
            if marks.STOPPED not in said:
                await self._stopped(memory, remedy, seen.resource_version)
            self._withhold(memory, f"it was stopped; remove the annotation {marks.REPAIR} to have it go on")
            return False
        if marks.STOPPED in said:
            await self._resume(memory, said, now)
        elif marks.repairs(said, now) >= marks.MOST_REPAIRS and seen.resource_version != memory.counted:
            await self._stop(memory, seen, remedy)
            return False
        return True

    async def _resume(self, memory: Memory, said: Mapping[str, str], now: datetime) -> None:
        """The annotation is gone: go on, unless it has just been gone before. A client that drops it could loop so."""
        resumed = marks.moment(said.get(marks.RESUMED, ""))
        if resumed is not None and abs(passed := now - resumed) < marks.QUIET:  # later than that: somebody wrote it
            self._withhold(memory, "it was stopped, and repairs were begun anew less than an hour ago already")
            raise Later((marks.QUIET - passed).total_seconds())
        again = {marks.REPAIRS: None, marks.REPAIRED_AT: None, marks.STOPPED: None}
        await self._recording.remember(memory, again | {marks.RESUMED: marks.written(now)})

    async def _repair(self, memory: Memory, seen: Observed, remedy: Remedy) -> None:
        kind, now = self._family.watched, self._engine.clock.now()
        assert memory.latest is not None
        before = {name: memory.latest.annotations.get(name) for name in (marks.REPAIRS, marks.REPAIRED_AT)}
        if memory.counted != seen.resource_version:
            count = marks.repairs(memory.latest.annotations, now) + 1
            await self._recording.remember(memory, {marks.REPAIRS: str(count), marks.REPAIRED_AT: marks.written(now)})
            memory.counted = seen.resource_version
        try:
            await self._engine.write(self._engine.cluster.repair, kind, seen, remedy.operations)
        except ChangedError:
            memory.tried = seen.resource_version
            self._observe(memory, Repaired.CONFLICT, remedy)
            await self._recording.remember(memory, before)
        except RefusedError as error:
            memory.tried = seen.resource_version
            self._observe(memory, Repaired.FAILED, remedy, str(error))
            await self._say(memory, Importance.WARNING, telling.NOT_REPAIRED, telling.not_repaired(str(error)))
        except KeeperError as error:
            self._observe(memory, Repaired.FAILED, remedy, str(error))
            raise
        else:
            memory.tried = seen.resource_version
            self._observe(memory, Repaired.REPAIRED, remedy)
            await self._say(memory, Importance.NORMAL, telling.REPAIRED, telling.repaired(remedy.paths))

    async def _stop(self, memory: Memory, seen: Observed, remedy: Remedy) -> None:
        kind, value = self._family.watched, f"stopped {marks.written(self._engine.clock.now())}"
        try:
            told = await self._engine.write(self._engine.cluster.annotate, kind, seen, {marks.REPAIR: value})
        except ChangedError:
            memory.tried = seen.resource_version
            return
        except RefusedError:
            memory.tried = seen.resource_version
            raise
        memory.tried = seen.resource_version
        await self._stopped(memory, remedy, told.resource_version)

    async def _stopped(self, memory: Memory, remedy: Remedy, version: str) -> None:
        """Remember that the object says so, and from which of its versions on: an older one does not say it yet."""
        kind, now = self._family.watched, marks.written(self._engine.clock.now())
        await self._recording.remember(memory, {marks.STOPPED: now, marks.VERSION: version})
        self._engine.observer.gave_up(kind.guard.name, str(memory), remedy.paths)
        words = telling.stopped(kind, memory, remedy.paths, marks.MOST_REPAIRS)
        await self._say(memory, Importance.WARNING, telling.STOPPED, words)

    def _withhold(self, memory: Memory, why: str) -> None:
        if memory.withheld != why:
            memory.withheld = why
            self._engine.observer.withheld(self._family.watched.guard.name, str(memory), why)

    def _observe(self, memory: Memory, outcome: Repaired, remedy: Remedy, why: str = "") -> None:
        self._engine.observer.repair(self._family.watched.guard.name, str(memory), outcome, remedy.paths, why)

    async def over(self, memory: Memory) -> None:
        """The loss is over: the same one would be told of again."""
        if memory.reported:
            await self._recording.remember(memory, {marks.REPORTED: None})
            memory.reported = ""
        if memory.good and memory.base and memory.latest and marks.PERMITTED in memory.latest.annotations:
            await self._recording.keep(memory, memory.base)  # what was let go is not in this one, nor that it was
            if not memory.pending:
                await self._recording.remember(memory, {marks.PERMITTED: None})
        memory.told, memory.withheld = (), ""

    async def _tell(self, memory: Memory, paths: tuple[str, ...]) -> None:
        kind = self._family.watched
        if memory.told != paths:
            self._engine.observer.lost(kind.guard.name, str(memory), paths)
            memory.told = paths
        await self._say(memory, Importance.WARNING, telling.LOST, telling.lost(kind, memory, paths))

    async def _say(self, memory: Memory, importance: Importance, reason: str, words: str) -> None:
        kind = self._family.watched
        await self._engine.write(self._engine.cluster.say, kind, memory.reference(), importance, reason, words)
