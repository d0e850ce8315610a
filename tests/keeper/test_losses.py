"""Losses that got past admission: told of once, put back where the rules allow it, and never fought over."""

import asyncio
import json

import pytest
from virtual_cluster import Weather
from virtual_keeper import key
from virtual_time import in_virtual_time, stamp
from virtual_upgrade import COMPLETED, FULL, ONE, begun, lose, reasons

from app.core.guard import OnLoss
from app.keeper import marks
from app.keeper.observer import Repaired


@in_virtual_time
async def test_a_lost_status_is_put_back_within_a_second() -> None:
    """The whole status comes back as it was, with two Events that say so; nothing else of the object is touched."""
    scene = await begun()
    await lose(scene)
    assert scene.cluster.status(ONE) == FULL
    assert scene.cluster.annotation(ONE, "other") == "stays"
    assert reasons(scene) == ["StatusLost", "StatusRepaired"]
    assert "kubectl status-guard restore upgrades.harvesterhci.io/one -n harvester-system --revision 1" in (
        scene.cluster.said[0].message
    )
    assert scene.told.losses == {"one": 1}


@in_virtual_time
async def test_the_commands_say_where_the_history_is() -> None:
    """Where it is not beside its object, the commands in Events name its namespace: nothing else would find it."""
    scene = await begun()
    scene.cluster.apart = "histories"
    two = key("two")
    scene.cluster.create(two, json.dumps(FULL))
    await asyncio.sleep(2)
    scene.cluster.write(two, None)
    await asyncio.sleep(2)
    scene.cluster.delete(two)
    scene.cluster.create(two, None)
    await asyncio.sleep(2)
    restore = "restore upgrades.harvesterhci.io/two -n harvester-system --history-namespace histories"
    said = {event.reason: event.message for event in scene.cluster.said}
    assert f"{restore} --revision 1" in said["StatusLost"]
    assert f"{restore} --from-uid " in said["StatusNotCarriedOver"]


@in_virtual_time
async def test_with_report_nothing_is_written() -> None:
    """Where the rules say Report the loss is told of, and the object stays as it is."""
    scene = await begun(on_loss=OnLoss.REPORT)
    await lose(scene, seconds=600)
    assert scene.cluster.status(ONE) is None
    assert reasons(scene) == ["StatusLost"]
    assert scene.cluster.written == []


@in_virtual_time
async def test_only_what_is_never_removed_is_put_back() -> None:
    """What a controller may remove stays removed, and is told of; what nobody removes comes back beside it."""
    scene = await begun()
    await lose(scene, json.dumps({"nodeStatuses": {"node1": {}}, "new": 1}))
    assert scene.cluster.status(ONE) == {"nodeStatuses": {"node1": {}}, "new": 1, "conditions": [COMPLETED]}
    message = scene.cluster.events("StatusLost")[0].message
    assert all(path in message for path in ("/status/imageID", "/status/nodeStatuses/node2", "/status/conditions"))


@in_virtual_time
async def test_what_may_go_is_told_of_and_is_the_new_state() -> None:
    """A status that lost parts and is good is told of once and kept, with the one before it still in its history."""
    scene = await begun()
    scene.cluster.write(ONE, json.dumps(FULL | {"step": 1}))
    await asyncio.sleep(1)
    less = {"conditions": FULL["conditions"], "step": 1}
    await lose(scene, json.dumps(less))
    assert reasons(scene) == ["StatusLost"]
    assert scene.cluster.history(ONE) == [FULL, FULL | {"step": 1}, less]
    await asyncio.sleep(100)
    await lose(scene, json.dumps(less | {"step": 2}))
    assert reasons(scene) == ["StatusLost"]
    assert scene.cluster.written == []


@in_virtual_time
async def test_a_loss_that_lasts_is_told_of_once() -> None:
    """Further writes without the status are the same loss; when it was back in between, it is another one."""
    scene = await begun(on_loss=OnLoss.REPORT)
    for label in "abc":
        await lose(scene, labels={"label": label})
    assert reasons(scene) == ["StatusLost"]
    scene.cluster.write(ONE, json.dumps(FULL))
    await asyncio.sleep(1)
    await lose(scene)
    assert reasons(scene) == ["StatusLost", "StatusLost"]


@in_virtual_time
async def test_an_object_that_is_being_deleted_is_left_alone() -> None:
    """With a deletionTimestamp nothing is told, kept or put back."""
    scene = await begun()
    await lose(scene, deletionTimestamp=stamp(0))
    assert reasons(scene) == []
    assert scene.cluster.status(ONE) is None


@in_virtual_time
async def test_a_newer_write_is_never_overwritten() -> None:
    """A repair that meets a newer object is given up, and the newer state judged anew."""
    scene = await begun()
    scene.cluster.weather = Weather(slow=1.0)
    scene.cluster.write(ONE, None)
    await asyncio.sleep(0.5)
    for number in range(20):
        scene.cluster.write(ONE, None, labels={"number": str(number)})
        await asyncio.sleep(0.2)
    mine = json.dumps({"conditions": [{"type": "Completed", "status": "True"}], "mine": True})
    scene.cluster.write(ONE, mine)
    await asyncio.sleep(30)
    assert scene.cluster.status(ONE) == json.loads(mine)
    assert scene.told.repairs[Repaired.CONFLICT] > 0
    assert scene.told.repairs[Repaired.REPAIRED] == 0
    assert reasons(scene)[0] == "StatusLost"


@in_virtual_time
async def test_it_stops_after_three_repairs_and_goes_on_when_told() -> None:
    """The fourth loss in a row stays; the object says so until somebody takes the word away, also after a restart."""
    scene = await begun()
    for _ in range(3):
        await lose(scene)
        assert scene.cluster.status(ONE) == FULL
    await lose(scene)
    assert scene.cluster.status(ONE) is None
    assert str(scene.cluster.annotation(ONE, marks.REPAIR)).startswith("stopped 2026-03-01T12:00:0")
    assert reasons(scene)[-1] == "RepairStopped"
    assert "kubectl annotate upgrades.harvesterhci.io one -n harvester-system statusguard.io/repair-" in (
        scene.cluster.said[-1].message
    )
    await scene.keepers[0].kill()
    scene.start()
    await lose(scene, seconds=7200, labels={"a": "b"})
    assert scene.cluster.status(ONE) is None
    assert reasons(scene).count("RepairStopped") == 1
    await lose(scene, annotations={})
    assert scene.cluster.status(ONE) == FULL
    await lose(scene)
    assert scene.cluster.status(ONE) == FULL


@in_virtual_time
async def test_a_writer_that_takes_the_word_away_too_is_not_fought() -> None:
    """Whoever overwrites status and annotations all the time meets three repairs more an hour, and no other write."""
    scene = await begun()
    for _ in range(50):
        await lose(scene, annotations={})
    assert len([None for *_, after in scene.cluster.written if after.status]) == 6
    assert len([None for *_, after in scene.cluster.written if not after.status]) == 2
    assert reasons(scene).count("RepairStopped") == 2
    await asyncio.sleep(3600)
    assert scene.cluster.status(ONE) == FULL


@in_virtual_time
async def test_the_count_begins_anew_after_a_quiet_time() -> None:
    """Losses that are rare are all repaired."""
    scene = await begun()
    for _ in range(10):
        await lose(scene, seconds=3700)
        assert scene.cluster.status(ONE) == FULL


@in_virtual_time
async def test_the_count_goes_on_in_new_revisions() -> None:
    """A controller that writes between losses does not make the keeper forget how often it has repaired."""
    scene = await begun()
    for step in range(6):
        await lose(scene)
        if scene.cluster.status(ONE):
            scene.cluster.write(ONE, json.dumps(FULL | {"step": step}))
            await asyncio.sleep(60)
    assert scene.told.repairs[Repaired.REPAIRED] == 3


@in_virtual_time
async def test_a_repair_is_made_once_however_late_it_shows() -> None:
    """While the watch does not show the repair yet nothing is written or counted again."""
    scene = await begun()
    scene.keepers[0].client.behind = 20
    scene.cluster.write(ONE, None)
    await asyncio.sleep(25)
    scene.keepers[0].leadership.set(leads=False)
    await asyncio.sleep(1)
    scene.keepers[0].leadership.set(leads=True)
    await asyncio.sleep(60)
    assert scene.told.repairs[Repaired.REPAIRED] == 1
    assert [said.annotations[marks.REPAIRS] for said in scene.cluster.kept.values()] == ["1"]


@in_virtual_time
async def test_repairs_that_were_not_made_are_not_counted() -> None:
    """An object that is written all the time uses up none of the three tries while each of them meets a newer one."""
    scene = await begun()
    for number in range(8):
        scene.keepers[0].client.behind = 3
        scene.cluster.write(ONE, None, labels={"number": str(number)})
        await asyncio.sleep(2)
    scene.keepers[0].client.behind = 0
    await asyncio.sleep(20)
    assert scene.told.repairs[Repaired.CONFLICT] > 3
    assert scene.cluster.status(ONE) == FULL


@in_virtual_time
async def test_without_history_nothing_is_put_back() -> None:
    """An object whose status was never good, or could not be kept, is told of and left."""
    scene = await begun()
    scene.cluster.largest = 10
    two = key("two")
    scene.cluster.create(two, json.dumps(FULL))
    await asyncio.sleep(2)
    scene.cluster.write(two, None)
    await asyncio.sleep(60)
    assert scene.cluster.status(two) is None
    assert reasons(scene) == ["StatusNotKept", "StatusLost"]


@in_virtual_time
async def test_each_of_two_losses_at_once_is_told() -> None:
    """Parts that go one after the other, sooner than the first can be told, are all told."""
    scene = await begun()
    less = {name: value for name, value in FULL.items() if name != "imageID"}
    scene.cluster.write(ONE, json.dumps(less))
    await lose(scene, json.dumps(less | {"nodeStatuses": {"node1": FULL["nodeStatuses"]["node1"]}}))
    words = " ".join(said.message for said in scene.cluster.events("StatusLost"))
    assert "/status/imageID" in words
    assert "/status/nodeStatuses/node2" in words


@pytest.mark.parametrize("status", ['"done"', "7", "[]", '["done"]', "true"])
@in_virtual_time
async def test_what_is_no_object_is_no_good_status(status: str) -> None:
    """A status that is text, a number or a list never becomes last-known-good, and its loss is told."""
    scene = await begun(on_loss=OnLoss.REPORT)
    await lose(scene, status, seconds=100)
    assert scene.cluster.history(ONE) == [FULL]
    assert scene.told.faults == []
