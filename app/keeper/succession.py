"""Objects made anew under a name whose earlier object had a history: nothing of it is carried over, and that is said.

To delete an object and make it anew is how Harvester documents the restart of an upgrade, so a status is never put into
another uid by itself (design, section 3).
"""

from collections.abc import Iterable, Mapping

from app.keeper import marks, telling
from app.keeper.engine import Engine
from app.keeper.histories import History
from app.keeper.memory import Memory
from app.keeper.port import ChangedError, Importance, Kept
from app.keeper.recording import Family


class Succession:
    """What is known of the earlier objects of a kind, by name.

    Args:
        engine: what all kinds share.
        family: the kind.
    """

    def __init__(self, engine: Engine, family: Family) -> None:
        self._engine, self._family = engine, family
        self._earlier: dict[str, Kept] = {}

    def begin(self, found: Mapping[str, History]) -> None:
        """This keeper has begun to lead, and these are the histories by uid: the newest of each name counts."""
        newest = sorted((history[-1] for history in found.values()), key=_age)
        self._earlier = {kept.annotations.get(marks.OBJECT, ""): kept for kept in newest}

    def left(self, memory: Memory) -> None:
        """An object is gone, or what was under way for it when it went is done."""
        if memory.latest is not None:
            self._earlier[marks.subject(self._family.watched, memory)] = memory.latest

    def uids(self) -> set[str]:
        """The earlier objects that are remembered."""
        return {kept.uid for kept in self._earlier.values()}

    def forget(self, uids: Iterable[str]) -> None:
        """Of these no history is left."""
        gone = set(uids)
        self._earlier = {subject: kept for subject, kept in self._earlier.items() if kept.uid not in gone}

    async def tell(self, memory: Memory) -> None:
        """Say on an object without a history that there is an earlier one's, unless that was said.

        It is said before it is remembered that it was: twice is better than never.

        Raises:
            KeeperError: it could not be said.
        """
        subject = marks.subject(self._family.watched, memory)
        earlier = self._earlier.get(subject)
        if earlier is None:
            return
        if memory.uid not in {earlier.uid, earlier.annotations.get(marks.SUCCESSOR)}:
            await self._tell(memory, earlier)
        if self._earlier.get(subject) is earlier:  # and not what another term found
            del self._earlier[subject]

    async def _tell(self, memory: Memory, earlier: Kept) -> None:
        if await self._engine.ask(self._engine.cluster.recall, earlier) is None:
            return  # garbage collection was quicker, and there is nothing to restore from
        kind = self._family.watched
        words = telling.not_carried_over(kind, memory, earlier)
        about = memory.reference()
        await self._engine.write(
            self._engine.cluster.say, kind, about, Importance.WARNING, telling.NOT_CARRIED_OVER, words
        )
        try:
            await self._remember(memory, earlier)
        except ChangedError:  # as by the mark that its object is gone
            if now := await self._family.history(earlier.uid):
                await self._remember(memory, now[-1])

    async def _remember(self, memory: Memory, earlier: Kept) -> None:
        said = {marks.SUCCESSOR: memory.uid}
        await self._engine.write(self._engine.cluster.renew, earlier, earlier.revision, said)


def _age(kept: Kept) -> tuple[object, int]:
    """Times are of one second, and an object may be made anew within it."""
    return kept.kept_at, marks.number(kept.annotations.get(marks.VERSION, ""))
