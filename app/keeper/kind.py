"""One guarded kind: its watch, what is remembered of its objects, and who sees to them while this keeper leads."""

import asyncio
from contextlib import aclosing
from typing import Final

from app.keeper.course import Course
from app.keeper.engine import Engine, NotLeadingError
from app.keeper.histories import Histories, History
from app.keeper.memory import Memory
from app.keeper.orphans import SWEEP, sweep
from app.keeper.port import Broken, Gone, Happening, KeeperError, Observed, Seen, Synced, Watched
from app.keeper.recording import Later
from app.keeper.work import Work

Key = tuple[str, str]
"""Namespace and name."""

AT_ONCE: Final = 8
"""Objects of a kind that are seen to at once; the API server's answers are what takes time."""
BREATH: Final = 16
"""Objects of a list after which others of this process get a turn: some 20 ms of decoding and comparing."""
FLUSH_AGAIN: Final = 0.1
"""Seconds between two looks at whether all is written that was pending."""
RESTART: Final = 5.0
"""Seconds after a fault of our own until the watch is begun anew."""


class Kind:
    """One kind, from when it is watched until it is not.

    Args:
        engine: what all kinds share.
        watched: which one.
    """

    def __init__(self, engine: Engine, watched: Watched) -> None:
        self._engine = engine
        self.watched = watched
        self._memories: dict[Key, Memory] = {}
        self._work: Work[Key] = Work()
        self._histories = Histories(engine, watched)
        self._course = Course(engine, self)
        self._stopped: set[Key] = set()
        self._term = 0
        self._joining: asyncio.Task[None] | None = None
        self.synced = False
        self.broken = ""
        self.flushing = False

    @property
    def name(self) -> str:
        """The guard's."""
        return self.watched.guard.name

    @property
    def objects(self) -> int:
        """How many there are."""
        return len(self._memories)

    async def run(self) -> None:
        """Watch, and see to what comes up; until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch())
                group.create_task(self._tidy())
                for _ in range(AT_ONCE):
                    group.create_task(self._see_to_all())
        finally:
            self.rest()
            for memory in self._memories.values():
                _silence(memory)

    def lead(self, term: int) -> None:
        """This keeper may write from now on."""
        self.rest()
        self._joining = asyncio.create_task(self._begin(term))

    def rest(self) -> None:
        """It may not any more."""
        self._term = 0
        if self._joining:
            self._joining.cancel()
            self._joining = None
        for memory in self._memories.values():
            memory.forget_history()

    def change(self, watched: Watched) -> None:
        """Other rules for the same kind are in force."""
        self.watched = watched
        self._see_to_each()

    async def flush(self) -> None:
        """Have everything written that is pending, without waiting for intervals; returns when it is."""
        self.flushing = True
        self._see_to_each()
        while any(memory.pending and not memory.is_refused for memory in self._memories.values()):
            await self._work.idle()
            await self._engine.clock.sleep(FLUSH_AGAIN)

    async def history(self, uid: str) -> History:
        """An object's revisions as they are now.

        Raises:
            KeeperError: they cannot be listed.
        """
        return (await self._histories.read()).get(uid, ())

    async def _watch(self) -> None:
        while True:
            try:
                async with aclosing(self._engine.cluster.watch(self.watched)) as happenings:  # type: ignore[type-var]
                    await self._follow(happenings)
            except Exception as error:  # noqa: BLE001 - the watch has to go on, and the fault is reported
                self._engine.observer.broke(self.name, "", error)
            await self._engine.clock.sleep(RESTART)

    async def _follow(self, happenings: object) -> None:
        taken = 0
        async for happening in happenings:  # type: ignore[attr-defined]
            self._take(happening)
            taken += 1
            if taken % BREATH == 0:
                await asyncio.sleep(0)

    def _take(self, happening: Happening) -> None:
        match happening:
            case Seen(object=seen):
                self._seen(seen)
            case Gone():
                self._left((happening.namespace, happening.name), happening.uid)
            case Synced():
                self.synced, self.broken = True, ""
                self._engine.observer.watching(self.name, watches=True)
            case Broken(why=why):
                self.broken = why
                self._engine.observer.watching(self.name, watches=False, why=why)
        if not isinstance(happening, Broken):
            self._engine.observer.event(self.name, self.objects)

    def _seen(self, seen: Observed) -> None:
        key = (seen.namespace, seen.name)
        memory = self._memories.get(key)
        if memory is not None and memory.uid != seen.uid:
            self._left(key, memory.uid)
            memory = None
        if memory is None:
            memory = self._memories[key] = Memory(seen.namespace, seen.name, seen.uid)
        memory.observe(seen, self.watched.guard, self._engine.clock.monotonic())
        self._count_stopped(key, stopped=memory.stopped)
        if self._term and (memory.term != self._term or memory.needs_care):
            self._work.add(key)

    def _left(self, key: Key, uid: str) -> None:
        memory = self._memories.get(key)
        if memory is None or memory.uid != uid:
            return
        del self._memories[key]
        self._count_stopped(key, stopped=False)
        _silence(memory)
        if self._term:
            self._course.succession.left(memory)

    def _count_stopped(self, key: Key, *, stopped: bool) -> None:
        if stopped != (key in self._stopped):
            (self._stopped.add if stopped else self._stopped.discard)(key)
            self._engine.observer.stopped(self.name, len(self._stopped))

    async def _begin(self, term: int) -> None:
        failures = 0
        while True:
            try:
                found = await self._histories.read()
                break
            except NotLeadingError:
                return
            except KeeperError as error:
                why = str(error)
            except Exception as error:  # noqa: BLE001 - nobody else reads histories now, and the fault is reported
                self._engine.observer.broke(self.name, "", error)
                why = "the keeper has a fault"
            failures += 1
            seconds = self._engine.wait(failures)
            self._engine.observer.unread(self.name, why, seconds)
            await self._engine.clock.sleep(seconds)
        self._course.begin(found, term)
        self._term = term
        self._joining = None
        self._see_to_each()

    async def _tidy(self) -> None:
        """Histories of objects that are gone do not stay for ever."""
        while True:
            await self._engine.clock.sleep(SWEEP)
            if not (self._term and self.synced) or self.broken:
                continue
            try:
                gone = self._course.succession.uids()  # before the list, which may not know those that go meanwhile
                found = await self._histories.read()
                self._course.succession.forget(gone - found.keys())
                alive = {memory.uid for memory in self._memories.values()}
                await sweep(self._engine, {uid: history for uid, history in found.items() if uid not in alive})
            except (KeeperError, NotLeadingError):
                continue  # the next time will do
            except Exception as error:  # noqa: BLE001 - objects are seen to all the same, and the fault is reported
                self._engine.observer.broke(self.name, "", error)

    def _see_to_each(self) -> None:
        if self._term:
            for key in self._memories:
                self._work.add(key)

    async def _see_to_all(self) -> None:
        while True:
            key = await self._work.take()
            memory = self._memories.get(key)
            try:
                if memory is not None and self._term:
                    await self._see_to(key, memory)
            finally:
                if memory is not None and self._memories.get(key) is not memory:
                    self._course.succession.left(memory)  # it went meanwhile, and what was written then counts
                self._work.done(key)

    async def _see_to(self, key: Key, memory: Memory) -> None:
        try:
            await self._course.see_to(memory)
            memory.failures = 0
        except Later as later:
            memory.failures = 0
            self._again(key, memory, later.seconds)
        except NotLeadingError:
            memory.forget_history()
        except KeeperError as error:
            memory.failures += 1
            seconds = self._engine.wait(memory.failures)
            self._engine.observer.delayed(self.name, str(memory), str(error), seconds)
            self._again(key, memory, seconds)
        except Exception as error:  # noqa: BLE001 - one object's trouble must not end the others' care; it is reported
            memory.failures += 1
            self._engine.observer.broke(self.name, str(memory), error)
            self._again(key, memory, self._engine.wait(memory.failures))

    def _again(self, key: Key, memory: Memory, seconds: float) -> None:
        _silence(memory)
        if self._memories.get(key) is memory:
            memory.alarm = self._engine.clock.call_later(seconds, lambda: self._work.add(key))


def _silence(memory: Memory) -> None:
    if memory.alarm:
        memory.alarm.cancel()
        memory.alarm = None
