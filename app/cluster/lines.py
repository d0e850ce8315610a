"""Lines of a stream, however long: aiohttp's own reading by lines ends at a few megabytes, an object may have more."""

from collections.abc import AsyncGenerator
from typing import Final

from aiohttp import StreamReader

from app.keeper.port import KeeperError

_LONGEST: Final = 16 * 2**20
"""Bytes. An object has at most 1.5 MB in etcd, a few times that as JSON; this is somebody else's stream."""


async def lines(content: StreamReader) -> AsyncGenerator[bytes, None]:
    """Each line that has ended; a last one that has not was cut off.

    Raises:
        KeeperError: a line does not end.
    """
    parts: list[bytes] = []
    length = 0
    async for chunk in content.iter_any():
        *ended, rest = chunk.split(b"\n")
        for line in ended:
            parts.append(line)
            whole = b"".join(parts)
            parts, length = [], 0
            if whole:
                yield whole
        if rest:
            parts.append(rest)
            length += len(rest)
        if length > _LONGEST:
            raise KeeperError(f"cannot read on: a line has more than {_LONGEST} bytes, which no API server sends")
