"""Connections that are kept: for a while, some of them, and until the end."""

import asyncio
from contextlib import AsyncExitStack

from raw_upstream import Peer, RawUpstream

from app.rancher.http1 import Call, Http1
from app.rancher.kept import KEPT_SECONDS, MOST_KEPT, Kept

CALL = Call("test", b"GET", b"/", ())


async def script(peer: Peer) -> None:
    """Answer for as long as one is asked."""
    while True:
        await peer.request()
        await peer.answer()


async def asked(kept: Kept) -> Http1:
    """The connection of one exchange."""
    async with kept.lent() as http:
        await http.whole(CALL, 100)
        return http


async def test_a_connection_grows_old() -> None:
    """A connection is lent again for as long as Rancher will surely not have closed it, and ended after that."""
    now = 0.0
    async with RawUpstream(script) as server:
        kept = Kept(server.upstream, lambda *_: None, lambda: now)
        first = await asked(kept)
        now += KEPT_SECONDS
        assert await asked(kept) is first
        now += KEPT_SECONDS + 1
        assert await asked(kept) is not first
        assert not await first.is_idle()
        kept.close()


async def test_only_some_are_kept() -> None:
    """Nobody waits for a connection, and those beyond a number are ended after their exchange."""
    async with RawUpstream(script) as server:
        kept = Kept(server.upstream, lambda *_: None)
        async with AsyncExitStack() as stack:
            lent = [await stack.enter_async_context(kept.lent()) for _ in range(MOST_KEPT + 3)]
            await asyncio.gather(*(http.whole(CALL, 100) for http in lent))
        assert sum([await http.is_idle() for http in lent]) == MOST_KEPT
        kept.close()
        assert sum([await http.is_idle() for http in lent]) == 0


async def test_what_comes_back_after_the_end_is_ended() -> None:
    """A connection that was lent when all were closed serves its exchange, and is then not kept."""
    async with RawUpstream(script) as server:
        kept = Kept(server.upstream, lambda *_: None)
        async with kept.lent() as http:
            kept.close()
            assert (await http.whole(CALL, 100)).status == 200
        assert not await http.is_idle()
