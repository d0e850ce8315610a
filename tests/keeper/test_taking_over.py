"""One keeper after another: what happened while nobody led is seen, and nothing is told or done twice."""

import asyncio
import json
from dataclasses import replace

from virtual_cluster import Weather
from virtual_time import in_virtual_time
from virtual_upgrade import COMPLETED, FULL, ONE, begun, lose, reasons

from app.core.guard import OnLoss
from app.keeper import marks


@in_virtual_time
async def test_a_loss_while_nobody_led_is_seen_afterwards() -> None:
    """A keeper that starts after the loss compares with what was kept, tells of it and puts it back."""
    scene = await begun()
    await scene.keepers[0].kill()
    scene.cluster.write(ONE, None)
    await asyncio.sleep(60)
    scene.start()
    await asyncio.sleep(2)
    assert scene.cluster.status(ONE) == FULL
    assert reasons(scene) == ["StatusLost", "StatusRepaired"]


@in_virtual_time
async def test_a_partial_loss_while_nobody_led_is_seen_afterwards() -> None:
    """The same where what is left is good: it is told of, and becomes the last-known-good."""
    scene = await begun()
    await scene.keepers[0].kill()
    less = {"conditions": [COMPLETED], "new": 1}
    scene.cluster.write(ONE, json.dumps(less))
    scene.start()
    await asyncio.sleep(2)
    assert reasons(scene) == ["StatusLost"]
    assert scene.cluster.history(ONE) == [FULL, less]


@in_virtual_time
async def test_nothing_is_told_twice_by_the_next_leader() -> None:
    """A loss that was told of and lasts is none for who leads next, whether it was a standby or has just started."""
    scene = await begun(on_loss=OnLoss.REPORT)
    scene.start(leads=False)
    await lose(scene)
    await scene.keepers[0].kill()
    scene.keepers[1].leadership.set(leads=True)
    await asyncio.sleep(100)
    await scene.keepers[1].kill()
    scene.start()
    await asyncio.sleep(100)
    assert reasons(scene) == ["StatusLost"]


@in_virtual_time
async def test_a_standby_that_takes_over_knows_what_the_dead_leader_had_not_written() -> None:
    """Pending status, death of the leader, and a loss before anybody leads: the standby puts the newest back."""
    scene = await begun()
    other = scene.start(leads=False)
    await asyncio.sleep(1)
    newest = FULL | {"step": "newest"}
    scene.cluster.write(ONE, json.dumps(newest))
    await asyncio.sleep(1)
    await scene.keepers[0].kill()
    await lose(scene, seconds=10)
    other.leadership.set(leads=True)
    await asyncio.sleep(1)
    assert scene.cluster.status(ONE) == newest
    assert scene.cluster.history(ONE) == [FULL, newest]


@in_virtual_time
async def test_a_standby_tells_what_the_dead_leader_could_not() -> None:
    """Pending status, death of the leader, and a partial loss: both states are kept, and the loss is told of."""
    scene = await begun()
    other = scene.start(leads=False)
    await asyncio.sleep(1)
    newest = FULL | {"nodeStatuses": {"node1": {}, "node2": {}, "node3": {}}}
    scene.cluster.write(ONE, json.dumps(newest))
    await asyncio.sleep(1)
    await scene.keepers[0].kill()
    await lose(scene, json.dumps(FULL | {"step": 1}), seconds=10)
    other.leadership.set(leads=True)
    await asyncio.sleep(1)
    assert scene.cluster.history(ONE) == [FULL, newest, FULL | {"step": 1}]
    assert "/status/nodeStatuses/node3" in scene.cluster.events("StatusLost")[0].message


@in_virtual_time
async def test_an_old_view_of_an_object_is_no_loss() -> None:
    """A keeper whose watch is behind what another one has kept waits for it instead of crying."""
    scene = await begun({"conditions": [COMPLETED]})
    late = scene.start(leads=False)
    await asyncio.sleep(60)
    late.client.behind = 5
    scene.cluster.write(ONE, json.dumps(FULL))
    await asyncio.sleep(1)
    assert scene.cluster.history(ONE)[-1] == FULL
    await scene.keepers[0].kill()
    late.leadership.set(leads=True)
    await asyncio.sleep(1)
    assert len(scene.told.delayed) > 0
    await asyncio.sleep(20)
    assert reasons(scene) == []
    assert scene.cluster.written == []


@in_virtual_time
async def test_versions_that_have_begun_anew_are_not_waited_for() -> None:
    """After a restore from a backup versions are lower than what was kept says; objects are seen to all the same."""
    scene = await begun()
    await scene.keepers[0].kill()
    for name, kept in list(scene.cluster.kept.items()):
        scene.cluster.kept[name] = replace(kept, annotations={**kept.annotations, marks.VERSION: "999999"})
    scene.cluster.write(ONE, None)
    scene.start()
    await asyncio.sleep(60)
    assert scene.cluster.status(ONE) == FULL


@in_virtual_time
async def test_leadership_that_is_lost_stops_every_write() -> None:
    """From one moment to the next nothing is written any more, whatever was under way."""
    scene = await begun()
    scene.cluster.weather = Weather(slow=0.5)
    scene.cluster.write(ONE, None)
    await asyncio.sleep(0.1)
    scene.keepers[0].leadership.set(leads=False)
    await asyncio.sleep(1)
    before = dict(scene.cluster.calls)
    await asyncio.sleep(100)
    after = dict(scene.cluster.calls)
    assert {name for name in after if after[name] != before.get(name)} == {"watched"}


@in_virtual_time
async def test_a_standby_takes_over_the_newest_loss_and_not_the_first() -> None:
    """A loss of long ago, told by the leader of that time, does not hide the one that nobody has told."""
    scene = await begun()
    scene.start(leads=False)
    await asyncio.sleep(1)
    nodes = FULL["nodeStatuses"]
    less = FULL | {"nodeStatuses": {"node1": nodes["node1"]}}
    await lose(scene, json.dumps(less), seconds=200)
    grown = less | {"nodeStatuses": {"node1": nodes["node1"], "node3": {}}}
    scene.cluster.write(ONE, json.dumps(less | {"step": 1}))
    await asyncio.sleep(1)
    scene.cluster.write(ONE, json.dumps(grown))
    await asyncio.sleep(1)
    await scene.keepers[0].kill()
    scene.cluster.write(ONE, json.dumps(less))
    await asyncio.sleep(10)
    scene.keepers[1].leadership.set(leads=True)
    await asyncio.sleep(100)
    assert any("/status/nodeStatuses/node3" in said.message for said in scene.cluster.events("StatusLost"))
    assert grown in scene.cluster.history(ONE)
