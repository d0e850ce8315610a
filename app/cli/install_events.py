"""Server-sent events as the gate sends them, out of bytes as they come."""

from dataclasses import dataclass, field
from typing import Final

LARGEST: Final = 8 * 1024 * 1024
"""Bytes of one event: four times the largest body that the gate takes. More comes from no gate."""


class NoEventsError(Exception):
    """What came is no stream of events."""


@dataclass(frozen=True)
class Event:
    """One event."""

    name: str
    data: bytes = field(repr=False)


@dataclass
class Stream:
    """Reads events. Lines end with a line feed, as the gate writes them: U+2028 and the like may stand in texts."""

    _rest: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> list[Event]:
        """The events that are whole with these bytes; comments are none.

        Raises:
            NoEventsError: an event has no end.
        """
        self._rest += data
        *blocks, rest = bytes(self._rest).split(b"\n\n")
        if len(rest) > LARGEST:
            raise NoEventsError
        self._rest = bytearray(rest)
        return [event for block in blocks if (event := _event(block))]


def _event(block: bytes) -> Event | None:
    name, data = "message", []
    for line in block.split(b"\n"):
        key, _, value = line.partition(b":")
        if key == b"event":
            name = value.removeprefix(b" ").decode("ascii", "replace")
        elif key == b"data":
            data.append(value.removeprefix(b" "))
    return Event(name, b"\n".join(data)) if data else None
