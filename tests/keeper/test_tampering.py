"""Revisions that somebody has edited: nothing that stands there ends the care for an object."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from virtual_time import in_virtual_time, stamp
from virtual_upgrade import FULL, ONE, begun, lose

from app.keeper import marks

LAST_YEAR = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("count", ["²", "9" * 5000, "-1", "", "three"])
@in_virtual_time
async def test_a_count_that_somebody_wrote_does_not_end_the_care(count: str) -> None:
    """A tally and a version that are no numbers are none, whatever Python takes for a digit or is too long for it."""
    scene = await begun()
    latest = scene.cluster.latest(ONE)
    said = {marks.REPAIRS: count, marks.REPAIRED_AT: stamp(0), marks.VERSION: count}
    scene.cluster.kept[latest.name] = replace(latest, annotations=latest.annotations | said)
    await scene.keepers[0].kill()
    scene.start()
    await asyncio.sleep(1)
    await lose(scene, seconds=60)
    assert scene.told.faults == []
    assert scene.cluster.status(ONE) == FULL


@in_virtual_time
async def test_times_at_the_end_of_the_calendar_do_not_end_the_care() -> None:
    """A revision that says it was kept, and repairs resumed, in 9999 is looked at like any other."""
    scene = await begun()
    latest = scene.cluster.latest(ONE)
    said = {marks.STOPPED: stamp(0), marks.RESUMED: marks.written(LAST_YEAR)}
    changed = replace(latest, kept_at=LAST_YEAR, annotations=latest.annotations | said)
    scene.cluster.kept[latest.name] = changed
    await scene.keepers[0].kill()
    scene.start()
    await asyncio.sleep(1)
    more = FULL | {"step": 1}
    scene.cluster.write(ONE, json.dumps(more))
    await asyncio.sleep(100)
    assert scene.cluster.history(ONE)[-1] == more
    await lose(scene, seconds=60)
    assert scene.told.faults == []


@in_virtual_time
async def test_a_revision_whose_labels_somebody_removed_is_not_in_the_way() -> None:
    """Its name is taken, and still the content becomes last-known-good: nothing hangs on the labels of one revision."""
    scene = await begun()
    latest = scene.cluster.latest(ONE)
    scene.cluster.kept[latest.name] = replace(latest, uid="", digest="")
    await scene.keepers[0].kill()
    scene.start()
    await asyncio.sleep(100)
    assert scene.cluster.history(ONE) == [FULL]
