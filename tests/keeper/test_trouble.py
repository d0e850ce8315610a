"""What the keeper does when the cluster, or it itself, does not work as it should."""

import asyncio
import json

from virtual_cluster import Weather
from virtual_keeper import Scene, key
from virtual_time import in_virtual_time
from virtual_upgrade import FULL, ONE, begun, lose, reasons

from app.keeper import marks
from app.keeper.observer import Recorded, Repaired


@in_virtual_time
async def test_a_repair_that_is_refused_is_said_and_not_tried_in_vain() -> None:
    """Without the right to patch there is one Event that says why; a further write to the object is a further try."""
    scene = await begun()
    scene.cluster.refused.add("repair")
    await lose(scene, seconds=600)
    assert reasons(scene) == ["StatusLost", "RepairFailed"]
    assert "no right to repair" in scene.cluster.said[-1].message
    assert scene.told.repairs == {Repaired.FAILED: 1}
    scene.cluster.refused.clear()
    await lose(scene, labels={"a": "b"})
    assert scene.cluster.status(ONE) == FULL


@in_virtual_time
async def test_what_is_refused_for_want_of_a_right_is_kept_once_it_is_there() -> None:
    """A right that is granted later is used within minutes, without a restart and without a new status."""
    scene = await begun()
    scene.cluster.refused.add("keep")
    scene.cluster.write(ONE, json.dumps(FULL | {"step": 1}))
    await asyncio.sleep(60)
    assert scene.told.recorded[Recorded.REFUSED] == 1
    scene.cluster.refused.clear()
    await asyncio.sleep(700)
    assert scene.cluster.history(ONE)[-1] == FULL | {"step": 1}


@in_virtual_time
async def test_a_leader_that_cannot_read_histories_tries_again() -> None:
    """Until histories are listed nothing is written: it would be written beside what is there."""
    scene = await begun()
    await scene.keepers[0].kill()
    scene.cluster.weather = Weather(fails=1.0)
    scene.start()
    await asyncio.sleep(100)
    scene.cluster.write(ONE, None)
    await asyncio.sleep(100)
    assert scene.cluster.status(ONE) is None
    scene.cluster.weather = Weather()
    await asyncio.sleep(70)
    assert scene.cluster.status(ONE) == FULL
    assert scene.told.troubles


@in_virtual_time
async def test_a_fault_in_one_place_ends_nothing_else() -> None:
    """Whatever breaks is reported and begun again, and works once it does not break any more."""
    scene = Scene()
    scene.cluster.faulty |= {"watch", "kept"}
    scene.start()
    scene.cluster.create(ONE, json.dumps(FULL))
    await asyncio.sleep(20)
    scene.cluster.faulty = {"kept"}
    await asyncio.sleep(20)
    scene.cluster.faulty = {"keep"}
    await asyncio.sleep(40)
    assert scene.cluster.history(ONE) == []
    scene.cluster.faulty.clear()
    await asyncio.sleep(40)
    assert scene.cluster.history(ONE) == [FULL]
    assert {str(fault) for fault in scene.told.faults} == {"watch", "kept", "keep"}


@in_virtual_time
async def test_a_fault_while_tidying_up_is_none_of_the_objects() -> None:
    """Histories of objects that are gone are looked at again later."""
    scene = await begun()
    scene.cluster.faulty.add("kept")
    await asyncio.sleep(7 * 3600)
    scene.cluster.faulty.clear()
    scene.cluster.weather = Weather(fails=1.0)
    await asyncio.sleep(6 * 3600)
    scene.cluster.weather = Weather()
    assert [str(fault) for fault in scene.told.faults] == ["kept"]
    scene.cluster.create(key("two"), json.dumps(FULL))
    await asyncio.sleep(1)
    assert scene.cluster.history(key("two")) == [FULL]


@in_virtual_time
async def test_a_revision_that_vanishes_is_passed_over() -> None:
    """Where somebody deletes the newest revision while it is to be read, the one before it is compared with."""
    scene = await begun()
    scene.cluster.write(ONE, json.dumps(FULL | {"step": 1}))
    await asyncio.sleep(60)
    await scene.keepers[0].kill()
    newest = max(scene.cluster.kept.values(), key=lambda kept: kept.revision)
    scene.cluster.gone.add(newest.name)
    scene.cluster.write(ONE, None)
    scene.start()
    await asyncio.sleep(5)
    assert scene.cluster.status(ONE) == FULL


@in_virtual_time
async def test_a_word_that_cannot_be_written_is_written_after_the_next_look() -> None:
    """An object that changes in the moment in which repairs are stopped is judged anew, and then told."""
    scene = await begun()
    for _ in range(3):
        await lose(scene)
    scene.keepers[0].client.behind = 2
    scene.cluster.write(ONE, None)
    await asyncio.sleep(1)
    scene.cluster.write(ONE, None, labels={"a": "b"})
    await asyncio.sleep(10)
    assert scene.cluster.status(ONE) is None
    assert str(scene.cluster.annotation(ONE, marks.REPAIR)).startswith("stopped")
    assert reasons(scene).count("RepairStopped") == 1


@in_virtual_time
async def test_a_word_that_is_not_heard_is_said_again() -> None:
    """An object says that repairs were stopped, though the API server did not answer at first."""
    scene = await begun()
    for _ in range(3):
        await lose(scene)
    scene.cluster.unheard.add("annotate")
    await lose(scene, seconds=5)
    scene.cluster.unheard.clear()
    await asyncio.sleep(30)
    assert str(scene.cluster.annotation(ONE, marks.REPAIR)).startswith("stopped")
    assert reasons(scene).count("RepairStopped") == 1


@in_virtual_time
async def test_repairs_are_counted_on_the_newest_revision_though_its_answer_was_lost() -> None:
    """A revision that was made without an answer is the newest: what is remembered stands there for the next leader."""
    scene = await begun()
    scene.cluster.write(ONE, json.dumps(FULL | {"step": 1}))
    scene.cluster.unanswered.add("keep")
    await asyncio.sleep(28.1)
    scene.cluster.unanswered.clear()
    assert len(scene.cluster.history(ONE)) == 2
    scene.cluster.write(ONE, json.dumps(FULL))
    for _ in range(3):
        await lose(scene, seconds=2)
    await scene.keepers[0].kill()
    scene.start()
    await asyncio.sleep(1)
    await lose(scene)
    assert scene.cluster.status(ONE) is None
    assert reasons(scene).count("StatusRepaired") == 3
