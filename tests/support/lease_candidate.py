"""A process that stands for the keeper's Lease and, while it leads, writes one object after another.

Run with a kubeconfig, a namespace and a name. Each line it prints is an event; its writes are ConfigMaps, so the API
server's own order tells who wrote when.
"""

import asyncio
import json
import sys
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count

from app.cluster.asking import Asked
from app.cluster.exchange import Call, Exchange
from app.cluster.kubeconfig import connected
from app.cluster.leadership import LeaseLeadership
from app.cluster.surroundings import Surroundings
from app.keeper.port import KeeperError

BETWEEN = 0.05
"""Seconds between two writes."""


def tell(event: str) -> None:
    """Print an event."""
    sys.stdout.write(event + "\n")
    sys.stdout.flush()


async def main(kubeconfig: str, namespace: str, name: str) -> None:
    """Stand, and write while leading."""
    surroundings = Surroundings(name, lambda: datetime.now(UTC))  # noqa: TID251 - for people
    async with connected(kubeconfig, None) as api:
        leadership = LeaseLeadership(api, namespace, surroundings)
        exchange = Exchange(api, leadership.leading)
        standing = asyncio.create_task(leadership.run())
        numbers = count()
        tell("stands")
        while True:
            await leadership.gained()
            tell("leads")
            while leadership.leading():
                with suppress(KeeperError):
                    await write(exchange, namespace, f"{name}-{next(numbers)}")
                    tell("wrote")
                await asyncio.sleep(BETWEEN)
            tell("lost")
            if standing.done():
                standing.result()


async def write(exchange: Exchange, namespace: str, name: str) -> None:
    """Make an object."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    await exchange.send(Call(Asked("create", "configmaps", path, namespace), name, body=json.dumps(body).encode()))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(*sys.argv[1:]))
