"""One keeper leads at a time, by a real Lease; handing over as real processes do it when they are killed or cut off."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.client import ApiClient
from line import Line, port_of
from rbac_server import Server, rbac_server

from app.cluster.kubeconfig import connected
from app.cluster.leadership import LEASE, LeaseLeadership, Timings
from app.cluster.surroundings import Surroundings

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

ROOT = Path(__file__).parents[2]
CANDIDATE = ROOT / "tests/support/lease_candidate.py"
PATIENCE = 40.0
HANDOVER = 20.0
"""Seconds, as the issue has it, from the moment a leader is gone to the first write of another."""
QUICK = Timings(duration=5.0, deadline=1.0, retry=0.1)
LASTING = Timings(duration=60.0, deadline=50.0, retry=0.1)
"""Longer than anybody's patience: nothing here happens for its having run out."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An API server of these tests' own."""
    with rbac_server(tmp_path_factory.mktemp("lease"), []) as started:
        yield started


@pytest.fixture
async def api(server: Server) -> AsyncIterator[ApiClient]:
    """A client of a server without a Lease in namespace default."""
    server.kubectl("delete", "lease", "--all", "--namespace=default")
    async with connected(str(server.kubeconfig), None) as client:
        yield client


def surroundings(name: str, skew: timedelta = timedelta()) -> Surroundings:
    """Somebody, whose clock may be wrong."""
    return Surroundings(name, lambda: datetime.now(UTC) + skew)  # noqa: TID251 - written, never compared


@asynccontextmanager
async def standing(api: ApiClient, who: Surroundings) -> AsyncIterator[LeaseLeadership]:
    """Somebody who stands for the Lease."""
    leadership = LeaseLeadership(api, "default", who, timings=LASTING)
    task = asyncio.create_task(leadership.run())
    try:
        yield leadership
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def spec(server: Server) -> dict[str, Any]:
    """What stands in the Lease."""
    found: dict[str, Any] = server.get("lease", LEASE, "--namespace=default")["spec"]
    return found


async def renewed(server: Server, times: int) -> None:
    """Wait until the Lease was renewed so often."""
    seen: set[str] = set()
    async with asyncio.timeout(PATIENCE):
        while len(seen) < times:
            seen.add((await asyncio.to_thread(spec, server))["renewTime"])


async def test_the_first_leads_and_lets_go_for_the_next(server: Server, api: ApiClient) -> None:
    """Who stops cleanly is followed without waiting for the Lease to run out; each change of hands is counted."""
    async with AsyncExitStack() as first, asyncio.timeout(PATIENCE):
        one = await first.enter_async_context(standing(api, surroundings("one")))
        await one.gained()
        assert (spec(server)["holderIdentity"], spec(server)["leaseTransitions"]) == ("one", 0)
        async with standing(api, surroundings("two")) as two:
            await first.aclose()
            assert not one.leading()
            await two.gained()
            assert (spec(server)["holderIdentity"], spec(server)["leaseTransitions"]) == ("two", 1)
    assert spec(server)["holderIdentity"] == ""


@pytest.mark.parametrize("skew", [timedelta(days=1), timedelta(days=-1)])
async def test_wrong_clocks_take_nothing_from_anybody(server: Server, api: ApiClient, skew: timedelta) -> None:
    """Who believes in another day waits as long as everybody: what counts is that the Lease goes on changing."""
    async with standing(api, surroundings("one")) as one:
        await one.gained()
        async with standing(api, surroundings("two", skew)) as two:
            await renewed(server, 10)
            assert (one.leading(), two.leading()) == (True, False)
    assert spec(server)["leaseTransitions"] <= 1


async def test_a_lease_that_another_takes_is_lost_at_once(server: Server, api: ApiClient) -> None:
    """Whatever its times say, the holder's name in the Lease decides."""
    async with standing(api, surroundings("one")) as one:
        await one.gained()
        lost = asyncio.create_task(one.lost())
        taken = '{"spec":{"holderIdentity":"usurper","leaseDurationSeconds":2}}'
        await asyncio.to_thread(
            server.kubectl, "patch", "lease", LEASE, "--namespace=default", "--type=merge", "-p", taken
        )
        async with asyncio.timeout(PATIENCE):
            await lost
            await one.gained()  # the usurper renews nothing
    assert spec(server)["leaseTransitions"] == 1


async def test_a_deleted_lease_is_made_anew(server: Server, api: ApiClient) -> None:
    """Its holder notices, stops, and stands again like anybody else."""
    async with standing(api, surroundings("one")) as one:
        await one.gained()
        lost = asyncio.create_task(one.lost())
        await asyncio.to_thread(server.kubectl, "delete", "lease", LEASE, "--namespace=default")
        async with asyncio.timeout(PATIENCE):
            await lost
            await one.gained()
        assert spec(server)["holderIdentity"] == "one"


async def test_leadership_ends_with_the_clock_alone(server: Server, api: ApiClient) -> None:
    """Nothing has to run for it to end, and its end wakes whoever waits for it."""
    later = 0.0
    who = surroundings("one")
    who = replace(who, elapsed=lambda: time.monotonic() + later)
    leadership = LeaseLeadership(api, "default", who, timings=QUICK)
    task = asyncio.create_task(leadership.run())
    await leadership.gained()
    lost = asyncio.create_task(leadership.lost())
    task.cancel()
    assert leadership.leading()
    later = QUICK.deadline
    assert not leadership.leading()
    async with asyncio.timeout(PATIENCE):
        await lost
    await asyncio.gather(task, return_exceptions=True)


async def test_who_stood_still_while_it_asked_does_not_lead(server: Server, api: ApiClient) -> None:
    """What counts is when it asked, not when it heard that it may: others have been counting since then."""
    later = 0.0

    def stand_still(_: object) -> None:
        nonlocal later
        later += QUICK.deadline

    api.configuration.refresh_api_key_hook = stand_still  # called in each request, before it leaves
    who = replace(surroundings("one"), elapsed=lambda: time.monotonic() + later)
    leadership = LeaseLeadership(api, "default", who, timings=QUICK)
    await leadership._stand()
    assert (later > 0, spec(server)["holderIdentity"], leadership.leading()) == (True, "one", False)


def test_timings_that_would_let_two_lead_are_refused() -> None:
    """A write that begins at the last moment has to end before the Lease does."""
    with pytest.raises(ValueError, match="a write may take 4 s"):
        Timings(duration=15, deadline=12)


@dataclass
class Candidate:
    """A process that stands, and when it told what."""

    process: asyncio.subprocess.Process
    told: list[tuple[str, float]] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def follow(self) -> None:
        """Read what it tells."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            async with self._news:
                self.told.append((line.decode().strip(), time.monotonic()))
                self._news.notify_all()

    async def told_that(self, event: str, after: int = 0) -> float:
        """Wait until it tells something, after so many other things; when that was."""

        def found() -> list[float]:
            return [when for what, when in self.told[after:] if what == event]

        async with self._news, asyncio.timeout(PATIENCE):
            await self._news.wait_for(found)
        return found()[0]


@asynccontextmanager
async def candidate(kubeconfig: Path, namespace: str, name: str) -> AsyncIterator[Candidate]:
    """A process that stands; killed in the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(CANDIDATE),
        str(kubeconfig),
        namespace,
        name,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    made = Candidate(process)
    following = asyncio.create_task(made.follow())
    try:
        yield made
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await following


Undo = Callable[[], Any]


def killed(leader: Candidate, line: Line) -> Undo | None:
    """It is gone without a word."""
    leader.process.send_signal(signal.SIGKILL)
    return None


def stopped(leader: Candidate, line: Line) -> Undo | None:
    """It stands still and knows nothing of it, then goes on."""
    leader.process.send_signal(signal.SIGSTOP)
    return lambda: leader.process.send_signal(signal.SIGCONT)


def frozen(leader: Candidate, line: Line) -> Undo | None:
    """Its connections lead nowhere any more, though none has ended; then they do again."""
    line.freeze()
    return line.thaw


def refused(leader: Candidate, line: Line) -> Undo | None:
    """Its connections are cut, and new ones too; then they are taken again."""
    line.refuse()
    return lambda: line.refuse(refuses=False)


async def hand_over(server: Server, gone: Callable[[Candidate, Line], Undo | None]) -> tuple[float, list[str]]:
    """How long a follower took from the leader's end to its first write, and who wrote, in the API server's order."""
    namespace = f"lease-{gone.__name__}"
    await asyncio.to_thread(server.kubectl, "create", "namespace", namespace)
    async with AsyncExitStack() as stack:
        line = await stack.enter_async_context(Line(port_of(server.kubeconfig)))
        by_line = line.kubeconfig(server.kubeconfig, server.folder / f"{namespace}.kubeconfig")
        leader = await stack.enter_async_context(candidate(by_line, namespace, "leader"))
        await leader.told_that("wrote")
        follower = await stack.enter_async_context(candidate(server.kubeconfig, namespace, "follower"))
        await follower.told_that("stands")
        await leader.told_that("wrote", after=len(leader.told))
        ended, told = time.monotonic(), len(leader.told)
        undo = gone(leader, line)
        took = await follower.told_that("wrote") - ended
        if undo is not None:
            undo()
            await leader.told_that("lost", after=told)
        await follower.told_that("wrote", after=len(follower.told))
    written = (await asyncio.to_thread(server.get, "configmaps", "--namespace", namespace))["items"]
    ordered = sorted(written, key=lambda one: int(one["metadata"]["resourceVersion"]))
    return took, [one["metadata"]["name"].partition("-")[0] for one in ordered]


async def test_another_process_takes_over_and_never_do_two_write(server: Server) -> None:
    """Killed, stopped, cut off in silence and cut off with noise: followed in time, and no write of the earlier after.

    All four at once, each with a Lease of its own and the timings that are used in earnest.
    """
    ways = [killed, stopped, frozen, refused]
    results = await asyncio.gather(*(hand_over(server, way) for way in ways))
    for way, (took, writers) in zip(ways, results, strict=True):
        assert took < HANDOVER, way.__name__
        changes = [writer for before, writer in zip(["", *writers], writers, strict=False) if writer != before]
        assert changes == ["leader", "follower"], way.__name__
