"""A connection of an install's own, to a server that fails in every way: what counts as sent is what was sent."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from functools import partial

import pytest
import uvloop
from raw_upstream import Peer, RawUpstream, serving_context, trusting_context

from app.core.gate.installation_call import Action
from app.core.gate.reading import Unread
from app.gate.port import AnswerLostError, Credential, NotSentError, Place, Post, Reply
from app.rancher.connection import OwnConnection, opened
from app.rancher.stream import connected
from app.rancher.upstream import Upstream
from app.rancher.wire_errors import BrokenError

TARGET = b"/v1/catalog.cattle.io.clusterrepos/harvester?action=install"
PLACE = Place("local", "harvester")
NOBODY = Credential(())
POST = Post(PLACE, Action.INSTALL, TARGET, ((b"Authorization", b"Bearer SECRET"),), b'{"charts":[]}')
LARGE = Post(PLACE, Action.INSTALL, TARGET, (), b"x" * (32 << 20))
"""More than the system's buffers on both ends hold."""


@pytest.fixture(params=["tls", "tcp"])
def tls(request: pytest.FixtureRequest) -> ssl.SSLContext | None:
    """What the server serves with."""
    return serving_context() if request.param == "tls" else None


@pytest.fixture
def sockets() -> Iterator[ExitStack]:
    """Sockets that end with the test."""
    with ExitStack() as stack:
        yield stack


def ignore(*_: object) -> None:
    """Observe nothing."""


async def probed(connection: OwnConnection) -> Reply:
    """Probe successfully."""
    reply = await connection.probe(PLACE, "harvester", "1.8.1", NOBODY)
    assert isinstance(reply, Reply)
    return reply


async def test_read_probe_and_install_take_one_connection(tls: ssl.SSLContext | None) -> None:
    """A read, a probe and the POST after them arrive on one connection, in their order."""
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            seen.append(peer.head.split(b"\r\n")[0])
            await peer.answer(b'{"spec":{}}')

    async with RawUpstream(script, tls) as server:
        async with opened(server.upstream, ignore) as connection:
            assert await connection.repository(PLACE, NOBODY) == {"spec": {}}
            await probed(connection)
            assert (await connection.send(POST)).status == 200
        assert len(server.peers) == 1
    path = b"/v1/catalog.cattle.io.clusterrepos/harvester"
    assert seen == [
        b"GET " + path + b" HTTP/1.1",
        b"GET " + path + b"?link=info&chartName=harvester&version=1.8.1 HTTP/1.1",
        b"POST " + TARGET + b" HTTP/1.1",
    ]


async def test_what_goes_out_is_what_was_given(tls: ssl.SSLContext | None) -> None:
    """The request on the wire has the given headers and body, Host and a length, and nothing else."""

    async def script(peer: Peer) -> None:
        assert await peer.request() == POST.body
        wanted = [f"Host: 127.0.0.1:{server.port}", "Authorization: Bearer SECRET", "Content-Length: 13"]
        assert peer.head.decode().split("\r\n")[1:-2] == wanted
        await peer.answer(b"{}", "201 Created", "X-Twice: 1", "x-twice: 2", "Content-Encoding: gzip")

    async with RawUpstream(script, tls) as server, opened(server.upstream, ignore) as connection:
        reply = await connection.send(POST)
    assert (reply.status, reply.body) == (201, b"{}")
    headers = ((b"X-Twice", b"1"), (b"x-twice", b"2"), (b"Content-Encoding", b"gzip"), (b"Content-Length", b"2"))
    assert reply.headers == headers


@pytest.mark.parametrize("end", ["close", "reset", "unasked", "told"])
async def test_an_end_after_the_probe_is_not_sent(tls: ssl.SSLContext | None, end: str) -> None:
    """Where the connection has ended after the probe, or something came unasked, no byte of the POST is written."""
    ended = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b"{}", "200 OK", *(["Connection: close"] if end == "told" else []))
        if end == "unasked":
            await peer.send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        elif end == "reset":
            peer.reset()
        elif end == "close":
            peer.close()
        ended.set()
        assert await peer.reader.read() == b""

    async with RawUpstream(script, tls) as server:
        async with opened(server.upstream, ignore) as connection:
            await probed(connection)
            await ended.wait()
            with pytest.raises(NotSentError, match=r"ended the connection before the request was written"):
                await connection.send(POST)
            with pytest.raises(NotSentError):
                await connection.send(POST)
        assert len(server.peers) == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 201 Crea", id="half a head"),
        pytest.param(b'HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{"type":', id="half a body"),
        pytest.param(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", id="no last chunk"),
        pytest.param(b'HTTP/1.1 201 Created\r\n\r\n{"type":"chart', id="half of what has no marked end"),
        pytest.param(b"HTTP/1.1 404 Not Found\r\n\r\n", id="nothing that has no marked end"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", id="another protocol"),
        pytest.param(b"SSH-2.0-SECRET\r\n\r\n", id="no HTTP"),
        pytest.param(b"HTTP/1.1 201 Created\r\nbad SECRET\r\n\r\n", id="no header"),
        pytest.param(b"HTTP/1.1 201 Created\r\nA: " + b"x" * 200_000, id="an endless header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * (5 << 20), id="too much"),
    ],
)
@pytest.mark.parametrize("reset", [False, True])
async def test_a_lost_answer_is_lost(tls: ssl.SSLContext | None, answer: bytes, *, reset: bool) -> None:
    """Where the POST was read and no whole answer came, however it ended, the POST counts as sent."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)
        if reset:
            peer.reset()

    async with RawUpstream(script, tls) as server:
        async with opened(server.upstream, ignore) as connection:
            with pytest.raises(AnswerLostError, match=r"^The request was sent to Rancher, and it.+\.$") as caught:
                await connection.send(POST)
        assert len(server.peers) == 1
    assert "SECRET" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


async def test_a_reset_in_the_middle_of_the_body_is_a_lost_answer(tls: ssl.SSLContext | None) -> None:
    """Where part of the POST was read and the connection reset, the POST counts as sent."""

    async def script(peer: Peer) -> None:
        await peer.reader.readexactly(100_000)
        peer.reset()

    async with RawUpstream(script, tls) as server, opened(server.upstream, ignore) as connection:
        with pytest.raises(AnswerLostError):
            await connection.send(LARGE)


async def test_an_answer_before_the_body_was_read_is_an_answer(tls: ssl.SSLContext | None) -> None:
    """Where the server answers without reading the body, its answer is told, and the connection is used no more."""
    told = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.answer(b"too much", "413 Content Too Large")
        await told.wait()

    async with RawUpstream(script, tls) as server, opened(server.upstream, ignore) as connection:
        reply = await connection.send(LARGE)
        told.set()
        assert (reply.status, reply.body) == (413, b"too much")
        with pytest.raises(NotSentError):
            await connection.send(POST)


async def test_an_answer_before_a_reset_is_an_answer() -> None:
    """Where the answer had come when the connection was reset, it is told: reading does not wait for being asked."""

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.answer(b"no", "401 Unauthorized")
        await arrived.wait()
        peer.reset()

    arrived = asyncio.Event()
    async with RawUpstream(script) as server, opened(server.upstream, ignore) as connection:
        sending = asyncio.ensure_future(connection.send(LARGE))
        while not connection._http._stream._received:
            await connection._http._stream._change()
        arrived.set()
        assert (await sending).status == 401


async def test_what_came_before_an_end_is_read_first(tls: ssl.SSLContext | None) -> None:
    """However a connection ended, what came before that is there to be read, and the end after it."""

    async def script(peer: Peer) -> None:
        await peer.send(b"last words")
        await arrived.wait()
        peer.reset()

    arrived = asyncio.Event()
    async with RawUpstream(script, tls) as server:
        stream = await connected(server.upstream)
        while not stream._received:
            await stream._change()
        arrived.set()
        while not stream._ended:
            await stream._change()
        assert await stream.read(None) == b"last words"
        if tls is None:  # TLS makes an order of it
            with pytest.raises(BrokenError):
                await stream.read(None)
        stream.abort()


async def test_space_around_a_value_is_left_out() -> None:
    """A value arrives without the space around it, which is no part of it."""

    async def script(peer: Peer) -> None:
        await peer.request()
        assert b"\r\nA: b c\r\n" in peer.head
        await peer.answer()

    post = Post(PLACE, Action.INSTALL, TARGET, ((b"A", b" \tb c\t "),), b"")
    async with RawUpstream(script) as server, opened(server.upstream, ignore) as connection:
        assert (await connection.send(post)).status == 200


async def test_leaving_ends_the_connection(tls: ssl.SSLContext | None) -> None:
    """When the install has ended, so does its connection."""
    gone = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer()
        await peer.gone()
        gone.set()

    async with RawUpstream(script, tls) as server:
        async with opened(server.upstream, ignore) as connection:
            await probed(connection)
        await gone.wait()


async def test_interim_answers_are_no_answers(tls: ssl.SSLContext | None) -> None:
    """1xx answers before the body was read end nothing, and the answer is the one after them."""

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        await peer.reader.readexactly(len(LARGE.body))
        await peer.answer(b"{}", "201 Created")

    async with RawUpstream(script, tls) as server, opened(server.upstream, ignore) as connection:
        assert (await connection.send(LARGE)).status == 201


@pytest.mark.parametrize("body", [b'{"type":"chartActionOutput"}', b' {"a": 1}\n'])
async def test_whole_json_needs_no_marked_end(tls: ssl.SSLContext | None, body: bytes) -> None:
    """An answer without a marked end is whole if it is one JSON object: no part of an object is one."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 201 Created\r\n\r\n" + body)

    async with RawUpstream(script, tls) as server, opened(server.upstream, ignore) as connection:
        assert (await connection.send(POST)).body == body


async def test_a_fresh_connection_can_send(tls: ssl.SSLContext | None) -> None:
    """A connection just made takes a POST without a probe, whatever TLS sends after its handshake."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer()

    async with RawUpstream(script, tls) as server:
        for _ in range(20):
            async with opened(server.upstream, ignore) as connection:
                assert (await connection.send(POST)).status == 200


async def test_a_probe_without_end_or_answer_fails(tls: ssl.SSLContext | None) -> None:
    """A probe that gets no whole answer is FAILED, and the connection takes no POST after it."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}")

    async with RawUpstream(script, tls) as server, opened(server.upstream, ignore) as connection:
        assert await connection.probe(PLACE, "harvester", "1.8.1", NOBODY) is Unread.FAILED
        with pytest.raises(NotSentError):
            await connection.send(POST)


async def test_a_chart_named_by_a_body_stays_in_its_parameter() -> None:
    """What a body gives as chart and version cannot add to the probe's URL."""

    async def script(peer: Peer) -> None:
        await peer.request()
        target = peer.head.split(b" ")[1]
        assert target.endswith(b"?link=info&chartName=a%26link%3Dindex%2F..%2F%20%C3%A9&version=1%0D%0A%23")
        await peer.answer()

    async with RawUpstream(script) as server, opened(server.upstream, ignore) as connection:
        assert isinstance(await connection.probe(PLACE, "a&link=index/../ é", "1\r\n#", NOBODY), Reply)


async def test_a_certificate_of_somebody_else_ends_it_before_it_begins() -> None:
    """No request goes to a server that another CA vouches for, or that has another name, and the error says so."""

    async def script(peer: Peer) -> None:
        assert await peer.reader.read() == b""

    async with RawUpstream(script, serving_context("rancher.example")) as server:
        with pytest.raises(NotSentError, match=r"a certificate that is not trusted \(.*127\.0\.0\.1.*\)"):
            async with opened(server.upstream, ignore):
                pass
    async with RawUpstream(script, serving_context()) as server:
        system = ssl.create_default_context()
        upstream = Upstream("https", "127.0.0.1", server.port, system)
        with pytest.raises(NotSentError, match=r"a certificate that is not trusted"):
            async with opened(upstream, ignore):
                pass


async def test_a_server_that_speaks_no_tls_or_hangs_up_is_not_sent_to() -> None:
    """Where the handshake fails or ends, nothing was sent, and the error says what happened."""

    async def plain(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def gone(peer: Peer) -> None:
        await peer.reader.readexactly(1)
        peer.reset()

    for script in (plain, gone):
        async with RawUpstream(script) as server:
            upstream = Upstream("https", "127.0.0.1", server.port, trusting_context())
            with pytest.raises(
                NotSentError, match=r"There is no connection to Rancher at https://127\.0\.0\.1:\d+: it .+\."
            ):
                async with opened(upstream, ignore):
                    pass


async def test_nobody_there_is_not_sent(sockets: ExitStack) -> None:
    """Where nobody listens, nothing was sent, and the error says so."""
    unused = sockets.enter_context(socket.socket())
    unused.bind(("127.0.0.1", 0))
    with pytest.raises(NotSentError, match="refused the connection"):
        async with opened(Upstream("http", "127.0.0.1", unused.getsockname()[1], None), ignore):
            pass
    with pytest.raises(NotSentError, match="has a name that cannot be resolved"):
        async with opened(Upstream("http", "rancher.invalid", 443, None), ignore):
            pass


async def test_silence_ends_in_time(sockets: ExitStack) -> None:
    """Where the handshake or not even the connection gets an answer, it is given up in time and not sent."""
    silent = sockets.enter_context(socket.socket())
    silent.bind(("127.0.0.1", 0))
    silent.listen(0)
    upstream = Upstream("https", "127.0.0.1", silent.getsockname()[1], trusting_context())
    with pytest.raises(NotSentError, match=r"did not answer within 0\.2 s"):
        async with opened(upstream, ignore, 0.2):
            pass
    for _ in range(3):  # what nobody accepts fills the queue, and the system answers no more
        one = sockets.enter_context(socket.socket())
        one.settimeout(0)
        one.connect_ex(silent.getsockname())
    with pytest.raises(NotSentError, match=r"did not answer within 0\.2 s"):
        async with opened(upstream, ignore, 0.2):
            pass


@pytest.mark.parametrize(
    "scenario",
    [
        test_read_probe_and_install_take_one_connection,
        test_what_goes_out_is_what_was_given,
        test_a_reset_in_the_middle_of_the_body_is_a_lost_answer,
        test_an_answer_before_the_body_was_read_is_an_answer,
        test_interim_answers_are_no_answers,
        test_a_fresh_connection_can_send,
        *(partial(test_an_end_after_the_probe_is_not_sent, end=end) for end in ("close", "reset", "unasked")),
        *(partial(test_a_lost_answer_is_lost, answer=b"", reset=reset) for reset in (False, True)),
    ],
)
def test_the_same_holds_on_uvloop(
    scenario: Callable[[ssl.SSLContext | None], Coroutine[None, None, None]], tls: ssl.SSLContext | None
) -> None:
    """What serves the gate where it is installed treats connections the same."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario(tls))
