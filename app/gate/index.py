"""A repository's index, asked only where a replica said that it has no such chart: is it there at all?

An index can have 25 MB, so it is read neither in advance nor for everybody, but once for a credential and a state of
the index, and of what was read only the versions of the charts in question are kept.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.core.gate.cluster_repo import read
from app.core.gate.reading import Unread
from app.core.gate.repository import INDEX_SETTLES, versions
from app.gate.clock import Clock
from app.gate.look import Seen, index_state
from app.gate.port import Credential, Place, Rancher
from app.gate.turns import Queue

AT_ONCE: Final = 2
"""Indexes that are read at once: each may take 64 MiB for a moment."""
MOST_KEPT: Final = 256
CONFIRMED_AFTER: Final = 3.0
"""Seconds after which an index is read once more before a chart is told to be in none: what a replica shows is as old
as its informers, its download time with it, and they are seconds behind at times."""

Versions = dict[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class _Index:
    state: tuple[str, ...]
    read: datetime
    versions: Versions


class Indexes:
    """Reads indexes, and remembers what was asked.

    Args:
        rancher: to read them.
        clock: the time.
    """

    def __init__(self, rancher: Rancher, clock: Clock) -> None:
        self._rancher = rancher
        self._clock = clock
        self._queue = Queue(AT_ONCE)
        self._kept: OrderedDict[tuple[Place, str], _Index] = OrderedDict()  # by fingerprint: it outlives installs

    async def versions(
        self, place: Place, reader: tuple[str, Credential], seen: Seen, charts: frozenset[str]
    ) -> Versions | None:
        """The versions that there are of each chart; None if the index cannot be read.

        Args:
            place: the repository.
            reader: the caller's fingerprint, by which the answer is remembered, and credential.
            seen: the repository; an index that was read of another state of it does not count.
            charts: their names.
        """
        ticket = await self._queue.take()
        fingerprint, credential = reader
        try:
            state, now = index_state(seen.found), self._clock.now()
            kept = self._kept.get((place, fingerprint))
            if kept and kept.state == state and charts <= kept.versions.keys() and _speaks(kept, seen, now):
                return kept.versions
            found = await self._rancher.index(place, credential)
            if isinstance(found, Unread):
                return None
            there = versions(found)
            kept = _Index(state, now, {chart: there.get(chart, frozenset()) for chart in charts})
            self._keep((place, fingerprint), kept)
            return kept.versions
        finally:
            ticket.release()

    def _keep(self, key: tuple[Place, str], index: _Index) -> None:
        self._kept[key] = index
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


def _speaks(kept: _Index, seen: Seen, now: datetime) -> bool:
    """Whether it need not be read again: a replica may have given an older one, until all have had time for it."""
    if now - kept.read >= timedelta(seconds=CONFIRMED_AFTER):
        return False
    downloaded = read(seen.found).download_time
    settled = downloaded + INDEX_SETTLES if downloaded else None
    return settled is None or kept.read >= settled or now < settled
