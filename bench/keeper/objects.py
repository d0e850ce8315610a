"""Many objects of a guarded kind, with statuses as large and as regular as controllers write them."""

import asyncio
import json
import random
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx

NAMESPACE: Final = "bench"
GROUP: Final = "bench.statusguard.io"
AT_ONCE: Final = 16
"""Requests under way while the objects are made."""

_ANYTHING: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_REASONS: Final = ("Ready", "ImageLoaded", "NodesUpgraded", "SystemServicesUpgraded", "LogReady", "Completed")

DEFINITION: Final = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"things.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"status": _ANYTHING}}},
            }
        ],
    },
}
RULES: Final = f"""\
apiVersion: statusguard.io/v1alpha1
kind: StatusGuard
metadata: {{name: things}}
spec:
  target: {{group: {GROUP}, versions: ["*"], resource: things, statusSubresource: false}}
  protect: {{maps: [nodeStatuses], lists: [{{path: conditions, key: type}}]}}
  keeper: {{neverRemoved: [conditions], onLoss: Repair}}
"""


def status(number: int, size: int, turn: int = 0) -> dict[str, Any]:
    """A status of about so many bytes of JSON: conditions, and as many nodes as it takes."""
    chance = random.Random(number * 1000 + turn)
    conditions = [
        {"type": reason, "status": "True", "lastUpdateTime": "2026-01-01T00:00:00Z", "message": f"{turn}"}
        for reason in _REASONS
    ]
    nodes: dict[str, Any] = {}
    found = {"conditions": conditions, "nodeStatuses": nodes}
    length = len(json.dumps(found))
    while length < size:
        name = f"node-{chance.getrandbits(40):010x}"
        nodes[name] = {
            "state": chance.choice(("Succeeded", "Upgrading", "Pre-draining", "Images preloaded")),
            "reason": chance.choice(_REASONS),
            "message": f"pod {chance.getrandbits(64):016x} has been running on {name} since {chance.randrange(10**6)}",
        }
        length += len(json.dumps({name: nodes[name]}))
    return found


class Maker:
    """Writes objects.

    Args:
        address: of the API server.
        trust: its CA.
        token: of somebody who may.
        size: bytes of a status.
    """

    def __init__(self, address: str, trust: ssl.SSLContext, token: str, size: int) -> None:
        headers = {"authorization": f"Bearer {token}"}
        self._client = httpx.AsyncClient(base_url=address, verify=trust, headers=headers, timeout=60)
        self._path, self._size = f"/apis/{GROUP}/v1/namespaces/{NAMESPACE}/things", size

    async def make(self, count: int) -> None:
        """Make so many."""
        await self._each(count, self._one)

    async def change(self, count: int, turn: int) -> None:
        """Give so many of them another status."""
        await self._each(count, lambda number: self._change(number, turn))

    async def close(self) -> None:
        """End the connections."""
        await self._client.aclose()

    async def _each(self, count: int, act: Callable[[int], Awaitable[httpx.Response]]) -> None:
        numbers = iter(range(count))

        async def some() -> None:
            for number in numbers:
                (await act(number)).raise_for_status()

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))

    async def _one(self, number: int) -> httpx.Response:
        body = {"apiVersion": f"{GROUP}/v1", "kind": "Thing", "metadata": {"name": f"thing-{number}"}}
        return await self._client.post(self._path, json=body | {"status": status(number, self._size)})

    async def _change(self, number: int, turn: int) -> httpx.Response:
        patch = [{"op": "add", "path": "/status", "value": status(number, self._size, turn)}]
        kind = {"content-type": "application/json-patch+json"}
        return await self._client.patch(f"{self._path}/thing-{number}", content=json.dumps(patch), headers=kind)
