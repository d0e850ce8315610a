"""What the leading keeper does about one object: tell of a loss, put back what may be put back, keep a good status.

In this order, each step remembered in the cluster before the next, so that another keeper can go on at any point.
"""

from typing import Final

from app.core import history
from app.core.review import KubernetesObject
from app.keeper import marks
from app.keeper.engine import Engine
from app.keeper.facing import Facing
from app.keeper.histories import History
from app.keeper.memory import HANDOVER, Held, Memory, Untold, pack, unpack, with_status
from app.keeper.port import ChangedError, KeeperError, Kept
from app.keeper.recording import Family, Recording
from app.keeper.succession import Succession

BEHIND: Final = 5
"""Tries to wait for a watch that shows an object as it was before its newest revision, some ten seconds in all.
Versions that are behind for longer have begun anew, as after a cluster was restored from a backup."""


class Course:
    """Sees to the objects of a kind.

    Args:
        engine: what all kinds share.
        family: the kind.

    Attributes:
        succession: what is known of objects that are gone.
    """

    def __init__(self, engine: Engine, family: Family) -> None:
        self._engine, self._family = engine, family
        self._recording = Recording(engine, family)
        self._facing = Facing(engine, family, self._recording)
        self.succession = Succession(engine, family)
        self._found: dict[str, History] = {}
        self._term = 0

    def begin(self, found: dict[str, History], term: int) -> None:
        """This keeper has begun to lead, and these are the histories as they are; no other keeper writes any more."""
        self._found, self._term = found, term
        self.succession.begin(found)

    async def see_to(self, memory: Memory) -> None:
        """Do all that can be done about an object now.

        Raises:
            Later: there will be more to do, at a time that is known.
            NotLeadingError: somebody else may do it now.
            KeeperError: something could not be written; nothing of it is lost.
        """
        try:
            await self._see_to(memory)
        except ChangedError:  # a revision is not as it was remembered: an answer was lost, or somebody else wrote
            memory.kept = await self._family.history(memory.uid)
            await self._see_to(memory)

    async def _see_to(self, memory: Memory) -> None:
        if memory.term != self._term:
            await self._join(memory)
        if memory.uncertain:  # what is remembered from now on has to stand on the one that is the newest
            memory.kept, memory.uncertain = await self._family.history(memory.uid), False
        if memory.deleting:
            return
        await self._recording.forget_old(memory)  # somebody may have ended before it did
        await self._facing.tell_gone(memory)
        if memory.lossy:
            await self._facing.face(memory)
        else:
            await self._facing.over(memory)
        await self._recording.keep_pending(memory)

    async def _join(self, memory: Memory) -> None:
        """Compare what is remembered with what is kept: something may have been lost before this keeper looked."""
        found = self._found.get(memory.uid, memory.kept)
        if not found:
            await self.succession.tell(memory)
        elif _is_behind(memory, found) and memory.failures < BEHIND:
            raise KeeperError("the watch shows it as it was before its newest revision was kept")
        memory.kept = found
        memory.untold = tuple(one for one in memory.untold if not self._is_known(memory, one))
        latest = memory.latest
        if latest is not None and (memory.base is None or latest.digest != memory.base.digest):
            await self._compare(memory)
        memory.reported = memory.latest.annotations.get(marks.REPORTED, "") if memory.latest else ""
        memory.term = self._term
        self._found.pop(memory.uid, None)

    def _is_known(self, memory: Memory, one: Untold) -> bool:
        """Whether the leader before this one has told of a loss: it kept the status before it first."""
        long_ago = self._engine.clock.monotonic() - one.at > HANDOVER
        return long_ago or one.before is None or one.before.digest in {kept.digest for kept in memory.kept}

    async def _compare(self, memory: Memory) -> None:
        """With the last-known-good; a revision that cannot be read is passed over."""
        for kept in reversed(memory.kept):
            status = await self._engine.ask(self._engine.cluster.recall, kept)
            if status is None:
                memory.kept = tuple(one for one in memory.kept if one is not kept)
                continue
            guard = self._family.watched.guard
            known, now = with_status(status), memory.current()
            if now is None or memory.base is None:
                return
            lost = history.lost(known, unpack(memory.base.packed), guard)
            if lost and lost.lasting:
                self._fall_back(memory, kept, known)
            elif lost:
                told = {path for one in memory.untold for path in one.paths}
                if paths := tuple(path for path in lost.paths if path not in told):
                    memory.untold = (*memory.untold, Untold(paths, None, self._engine.clock.monotonic()))
            return

    def _fall_back(self, memory: Memory, kept: Kept, known: KubernetesObject) -> None:
        assert memory.base is not None
        guard, permitted = self._family.watched.guard, memory.permitted if kept is memory.latest else ""
        if not history.permits(known, unpack(memory.base.packed), guard, permitted):
            memory.fall_back(Held(kept.digest, pack(known)), guard, self._engine.clock.monotonic())


def _is_behind(memory: Memory, kept: History) -> bool:
    """Whether a newer version than the one seen was kept.

    Versions of one kind can be compared: Kubernetes 1.35 promises it, and every API server on etcd has done so.
    """
    newest, shown = marks.number(kept[-1].annotations.get(marks.VERSION, "")), marks.number(memory.version)
    return bool(newest and shown) and newest > shown
