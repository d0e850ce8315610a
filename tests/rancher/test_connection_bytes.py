"""Bytes in are bytes out, both ways, whatever headers and bodies hold."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_upstream import Peer, RawUpstream

from app.core.gate.installation_call import Action
from app.gate.port import Headers, Place, Post
from app.rancher.connection import opened
from app.rancher.passing import Passing

FRAMING = {b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect"}
TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
VISIBLE = bytes(range(0x21, 0x7F)) + bytes(range(0x80, 0x100))

names = (
    st.lists(st.sampled_from(TOKEN), min_size=1, max_size=20)
    .map(bytes)
    .filter(lambda name: name.lower() not in FRAMING)
)
inner = st.lists(st.sampled_from(VISIBLE + b" \t"), max_size=30).map(lambda found: bytes(found).strip(b" \t"))
headers = st.lists(st.tuples(names, inner), max_size=12).map(tuple)
targets = st.lists(st.sampled_from(bytes(range(0x21, 0x7F))), max_size=40).map(lambda found: b"/" + bytes(found))
bodies = st.binary(max_size=2000)
chunks = st.lists(st.binary(max_size=300), max_size=8)


@dataclass
class Echo:
    """A server that answers with the bytes of the request's head as a body, and with the headers of a test's choice."""

    runner: asyncio.Runner
    server: RawUpstream
    passing: Passing
    headers: Headers = ()
    body: bytes = b""
    status: int = 200
    chunked: bool = False
    got: bytes = b""

    async def script(self, peer: Peer) -> None:
        """Answer as told, for as long as the connection lives."""
        while True:
            self.got = await peer.request() if not self.chunked else await self._chunks(peer)
            lines = b"".join(name + b": " + value + b"\r\n" for name, value in self.headers)
            length = b"Content-Length: %d\r\n\r\n" % len(self.body)
            await peer.send(b"HTTP/1.1 %d Whatever\r\n" % self.status + lines + length + self.body)

    async def _chunks(self, peer: Peer) -> bytes:
        peer.head = await peer.reader.readuntil(b"\r\n\r\n")
        whole = b""
        while size := int(await peer.reader.readline(), 16):
            whole += await peer.reader.readexactly(size)
            await peer.reader.readexactly(2)
        await peer.reader.readexactly(2)
        return whole

    @property
    def head(self) -> list[bytes]:
        """The lines of the last request's head."""
        return self.server.peers[-1].head.removesuffix(b"\r\n\r\n").split(b"\r\n")


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    """One for all examples."""
    with asyncio.Runner() as runner:
        made: list[Echo] = []

        async def script(peer: Peer) -> None:
            await made[0].script(peer)

        server = RawUpstream(script)
        runner.run(server.__aenter__())
        made.append(Echo(runner, server, Passing(server.upstream, lambda *_: None)))
        yield made[0]
        made[0].passing.close()
        runner.run(server.__aexit__())


def lines(found: Headers) -> list[bytes]:
    """Headers as they are written."""
    return [name + b": " + value for name, value in found]


@given(target=targets, sent=headers, body=bodies, back=headers, answer=bodies, status=st.integers(200, 599))
@settings(max_examples=150, deadline=None)
def test_an_install_and_its_answer_are_what_they_were(
    echo: Echo, *, target: bytes, sent: Headers, body: bytes, back: Headers, answer: bytes, status: int
) -> None:
    """The POST's target, headers in order and case, and body arrive as they are, and so does the answer."""
    bodiless = status in {204, 304}
    echo.headers, echo.body, echo.status, echo.chunked = back, b"" if bodiless else answer, status, False

    async def ask() -> None:
        async with opened(echo.server.upstream, lambda *_: None) as connection:
            reply = await connection.send(Post(Place("local", "x"), Action.INSTALL, target, sent, body))
        assert (reply.status, reply.body) == (status, echo.body)
        assert reply.headers == (*back, (b"Content-Length", str(len(echo.body)).encode()))

    echo.runner.run(ask())
    host = f"Host: 127.0.0.1:{echo.server.port}".encode()
    assert echo.head == [b"POST " + target + b" HTTP/1.1", host, *lines(sent), b"Content-Length: %d" % len(body)]
    assert echo.got == body


@given(target=targets, sent=headers, body=chunks, back=headers, answer=bodies, told=st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_passes_is_what_it_was(
    echo: Echo, *, target: bytes, sent: Headers, body: list[bytes], back: Headers, answer: bytes, told: bool
) -> None:
    """A call that passes arrives as it is, in chunks or with its length, and its answer comes back as it is."""
    echo.headers, echo.body, echo.status, echo.chunked = back, answer, 200, not told
    length = (b"content-length", str(len(b"".join(body))).encode())
    framed = (*sent, length) if told else sent

    async def stream() -> AsyncIterator[bytes]:
        for chunk in body:
            yield chunk

    async def ask() -> None:
        async with echo.passing.passed(b"PATCH", target, framed, stream()) as passed:
            assert passed.headers == (*back, (b"Content-Length", str(len(answer)).encode()))
            assert b"".join([part async for part in passed.parts]) == answer

    echo.runner.run(ask())
    assert echo.head[0] == b"PATCH " + target + b" HTTP/1.1"
    assert echo.head[2:] == lines(framed if told else (*sent, (b"Transfer-Encoding", b"chunked")))
    assert echo.got == b"".join(body)
