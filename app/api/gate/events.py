"""Progress as server-sent events: on the response to the POST, and of an install that somebody looks at.

``progress`` events carry what is known whenever it changes, the last event, ``result``, what the status and the body
would have been without a stream. A comment goes out where nothing else does, so that no proxy takes the silence for an
end.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from msgspec import Raw, json

from app.api.admission import ClientGoneError, Send
from app.api.deadline import Deadline
from app.api.gate.problems import OWN
from app.api.gate.writing import Written
from app.core.gate.forwarding import Header
from app.core.gate.preferences import EVENT_STREAM
from app.gate.install import Install
from app.gate.progress import Phase
from app.telemetry import log

SILENCE: Final = 10.0
"""Seconds between two signs of life: a sixth of nginx's read timeout."""
PATIENCE: Final = 30.0
"""Seconds that a reader may take for one event before its connection is given up."""

_HEADERS: Final[tuple[Header, ...]] = (
    (b"content-type", EVENT_STREAM.encode()),
    (b"x-accel-buffering", b"no"),  # nginx would collect events until its buffer is full
    *OWN,
)
_COMMENT: Final = b": waiting\n\n"


def event(name: str, data: bytes, number: int | None = None) -> bytes:
    """One event; a line break in the data begins another line of it."""
    identity = b"id: %d\n" % number if number is not None else b""
    lines = b"".join(b"data: %s\n" % line for line in data.splitlines())
    return b"event: %s\n%s%s\n" % (name.encode(), identity, lines)


def result(answer: Written) -> bytes:
    """The last event: what would have been answered."""
    retry = next((value for name, value in answer.headers if name.lower() == b"retry-after"), None)
    said = {"status": answer.status, "body": _embedded(answer.body)}
    return event("result", json.encode(said | ({"retryAfter": int(retry)} if retry else {})))


def _embedded(body: bytes) -> Raw | str:
    try:
        return json.decode(body.decode(), type=Raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return body.decode("utf-8", "replace")


class Events:
    """One stream; ``send`` of the request takes it.

    Args:
        send: of the request.
        headers: what the response has beside those of every stream.
        silence: seconds between two signs of life.
        patience: seconds that a reader may take for one event.
    """

    def __init__(
        self, send: Send, headers: tuple[Header, ...] = (), silence: float = SILENCE, patience: float = PATIENCE
    ) -> None:
        self._send = send
        self._headers = headers
        self._silence = silence
        self._patience = patience

    async def _begin(self) -> None:
        await self._send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, *self._headers]})

    async def follow(
        self, install: Install, conclude: Callable[[], Written], page: Callable[[], Awaitable[bytes]] | None = None
    ) -> None:
        """Send what changes until the install has ended, then the result.

        Args:
            install: it.
            conclude: makes what would have been answered.
            page: makes a page of how it stands; then ``page`` events go out in place of ``progress`` events.

        Raises:
            ClientGoneError: the reader does not read.
        """
        await self._begin()
        seen = -1
        while True:
            progress = install.progress
            if progress.version > seen:
                seen = progress.version
                if page is None:
                    await self._write(event("progress", json.encode(progress), seen))
                else:
                    await self._write(event("page", await page(), seen))
            if progress.phase is Phase.ENDED:
                break
            try:
                with Deadline(self._silence):
                    await install.changed(seen)
            except TimeoutError:
                await self._write(_COMMENT)
        await self._write(result(conclude()), last=True)

    async def _write(self, data: bytes, *, last: bool = False) -> None:
        try:
            with Deadline(self._patience):
                await self._send({"type": "http.response.body", "body": data, "more_body": not last})
        except TimeoutError:
            log.warning("an event was not read in time; the connection ends")
            raise ClientGoneError from None
