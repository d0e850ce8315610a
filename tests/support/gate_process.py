"""A gate as a process of its own, before a Rancher of three replicas, and callers of both."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from gate_wire import Answer, Wire, request
from server_process import Process

from tests.rancher import ADMIN, Rancher, User


class Scene:
    """A Rancher, a gate before it, and callers."""

    process: Process

    def __init__(self, rancher: Rancher, starter: Callable[..., Process], stack: AsyncExitStack) -> None:
        self.rancher = rancher
        self._starter = starter
        self._stack = stack

    async def start_gate(self, **options: Any) -> None:
        """Start the gate, or another one in its place."""
        given = {"roles": "gate", "rancher_url": self.rancher.url, "rancher_ca": self.rancher.ca_file} | options
        self.process = await asyncio.to_thread(self._starter, **given)

    async def begin(self, user: User = ADMIN, **asked: Any) -> Wire:
        """Send a request, and leave its answer to be read."""
        wire = await Wire.open(self.process.port, self.process.context)
        self._stack.callback(wire.close)
        return await wire.send(request(**({"authorization": f"Bearer {user.token}"} | asked)))

    async def ask(self, user: User = ADMIN, **asked: Any) -> Answer:
        """Send a request and read its answer."""
        async with asyncio.timeout(45):
            return await (await self.begin(user, **asked)).answer(asked.get("method", "POST"))

    async def ready(self) -> None:
        """Have the repository, downloaded by all."""
        self.rancher.add_repo()
        await asyncio.wait_for(self.rancher.downloaded(everywhere=True), 30)
