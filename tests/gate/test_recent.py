"""Synchronous installs that have ended: there for their owner for a while, and not beyond bounds."""

import asyncio
from datetime import UTC, datetime, timedelta

from virtual_gate import Scene
from virtual_repository import Course, Repository
from virtual_time import in_virtual_time

from app.core.gate.installation_call import Action
from app.gate import recent
from app.gate.gate import HOUSEKEEPING, Cancelling
from app.gate.progress import Cancelled, NotReady, Phase, Progress
from app.gate.recent import Recent

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def ended(number: int, user: str = "jane") -> Progress:
    """An install that was cancelled."""
    return Progress(
        id=f"{user}-{number}",
        version=2,
        phase=Phase.ENDED,
        cluster="local",
        repo="harvester",
        action=Action.INSTALL,
        namespace="default",
        charts=(),
        user=user,
        asynchronous=False,
        created=NOW,
        deadline=NOW,
        outcome=Cancelled(),
    )


@in_virtual_time
async def test_an_install_that_failed_is_found_by_its_owner_alone() -> None:
    """After its end it is listed and found, without Rancher's answer; for others it is not there."""
    scene = Scene(Repository(course=Course(clone=500)))
    await scene.lead()
    install = await scene.submit()
    progress = await install.ended()
    assert isinstance(progress.outcome, NotReady)
    found = scene.gate.find("jane", "local", progress.id)
    assert found is not None
    assert found.progress == progress
    assert found.reply is None
    assert [one.progress for one in scene.gate.listed("jane", "local")] == [progress]
    assert scene.gate.find("luke", "local", progress.id) is None
    assert scene.gate.listed("jane", "c-m-other") == ()
    assert scene.gate.cancel("jane", "local", progress.id) is Cancelling.TOO_LATE


@in_virtual_time
async def test_an_end_is_forgotten_after_a_while() -> None:
    """What nobody came for within the time is gone, without another install."""
    scene = Scene(Repository(course=Course(clone=9_000)))
    await scene.lead()
    await (await scene.submit()).ended()
    running = asyncio.create_task(scene.gate.run())
    await asyncio.sleep(recent.KEPT.total_seconds() + 2 * HOUSEKEEPING)
    assert scene.gate.listed("jane", "local") == ()
    running.cancel()


def test_ends_go_in_their_order_when_they_are_too_old() -> None:
    """Each stays for the time that is promised, and not longer."""
    ends = Recent()
    ends.add(ended(1), NOW)
    ends.add(ended(2), NOW + timedelta(seconds=1))
    assert ends.outdated(NOW + recent.KEPT) == []
    assert ends.outdated(NOW + recent.KEPT + timedelta(seconds=1)) == [ended(1)]
    assert ends.add(ended(3), NOW + 2 * recent.KEPT) == [ended(2)]


def test_one_owner_takes_nobody_elses_place() -> None:
    """Beyond their share an owner's own oldest goes."""
    ends = Recent()
    assert ends.add(ended(0, "luke"), NOW) == []
    gone = [one for number in range(recent.MOST_OF_ONE + 2) for one in ends.add(ended(number), NOW)]
    assert gone == [ended(0), ended(1)]


def test_in_total_there_are_not_more_than_a_bound() -> None:
    """However many owners: the oldest of all goes."""
    ends = Recent()
    gone = [one for number in range(recent.MOST + 1) for one in ends.add(ended(0, f"user-{number}"), NOW)]
    assert gone == [ended(0, "user-0")]
