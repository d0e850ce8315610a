"""The gate as a process of its own, before a Rancher of three replicas: what callers get, over TLS, end to end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from gate_wire import BODY, Answer, Wire, request
from server_process import Process

from tests.rancher import ADMIN, Clock, Rancher, Release, Timing, User

RELEASE = Release("local", "cattle-ui-plugin-system", "harvester")


class Scene:
    """A Rancher, a gate before it, and callers."""

    def __init__(self, rancher: Rancher, process: Process, stack: AsyncExitStack) -> None:
        self.rancher = rancher
        self.process = process
        self._stack = stack

    async def begin(self, user: User = ADMIN, **asked: Any) -> Wire:
        """Send a request, and leave its answer to be read."""
        wire = await Wire.open(self.process.port, self.process.context)
        self._stack.callback(wire.close)
        return await wire.send(request(**({"authorization": f"Bearer {user.token}"} | asked)))

    async def ask(self, user: User = ADMIN, **asked: Any) -> Answer:
        """Send a request and read its answer."""
        async with asyncio.timeout(45):
            return await (await self.begin(user, **asked)).answer(asked.get("method", "POST"))


Begin = Callable[..., Awaitable[Scene]]


@pytest.fixture
async def begin(starter: Callable[..., Process]) -> AsyncIterator[Begin]:
    """Starts a Rancher, and a gate before it."""
    async with AsyncExitStack() as stack:

        async def start(*, timing: Timing | None = None, factor: float = 200.0, **options: Any) -> Scene:
            clock = Clock(factor, wall_stamps=True)
            rancher = await stack.enter_async_context(Rancher(clock=clock, timing=timing or Timing(follower_lag=100)))
            given = {"roles": "gate", "rancher_url": rancher.url, "rancher_ca": rancher.ca_file} | options
            process = await asyncio.to_thread(starter, **given)
            return Scene(rancher, process, stack)

        yield start


async def test_a_first_install_succeeds_at_the_first_try(begin: Begin) -> None:
    """Sent before the repository was even cloned, the install is answered with 201, and Rancher began it once."""
    scene = await begin()
    scene.rancher.add_repo()
    answer = await scene.ask(body=BODY)
    assert (answer.status, answer.json["type"]) == (201, "chartActionOutput"), answer.body
    await scene.rancher.settled()
    assert scene.rancher.record.begun(RELEASE) == 1
