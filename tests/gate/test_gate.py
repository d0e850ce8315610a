"""Installs that can succeed, and installs that have to wait for it."""

import asyncio

from virtual_gate import Scene
from virtual_repository import Course, Replica, Repository
from virtual_time import in_virtual_time, seconds

from app.gate.progress import Answered, Deployed, NotReady


@in_virtual_time
async def test_a_ready_repository_is_installed_from_at_once() -> None:
    """Nothing is waited for where nothing has to be."""
    scene = Scene()
    leader = asyncio.create_task(scene.repository.lead())
    await asyncio.sleep(5)
    install = await scene.submit()
    progress = await install.ended()
    assert isinstance(progress.outcome, Answered)
    assert install.reply is not None
    assert install.reply.status == 201
    assert seconds() < 5 + 4
    assert scene.releases.effects == {"r1": 1}
    leader.cancel()


@in_virtual_time
async def test_a_first_clone_is_waited_for() -> None:
    """Held until the clone has ended, and a few seconds at most beyond."""
    repository = Repository(course=Course(created=3, clone=20), replicas=[Replica(0.5, 5), Replica(0.5, 0)])
    scene = Scene(repository)
    leader = asyncio.create_task(repository.lead())
    install = await scene.submit(prefer="until=deployed")
    progress = await install.ended()
    assert isinstance(progress.outcome, Deployed), progress
    assert scene.releases.effects == {"r1": 1}
    assert scene.rancher.posts[0][0] < 23 + 5 + 4
    assert not scene.seen.faults
    leader.cancel()


@in_virtual_time
async def test_the_deadline_is_told_with_what_it_waited_for() -> None:
    """Nothing is sent, and the answer says why."""
    repository = Repository(course=Course(created=0, clone=200))
    scene = Scene(repository)
    leader = asyncio.create_task(repository.lead())
    install = await scene.submit()
    progress = await install.ended()
    assert isinstance(progress.outcome, NotReady), progress
    assert 49 < seconds() < 54
    assert "download" in progress.outcome.sentence
    assert not scene.rancher.posts
    assert not scene.seen.faults
    leader.cancel()
