"""Credentials are gone from the gate's memory when the install has ended."""

import asyncio
import gc

import pytest
from virtual_gate import Scene
from virtual_time import in_virtual_time

from app.gate.port import Credential


def _kept() -> list[Credential]:
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, Credential)]


@pytest.mark.parametrize(
    "prefer", ["wait=20", "respond-async;deadline=20", "respond-async;deadline=20, until=deployed"]
)
@pytest.mark.parametrize("chart", ["demo", "none-such"])
def test_a_credential_ends_with_its_install(prefer: str, chart: str) -> None:
    """Whether it succeeds, or the repository's index was asked and has no such chart: nothing keeps the credential."""
    before = {id(one) for one in _kept()}

    @in_virtual_time
    async def life() -> None:
        scene = Scene()
        leader = asyncio.create_task(scene.repository.lead())
        await asyncio.sleep(5)
        install = await scene.submit(prefer=prefer, chartName=chart)
        await install.ended()
        install.leave()
        await scene.quiet()
        leader.cancel()
        assert [one for one in _kept() if id(one) not in before] == []
        assert scene.gate.listed("jane", "local") or "async" not in prefer

    life()
