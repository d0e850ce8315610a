"""The end of what helm printed, out of a stream that may not end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from app.rancher.wire_errors import SilentError

LONGEST: Final = 64 * 1024
"""Bytes that are kept: the last, which is where helm says what went wrong."""
MOST_LINES: Final = 1000
"""That the kubelet is asked for; helm prints a handful, with ``--debug`` a few hundred."""
MOST_READ: Final = 16 * 1024 * 1024
"""Bytes that are looked at, in case the number of lines is not heeded or a line has no end."""
SECONDS: Final = 20.0
"""For all of it: while the pod runs the stream may stay open, and what came by then is worth showing."""


async def tail_of(parts: AsyncGenerator[bytes, None], seconds: float = SECONDS) -> str:
    """The last bytes of a log as text; a line that was cut at its beginning is left out, with half a secret in it.

    Raises:
        WireError: the stream broke before its end, or nothing came at all.
    """
    kept, seen = bytearray(), 0
    try:
        async with asyncio.timeout(seconds), aclosing(parts):
            async for part in parts:
                kept += part
                seen += len(part)
                if len(kept) > 2 * LONGEST:
                    del kept[:-LONGEST]
                if seen > MOST_READ:
                    break
    except TimeoutError:
        if not kept:
            raise SilentError(f"it sent nothing for {seconds:g} s") from None
    return _from_whole_line(bytes(kept), cut=seen > LONGEST).decode("utf-8", "replace")


def _from_whole_line(kept: bytes, *, cut: bool) -> bytes:
    if not cut:
        return kept
    return kept[-LONGEST:].partition(b"\n")[2]
