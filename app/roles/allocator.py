"""Memory that is free again goes back to the system: glibc's allocator, where it is what is here, is told to do so."""

import ctypes
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
"""The parameters' numbers in glibc's malloc.h."""

THRESHOLD: Final = 128 * 1024
"""Bytes: a larger block is taken from the system by itself, and as much that is free at the heap's top is given back.
Both are what glibc begins with. Saying them turns off that it raises them to the largest block that was ever freed, as
an import frees some. Ten thousand calls that each read an answer through a buffer of 256 KiB (asyncio's) leave holes of
that size in the heap otherwise: a held caller with a credential of their own costs 50 KiB then, and 34 with this
(bench/gate)."""


def give_back() -> bool:
    """Have free memory given back early; False where the C library has no such switch, as musl and macOS."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, THRESHOLD) and mallopt(_M_TRIM_THRESHOLD, THRESHOLD))
