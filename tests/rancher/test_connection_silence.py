"""Servers that say nothing, and callers that speak at once: each ends in an error that says so."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from raw_upstream import Peer, RawUpstream

from app.core.gate.installation_call import Action
from app.core.gate.reading import Unread
from app.gate.port import Credential, NotSentError, Place, Post
from app.rancher.connection import LONGEST_ANSWER_SECONDS, opened
from app.rancher.http1 import Call, dialled
from app.rancher.wire_errors import SilentError

PLACE = Place("local", "harvester")
POST = Post(PLACE, Action.INSTALL, b"/", (), b"{}")
INGRESS_SECONDS = 1800


def ignore(*_: object) -> None:
    """Observe nothing."""


async def silent(peer: Peer) -> None:
    """Read, and never answer."""
    await peer.gone()


async def test_a_silent_server_is_given_up_in_time() -> None:
    """An exchange ends when nothing came for as long as it may take, with its body whole or streamed."""

    async def body() -> AsyncIterator[bytes]:
        yield b"one"

    async with RawUpstream(silent) as server:
        for upload in (None, body()):
            http = await dialled(server.upstream, ignore)
            call = Call("test", b"POST", b"/", ((b"Content-Length", b"3"),) if upload else (), None, 0.05)
            with pytest.raises(SilentError, match=r"it sent nothing for 0\.05 s"):
                await http.ask(call, upload)
            http.abort()


def test_an_install_may_take_as_long_as_ranchers_ingress_allows() -> None:
    """The gate is not the one who cuts a POST short."""
    assert LONGEST_ANSWER_SECONDS > INGRESS_SECONDS


async def test_one_call_at_a_time() -> None:
    """While a call is under way another one on the connection is not sent, and disturbs nothing."""
    asked = asyncio.Event()
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        asked.set()
        await go_on.wait()
        await peer.answer(b'{"spec":{}}')

    nobody = Credential(())
    async with RawUpstream(script) as server, opened(server.upstream, ignore) as connection:
        first = asyncio.ensure_future(connection.repository(PLACE, nobody))
        await asked.wait()
        with pytest.raises(NotSentError):
            await connection.send(POST)
        assert await connection.repository(PLACE, nobody) is Unread.FAILED
        go_on.set()
        assert await first == {"spec": {}}
