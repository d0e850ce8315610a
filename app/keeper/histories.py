"""The revisions of a kind, by the object that they belong to, as they were when this keeper began to lead."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

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
        self._asking = 0
        self._found: dict[str, History] | None = None

    async def read(self) -> dict[str, History]:
        """All of them by uid, from a list that begins after this is called; those who ask at once share one.

        Raises:
            KeeperError: they cannot be listed.
            NotLeadingError: they are nobody's business here any more.
        """
        wanted = self._begun + 1
        self._asking += 1
        try:
            async with self._lock:
                found = self._found if self._begun >= wanted else None
                if found is None:
                    self._begun += 1
                    self._found = None
                    found = by_uid(await self._engine.ask(self._engine.cluster.kept, self._kind))
                    self._found = found
                return found
        finally:
            self._asking -= 1
            if not self._asking:
                self._found = None  # a hundred thousand revisions are not kept in mind for nobody


def by_uid(kept: Iterable[Kept]) -> dict[str, History]:
    """Sorted out."""
    found: dict[str, list[Kept]] = defaultdict(list)
    for one in kept:
        found[one.uid].append(one)
    return {uid: _lean(ordered(ones)) for uid, ones in found.items()}


def _lean(history: History) -> History:
    """Without the annotations of all but the last one: only its own are ever read."""
    return (*(replace(kept, annotations={}) for kept in history[:-1]), history[-1])


def ordered(kept: Iterable[Kept]) -> History:
    """One object's, by number."""
    return tuple(sorted(kept, key=lambda one: (one.revision, one.kept_at, one.name)))
