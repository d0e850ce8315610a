"""What the client makes of answers, good and bad, on the bytes that servers and proxies write."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from raw_upstream import Peer, RawUpstream

from app.core.gate.reading import Unread
from app.gate.port import Credential, Nudged, Place, Reply
from app.rancher.client import LARGEST_USER, RancherClient
from app.rancher.helm_log import LONGEST, tail_of
from app.rancher.wire_errors import SilentError

PLACE = Place("c-m-1", "harvester", "/k8s/clusters/c-m-1")
NAMESPACE = "cattle-ui-plugin-system"
ANYBODY = Credential(((b"Cookie", b"R_SESS=x"), (b"User-Agent", b"Mozilla/5.0"), (b"X-Api-Csrf", b"y")))
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
NOT_FOUND = "404 Not Found"


@asynccontextmanager
async def answering(*answers: tuple[str, bytes]) -> AsyncIterator[tuple[RancherClient, RawUpstream]]:
    """A client of a server that gives these answers, the last one again and again."""
    left = list(answers)

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            status, body = left.pop(0) if len(left) > 1 else left[0]
            await peer.answer(body, status)

    async with RawUpstream(script) as server:
        client = RancherClient(server.upstream, lambda *_: None)
        yield client, server
        client.close()


def rancher_says(code: str, message: str) -> bytes:
    """An error of Rancher's, with its type twice."""
    text = json.dumps({"type": "error", "links": {}, "code": code, "message": message, "status": 404})
    return text.removesuffix("}").encode() + b',"type":"error"}'


def kubernetes_says(name: str) -> bytes:
    """A Status of Kubernetes'."""
    return json.dumps({"kind": "Status", "reason": "NotFound", "details": {"name": name}, "code": 404}).encode()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        ("200 OK", b'{"kind":"App"}', {"kind": "App"}),
        ("200 OK", b"[]", Unread.FAILED),
        ("200 OK", b"<!DOCTYPE html>", Unread.FAILED),
        ("200 OK", b"", Unread.FAILED),
        ("200 OK", b"[" * 100_000, Unread.FAILED),
        ("200 OK", b'{"a":"\xff"}', Unread.FAILED),
        ("201 Created", b"{}", Unread.FAILED),
        ("302 Found", b"{}", Unread.FAILED),
        ("401 Unauthorized", b'{"type":"error","status":"401","message":"must authenticate"}', Unread.FAILED),
        ("403 Forbidden", b"", Unread.FORBIDDEN),
        (NOT_FOUND, kubernetes_says("harvester"), Unread.ABSENT),
        (NOT_FOUND, rancher_says("NotFound", 'apps.catalog.cattle.io "harvester" not found'), Unread.ABSENT),
        (NOT_FOUND, kubernetes_says("another"), Unread.NOT_SERVED),
        (NOT_FOUND, rancher_says("NotFound", 'clusters.management.cattle.io "c-m-1" not found'), Unread.NOT_SERVED),
        (NOT_FOUND, b"", Unread.NOT_SERVED),
        (NOT_FOUND, b"404 page not found\n", Unread.NOT_SERVED),
        ("500 Internal Server Error", rancher_says("ServerError", "EOF"), Unread.FAILED),
        ("503 Service Unavailable", b"no healthy upstream", Unread.FAILED),
    ],
)
async def test_an_answer_is_the_object_or_why_there_is_none(status: str, body: bytes, expected: Any) -> None:
    """An object is read from a 200 alone; what else is answered says whether the object is absent or just unread."""
    async with answering((status, body)) as (client, server):
        assert await client.app(PLACE, NAMESPACE, "harvester", ANYBODY) == expected
        target = server.peers[0].head.split(b" ")[1].decode()
        assert target == f"/k8s/clusters/c-m-1/apis/catalog.cattle.io/v1/namespaces/{NAMESPACE}/apps/harvester"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"kind":"OperationList","metadata":{},"items":[]}', {"kind": "OperationList", "metadata": {}, "items": []}),
        (b'{"kind":"OperationList","metadata":{"continue":"abc"},"items":[]}', Unread.FAILED),
        (b'{"kind":"OperationList"}', Unread.FAILED),
        (b'{"kind":"OperationList","items":null}', Unread.FAILED),
    ],
)
async def test_a_list_is_whole_or_none(body: bytes, expected: Any) -> None:
    """A list of which there is more, or that is none, is FAILED: a baseline must not miss what is there."""
    async with answering(("200 OK", body)) as (client, _):
        assert await client.operations(PLACE, NAMESPACE, ANYBODY) == expected


async def test_a_list_of_what_is_not_served_is_not_absent() -> None:
    """A 404 for a list is about the kind, whatever it says: a list is never absent."""
    for body in (b'{"kind":"Status","reason":"NotFound","details":{}}', rancher_says("NotFound", '"" not found')):
        async with answering((NOT_FOUND, body)) as (client, _):
            assert await client.operations(PLACE, NAMESPACE, ANYBODY) is Unread.NOT_SERVED


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a?b", "a%2fb", "A", "a b", "é", "x" * 254])
async def test_an_impossible_name_is_absent_without_asking(name: str) -> None:
    """No name gets into a URL that Kubernetes would not give: no object has it."""
    async with answering(("200 OK", b"{}")) as (client, server):
        assert await client.app(PLACE, NAMESPACE, name, ANYBODY) is Unread.ABSENT
        assert await client.app(PLACE, name, "harvester", ANYBODY) is Unread.ABSENT
        assert await client.operation(PLACE, NAMESPACE, name, ANYBODY) is Unread.ABSENT
        assert await client.operations(PLACE, name, ANYBODY) is Unread.ABSENT
        assert await client.ui_plugin(PLACE, NAMESPACE, name, ANYBODY) is Unread.ABSENT
        assert await client.helm_log(PLACE, NAMESPACE, name, ANYBODY) is Unread.ABSENT
        assert server.peers == []


async def test_a_read_carries_the_credential_and_nothing_of_ours() -> None:
    """A read has the caller's headers as they are and asks for JSON, and there is nothing else in it."""
    async with answering(("200 OK", b"{}")) as (client, server):
        await client.repository(PLACE, ANYBODY)
        assert server.peers[0].head.decode().split("\r\n") == [
            "GET /k8s/clusters/c-m-1/v1/catalog.cattle.io.clusterrepos/harvester HTTP/1.1",
            f"Host: 127.0.0.1:{server.port}",
            "Cookie: R_SESS=x",
            "User-Agent: Mozilla/5.0",
            "X-Api-Csrf: y",
            "Accept: application/json",
            "",
            "",
        ]


async def test_an_index_is_its_versions() -> None:
    """Of an index the charts and their versions are kept, and one that is none is FAILED."""
    index = {"entries": {"a": [{"version": "1", "urls": ["x"]}, {"version": "2"}], "b": None}, "generated": "now"}
    async with answering(("200 OK", json.dumps(index).encode()), ("200 OK", b'{"entries":[1]}')) as (client, server):
        expected = {"entries": {"a": [{"version": "1"}, {"version": "2"}], "b": []}}
        assert await client.index(PLACE, ANYBODY) == expected
        assert b"?link=index&skipFilter=true " in server.peers[0].head
        assert await client.index(PLACE, ANYBODY) is Unread.FAILED


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"data":[{"id":"u-abc12"}]}', "u-abc12"),
        (b'{"data":[]}', Unread.FAILED),
        (b'{"data":[{"id":"u-1"},{"id":"u-2"}]}', Unread.FAILED),
        (b'{"data":[{"id":"../x"}]}', Unread.FAILED),
        (b'{"data":[{"id":7}]}', Unread.FAILED),
        (b'{"data":[{"id":"u-abc12"}]}'.ljust(LARGEST_USER), "u-abc12"),
        (b'{"data":[{"id":"u-abc12"}]}'.ljust(LARGEST_USER + 1), Unread.FAILED),
    ],
)
async def test_a_user_is_one_user(body: bytes, expected: Any) -> None:
    """The caller is known only where Rancher names exactly one user by an id, and says not much more."""
    async with answering(("200 OK", body)) as (client, _):
        assert await client.user(ANYBODY) == expected


async def test_only_a_401_is_ranchers_refusal() -> None:
    """A 401 comes back as it came, with its headers; a 403 or a 500 is FAILED."""
    for status in ("403 Forbidden", "500 Internal Server Error"):
        async with answering((status, b"{}")) as (client, _):
            assert await client.user(ANYBODY) is Unread.FAILED
    async with answering(("401 Unauthorized", b"no")) as (client, _):
        assert await client.user(ANYBODY) == Reply(401, ((b"Content-Length", b"2"),), b"no")


@pytest.mark.parametrize(
    ("written", "expected", "times"),
    [
        (["200 OK"], Nudged.DONE, 1),
        (["409 Conflict", "409 Conflict", "200 OK"], Nudged.DONE, 3),
        (["409 Conflict"] * 9, Nudged.FAILED, 5),
        (["403 Forbidden"], Nudged.FORBIDDEN, 1),
        (["422 Unprocessable Entity"], Nudged.FAILED, 1),
    ],
)
async def test_a_nudge_reads_anew_after_a_conflict(written: list[str], expected: Nudged, times: int) -> None:
    """Each write carries the resourceVersion that was read before it; conflicts are met by reading, for a few times."""
    seen: list[tuple[str, str]] = []
    version = 0

    async def script(peer: Peer) -> None:
        nonlocal version
        while True:
            body = await peer.request()
            if peer.head.startswith(b"GET"):
                version += 1
                read = {"metadata": {"resourceVersion": str(version)}, "spec": {"gitRepo": "x", "n": 2**60, "f": 1.5}}
                await peer.answer(json.dumps(read).encode())
                continue
            sent = json.loads(body)
            assert sent["spec"] == {"gitRepo": "x", "n": 2**60, "f": 1.5, "forceUpdate": "2026-09-01T12:00:00Z"}
            assert peer.header(b"content-type") == b"application/json"
            seen.append((sent["metadata"]["resourceVersion"], written[len(seen)]))
            await peer.answer(b"{}", written[len(seen) - 1])

    async with RawUpstream(script) as server:
        client = RancherClient(server.upstream, lambda *_: None)
        assert await client.nudge(PLACE, ANYBODY, NOW) is expected
        client.close()
    assert [version for version, _ in seen] == [str(number + 1) for number in range(times)]


async def test_every_exchange_is_observed() -> None:
    """Whoever counts is told what was asked, how long the answer's beginning took, and its status or 0."""
    told: list[tuple[str, int]] = []

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b"{}", "403 Forbidden")
        await peer.request()

    def observe(what: str, seconds: float, status: int) -> None:
        assert seconds >= 0
        told.append((what, status))

    async with RawUpstream(script) as server:
        client = RancherClient(server.upstream, observe)
        await client.repository(PLACE, ANYBODY)
        assert await client.operations(PLACE, NAMESPACE, ANYBODY) is Unread.FORBIDDEN
        client.close()
    assert told == [("repository", 403), ("operations", 0), ("operations", 403)]


Reading = Callable[[RancherClient], Awaitable[object]]


@pytest.mark.parametrize(
    "read",
    [
        lambda client: client.user(ANYBODY),
        lambda client: client.repository(PLACE, ANYBODY),
        lambda client: client.index(PLACE, ANYBODY),
        lambda client: client.operations(PLACE, NAMESPACE, ANYBODY),
        lambda client: client.operation(PLACE, NAMESPACE, "x", ANYBODY),
        lambda client: client.app(PLACE, NAMESPACE, "x", ANYBODY),
        lambda client: client.ui_plugin(PLACE, NAMESPACE, "x", ANYBODY),
        lambda client: client.helm_log(PLACE, NAMESPACE, "x", ANYBODY),
    ],
)
@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", b"no HTTP\r\n\r\n"])
async def test_a_read_never_raises_for_the_wire(read: Reading, sent: bytes) -> None:
    """Whatever becomes of the connection, a read is FAILED."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(sent)

    async with RawUpstream(script) as server:
        client = RancherClient(server.upstream, lambda *_: None)
        assert await read(client) is Unread.FAILED
        client.close()


async def parts(*given: bytes) -> AsyncGenerator[bytes, None]:
    """A stream."""
    for one in given:
        yield one


async def test_of_a_long_log_the_last_whole_lines_are_kept() -> None:
    """A log is cut at a line's beginning, so that no half of what a line hides is shown."""
    assert await tail_of(parts(b"one\n", b"tw\xff\n")) == "one\ntw\ufffd\n"
    line = b"password=" + b"x" * 90 + b"\n"
    tail = await tail_of(parts(*[line] * 5000, b"Error: at last\n"))
    assert len(tail) <= LONGEST
    assert tail.endswith("Error: at last\n")
    assert set(tail.splitlines()[:-1]) == {line.decode().strip()}


async def test_a_log_that_does_not_end_is_what_came_in_time() -> None:
    """A stream that stays open gives what it had, and fails if it had nothing."""

    async def endless(*given: bytes) -> AsyncGenerator[bytes, None]:
        for one in given:
            yield one
        await asyncio.Event().wait()

    assert await tail_of(endless(b"so far\n"), 0.05) == "so far\n"
    with pytest.raises(SilentError):
        await tail_of(endless(), 0.05)
