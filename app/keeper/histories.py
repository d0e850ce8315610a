"""The revisions of a kind, by the object that they belong to, as they were when this keeper began to lead."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable

from app.keeper.engine import Engine
from app.keeper.port import Kept, Watched

History = tuple[Kept, ...]
"""An object's revisions by number: the last one is its last-known-good."""


class Histories:
    """Reads them.

    Args:
        engine: what all kinds share.
        kind: whose they are.
    """

    def __init__(self, engine: Engine, kind: Watched) -> None:
        self._engine, self._kind = engine, kind
        self._lock = asyncio.Lock()
        self._begun = 0
        self._found: dict[str, History] | None = None

    async def read(self) -> dict[str, History]:
        """All of them by uid, from a list that begins after this is called; those who ask at once share one.

        Raises:
            KeeperError: they cannot be listed.
            NotLeadingError: they are nobody's business here any more.
        """
        wanted = self._begun + 1
        async with self._lock:
            if self._begun < wanted or self._found is None:
                self._begun += 1
                self._found = None
                self._found = by_uid(await self._engine.ask(self._engine.cluster.kept, self._kind))
            return self._found


def by_uid(kept: Iterable[Kept]) -> dict[str, History]:
    """Sorted out."""
    found: dict[str, list[Kept]] = defaultdict(list)
    for one in kept:
        found[one.uid].append(one)
    return {uid: ordered(ones) for uid, ones in found.items()}


def ordered(kept: Iterable[Kept]) -> History:
    """One object's, by number."""
    return tuple(sorted(kept, key=lambda one: (one.revision, one.kept_at, one.name)))
