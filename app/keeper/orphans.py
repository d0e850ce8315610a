"""Histories of objects that are gone: garbage collection removes those that have an owner; the others are for us.

A history has no owner where it lies in a namespace of its own. It stays for a while, since that is when somebody wants
it who deleted an object to make it anew; then it is deleted, so that histories do not pile up for ever.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from app.keeper import marks
from app.keeper.engine import Engine
from app.keeper.histories import History
from app.keeper.port import ChangedError

KEPT_FOR: Final = timedelta(days=7)
"""From when an object is first found to be gone: a long weekend, and time to notice."""

SWEEP: Final = 6 * 3600.0
"""Seconds between two looks; each lists the names of all revisions of a kind."""


async def sweep(engine: Engine, orphaned: Mapping[str, History]) -> None:
    """Mark histories whose object is gone, and delete those marked long ago.

    Args:
        engine: what all kinds share.
        orphaned: histories of no object that there is, by uid.

    Raises:
        KeeperError: something could not be written; the next sweep does it.
        NotLeadingError: it is not ours to do any more.
    """
    now = engine.clock.now()
    for history in orphaned.values():
        latest = history[-1]
        since = marks.moment(latest.annotations.get(marks.GONE, ""))
        if since is None:
            try:
                await engine.write(engine.cluster.renew, latest, latest.revision, {marks.GONE: marks.written(now)})
            except ChangedError:
                continue  # garbage collection was there first
        elif now - since > KEPT_FOR:
            for kept in history:
                await engine.write(engine.cluster.forget, kept)
