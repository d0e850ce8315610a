"""Every call that is not held goes through here: streamed up and down as it is, and ended as it ends.

Nothing is buffered beyond what is on its way: a body is read from the client as fast as Rancher takes it, and from
Rancher as fast as the client does. What is meant for one connection alone stays there: the edge leaves it out
(``core.gate.forwarding``), and the framing of bodies is each connection's own.
"""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from app.gate.port import AnswerLostError, Headers, NotSentError
from app.rancher.connection import LONGEST_ANSWER_SECONDS
from app.rancher.http1 import Call, Head, Http1, Observe
from app.rancher.kept import Kept
from app.rancher.upstream import Upstream
from app.rancher.wire_errors import BrokenError, UnconnectedError, WireError

_REPEATABLE: Final = frozenset({b"GET", b"HEAD", b"OPTIONS"})
"""Methods without effect: the gate may send them again where a kept connection turns out to have ended."""


@dataclass(frozen=True, slots=True)
class Passed:
    """An answer that has begun.

    Attributes:
        status: Rancher's.
        headers: as they came.
        parts: its body as it comes, still compressed if it is. It raises ``AnswerLostError`` where the body breaks
            off: end the client's connection then, so that nobody takes the part for the whole.
    """

    status: int
    headers: Headers = field(repr=False)
    parts: AsyncGenerator[bytes, None] = field(repr=False)


class Passing:
    """Passes calls through; close it in the end.

    Args:
        upstream: where Rancher is.
        observe: told of every exchange, as ``pass``.
    """

    def __init__(self, upstream: Upstream, observe: Observe) -> None:
        self._kept = Kept(upstream, observe)

    def close(self) -> None:
        """Hang up on all connections that are kept."""
        self._kept.close()

    @asynccontextmanager
    async def passed(
        self, method: bytes, target: bytes, headers: Headers, body: AsyncIterable[bytes] | None
    ) -> AsyncIterator[Passed]:
        """Send a request and have its answer begin; leaving the context ends both, finished or not.

        Whoever enters it leaves it, by cancellation if need be, when the client has gone: Rancher then sees that.

        Args:
            method: as it came.
            target: path and query as they came.
            headers: as ``core.gate.forwarding.to_rancher`` gave them.
            body: None where the request has none (neither Content-Length nor Transfer-Encoding). What it raises ends
                the request unfinished, so that Rancher does not take a part for the whole.

        Raises:
            NotSentError: nothing of the request reached Rancher.
            AnswerLostError: it was sent, or part of it, and there is no answer.
            Exception: what the body raised.
        """
        async with AsyncExitStack() as ends:
            call = Call("pass", method, target, _framed(headers, body), seconds=LONGEST_ANSWER_SECONDS)
            http, head = await self._begun(call, body, ends)
            parts = await ends.enter_async_context(aclosing(_told(http.parts(None))))
            yield Passed(head.status, head.headers, parts)

    async def _begun(self, call: Call, body: AsyncIterable[bytes] | None, ends: AsyncExitStack) -> tuple[Http1, Head]:
        try:
            over_kept = body is None and call.method in _REPEATABLE and not _asks_one_replica(call.target)
            if over_kept and (begun := await self._over_kept(call, ends)):
                return begun
            http = await ends.enter_async_context(self._kept.lent(fresh=True))
            return http, await http.ask(call, body)
        except UnconnectedError as error:
            raise NotSentError(f"There is no connection to Rancher: {error}.") from None
        except WireError as error:
            raise AnswerLostError(f"There is no answer from Rancher: {error}.") from None

    async def _over_kept(self, call: Call, ends: AsyncExitStack) -> tuple[Http1, Head] | None:
        """Ask over a connection that is kept, or a new one; None if it was kept, and had ended."""
        http = await ends.enter_async_context(self._kept.lent())
        kept = http.exchanges > 0
        try:
            return http, await http.ask(call)
        except BrokenError:
            if kept:
                return None
            raise


def _asks_one_replica(target: bytes) -> bool:
    """Whether the answer depends on which replica gives it, and is asked for until it is another one.

    ``link=info`` says no as long as a replica's checkout lags, and terraform repeats it for two minutes. Over a
    connection that is kept, each time would meet the same replica; a new one leads to any of them.
    """
    return b"link=info" in target.partition(b"?")[2].split(b"&")


def _framed(headers: Headers, body: AsyncIterable[bytes] | None) -> Headers:
    """The headers, and where the body ends if the client told that for its own connection alone."""
    if body is None or any(name.lower() == b"content-length" for name, _ in headers):
        return headers
    return (*headers, (b"Transfer-Encoding", b"chunked"))


async def _told(parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The same parts; a broken end as the edge knows it."""
    async with aclosing(parts):
        try:
            async for part in parts:
                yield part
        except WireError as error:
            raise AnswerLostError(f"Rancher's answer was cut short: {error}.") from None
