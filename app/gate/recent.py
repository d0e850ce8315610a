"""Synchronous installs that have ended: in memory only, for an owner who comes to look at what became of one."""

from collections import deque
from datetime import datetime, timedelta
from typing import Final

from app.gate.progress import Progress

KEPT: Final = timedelta(hours=1)
"""As long as Rancher itself keeps an Operation that has ended."""
MOST: Final = 1000
"""In total: as many as there are asynchronous records by default, each of some kilobytes."""
MOST_OF_ONE: Final = 50
"""Of one owner, so that one who asks all the time takes nobody else's place; a page of it can be read."""

Owner = tuple[str, str]


def owner_of(progress: Progress) -> Owner:
    """Whose an install is: a user's, in a cluster."""
    return progress.user, progress.cluster


class Recent:
    """The latest ends, in their order. What is not to be kept any more is handed back, for the caller to forget."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[datetime, Progress]] = {}
        self._owned: dict[Owner, deque[str]] = {}

    def add(self, progress: Progress, now: datetime) -> list[Progress]:
        """Keep one that ended now; what had to go for it."""
        self._ends[progress.id] = (now, progress)
        mine = self._owned.setdefault(owner_of(progress), deque())
        mine.append(progress.id)
        gone = [self._drop(mine[0])] if len(mine) > MOST_OF_ONE else []
        if len(self._ends) > MOST:
            gone.append(self._drop(next(iter(self._ends))))
        return gone + self.outdated(now)

    def outdated(self, now: datetime) -> list[Progress]:
        """What is too old by now."""
        gone = []
        while self._ends:
            first, (ended, _) = next(iter(self._ends.items()))
            if now - ended <= KEPT:
                break
            gone.append(self._drop(first))
        return gone

    def _drop(self, identity: str) -> Progress:
        _, progress = self._ends.pop(identity)
        mine = self._owned[owner_of(progress)]
        mine.popleft()  # the oldest of all, or of its owner, is the oldest of its owner
        if not mine:
            del self._owned[owner_of(progress)]
        return progress
