"""A lost answer: what is found afterwards, and what is told where nothing is."""

import asyncio

import pytest
from virtual_gate import NAMESPACE, Scene
from virtual_releases import Wish
from virtual_time import in_virtual_time, run, seconds

from app.core.gate.schedule import SETTLE
from app.gate.progress import Answered, Deployed, OutcomeUnknown, Phase


def _losing(way: str) -> Scene:
    scene = Scene()
    scene.rancher.faults.until, scene.rancher.faults.post = 1e6, {way: 1.0}
    return scene


@pytest.mark.parametrize("way", ["lost after", "cut by proxy"])
def test_an_install_that_was_begun_is_found(way: str) -> None:
    """Its Operation is new and runs what was asked for: that is the answer, though Rancher's own was lost."""

    async def life() -> None:
        scene = _losing(way)
        await scene.lead(5)
        install = await scene.submit(prefer="until=deployed")
        outcome = (await install.ended()).outcome
        assert isinstance(outcome, Deployed), outcome
        assert (outcome.status, outcome.operation) == (201, (NAMESPACE, "helm-operation-0"))
        assert install.reply is None
        assert scene.releases.effects == {"r1": 1}

    run(life())


@pytest.mark.parametrize("way", ["lost before", "fails midway"])
def test_what_cannot_be_found_is_told_as_unknown(way: str) -> None:
    """After the settle period, not before; and it is not sent again, whether anything has happened or not."""

    async def life() -> None:
        scene = _losing(way)
        await scene.lead(5)
        install = await scene.submit(prefer="wait=600")
        outcome = (await install.ended()).outcome
        assert isinstance(outcome, OutcomeUnknown), outcome
        assert 5 + SETTLE < seconds() < 5 + SETTLE + 8
        assert len(scene.rancher.posts) == 1
        assert len(scene.seen.of("settling")) == 1

    run(life())


@in_virtual_time
async def test_a_name_that_helm_makes_up_cannot_be_looked_for() -> None:
    """No Operation can be told to be this one, so nothing is gained by looking."""
    scene = _losing("lost after")
    await scene.lead(5)
    outcome = (await (await scene.submit(releaseName="")).ended()).outcome
    assert isinstance(outcome, OutcomeUnknown)
    assert seconds() < 15
    assert len(scene.rancher.posts) == 1


@in_virtual_time
async def test_the_operation_of_before_is_nobodys_answer() -> None:
    """An Operation that was there before the request is not what came of it."""
    scene = _losing("lost before")
    await scene.lead(5)
    scene.releases.helm = 0.1
    scene.releases.start(Wish("rival", "install", NAMESPACE, "demo", "demo", "1.0.0")).state = "running"
    await asyncio.sleep(5)
    outcome = (await (await scene.submit()).ended()).outcome
    assert isinstance(outcome, OutcomeUnknown), outcome


@in_virtual_time
async def test_the_next_one_of_the_release_waits_until_it_is_settled() -> None:
    """Else what the one has made would look like the work of the other."""
    scene = _losing("lost before")
    scene.user("luke")
    await scene.lead(5)
    one = await scene.submit("r1", prefer="wait=600")
    while one.progress.phase is not Phase.SETTLING:
        await one.changed(one.progress.version)
    scene.rancher.faults.post = {}
    other = await scene.submit("r2", prefer="wait=600", user="luke")
    await asyncio.sleep(20)
    assert other.progress.phase is Phase.HELD
    assert "goes first" in other.progress.waits_for
    assert isinstance((await one.ended()).outcome, OutcomeUnknown)
    assert isinstance((await other.ended()).outcome, Answered)
    assert [who for _, who in scene.rancher.posts] == ["r1", "r2"]
