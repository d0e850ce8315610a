"""An answer as a value, and how it is sent."""

from dataclasses import dataclass, field

from app.api.admission import Send
from app.core.gate.forwarding import Header


@dataclass(frozen=True, slots=True)
class Written:
    """A whole answer. Its body may carry what Rancher said to one caller, so it has no ``repr``.

    Attributes:
        status: the HTTP status.
        headers: without ``Content-Length``, which ``write`` adds.
        body: empty for none.
        close: whether the connection has to end, because the rest of the request was not read.
        problem: the slug, where it is a problem of the gate's own.
    """

    status: int
    headers: tuple[Header, ...]
    body: bytes = field(default=b"", repr=False)
    close: bool = False
    problem: str = ""


async def write(send: Send, answer: Written, *, last: bool = False) -> None:
    """Send an answer.

    Args:
        send: of the request.
        answer: what to send.
        last: whether the connection ends with it anyway.
    """
    headers = [*answer.headers]
    if answer.status not in {204, 304}:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    if answer.close or last:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
