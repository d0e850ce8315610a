"""The journal as a file: one line of JSON each, appended, and on the disk before anything is sent.

A line that was cut off by a crash is the last one, and is taken as not written. The file is for one process: two would
tell each other's installs as interrupted.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import msgspec

from app.gate.journal import Accepted, Ended, JournalError, Line, Sending, Unsent, ending, replayed
from app.gate.limits import DAY

if TYPE_CHECKING:
    from app.gate.progress import Progress

ROTATE_AT: Final = 4 * 1024 * 1024
"""Bytes beyond which what nobody needs is left out: some ten thousand installs."""

_DECODER: Final[msgspec.json.Decoder[Line]] = msgspec.json.Decoder(Line)
_ENCODER: Final = msgspec.json.Encoder()


class FileJournal:
    """A journal in a file; ``open`` makes one.

    Attributes:
        past: the asynchronous installs that were found in it, and when each ended; the interrupted ones ended now.
        unreadable: lines that were not understood, the cut-off last one apart.
    """

    def __init__(self, path: Path, kept: float) -> None:
        self._path = path
        self._kept = timedelta(seconds=kept)
        self._turn = asyncio.Lock()
        self._writing: set[asyncio.Task[None]] = set()
        self._rotate_at = ROTATE_AT
        self._file = -1
        self._lock = -1
        self.past: list[tuple[Progress, datetime]] = []
        self.unreadable = 0

    @classmethod
    def open(cls, path: Path, now: datetime, kept: float = DAY) -> Self:
        """Read what an earlier process has left, close what it left open, and go on writing.

        Args:
            path: the file; it is made if there is none, for its owner only.
            now: the time.
            kept: seconds for which ended installs are kept.

        Raises:
            JournalError: it cannot be read or written, or another process has it.
        """
        journal = cls(path, kept)
        try:
            journal._take()
            journal._begin(now)
        except OSError as error:
            journal.close()
            raise JournalError(f"{path}: {(error.strerror or 'it cannot be used').lower()}") from None
        return journal

    def close(self) -> None:
        """Let another process have it."""
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1

    async def accepted(self, line: Accepted) -> None:
        """Write it down, on the disk."""
        await self._write(line, durable=True)

    async def sending(self, identity: str) -> None:
        """Write it down, on the disk."""
        await self._write(Sending(identity), durable=True)

    async def unsent(self, identity: str) -> None:
        """Write it down."""
        await self._write(Unsent(identity), durable=False)

    async def ended(self, line: Ended) -> None:
        """Write it down, and shorten the file now and then."""
        await self._write(line, durable=False)
        async with self._turn:
            await asyncio.to_thread(self._shorten, line.at)

    async def _write(self, line: Line, *, durable: bool) -> None:
        """Write a line, to its end even if whoever asked is cancelled meanwhile."""
        writing = asyncio.create_task(self._written(_ENCODER.encode(line) + b"\n", durable))
        self._writing.add(writing)
        writing.add_done_callback(self._forget)
        await asyncio.shield(writing)

    def _forget(self, writing: "asyncio.Task[None]") -> None:
        self._writing.discard(writing)
        if not writing.cancelled():
            writing.exception()  # whoever asked has it, if they are still there

    async def _written(self, data: bytes, durable: bool) -> None:  # noqa: FBT001 - of _write
        async with self._turn:
            await asyncio.to_thread(self._append, data, durable)

    def _append(self, data: bytes, durable: bool) -> None:  # noqa: FBT001 - of _write
        try:
            at = os.fstat(self._file).st_size
            try:
                _write_all(self._file, data)
                if durable:
                    os.fsync(self._file)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(self._file, at)  # half a line would make the next one unreadable
                raise
        except OSError as error:
            raise JournalError(f"{self._path}: {(error.strerror or 'it cannot be written').lower()}") from None

    def _take(self) -> None:
        """Lock a file beside it: the journal itself is replaced when it is shortened."""
        self._lock = os.open(self._path.with_name(f"{self._path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(None, "another process has it; each gate needs a journal of its own") from None

    def _begin(self, now: datetime) -> None:
        lines = self._read()
        known = replayed(lines)
        lines += [ending(progress, now) for progress, ended in known if ended is None]
        self._replace(self._needed(lines, now))
        self.past = [(progress, ended or now) for progress, ended in known if (ended or now) >= now - self._kept]

    def _read(self) -> list[Line]:
        if not self._path.exists():
            return []
        found: list[Line] = []
        *whole, _cut_off = self._path.read_bytes().split(b"\n")
        for text in whole:
            try:
                found.append(_DECODER.decode(text))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                self.unreadable += 1
        return found

    def _needed(self, lines: list[Line], now: datetime) -> list[Line]:
        """What is left without installs that ended too long ago."""
        known = {line.id for line in lines if isinstance(line, Accepted)}
        known -= {line.id for line in lines if isinstance(line, Ended) and line.at < now - self._kept}
        return [line for line in lines if line.id in known]

    def _shorten(self, now: datetime) -> None:
        if os.fstat(self._file).st_size < self._rotate_at:
            return
        try:
            self._replace(self._needed(self._read(), now))
        except OSError:
            self._rotate_at *= 2  # it only grows meanwhile
            return
        self._rotate_at = max(ROTATE_AT, 2 * os.fstat(self._file).st_size)

    def _replace(self, lines: Iterable[Line]) -> None:
        """Write the file anew: whole, or not at all."""
        fresh = self._path.with_name(f"{self._path.name}.new")
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.writelines(_ENCODER.encode(line) + b"\n" for line in lines)
            os.fsync(descriptor)
            fresh.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError:
            os.close(descriptor)
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file = descriptor


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
