"""Attacks on the gate as a process: callers that leave, a process that is killed, a Rancher that stalls or lags."""

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from gate_process import Scene
from gate_wire import BODY

from tests.rancher import RIVAL, Act, Release, Step, Timing

Begin = Callable[..., Awaitable[Scene]]
RELEASE = Release("local", BODY["namespace"], "harvester")


def body(release: str) -> dict[str, Any]:
    """An install of that release."""
    return BODY | {"charts": [BODY["charts"][0] | {"releaseName": release}]}


async def test_no_post_meets_a_follower_without_the_chart(begin: Begin) -> None:
    """While two of three replicas lag behind a balancer of connections, each install is one POST, which succeeds."""
    scene = await begin(timing=Timing(follower_lag=600.0, token_poll=0.1))
    scene.rancher.add_repo()
    await asyncio.wait_for(scene.rancher.downloaded(), 30)
    wires = [await scene.begin(body=body(f"demo-{number}"), prefer="wait=60") for number in range(60)]
    assert Counter([(await wire.answer()).status for wire in wires]) == {201: 60}
    await scene.rancher.settled()
    record = scene.rancher.record
    assert len([event for event in record.of("request") if event.details.get("sort") == "install"]) == 60
    assert sorted(record.counts().values()) == [1] * 60


async def test_a_killed_gate_says_what_may_have_been_sent(begin: Begin, tmp_path: Path) -> None:
    """Killed while it sends and started again, it tells the owner to look, cancels nothing, and sends nothing again."""
    journal = tmp_path / "journal"
    scene = await begin(journal=journal)
    await scene.ready()
    scene.rancher.faults.add(Step.ANSWER, Act.SLOW, on="install", seconds=2000.0)
    where = (await scene.ask(body=BODY, prefer="respond-async")).header("location") or ""
    await asyncio.to_thread(scene.process.until, lambda: '"sending"' in journal.read_text())
    scene.process.signal(signal.SIGKILL)
    await asyncio.to_thread(scene.process.ended)
    await scene.start_gate(journal=journal)
    shown = (await scene.ask(path=where, method="GET")).json
    assert (shown["phase"], shown["outcome"]["kind"], shown["outcome"]["sent"]) == ("ended", "interrupted", True)
    assert "may have reached Rancher or not" in shown["outcome"]["sentence"]
    (await scene.ask(RIVAL, path=where, method="GET")).assert_problem(404, "no-such-install")
    (await scene.ask(path=where, method="DELETE")).assert_problem(409, "too-late")
    await scene.rancher.settled()
    assert scene.rancher.record.begun(RELEASE) <= 1


async def test_a_rancher_that_stalls_holds_nobody_for_ever(begin: Begin) -> None:
    """A Rancher that takes reads and never answers them is 503 when the wait is over, and nothing was begun."""
    scene = await begin()
    await scene.ready()
    scene.rancher.faults.add(Step.LOOKUP, Act.STALL, on="get", times=None)
    async with asyncio.timeout(25):
        (await scene.ask(body=BODY, prefer="wait=2")).assert_problem(503, "not-ready")
    assert scene.rancher.record.begun(RELEASE) == 0


async def test_who_gives_no_time_has_one_try(begin: Begin) -> None:
    """wait=0 is one try and its outcome, though the probe of the chart takes longer than a moment."""
    scene = await begin()
    await scene.ready()
    scene.rancher.faults.add(Step.CHART, Act.SLOW, on="info", seconds=600.0)
    assert (await scene.ask(body=BODY, prefer="wait=0")).status == 201


async def test_callers_who_leave_leave_nothing(begin: Begin) -> None:
    """Thirty callers of one credential hang up in every phase; then there is room, and no release began twice."""
    scene = await begin(most_held_per_caller=5)
    await scene.ready()
    for number in range(30):
        wire = await scene.begin(body=body(f"gone-{number}"), prefer="wait=30")
        await asyncio.sleep(0.01 * (number % 7))
        wire.close()
    metric = scene.process.metric
    await asyncio.to_thread(scene.process.until, lambda: metric("status_guard_gate_requests_in_flight") == 0)
    answers = [await scene.ask(body=body(f"here-{number}"), prefer="wait=30") for number in range(4)]
    assert {answer.status for answer in answers} == {201}
    await scene.rancher.settled()
    assert set(scene.rancher.record.counts().values()) == {1}
