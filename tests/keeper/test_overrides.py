"""What an override lets go: gone while it is in force, and not put back for its being over."""

import asyncio
import json

import pytest
from virtual_time import in_virtual_time, stamp
from virtual_upgrade import FULL, ONE, OVERRIDE, begun, lose, reasons


@in_virtual_time
async def test_an_override_is_respected() -> None:
    """Who says on the object that the status may go has it go, though it is told of."""
    scene = await begun()
    await lose(scene, annotations={OVERRIDE: f"{stamp(1800)}; *; cleaning up"})
    assert scene.cluster.status(ONE) is None
    assert reasons(scene) == ["StatusLost"]
    assert len(scene.told.withheld) == 1


@pytest.mark.parametrize("restarts", [False, True])
@in_virtual_time
async def test_what_an_override_let_go_stays_gone_when_it_is_over(restarts: bool) -> None:  # noqa: FBT001 - a case
    """Who allowed a loss and tidies the annotation away has not asked for the status back."""
    scene = await begun()
    await lose(scene, annotations={OVERRIDE: f"{stamp(600)}; *; cleaning up"})
    if restarts:
        await scene.keepers[0].kill()
        scene.start()
        await asyncio.sleep(1)
    await lose(scene, annotations={}, seconds=60)
    await asyncio.sleep(4000)
    await lose(scene, labels={"any": "write"})
    assert scene.cluster.written == []
    assert "RepairStopped" not in reasons(scene)


@in_virtual_time
async def test_what_came_back_is_guarded_again() -> None:
    """What was let go once is put back when it is lost after it had been there again."""
    scene = await begun()
    await lose(scene, annotations={OVERRIDE: f"{stamp(600)}; *; cleaning up"})
    again = FULL | {"step": 1}
    scene.cluster.write(ONE, json.dumps(again), annotations={})
    await asyncio.sleep(1)
    await lose(scene)
    assert scene.cluster.status(ONE) == again


@pytest.mark.parametrize("restarts", [False, True])
@in_virtual_time
async def test_what_is_left_is_kept_and_what_else_goes_is_put_back(restarts: bool) -> None:  # noqa: FBT001 - a case
    """One node was let go: the others are guarded as before, and the history goes on without it."""
    scene = await begun(never_removed=(("conditions", "type=Completed"), ("nodeStatuses", "*")))
    less = FULL | {"nodeStatuses": {"node1": {}}}
    await lose(scene, json.dumps(less), annotations={OVERRIDE: f"{stamp(600)}; /nodeStatuses/node2; gone"})
    assert scene.cluster.history(ONE)[-1] == less
    if restarts:
        await scene.keepers[0].kill()
        scene.start()
        await asyncio.sleep(1)
    await lose(scene, json.dumps(less | {"nodeStatuses": {}}), annotations={}, seconds=60)
    assert scene.cluster.status(ONE) == less
