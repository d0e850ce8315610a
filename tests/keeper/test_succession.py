"""Objects made anew under the name of one that had a history: nothing is put into them, and that is said, once."""

import asyncio
import json
from datetime import timedelta

import pytest
from virtual_cluster import Weather
from virtual_keeper import Scene
from virtual_time import in_virtual_time
from virtual_upgrade import FULL, ONE, begun, reasons

from app.keeper import marks
from app.keeper.orphans import SWEEP

ANEW = "StatusNotCarriedOver"


def asked(scene: Scene) -> int:
    """How often the API server was asked for a revision."""
    return scene.cluster.calls["recall"] + scene.cluster.calls["renew"]


@in_virtual_time
async def test_a_new_object_of_the_old_name_gets_nothing() -> None:
    """Deleting and making anew is how an upgrade is restarted: it is said that there was a history, once."""
    scene = await begun()
    old = scene.cluster.objects[ONE].uid
    scene.cluster.delete(ONE)
    scene.cluster.create(ONE, None)
    await asyncio.sleep(100)
    assert scene.cluster.status(ONE) is None
    assert reasons(scene) == [ANEW]
    assert f"--from-uid {old}" in scene.cluster.said[0].message
    await scene.keepers[0].kill()
    scene.start()
    await asyncio.sleep(100)
    scene.cluster.write(ONE, json.dumps(FULL))
    await asyncio.sleep(1)
    assert reasons(scene) == [ANEW]
    assert scene.cluster.history(ONE) == [FULL]
    assert scene.cluster.written == []


@in_virtual_time
async def test_a_new_object_made_while_nobody_watched_is_told_of_too() -> None:
    """The earlier history is found by the object's name."""
    scene = await begun()
    await scene.keepers[0].kill()
    scene.cluster.delete(ONE)
    scene.cluster.create(ONE, json.dumps(FULL))
    scene.start()
    await asyncio.sleep(2)
    assert reasons(scene) == [ANEW]


@in_virtual_time
async def test_a_history_that_was_collected_is_not_spoken_of() -> None:
    """Where garbage collection was quicker there is nothing to restore from, and nothing is said."""
    scene = await begun()
    scene.cluster.collect(scene.cluster.objects[ONE].uid)
    scene.cluster.delete(ONE)
    scene.cluster.create(ONE, json.dumps(FULL))
    await asyncio.sleep(2)
    assert reasons(scene) == []


@in_virtual_time
async def test_a_new_object_that_comes_as_a_change_is_a_new_one() -> None:
    """A watch may show the new object without a word of the old one's end; its uid tells."""
    scene = await begun()
    scene.keepers[0].client.tells_of_ends = False
    scene.cluster.delete(ONE)
    scene.cluster.create(ONE, None)
    await asyncio.sleep(10)
    assert scene.cluster.status(ONE) is None
    assert reasons(scene) == [ANEW]


@in_virtual_time
@pytest.mark.parametrize(
    "written", [None, json.dumps(FULL | {"step": 1})], ids=["a loss is repaired", "a change is kept"]
)
async def test_what_is_under_way_when_the_old_object_goes_does_not_hide_its_history(written: str | None) -> None:
    """Its revisions are written until after it is gone, and none of that is taken for their having been collected."""
    for moments in range(1, 40):
        scene = await begun(min_interval=timedelta(seconds=1))
        scene.cluster.weather = Weather(slow=0.2)
        scene.cluster.write(ONE, written)
        await asyncio.sleep(moments / 20)
        scene.cluster.delete(ONE)
        scene.cluster.create(ONE, None)
        await asyncio.sleep(10)
        assert reasons(scene).count(ANEW) == 1, moments
        await scene.keepers[0].kill()


@in_virtual_time
async def test_a_first_status_kept_as_its_object_goes_is_a_history_too() -> None:
    """The revision that is there when the new object is looked at counts, though it came after the old one's end."""
    scene = await begun()
    scene.cluster.delete(ONE)
    await asyncio.sleep(1)
    scene.cluster.weather = Weather(slow=0.5)
    scene.cluster.create(ONE, json.dumps(FULL | {"step": 1}))
    await asyncio.sleep(0.01)
    second = scene.cluster.objects[ONE].uid
    scene.cluster.delete(ONE)
    scene.cluster.create(ONE, None)
    await asyncio.sleep(10)
    said = scene.cluster.events(ANEW)[-1]
    assert (said.uid, f"--from-uid {second}" in said.message) == (scene.cluster.objects[ONE].uid, True)


@in_virtual_time
async def test_a_history_marked_as_left_over_is_told_of_too() -> None:
    """An object that is made anew hours later, after its history was found to be nobody's, is told of it."""
    scene = await begun()
    scene.cluster.delete(ONE)
    await asyncio.sleep(SWEEP + 10)
    assert [marks.GONE in kept.annotations for kept in scene.cluster.kept.values()] == [True]
    scene.cluster.create(ONE, None)
    await asyncio.sleep(10)
    assert reasons(scene) == [ANEW]
    assert [kept.annotations[marks.SUCCESSOR] for kept in scene.cluster.kept.values()] == [
        scene.cluster.objects[ONE].uid
    ]


@in_virtual_time
@pytest.mark.parametrize("call", ["recall", "say"])
async def test_it_is_told_as_soon_as_it_can_be(call: str) -> None:
    """While the API server does not take it, it is tried again."""
    scene = await begun()
    scene.cluster.unheard.add(call)
    scene.cluster.delete(ONE)
    scene.cluster.create(ONE, None)
    await asyncio.sleep(5)
    assert reasons(scene) == []
    scene.cluster.unheard.clear()
    await asyncio.sleep(60)
    assert reasons(scene) == [ANEW]


@in_virtual_time
async def test_of_several_earlier_objects_the_last_one_counts() -> None:
    """The next leader goes by the newest history, and says nothing again that was said."""
    scene = await begun()
    for step in range(3):
        last = scene.cluster.objects[ONE].uid
        scene.cluster.delete(ONE)
        scene.cluster.create(ONE, json.dumps(FULL | {"step": step}) if step < 2 else None)
        await asyncio.sleep(2)
    assert [f"--from-uid {last}" in said.message for said in scene.cluster.events(ANEW)] == [False, False, True]
    scene.cluster.kept = dict(reversed(scene.cluster.kept.items()))
    for _ in range(2):
        await scene.keepers[-1].kill()
        scene.start()
        await asyncio.sleep(2)
        scene.cluster.kept = dict(reversed(scene.cluster.kept.items()))
    assert len(scene.cluster.events(ANEW)) == 3


@in_virtual_time
async def test_a_history_that_was_collected_is_not_remembered_for_ever() -> None:
    """Names that never come back, as generated ones do not, would else fill the memory; nobody asks for it later."""
    scene = await begun()
    uid = scene.cluster.objects[ONE].uid
    scene.cluster.delete(ONE)
    scene.cluster.collect(uid)
    await asyncio.sleep(SWEEP + 10)
    before = asked(scene)
    scene.cluster.create(ONE, None)
    await asyncio.sleep(10)
    assert (asked(scene), reasons(scene)) == (before, [])
