"""Writing good statuses down: at most one an interval, none twice, none beyond the ring, and none lost meanwhile."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from typing import Final, Protocol

from app.keeper import marks, telling
from app.keeper.engine import Engine
from app.keeper.histories import History, ordered
from app.keeper.memory import Held, Memory, unpack
from app.keeper.observer import Recorded
from app.keeper.port import ChangedError, Draft, Importance, KeeperError, Kept, RefusedError, Watched

REFUSED_FOR: Final = 600.0
"""Seconds after which it is tried again to keep what was refused: it may have been for a right that is there by now."""

LARGE: Final = 256 * 1024
"""Bytes of a status from which on its size is why it was refused. An API server takes 1.5 MB, and less where somebody
has set etcd so, or in front of it."""


class Later(Exception):
    """All is done that can be done now.

    Attributes:
        seconds: when there is more to do.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class Family(Protocol):
    """The kind that an object is of."""

    watched: Watched
    flushing: bool

    async def history(self, uid: str) -> History:
        """An object's revisions as they are now."""


class Recording:
    """Keeps the statuses of a kind.

    Args:
        engine: what all kinds share.
        family: the kind.
    """

    def __init__(self, engine: Engine, family: Family) -> None:
        self._engine, self._family = engine, family

    async def keep_pending(self, memory: Memory) -> None:
        """Keep the newest good status if it is time to.

        Raises:
            Later: it is not yet.
            KeeperError: it could not be.
        """
        if not memory.pending or memory.base is None:
            return
        now = self._engine.clock.now()
        if refused := self._refused_for(memory, memory.base):
            raise Later(refused)
        interval = self._family.watched.guard.keeper.min_interval
        if memory.latest is not None and not self._family.flushing:
            left = (memory.latest.kept_at - now + interval).total_seconds()  # in this order no sum is beyond year 9999
            if 0 < left <= interval.total_seconds():  # a revision of the future is one of another clock
                raise Later(left)
        await self.keep(memory, memory.base)
        if refused := self._refused_for(memory, memory.base):
            raise Later(refused)

    async def keep(self, memory: Memory, held: Held) -> None:
        """Keep a status now, and forget what the ring has no room for.

        Raises:
            ChangedError: the history is not as it was.
            KeeperError: it could not be written.
        """
        same = next((kept for kept in memory.kept if kept.digest == held.digest), None)
        if (same is not None and same is memory.latest) or self._refused_for(memory, held):
            return
        number = memory.latest.revision + 1 if memory.latest else 1
        try:
            if same is not None:
                made = await self._raise(memory, same, number)
            else:
                made = await self._make(memory, held, number)
        except RefusedError as error:
            await self._refused(memory, held, str(error))
            return
        except ChangedError:
            raise
        except KeeperError:
            memory.uncertain = True
            self._tell(memory, Recorded.FAILED)
            raise
        memory.kept = ordered([*(kept for kept in memory.kept if kept is not same), made])
        self._tell(memory, Recorded.KEPT if same is None else Recorded.RAISED)
        await self.forget_old(memory)

    async def remember(self, memory: Memory, annotations: Mapping[str, str | None]) -> None:
        """Write annotations on the last-known-good, if there is one.

        Raises:
            ChangedError: it is not as it was.
            KeeperError: they could not be written.
        """
        latest = memory.latest
        if latest is None or all(latest.annotations.get(name) == text for name, text in annotations.items()):
            return
        made = await self._engine.write(self._engine.cluster.renew, latest, latest.revision, annotations)
        memory.kept = (*memory.kept[:-1], made)

    def _refused_for(self, memory: Memory, held: Held) -> float:
        """Seconds for which it is no use to try; 0 if it may be of some."""
        since = self._engine.clock.monotonic() - memory.refused_at
        return max(0.0, REFUSED_FOR - since) if memory.refused == held.digest else 0.0

    async def _raise(self, memory: Memory, same: Kept, number: int) -> Kept:
        latest = memory.latest
        carried = {name: latest.annotations.get(name) if latest else None for name in marks.CARRIED}
        said = {**carried, marks.REPORTED: None, marks.PERMITTED: None, marks.VERSION: memory.version}
        return await self._engine.write(self._engine.cluster.renew, same, number, said)

    async def _make(self, memory: Memory, held: Held, number: int) -> Kept:
        annotations = memory.latest.annotations if memory.latest else {}
        carried = {name: annotations[name] for name in marks.CARRIED if name in annotations}
        draft = Draft(_name(memory.uid, held.digest), held.digest, number, carried)
        status = unpack(held.packed).status
        kind, owner, make = self._family.watched, memory.reference(), self._engine.cluster.keep
        try:
            return await self._engine.write(make, kind, owner, draft, status)
        except ChangedError:
            if any(kept.name == draft.name for kept in await self._family.history(memory.uid)):
                raise
        apart = replace(draft, name=f"{draft.name}-{number}")  # whoever took our labels off the other one has it
        return await self._engine.write(make, kind, owner, apart, status)

    async def forget_old(self, memory: Memory) -> None:
        """Delete what the ring has no room for.

        Raises:
            KeeperError: something could not be deleted.
        """
        most = self._family.watched.guard.keeper.revisions
        while len(memory.kept) > most:
            oldest = memory.kept[0]
            with suppress(ChangedError):  # somebody has touched it: it is theirs
                await self._engine.write(self._engine.cluster.forget, oldest)
            memory.kept = tuple(kept for kept in memory.kept if kept is not oldest)

    async def _refused(self, memory: Memory, held: Held, why: str) -> None:
        large = len(unpack(held.packed).status) >= LARGE
        self._tell(memory, Recorded.OVERSIZE if large else Recorded.REFUSED, why)
        memory.refused, memory.refused_at = held.digest, self._engine.clock.monotonic()
        kind = self._family.watched
        await self._engine.write(
            self._engine.cluster.say,
            kind,
            memory.reference(),
            Importance.WARNING,
            telling.NOT_KEPT,
            telling.not_kept(why),
        )

    def _tell(self, memory: Memory, outcome: Recorded, why: str = "") -> None:
        self._engine.observer.recorded(self._family.watched.guard.name, str(memory), outcome, why)


def _name(uid: str, digest: str) -> str:
    """The same content of the same object has the same name, so that it cannot be kept twice."""
    return f"statusguard-{sha256(uid.encode()).hexdigest()[:16]}-{digest}"
