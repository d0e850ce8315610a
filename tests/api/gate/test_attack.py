"""Attacks by callers whom Rancher does not know, or has not yet said who they are."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from gate_wire import BODY

from app.api.gate.holding import LEAST_PATIENCE
from app.api.gate.identity import AT_ONCE
from app.gate.limits import TOO_MANY_YOURS
from app.gate.port import Credential
from app.gate.progress import Cancelled

BOB = "Bearer token-bob:MARKER-bob-secret"
INDEX = "/v1/catalog.cattle.io.clusterrepos/harvester?link=index"
SIZE = len(json.dumps(BODY))

Begin = Callable[..., Awaitable[Any]]


class SlowRancher:
    """Says who somebody is when the test lets it, or after some seconds."""

    def __init__(self, seconds: float | None = None) -> None:
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self._seconds = seconds

    async def user(self, credential: Credential) -> str:
        """Who it is."""
        del credential
        self.asked.set()
        if self._seconds is None:
            await self.answers.wait()
        else:
            await asyncio.sleep(self._seconds)
        return "u-ann"


async def test_bodies_of_callers_not_known_yet_are_bounded(begin: Begin) -> None:
    """While Rancher does not say who anybody is, what callers have sent is counted, and beyond its limit is 429."""
    gate = await begin(most_body_bytes=SIZE + SIZE // 2)
    gate.engine.ends = lambda install: install.end(Cancelled())
    slow = SlowRancher()
    gate.rancher.user = slow.user
    first = await gate.begin(body=BODY)
    await slow.asked.wait()
    async with asyncio.timeout(10):
        (await gate.ask(body=BODY, authorization=BOB)).assert_problem(429, "too-many-installs")
    slow.answers.set()
    assert (await first.answer()).status == 409
    assert (await gate.ask(body=BODY, authorization=BOB)).status == 409  # there is room again


async def test_a_body_of_a_stranger_is_not_counted_for_ever(begin: Begin) -> None:
    """Whom Rancher refuses leaves no trace: the room that the body took is free again."""
    gate = await begin(most_body_bytes=SIZE + SIZE // 2)
    gate.engine.ends = lambda install: install.end(Cancelled())
    for _ in range(3):
        assert (await gate.ask(body=BODY, authorization="Bearer token-nobody:x")).status == 401
    assert (await gate.ask(body=BODY)).status == 409


async def test_a_body_of_somebody_who_left_is_not_counted_for_ever(begin: Begin) -> None:
    """Who hangs up while Rancher is asked who they are leaves the room that their body took."""
    gate = await begin(most_body_bytes=SIZE + SIZE // 2)
    gate.engine.ends = lambda install: install.end(Cancelled())
    slow = SlowRancher()
    gate.rancher.user = slow.user
    first = await gate.begin(body=BODY)
    await slow.asked.wait()
    first.close()
    async with asyncio.timeout(10):
        while gate.scene.reception.in_flight:
            await gate.ask("/openapi.json", method="GET")
    slow.answers.set()
    assert (await gate.ask(body=BODY)).status == 409


async def test_an_asynchronous_install_is_not_lost_over_a_slow_answer(begin: Begin) -> None:
    """A Rancher that takes seconds to say who calls costs an asynchronous caller those, and not the install."""
    gate = await begin()
    gate.rancher.user = SlowRancher(LEAST_PATIENCE + 0.5).user
    assert (await gate.ask(body=BODY, prefer="respond-async")).status == 202


async def test_callers_not_known_yet_are_counted(begin: Begin) -> None:
    """Whoever waits to be known takes a place, and beyond the limit is 429 before Rancher is asked."""
    gate = await begin()
    gate.engine.no_room = TOO_MANY_YOURS
    (await gate.ask(body=BODY)).assert_problem(429, "too-many-installs")
    assert gate.rancher.asked == 0
    gate.engine.no_room = None
    gate.engine.ends = lambda install: install.end(Cancelled())
    assert (await gate.ask(body=BODY)).status == 409


async def test_questions_who_somebody_is_are_bounded(begin: Begin) -> None:
    """Strangers with a token each cannot have the gate open a connection each."""
    gate = await begin()
    slow, asked = SlowRancher(), []

    async def user(credential: Credential) -> str:
        asked.append(credential)
        return await slow.user(credential)

    gate.rancher.user = user
    wires = [await gate.begin(body=BODY, authorization=f"Bearer token-{number}:x") for number in range(AT_ONCE + 3)]
    await slow.asked.wait()
    async with asyncio.timeout(10):
        while gate.scene.reception.in_flight < len(wires):
            await gate.ask("/openapi.json", method="GET")
    assert len(asked) == AT_ONCE
    gate.engine.ends = lambda install: install.end(Cancelled())
    slow.answers.set()
    assert {(await wire.answer()).status for wire in wires} == {409}


async def test_asking_who_calls_is_part_of_the_wait(begin: Begin) -> None:
    """What Rancher takes to say who calls is gone from the time for which the engine holds: it is one wait, not two."""
    gate = await begin()
    gate.engine.ends = lambda install: install.end(Cancelled())
    gate.rancher.user = SlowRancher(1.1).user
    answer = await gate.ask(body=BODY, prefer="wait=30")
    assert answer.header("preference-applied") in {None, "wait=30"}
    assert gate.engine.requests[0].preferences.wait < 30


async def test_strangers_are_not_held_for_an_index(begin: Begin) -> None:
    """A read with a token that Rancher does not know passes at once: strangers cannot take the places of users."""
    gate = await begin(hold_index=600.0)
    async with asyncio.timeout(10):
        await gate.ask(INDEX, method="GET", authorization="Bearer token-nobody:x")
    assert gate.engine.index_reads == []
    assert len(gate.upstream.calls) == 1


async def test_a_rancher_that_never_says_who_calls_ends_the_wait(begin: Begin) -> None:
    """A Rancher that takes the question and never answers holds nobody longer than they would wait."""
    gate = await begin()
    gate.rancher.user = SlowRancher().user
    async with asyncio.timeout(25):
        answer = await gate.ask(body=BODY, prefer="wait=1")
    assert answer.assert_problem(503, "rancher-unreachable")["retryAfter"] > 0
    assert gate.engine.requests == []


async def test_an_engine_that_waits_for_rancher_ends_the_wait(begin: Begin) -> None:
    """A Rancher that does not show the repository to who would join holds them no longer than they would wait."""
    gate = await begin()
    gate.engine.slow = asyncio.Event()
    async with asyncio.timeout(25):
        (await gate.ask(body=BODY, prefer="wait=1")).assert_problem(503, "rancher-unreachable")
    gate.engine.slow.set()
    install = await gate.engine.submitted()
    await asyncio.wait_for(install.ended(), 30)
    assert isinstance(install.progress.outcome, Cancelled)
