"""The bodies of calls that are held: read within their size and time, kept within what all of them may take."""

from http import HTTPStatus
from typing import Final

from app.api.admission import ClientGoneError, Receive
from app.api.deadline import Deadline
from app.core.gate.body import LARGEST_BODY
from app.core.gate.refusal import Refusal, Slug
from app.gate.limits import NotTaken

PATIENCE: Final = 60.0
"""Seconds for a body to arrive: 2 MiB over a line of 300 kbit/s."""
MOST_READING: Final = 32 * LARGEST_BODY
"""Bytes of unfinished bodies held at once; a caller beyond that gets 503 instead of our memory."""


MOST_KEPT: Final = 128 * LARGEST_BODY
"""Bytes of bodies that belong to installs which have not ended: ten thousand of an ordinary install's take 10 MB."""
NO_ROOM: Final = NotTaken(
    HTTPStatus.TOO_MANY_REQUESTS,
    "too-many-installs",
    "The installs that the gate holds are as large as they may be together; try again later.",
)


class Bodies:
    """Reads bodies, and knows what they take together.

    Args:
        patience: seconds for a body to arrive.
        most_kept: bytes of the bodies of living installs.
    """

    def __init__(self, patience: float = PATIENCE, most_kept: int = MOST_KEPT) -> None:
        self.held = 0
        self.kept = 0
        self._patience = patience
        self._most_kept = most_kept

    def keep(self, size: int) -> bool:
        """Count the body of an install that begins; False where there is no room for it."""
        if self.kept + size > self._most_kept:
            return False
        self.kept += size
        return True

    def free(self, size: int) -> None:
        """The install has ended."""
        self.kept -= size

    async def read(self, length: bytes, receive: Receive) -> bytes | Refusal:
        """The whole body.

        Args:
            length: the value of ``Content-Length``, a plain number; empty where the body is chunked.
            receive: of the request.

        Raises:
            ClientGoneError: the caller hung up before the body was whole.
        """
        if length and int(length) > LARGEST_BODY:
            return _TOO_LARGE
        parts: list[bytes] = []
        size = 0
        try:
            with Deadline(self._patience):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGoneError
                    part = message.get("body", b"")
                    parts.append(part)
                    size += len(part)
                    self.held += len(part)
                    if size > LARGEST_BODY:
                        return _TOO_LARGE
                    if not message.get("more_body"):
                        return b"".join(parts)
                    if self.held > MOST_READING:
                        return _TOO_MANY
        except TimeoutError:
            return _TOO_SLOW
        finally:
            self.held -= size


_TOO_LARGE: Final = Refusal(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Slug.BODY_TOO_LARGE,
    f"The body is larger than {LARGEST_BODY} bytes; its values have to fit into a Secret of 1 MiB in the end.",
)
_TOO_MANY: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE, Slug.BODY_TOO_LARGE, "Too many large requests arrive at once; try again."
)
_TOO_SLOW: Final = Refusal(
    HTTPStatus.REQUEST_TIMEOUT,
    Slug.BAD_BODY,
    f"The body did not arrive within {PATIENCE:g} seconds; send it again.",
)
