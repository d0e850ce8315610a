"""Bounds on what callers can make this process hold before anything of theirs is a request.

The HTTP server collects header lines without a limit and hands nothing over until the last one is there, so bytes are
counted where they come out of TLS. A connection's count starts anew with every answer written.
"""

import ssl
from collections.abc import Callable
from typing import Any, Final

from app.telemetry import log

LONGEST_HEAD: Final = 16 * 1024
"""Bytes until a request's header lines have to end; the API server's come to a few hundred."""

_END_OF_HEAD: Final = b"\r\n\r\n"
_INTERIM: Final = b"HTTP/1.1 100"


class Allowance:
    """What the connections of a listener may have unanswered.

    What goes beyond is cut off without an answer: there may be no request yet that one could be given to.

    Args:
        each: bytes of one connection.
        together: bytes of all connections; beyond them those are cut off that go on sending and hold more than a head.
        head: bytes until a request's header lines have to end; no fewer than ``LONGEST_HEAD``.
    """

    def __init__(self, each: int, together: int, head: int = LONGEST_HEAD) -> None:
        self.each = each
        self.together = together
        self.head = head
        self.held = 0

    def applied_to(self, connections: type[ssl.SSLObject]) -> type[ssl.SSLObject]:
        """A class of connections, for ``SSLContext.sslobject_class``, that do as ``connections`` and keep to this."""
        methods = {"_read": connections.read, "_write": connections.write}  # half as dear as super(), for each request
        return type("Counted", (_Counted, connections), {"allowance": self, **methods})


class _Counted(ssl.SSLObject):
    """One connection; event loops read and write through this, and CPython makes them without ``__init__``."""

    allowance: Allowance
    _read: Callable[..., Any]
    _write: Callable[[Any], int]
    unanswered = 0
    _head_ended = False
    _tail = b""

    def read(self, len: int = 1024, buffer: Any = None) -> Any:  # noqa: A002, ANN401 - as the method it extends
        got = self._read(len, buffer)
        data: bytes = got if buffer is None else bytes(buffer[:got])
        size = data.__len__()
        self.unanswered += size
        self.allowance.held += size
        if not self._head_ended:
            seen = self._tail + data
            self._head_ended = _END_OF_HEAD in seen
            self._tail = seen[-3:]
        if self.unanswered > LONGEST_HEAD:
            self._require_bounds()
        return got

    def write(self, data: Any) -> int:  # noqa: ANN401 - as the method it extends
        if self.unanswered and data[:12] != _INTERIM:  # after "100 Continue" the body of the same request follows
            self._start_anew()
        return self._write(data)

    def _require_bounds(self) -> None:
        if not self._head_ended and self.unanswered > self.allowance.head:
            self._cut_off("its header lines do not end")
        if self.unanswered > self.allowance.each or self.allowance.held > self.allowance.together:
            self._cut_off("it sends more than is held for requests that are not whole")

    def _cut_off(self, why: str) -> None:
        log.warning("connection cut off", why=why, received=self.unanswered, held=self.allowance.held)
        raise ConnectionAbortedError(why)

    def _start_anew(self) -> None:
        self.allowance.held -= self.unanswered
        self.unanswered, self._head_ended, self._tail = 0, False, b""

    def __del__(self) -> None:
        self._start_anew()
