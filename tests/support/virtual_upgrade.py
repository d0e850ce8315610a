"""An upgrade in a cluster in memory: its status, what becomes of it, and what the keeper says."""

import asyncio
import json
from typing import Any

from virtual_keeper import Scene, guard, key

from app.core.guard import Guards

ONE = key("one")
COMPLETED = {"type": "Completed", "status": "Unknown"}
OVERRIDE = "statusguard.io/allow-status-loss"
FULL: dict[str, Any] = {
    "conditions": [COMPLETED, {"type": "ImageReady", "status": "True"}],
    "imageID": "image",
    "nodeStatuses": {"node1": {}, "node2": {}},
}


async def begun(status: Any = FULL, **keeper: Any) -> Scene:
    """A leading keeper that has kept an object's status."""
    scene = Scene()
    scene.guards = Guards([guard(**keeper)])
    scene.start()
    scene.cluster.create(ONE, json.dumps(status), annotations={"other": "stays"})
    await asyncio.sleep(2)
    return scene


def reasons(scene: Scene) -> list[str]:
    """What Events were told."""
    assert scene.told.faults == []
    return [said.reason for said in scene.cluster.said]


async def lose(scene: Scene, status: str | None = None, seconds: float = 1, **metadata: Any) -> None:
    """Somebody overwrites the status."""
    scene.cluster.write(ONE, status, **metadata)
    await asyncio.sleep(seconds)
