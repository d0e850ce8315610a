"""Gates that end with their test."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from gate_process import Scene
from server_process import Process

from tests.rancher import Clock, Rancher, Timing

Begin = Callable[..., Awaitable[Scene]]


@pytest.fixture
async def begin(starter: Callable[..., Process]) -> AsyncIterator[Begin]:
    """Starts a Rancher, and a gate before it."""
    async with AsyncExitStack() as stack:

        async def start(*, timing: Timing | None = None, factor: float = 200.0, **options: Any) -> Scene:
            clock = Clock(factor, wall_stamps=True)
            rancher = await stack.enter_async_context(Rancher(clock=clock, timing=timing or Timing(follower_lag=0.5)))
            scene = Scene(rancher, starter, stack)
            await scene.start_gate(**options)
            return scene

        yield start
