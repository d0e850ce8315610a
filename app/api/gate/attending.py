"""Noticing that a caller has gone, while something else is waited for."""

import asyncio
from types import TracebackType
from typing import Self

from app.api.admission import ClientGoneError, Receive


class Attending:
    """Ends the block with ``ClientGoneError`` when the caller hangs up.

    Enter it in the task that is to be interrupted, once.

    Args:
        receive: of the request.
        after: set when the request's body has been read, where others read it; until then nobody listens here.
    """

    __slots__ = ("_after", "_gone", "_receive", "_task", "_watch")

    def __init__(self, receive: Receive, after: asyncio.Event | None = None) -> None:
        self._receive = receive
        self._after = after
        self._gone = False

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._task = asyncio.current_task()
        self._watch = asyncio.get_running_loop().create_task(self._listen())
        return self

    async def _listen(self) -> None:
        if self._after is not None:
            await self._after.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._task:
            self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Listen no more.

        Raises:
            ClientGoneError: the caller hung up, and nobody else cancelled the task meanwhile.
        """
        self._watch.cancel()
        if self._gone and self._task and self._task.uncancel() == 0 and kind in {asyncio.CancelledError, None}:
            raise ClientGoneError from error
