"""Bodies that come slowly, in great numbers, or not to their end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.api.admission import ClientGoneError
from app.api.gate import receiving
from app.api.gate.receiving import Bodies
from app.core.gate.body import LARGEST_BODY
from app.core.gate.refusal import Refusal

Receive = Callable[[], Awaitable[Any]]


def parts(*bodies: bytes, more: bool = False) -> Receive:
    """A request's messages; after them nothing comes any more."""
    messages = [{"type": "http.request", "body": body, "more_body": True} for body in bodies]
    messages[-1]["more_body"] = more

    async def receive() -> Any:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    return receive


async def test_parts_become_a_whole() -> None:
    """A body is what its parts are, and nothing of it is counted afterwards."""
    bodies = Bodies()
    assert await bodies.read(b"", parts(b"a", b"", b"bc")) == b"abc"
    assert bodies.held == 0


async def test_a_body_that_does_not_come_is_refused() -> None:
    """A caller that stops in the middle gets 408, and what was held of the body is let go."""
    bodies = Bodies(patience=0.01)
    refusal = await bodies.read(b"", parts(b"abc", more=True))
    assert isinstance(refusal, Refusal)
    assert (refusal.status, bodies.held) == (408, 0)


async def test_a_caller_who_goes_in_the_middle_is_gone() -> None:
    """Hanging up before the end of the body is no request."""

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientGoneError):
        await Bodies().read(b"", receive)


async def test_unfinished_bodies_together_are_bounded() -> None:
    """Beyond what all unfinished bodies may take a caller gets 503, and there is room again when others have ended."""
    bodies = Bodies()
    others = receiving.MOST_READING // LARGEST_BODY
    slow = [asyncio.create_task(bodies.read(b"", parts(b"x" * LARGEST_BODY, more=True))) for _ in range(others)]
    await asyncio.sleep(0)
    refusal = await bodies.read(b"", parts(b"x", b"y"))
    assert isinstance(refusal, Refusal)
    assert refusal.status == 503
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    assert await bodies.read(b"", parts(b"x", b"y")) == b"xy"
