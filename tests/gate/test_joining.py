"""Many callers of one install: what each costs the others, and what those hear who come late."""

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING

from virtual_gate import Scene
from virtual_repository import Course, Replica, Repository
from virtual_time import in_virtual_time

from app.gate.limits import TOO_MANY, TOO_MANY_YOURS, Limits, NotTaken
from app.gate.progress import Answered

if TYPE_CHECKING:
    from app.gate.install import Install


@in_virtual_time
async def test_waiters_sleep_through_changes() -> None:
    """Whoever waits for an install's end is not woken by anything that changes before it."""
    scene = _held()
    install = await scene.submit()
    waiting = install.ended()
    woken = waiting.send(None)
    install.update(waits_for="Something else.")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not woken.done()
    waiting.close()


@in_virtual_time
async def test_joining_moments_apart_is_no_news() -> None:
    """A caller who joins a moment after another makes no new version; one who joins later moves the deadline shown."""
    scene = _held()
    install = await scene.submit()
    await asyncio.sleep(1)
    await scene.submit()
    version, deadline = install.progress.version, install.progress.deadline
    joined: list[Install] = await asyncio.gather(*(scene.submit() for _ in range(20)))
    assert set(joined) == {install}
    assert install.progress.joined == 22
    assert (install.progress.version, install.progress.deadline) == (version, deadline)
    await asyncio.sleep(5)
    await scene.submit()
    assert install.progress.deadline > deadline


@in_virtual_time
async def test_whoever_is_looked_at_while_it_is_sent_hears_what_became_of_it() -> None:
    """A caller who came while the install was held has their answer, and it is not sent once more for them."""
    scene = Scene(Repository(course=Course(created=0, clone=10), replicas=[Replica(0.1, 0)]))
    leader = asyncio.create_task(scene.repository.lead())
    install = await scene.submit("r1")
    await asyncio.sleep(1.5)
    scene.rancher.latency, usual = 100.0, scene.rancher.latency
    joining = asyncio.create_task(scene.submit("r2"))
    for _ in range(5):
        await asyncio.sleep(0)  # its look has begun
    scene.rancher.latency = usual
    assert await joining is install
    assert isinstance(install.progress.outcome, Answered)
    assert scene.releases.effects == {"r1": 1}
    leader.cancel()


def _held() -> Scene:
    return Scene(Repository(course=Course(created=0, clone=200)))


@in_virtual_time
async def test_who_waits_to_be_known_takes_a_place() -> None:
    """A caller counts from the moment they ask, not from that at which Rancher has said who they are."""
    scene = Scene(limits=Limits(held=3, held_per_caller=2))
    jane, luke = scene.request(user="jane").caller, scene.request(user="luke").caller
    with ExitStack() as places:
        for caller in (jane, jane, luke):
            place = scene.gate.arriving(caller, asynchronous=False)
            assert not isinstance(place, NotTaken)
            places.enter_context(place)
        assert scene.gate.arriving(luke, asynchronous=False) is TOO_MANY
    with ExitStack() as places:
        for _ in range(2):
            place = scene.gate.arriving(jane, asynchronous=False)
            assert not isinstance(place, NotTaken)
            places.enter_context(place)
        assert scene.gate.arriving(jane, asynchronous=False) is TOO_MANY_YOURS
        assert await scene.gate.submit(scene.request()) is TOO_MANY_YOURS
    assert not isinstance(scene.gate.arriving(jane, asynchronous=True), NotTaken)
