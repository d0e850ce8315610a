"""Which statuses are kept, and when."""

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from virtual_cluster import VirtualCluster, Weather
from virtual_keeper import Scene, guard, key
from virtual_time import in_virtual_time, seconds

from app.core.guard import Guards
from app.keeper import marks
from app.keeper.observer import Recorded
from app.keeper.orphans import KEPT_FOR, SWEEP

ONE = key("one")


def status(**parts: Any) -> str:
    """A good status."""
    return json.dumps({"conditions": [{"type": "Completed", "status": "Unknown"}], "imageID": "image", **parts})


async def begun(text: str | None = status(), **cluster: Any) -> Scene:
    """A leading keeper that has seen an object."""
    scene = Scene(VirtualCluster(**cluster))
    scene.start()
    if text is not None:
        scene.cluster.create(ONE, text)
    await asyncio.sleep(2)
    return scene


def kept(scene: Scene) -> list[Any]:
    """What is kept of the object."""
    assert scene.told.faults == []
    return scene.cluster.history(ONE)


@in_virtual_time
async def test_a_good_status_is_kept_at_once() -> None:
    """The first good status of an object is written as soon as it is seen, byte for byte."""
    text = '{"conditions": [{"type":"Completed"}], "big": 123456789012345678901, "one": 1.0}'
    scene = await begun(text)
    assert [data for _, data in scene.cluster.data.values()] == [text]


@in_virtual_time
async def test_a_status_that_misses_what_is_never_removed_is_not_kept() -> None:
    """Without the condition that no honest writer removes there is nothing good to keep yet."""
    scene = await begun('{"imageID": "image"}')
    assert kept(scene) == []
    scene.cluster.write(ONE, status())
    await asyncio.sleep(1)
    assert len(kept(scene)) == 1


@in_virtual_time
async def test_changes_within_the_interval_make_one_revision() -> None:
    """A chatty controller costs one write an interval, and the newest status is the one that is written."""
    scene = await begun()
    for number in range(10):
        scene.cluster.write(ONE, status(number=number))
        await asyncio.sleep(1)
    assert len(kept(scene)) == 1
    await asyncio.sleep(30)
    assert [one.get("number") for one in kept(scene)] == [None, 9]


@in_virtual_time
async def test_ignored_changes_make_no_revision() -> None:
    """What the rules say to ignore is no other content, however often it changes."""
    scene = await begun()
    for number in range(5):
        conditions = [{"type": "Completed", "status": "Unknown", "lastUpdateTime": str(number)}]
        scene.cluster.write(ONE, status(conditions=conditions))
        await asyncio.sleep(60)
    assert len(kept(scene)) == 1


@in_virtual_time
async def test_the_same_content_again_is_raised() -> None:
    """A status that was there before becomes the newest again instead of being kept twice."""
    scene = await begun()
    for step in ("a", "b", "a"):
        scene.cluster.write(ONE, status(step=step))
        await asyncio.sleep(60)
    assert [one.get("step") for one in kept(scene)] == [None, "b", "a"]
    assert scene.told.recorded == {Recorded.KEPT: 3, Recorded.RAISED: 1}


@in_virtual_time
async def test_the_ring_forgets_the_oldest() -> None:
    """No more revisions are there than the rules say."""
    scene = await begun()
    for step in range(8):
        scene.cluster.write(ONE, status(step=step))
        await asyncio.sleep(60)
    assert [one.get("step") for one in kept(scene)] == [4, 5, 6, 7]


@in_virtual_time
async def test_failed_writes_are_tried_again_and_hold_up_nobody() -> None:
    """While nothing can be written nothing pending is lost; once it can, the newest is kept."""
    scene = await begun()
    scene.cluster.weather = Weather(fails=1.0)
    scene.cluster.create(key("two"), status())
    await asyncio.sleep(120)
    scene.cluster.write(ONE, status(step="last"))
    await asyncio.sleep(5)
    scene.cluster.weather = Weather()
    await asyncio.sleep(60)
    assert [one.get("step") for one in kept(scene)] == [None, "last"]
    assert len(scene.cluster.history(key("two"))) == 1
    assert scene.told.delayed


@in_virtual_time
async def test_lost_answers_do_no_harm() -> None:
    """A write of which nobody knows whether it was done is neither done twice nor taken for done."""
    scene = await begun(weather=Weather(unknown=0.5, slow=0.1))
    for step in range(20):
        scene.cluster.write(ONE, status(step=step))
        await asyncio.sleep(90)
    assert [one.get("step") for one in kept(scene)] == [16, 17, 18, 19]


@in_virtual_time
async def test_a_status_that_is_too_large_is_said_once() -> None:
    """What the API server does not take is an Event and no failure; smaller ones are kept again afterwards."""
    scene = await begun(largest=200)
    scene.cluster.write(ONE, status(text="x" * 500))
    await asyncio.sleep(3000)
    assert len(kept(scene)) == 1
    assert 1 <= len(scene.cluster.events("StatusNotKept")) <= 6
    scene.cluster.write(ONE, status(text="y"))
    await asyncio.sleep(60)
    assert len(kept(scene)) == 2


@in_virtual_time
async def test_what_is_pending_is_written_at_the_end() -> None:
    """A keeper that is told to stop writes what the interval had held back."""
    scene = await begun()
    scene.cluster.write(ONE, status(step="last"))
    await asyncio.sleep(1)
    began = seconds()
    await scene.keepers[0].stop()
    assert [one.get("step") for one in kept(scene)] == [None, "last"]
    assert seconds() - began < 2


@in_virtual_time
async def test_a_stop_does_not_wait_for_a_dead_cluster() -> None:
    """A keeper that cannot write what is pending ends all the same."""
    scene = await begun()
    scene.cluster.write(ONE, status(step="last"))
    scene.cluster.weather = Weather(fails=1.0)
    await asyncio.sleep(1)
    began = seconds()
    await scene.keepers[0].stop()
    assert seconds() - began < 11


@in_virtual_time
async def test_a_standby_writes_nothing_and_takes_over_what_is_pending() -> None:
    """What only memory held when the leader died is in the memory of the other one."""
    scene = await begun()
    other = scene.start(leads=False)
    await asyncio.sleep(2)
    scene.cluster.write(ONE, status(step="last"))
    await asyncio.sleep(1)
    await scene.keepers[0].kill()
    await asyncio.sleep(100)
    assert len(kept(scene)) == 1
    other.leadership.set(leads=True)
    await asyncio.sleep(1)
    assert [one.get("step") for one in kept(scene)] == [None, "last"]
    assert scene.cluster.calls["recall"] == 1


@in_virtual_time
async def test_taking_over_what_is_as_it_was_writes_nothing() -> None:
    """A leader that finds each object as its last-known-good has it neither reads statuses nor writes."""
    scene = await begun()
    await scene.keepers[0].kill()
    scene.cluster.calls.clear()
    scene.start()
    await asyncio.sleep(100)
    assert set(scene.cluster.calls) == {"watched", "kept"}


@in_virtual_time
async def test_other_rules_are_taken_over_while_it_runs() -> None:
    """A ring that is made smaller, and a guard that goes and comes back, need no restart."""
    scene = await begun()
    for step in range(3):
        scene.cluster.write(ONE, status(step=step))
        await asyncio.sleep(60)
    scene.guards = Guards([guard(revisions=2)])
    await asyncio.sleep(5)
    scene.cluster.write(ONE, status(step=3))
    await asyncio.sleep(60)
    assert [one.get("step") for one in kept(scene)] == [2, 3]
    scene.guards = Guards([])
    await asyncio.sleep(5)
    assert scene.told.ended == ["upgrades"]
    scene.cluster.write(ONE, status(step=4))
    await asyncio.sleep(60)
    assert [one.get("step") for one in kept(scene)] == [2, 3]
    scene.guards = Guards([guard(revisions=2)])
    await asyncio.sleep(60)
    assert [one.get("step") for one in kept(scene)] == [3, 4]


@in_virtual_time
async def test_a_kind_may_appear_and_vanish() -> None:
    """A guard whose kind the cluster lacks is watched once there is one, and not any more when it is gone."""
    scene = await begun(absent={"upgrades"})
    assert scene.told.missing == {"upgrades": True}
    scene.cluster.absent.clear()
    await asyncio.sleep(30)
    assert scene.told.missing == {"upgrades": False}
    assert len(kept(scene)) == 1
    scene.cluster.absent.add("upgrades")
    await asyncio.sleep(30)
    assert scene.told.ended == ["upgrades"]


@in_virtual_time
async def test_histories_of_objects_that_are_gone_are_forgotten_in_the_end() -> None:
    """Where nobody collects them they stay for a week after the object, and then go."""
    scene = await begun()
    scene.cluster.delete(ONE)
    await asyncio.sleep(SWEEP + 1)
    ((name, kept),) = scene.cluster.kept.items()
    found = datetime.fromisoformat(kept.annotations[marks.GONE])
    earlier = marks.written(found - KEPT_FOR + timedelta(seconds=1.5 * SWEEP))  # as if a week had nearly gone by
    scene.cluster.kept[name] = replace(kept, annotations={**kept.annotations, marks.GONE: earlier})
    await asyncio.sleep(SWEEP)
    assert len(scene.cluster.kept) == 1
    await asyncio.sleep(SWEEP)
    assert scene.cluster.kept == {}
