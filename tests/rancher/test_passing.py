"""Calls that pass through: streamed both ways, with the ends that they have, and with nothing made up."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from raw_upstream import Peer, RawUpstream, Script, serving_context

from app.gate.port import AnswerLostError, Headers, NotSentError
from app.rancher.passing import Passing
from app.rancher.upstream import Upstream

TARGET = b"/v1/catalog.cattle.io.clusterrepos?x=%2F..%2f"
LENGTH = (b"content-length", b"6")
Passings = Callable[[RawUpstream], Passing]


@pytest.fixture
def passing() -> Iterator[Passings]:
    """What passes calls to a server; closed in the end."""
    made: list[Passing] = []

    def to(server: RawUpstream) -> Passing:
        made.append(Passing(server.upstream, lambda *_: None))
        return made[-1]

    yield to
    for one in made:
        one.close()


async def whole(to: Passing, method: bytes = b"GET", headers: Headers = (), body: bytes | None = None) -> bytes:
    """Pass a call and read its answer."""
    async with to.passed(method, TARGET, headers, None if body is None else given(body)) as answer:
        return b"".join([part async for part in answer.parts])


async def status(to: Passing, body: AsyncIterator[bytes]) -> int:
    """Pass a POST and see how it is answered."""
    async with to.passed(b"POST", TARGET, (), body) as answer:
        return answer.status


async def given(*chunks: bytes) -> AsyncIterator[bytes]:
    """A body."""
    for chunk in chunks:
        yield chunk


def answering(*answers: bytes) -> Script:
    """Answer each request on a connection with these bytes, then hang up."""

    async def script(peer: Peer) -> None:
        for answer in answers:
            await peer.request()
            await peer.send(answer)

    return script


async def test_both_ways_are_streams(passing: Passings) -> None:
    """A chunk reaches the server before the next is there, and a part of the answer the client likewise."""
    turn: asyncio.Queue[bytes] = asyncio.Queue()

    async def script(peer: Peer) -> None:
        head = await peer.reader.readuntil(b"\r\n\r\n")
        assert b"\r\nTransfer-Encoding: chunked\r\n" in head
        assert await peer.reader.readexactly(8) == b"3\r\none\r\n"
        turn.put_nowait(b"two")
        assert await peer.reader.readexactly(13) == b"3\r\ntwo\r\n0\r\n\r\n"
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in (b"data: 1\n\n", b": still here\n\n"):
            await peer.send(b"%x\r\n%b\r\n" % (len(event), event))
            assert await turn.get() == event
        await peer.send(b"0\r\nTrailer: lost\r\n\r\n")

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        yield await turn.get()

    async with (
        RawUpstream(script, serving_context()) as server,
        passing(server).passed(b"POST", TARGET, (), body()) as answer,
    ):
        assert (b"Content-Type", b"text/event-stream") in answer.headers
        async for part in answer.parts:
            turn.put_nowait(part)


async def test_a_length_goes_on_as_a_length(passing: Passings) -> None:
    """A body whose length the client told is sent with that length and not in chunks."""

    async def script(peer: Peer) -> None:
        assert await peer.request() == b"abcdef"
        assert peer.header(b"content-length") == b"6"
        assert peer.header(b"transfer-encoding") is None
        assert peer.head.split(b" ")[1] == TARGET
        await peer.answer(b"fine")

    async with RawUpstream(script) as server:
        assert await whole(passing(server), b"PUT", (LENGTH,), b"abcdef") == b"fine"


@pytest.mark.parametrize(
    ("method", "head", "length"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n", b"12345"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 12345\r\n\r\n", b"12345"),
        (b"DELETE", b"HTTP/1.1 204 No Content\r\n\r\n", None),
        (b"GET", b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"0"),
        (b"GET", b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n", b"0"),
    ],
)
async def test_answers_without_a_body_end(passing: Passings, method: bytes, head: bytes, length: bytes | None) -> None:
    """Answers that have no body end at once, whatever length they tell; a redirect is an answer like any other."""
    async with (
        RawUpstream(answering(head)) as server,
        passing(server).passed(method, TARGET, (), None) as answer,
    ):
        assert [part async for part in answer.parts] == []
        assert dict(answer.headers).get(b"Content-Length") == length
        assert len(server.peers) == 1


async def test_a_body_stays_compressed(passing: Passings) -> None:
    """What says that it is compressed is passed on as it is, be it so or not."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x00"
    async with RawUpstream(answering(answer)) as server:
        assert await whole(passing(server)) == b"\x1f\x8b\x00"


async def test_a_server_that_does_not_read_is_waited_for(passing: Passings) -> None:
    """While Rancher does not read, no more is asked of the client than the system's buffers hold."""
    blocked = asyncio.Event()
    taken = 0

    async def script(peer: Peer) -> None:
        await blocked.wait()
        await peer.answer(b"enough", "413 Content Too Large")
        await peer.gone()

    async def body() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield bytes(65536)

    async with RawUpstream(script) as server:
        entering = asyncio.ensure_future(status(passing(server), body()))
        before = -1
        while before != taken:  # until the loop has nothing to do but to wait for the server
            before = taken
            for _ in range(100):
                await asyncio.sleep(0)
        assert taken < 1000
        blocked.set()
        assert await entering == 413


async def test_a_client_that_does_not_read_is_waited_for(passing: Passings) -> None:
    """While the client does not read, Rancher is not read from beyond the buffers, and all arrives in the end."""
    size = 64 << 20
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            await peer.send(bytes(1 << 16))
            sent += 1 << 16

    async with RawUpstream(script) as server, passing(server).passed(b"GET", TARGET, (), None) as answer:
        before = -1
        while before != sent:
            before = sent
            for _ in range(100):
                await asyncio.sleep(0)
        assert sent < size / 2
        assert sum([len(part) async for part in answer.parts]) == size


async def test_leaving_hangs_up_on_rancher(passing: Passings) -> None:
    """When the client has gone, in the answer or before it, Rancher sees its connection end."""
    gone = asyncio.Event()
    asked = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        if len(server.peers) == 1:
            await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        asked.set()
        await peer.gone()
        gone.set()

    async with RawUpstream(script) as server:
        to = passing(server)
        async with to.passed(b"GET", TARGET, (), None) as answer:
            assert await anext(answer.parts) == b"one"
        await gone.wait()
        asked.clear()
        gone.clear()
        asking = asyncio.ensure_future(whole(to))
        await asked.wait()
        asking.cancel()
        await gone.wait()


async def test_a_body_that_fails_leaves_the_request_unfinished(passing: Passings) -> None:
    """When the client goes in the middle of its body, Rancher gets no end of it, and the error is the body's own."""
    rest: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        rest.set_result(await peer.reader.read())

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        raise LookupError

    async with RawUpstream(script) as server:
        with pytest.raises(LookupError):
            async with passing(server).passed(b"POST", TARGET, (), body()):
                pass
        assert await rest in {b"", b"3\r\none\r\n"}  # what is on its way when one hangs up may be lost


@pytest.mark.parametrize("chunks", [(b"abc",), (b"abc", b"defg")])
async def test_a_body_that_is_not_as_long_as_it_said_is_not_made_so(passing: Passings, chunks: tuple[bytes]) -> None:
    """A body shorter or longer than its length ends the connection, and is never sent as if it were whole."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b"never")

    async with RawUpstream(script) as server:
        with pytest.raises(AnswerLostError, match="the body is not as long as its length says"):
            async with passing(server).passed(b"POST", TARGET, (LENGTH,), given(*chunks)):
                pass


async def test_an_answer_before_the_body_ended_is_passed_on(passing: Passings) -> None:
    """Where Rancher answers while the client still sends, the answer is told at once and the rest is not asked for."""
    closed = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.answer(b"no", "401 Unauthorized")
        await peer.gone()

    async def body() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with RawUpstream(script, serving_context()) as server:
        async with passing(server).passed(b"POST", TARGET, (), body()) as answer:
            assert answer.status == 401
            assert b"".join([part async for part in answer.parts]) == b"no"
        assert closed.is_set()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\nzz\r\n",
    ],
)
async def test_an_answer_that_breaks_off_does_not_end(passing: Passings, answer: bytes) -> None:
    """Where the answer's body breaks off, its reader learns that after what there was, and never sees an end."""
    async with RawUpstream(answering(answer)) as server, passing(server).passed(b"GET", TARGET, (), None) as passed:
        assert await anext(passed.parts) == b"one"
        with pytest.raises(AnswerLostError, match="cut short"):
            await anext(passed.parts)


async def test_reads_share_connections_and_writes_have_their_own(passing: Passings) -> None:
    """Calls without effect go over a connection that is kept; each that has one over a new one."""
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with RawUpstream(answering(*[plain] * 9)) as server:
        to = passing(server)
        for _ in range(3):
            assert await whole(to) == b"ok"
        assert len(server.peers) == 1
        for _ in range(3):
            assert await whole(to, b"POST", (LENGTH,), b"abcdef") == b"ok"
        assert await whole(to, b"DELETE") == b"ok"
        assert len(server.peers) == 5


async def test_a_kept_connection_that_broke_is_made_good_for_once(passing: Passings) -> None:
    """A read that meets the end of a kept connection is sent again on a new one; one on a new one never is."""
    silent = False

    async def script(peer: Peer) -> None:
        await peer.request()
        if not silent:
            await peer.answer(b"ok")
            await peer.request()  # and hang up without an answer

    async with RawUpstream(script) as server:
        to = passing(server)
        assert await whole(to) == b"ok"
        assert await whole(to) == b"ok"
        assert len(server.peers) == 2
        silent = True
        with pytest.raises(AnswerLostError, match="without a whole answer"):
            await whole(to)
        assert len(server.peers) == 3
        with pytest.raises(AnswerLostError):
            await whole(to)
        assert len(server.peers) == 4


async def test_what_came_unasked_is_nobodys_answer(passing: Passings) -> None:
    """Bytes after an answer's end are not taken for the answer to the next request, be it the same user's or not."""
    twice = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none" + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad"
    async with RawUpstream(answering(twice, twice)) as server:
        to = passing(server)
        assert [await whole(to), await whole(to)] == [b"one", b"one"]
        assert len(server.peers) == 2


async def test_what_comes_late_is_nobodys_answer(passing: Passings) -> None:
    """Bytes that come on a kept connection while nobody asks end it, and the next request goes over another."""
    late = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b"one")
        await late.wait()
        await peer.answer(b"bad", "408 Request Timeout")
        sent.set()
        await peer.gone()

    sent = asyncio.Event()
    async with RawUpstream(script) as server:
        to = passing(server)
        assert await whole(to) == b"one"
        late.set()
        await sent.wait()
        assert await whole(to) == b"one"
        assert len(server.peers) == 2


async def test_no_connection_is_told_apart_from_no_answer() -> None:
    """Where there is no connection the error says that nothing was sent."""
    to = Passing(Upstream("http", "rancher.invalid", 80, None), lambda *_: None)
    with pytest.raises(NotSentError, match="There is no connection to Rancher: it has a name that cannot be resolved"):
        await whole(to)
