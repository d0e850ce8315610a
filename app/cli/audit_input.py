"""The lines of an audit log: files one after the other, packed or not, within bounds on memory."""

import gzip
import io
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

STDIN: Final = "-"

LONGEST_LINE: Final = 64 * 1024 * 1024
"""Bytes. An event of a write holds at most two objects of 3 MiB; this leaves room for lists of hundreds of them."""

_GZIP: Final = b"\x1f\x8b"


class NoLogError(Exception):
    """A file cannot be read; the text names it and says why."""


class Line(NamedTuple):
    """A line, or what is wrong at its place: then ``why`` is not empty."""

    place: str
    content: bytes
    why: str = ""


def lines(names: Iterable[str]) -> Iterator[Line]:
    """Every line of these files; ``-`` is standard input.

    Raises:
        NoLogError: a file cannot be opened or read.
    """
    for name in names:
        try:
            with _opened(name) as source:
                yield from _lines(name, source)
        except OSError as error:
            raise NoLogError(f"{name}: {error.strerror or error}") from None


@contextmanager
def _opened(name: str) -> Iterator[io.BufferedReader]:
    if name != STDIN:
        with Path(name).open("rb") as source:
            yield source
        return
    with open(
        sys.stdin.fileno(), "rb", closefd=False
    ) as source:  # a reader that can peek; the input is not ours to end
        yield source


def _lines(name: str, source: io.BufferedReader) -> Iterator[Line]:
    packed = source.peek(len(_GZIP))[: len(_GZIP)] == _GZIP
    stream: BinaryIO = gzip.GzipFile(fileobj=source) if packed else source  # type: ignore[assignment]  # it reads lines
    number = 0
    while True:
        number += 1
        place = f"{name}:{number}"
        try:
            content = stream.readline(LONGEST_LINE)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            yield Line(place, b"", "the packed file is damaged or cut off here; what comes after it is not read")
            return
        if not content:
            return
        if len(content) == LONGEST_LINE and not content.endswith(b"\n"):
            _skip_rest(stream)
            yield Line(place, b"", f"is longer than {LONGEST_LINE // 1024**2} MiB")
        else:
            yield Line(place, content)


def _skip_rest(stream: BinaryIO) -> None:
    while True:
        more = stream.readline(LONGEST_LINE)
        if not more or more.endswith(b"\n"):
            return
