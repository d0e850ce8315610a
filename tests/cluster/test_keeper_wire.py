"""What the keeper's watch makes of answers that a real API server gives seldom: a scripted one gives them."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

import pytest
from aiohttp import web
from keeper_client import PATIENCE, SURROUNDINGS, Follower, guard
from kubernetes.aio.client import ApiClient, Configuration

from app.cluster.keeper import KubernetesKeeperCluster
from app.cluster.reflecting import Pace
from app.keeper.port import Broken, Gone, Seen, Synced, Watched

BRISK = Pace(first=0.01)
KIND = Watched(guard("upgrades"), "v1", "Upgrade", namespaced=True, status_subresource=False)
TOO_OLD = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}


def upgrade(name: str, version: int, uid: str = "", **status: Any) -> dict[str, Any]:
    """An object."""
    created = "2026-01-01T00:00:00Z"
    metadata = {"name": name, "namespace": "one", "uid": uid or name, "resourceVersion": str(version)}
    return {"metadata": metadata | {"creationTimestamp": created}, "status": status}


def listed(version: int, *items: dict[str, Any], more: str = "") -> bytes:
    """A page."""
    return json.dumps({"metadata": {"resourceVersion": str(version), "continue": more}, "items": items}).encode()


def event(kind: str, body: dict[str, Any]) -> bytes:
    """A line of a watch."""
    return json.dumps({"type": kind, "object": body}).encode() + b"\n"


@dataclass
class Given:
    """An answer: its code, and the parts of its body; it goes on for ever if it does not end."""

    parts: Sequence[bytes] = ()
    status: int = HTTPStatus.OK
    begins: bool = True
    ends: bool = True


@dataclass
class Scripted:
    """An API server that answers as told, in order, and then keeps silent."""

    answers: list[Given]
    asked: list[dict[str, str]] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until_asked(self, times: int) -> None:
        """Wait until so many questions have come."""
        async with self._news, asyncio.timeout(PATIENCE):
            await self._news.wait_for(lambda: len(self.asked) >= times)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The next answer."""
        async with self._news:
            self.asked.append(dict(request.query))
            self._news.notify_all()
        given = self.answers.pop(0) if self.answers else Given(ends=False)
        if not given.begins:
            await asyncio.Event().wait()
        response = web.StreamResponse(status=given.status)
        await response.prepare(request)
        for part in given.parts:
            await response.write(part)
        if not given.ends:
            await asyncio.Event().wait()
        return response


@asynccontextmanager
async def following(
    *answers: Given, pace: Pace = BRISK, sleep: Callable[[float], Any] = asyncio.sleep
) -> AsyncIterator[tuple[Follower, Scripted]]:
    """Somebody who follows a scripted API server."""
    scripted = Scripted(list(answers))
    application = web.Application()
    application.router.add_get("/{path:.*}", scripted.answer)
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with ApiClient(Configuration(host=f"http://127.0.0.1:{port}")) as api:
            around = replace(SURROUNDINGS, sleep=sleep, chance=random.Random(1))
            cluster = KubernetesKeeperCluster(api, "keeper", around, pace=pace)
            async with Follower(cluster.watch(KIND)) as follower:
                yield follower, scripted
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "too_old",
    [
        Given(status=410, parts=[json.dumps(TOO_OLD).encode()]),
        Given(status=400, parts=[b'{"message":"invalid resource version"}']),
        Given(parts=[event("ERROR", TOO_OLD)]),
        Given(parts=[event("ERROR", {"code": 504, "message": "Too large resource version"})]),
    ],
    ids=["answer", "no version", "event", "from the future"],
)
async def test_what_cannot_be_resumed_is_listed_again(too_old: Given) -> None:
    """Whichever way it is said: a list follows, which shows what differs, and it is no trouble to tell of."""
    first = Given(parts=[listed(5, upgrade("still", 3), upgrade("moves", 4), upgrade("goes", 5), upgrade("again", 2))])
    then = Given(parts=[listed(9, upgrade("still", 3), upgrade("moves", 8), upgrade("again", 9, uid="another"))])
    async with following(first, too_old, then) as (follower, scripted):
        await follower.until(lambda seen: sum(isinstance(one, Synced) for one in seen) == 2)
        happened = follower.seen[5:]
    assert [one.object.name for one in happened if isinstance(one, Seen)] == ["moves", "again"]
    assert [(one.name, one.uid) for one in happened if isinstance(one, Gone)] == [("again", "again"), ("goes", "goes")]
    assert not [one for one in follower.seen if isinstance(one, Broken)]
    assert [query.get("resourceVersion") for query in scripted.asked[:3]] == [None, "5", None]


async def test_pages_that_expire_begin_anew() -> None:
    """The second page is no longer to be had: the first is asked for again, and it says where the watch begins."""
    one, two = upgrade("one", 1), upgrade("two", 2)
    expired = Given(status=410, parts=[json.dumps({**TOO_OLD, "metadata": {"continue": "inconsistent"}}).encode()])
    answers = [Given(parts=[listed(5, one, more="t")]), expired]
    answers += [Given(parts=[listed(6, one, more="u")]), Given(parts=[listed(8, two)])]
    async with following(*answers) as (follower, scripted):
        assert await follower.first(Synced) == Synced(2)
        await scripted.until_asked(5)
    assert [query.get("continue") for query in scripted.asked] == [None, "t", None, "u", None]
    assert scripted.asked[4]["resourceVersion"] == "6"
    assert follower.names() == ["one", "two"]


async def test_a_bookmark_moves_what_is_resumed_from() -> None:
    """The next watch begins where the last bookmark or change was; an error on the way is told and changes nothing."""
    answers = [
        Given(parts=[listed(5, upgrade("one", 1))]),
        Given(parts=[event("BOOKMARK", {"metadata": {"resourceVersion": "70"}})]),
        Given(parts=[event("ERROR", {"code": 500, "message": "etcd is unwell"})]),
        Given(parts=[event("MODIFIED", upgrade("one", 80))], ends=False),
    ]
    async with following(*answers) as (follower, scripted):
        assert "500, etcd is unwell" in (await follower.first(Broken)).why
        await follower.shown("80")
    assert [query.get("resourceVersion") for query in scripted.asked] == [None, "5", "70", "70"]
    assert all(query["allowWatchBookmarks"] == "true" for query in scripted.asked[1:])
    assert [type(one) for one in follower.seen] == [Seen, Synced, Broken, Synced, Seen]


async def test_changes_of_an_earlier_object_are_not_taken_for_a_later_ones() -> None:
    """A name that is another object now: the first is gone before the second is there, and its end comes to nothing."""
    changes = [
        event("ADDED", upgrade("one", 6, uid="second")),
        event("ADDED", upgrade("one", 6, uid="second")),
        event("DELETED", upgrade("one", 7, uid="first")),
        event("MODIFIED", upgrade("one", 8, uid="second")),
    ]
    answers = [Given(parts=[listed(5, upgrade("one", 1, uid="first"))]), Given(parts=changes, ends=False)]
    async with following(*answers) as (follower, _):
        await follower.shown("8")
    assert follower.seen[2] == Gone("one", "one", "first")
    assert [type(one) for one in follower.seen] == [Seen, Synced, Gone, Seen, Seen]


async def test_lines_may_be_long_and_come_in_pieces() -> None:
    """Three megabytes in one object; and half a line at the end of a stream is none."""
    line = event("MODIFIED", upgrade("one", 6, bulk="x" * 3_000_000))
    half = event("MODIFIED", upgrade("one", 7))[:-20]
    pieces = [line[:10], line[10:2_000_000], line[2_000_000:] + half]
    last = Given(parts=[b"\n" + event("MODIFIED", upgrade("one", 8))], ends=False)
    answers = [Given(parts=[listed(5, upgrade("one", 1))]), Given(parts=pieces), last]
    async with following(*answers) as (follower, scripted):
        one = await follower.shown("6")
        assert len(bytes(one.content.status)) > 3_000_000
        await follower.shown("8")
    assert scripted.asked[2]["resourceVersion"] == "6"


@pytest.mark.parametrize(
    "nonsense", [b"<html>\n", event("MODIFIED", {"metadata": {}}), b'{"type":"ADDED"}\n', b"\xff\n", event("NEW", {})]
)
async def test_what_no_api_server_sends_is_said(nonsense: bytes) -> None:
    """The words name the kind or the object's part, never a value; then it is tried again."""
    answers = [Given(parts=[listed(5, upgrade("one", 1))]), Given(parts=[nonsense])]
    answers.append(Given(parts=[event("MODIFIED", upgrade("one", 6))], ends=False))
    async with following(*answers) as (follower, _):
        assert "cannot" in (await follower.first(Broken)).why
        await follower.shown("6")


async def test_who_fails_waits_longer_each_time() -> None:
    """Pauses double up to a limit, each by chance between half and all of it; a success begins anew."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    failing = [Given(status=503, parts=[b'{"message":"the server is starting"}']) for _ in range(6)]
    answers = [*failing, Given(parts=[listed(5)]), Given(parts=[event("BOOKMARK", upgrade("", 6))]), *failing[:1]]
    async with following(*answers, pace=Pace(first=1.0, most=8.0), sleep=sleep) as (follower, _):
        await follower.until(lambda seen: sum(isinstance(one, Broken) for one in seen) == 7)
        await follower.first(Synced)
        await follower.until(lambda seen: isinstance(seen[-1], Synced) or len(pauses) == 8)
    longest = [1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 0.5, 1.0]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=False)), pauses
    assert len(set(pauses)) == len(pauses)
    assert "503, the server is starting" in (await follower.first(Broken)).why


async def test_a_watch_that_ends_at_once_each_time_is_trouble() -> None:
    """Nothing comes and nothing lasts: somebody between does not let it through, which is said after a few tries."""
    answers = [Given(parts=[listed(5)]), *(Given() for _ in range(5))]
    async with following(*answers) as (follower, _):
        assert "ends it at once, again and again" in (await follower.first(Broken)).why


async def test_a_silent_watch_is_begun_anew_when_its_time_is_over() -> None:
    """Its connection may lead nowhere; that is no trouble as long as the next one answers."""
    pace = Pace(first=0.01, watch=1.0, grace=0.1)
    async with following(Given(parts=[listed(5)]), Given(ends=False), pace=pace) as (follower, scripted):
        await scripted.until_asked(3)
    assert [type(one) for one in follower.seen] == [Synced]


async def test_an_answer_that_does_not_begin_is_trouble() -> None:
    """Somebody takes the connection and says nothing: whatever the watch's own time, that has its limit."""
    pace = Pace(first=0.01, grace=1000.0, begin=0.1)
    async with following(Given(parts=[listed(5)]), Given(begins=False), pace=pace) as (follower, scripted):
        assert "does not answer" in (await follower.first(Broken)).why
        await scripted.until_asked(3)
