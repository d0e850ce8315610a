"""The gate's journal in a file: one line of JSON for each step of an asynchronous install, kept across restarts.

What is in it is ``app.gate.journal``'s business: ids, names and outcomes, nothing secret. The file belongs to one
process, which a lock on it makes sure of, because two gates that took turns in one file would each replay the other's
installs as interrupted. When it has grown it is written anew, by ``app.roles.journal_lines``' rules of what is kept, so
that whoever starts and cancels installs in a loop does not fill the disk.
"""

import asyncio
import fcntl
import os
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from app.gate.journal import Accepted, Ended, JournalError, Line, Sending, Unsent
from app.gate.progress import Progress
from app.roles.journal_lines import Keeping, encoded, interrupted, needed, read
from app.telemetry import log

_MODE: Final = 0o600
LEAST: Final = 1024 * 1024
"""Bytes below which the file is left to grow: some two thousand installs."""
GROWTH: Final = 2
"""Times what was kept last that it grows to before it is written anew: so a line is written thrice in all, at most."""


class FileJournal:
    """A journal that is open; made by ``open_journal``.

    Args:
        path: of the file.
        file: the descriptor, open for appending.
        keeping: what is kept when it is written anew.
        now: the time; from here on it is as late as the latest line.
        least: bytes below which it is not.
    """

    def __init__(self, path: Path, file: int, keeping: Keeping, now: datetime, least: int = LEAST) -> None:
        self._path = path
        self._file = file
        self._keeping = keeping
        self._latest = now
        self._least = least
        self._renamed = False  # and its folder may not be on the disk yet
        self._one_at_a_time = asyncio.Lock()
        self._writing: set[asyncio.Task[None]] = set()
        self._shortening: asyncio.Task[None] | None = None
        self._limit = max(least, GROWTH * os.fstat(file).st_size)

    async def accepted(self, line: Accepted) -> None:
        """Write it to the disk itself."""
        await self._write(line, durable=True)

    async def sending(self, identity: str) -> None:
        """Write it to the disk itself: nothing may be sent before this has returned."""
        await self._write(Sending(identity), durable=True)

    async def unsent(self, identity: str) -> None:
        """Hand it to the kernel."""
        await self._write(Unsent(identity), durable=False)

    async def ended(self, line: Ended) -> None:
        """Hand it to the kernel."""
        await self._write(line, durable=False)

    async def _write(self, line: Line, *, durable: bool) -> None:
        """Write a line, to its end even if whoever asked goes meanwhile: it must not fall between two files."""
        await asyncio.shield(self._begin(self._written(line, durable=durable)))

    def _begin(self, writing: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(writing)
        self._writing.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._writing.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked has it, if they are still there

    async def _written(self, line: Line, *, durable: bool) -> None:
        async with self._one_at_a_time:
            self._append(line)
            self._latest = max(self._latest, _time_of(line) or self._latest)
            if self._shortening is None and os.fstat(self._file).st_size >= self._limit:
                self._shortening = self._begin(self._shorten())
            if durable:
                try:
                    await asyncio.to_thread(self._sync)
                except OSError as error:
                    raise self._unwritable(error) from None

    def _sync(self) -> None:
        os.fsync(self._file)
        if self._renamed:
            _sync_folder(self._path.parent)
            self._renamed = False

    async def _shorten(self) -> None:
        """Write the file anew without what nobody needs. Where that fails it goes on as it was, and is tried later."""
        async with self._one_at_a_time:
            try:
                await asyncio.to_thread(self._replace)
            except OSError as error:
                self._limit *= GROWTH
                log.warning("the journal cannot be written anew", file=str(self._path), error=error.strerror)
            finally:
                self._shortening = None

    def _replace(self) -> None:
        lines = needed(read(self._path), self._latest, self._keeping)
        file = _written_anew(self._path, lines)
        before, self._file, self._renamed = self._file, file, True
        os.close(before)
        self._limit = max(self._least, GROWTH * os.fstat(file).st_size)
        with suppress(OSError):  # else before the next line that has to be on the disk
            self._sync()

    def _append(self, line: Line) -> None:
        text = encoded(line)
        try:
            written = os.write(self._file, text)
        except OSError as error:
            raise self._unwritable(error) from None
        if written < len(text):  # the disk is full; the torn line ends here, so that the next one is whole
            with suppress(OSError):
                os.write(self._file, b"\n")
            raise JournalError(f"the journal {self._path} took half a line; look for room on its disk")

    def _unwritable(self, error: OSError) -> JournalError:
        return JournalError(f"cannot write the journal {self._path}: {error.strerror}; look at its disk and its rights")


def open_journal(
    path: Path, now: datetime, keeping: Keeping, least: int = LEAST
) -> tuple[FileJournal, list[tuple[Progress, datetime]]]:
    """Open a journal, and say what is in it.

    What had not ended when the last process stopped ends now, as interrupted. The file is written anew with what is
    still kept.

    Args:
        path: of the file; it is made if it is not there.
        now: the time.
        keeping: what is kept of it.
        least: bytes below which it is not written anew while it is open.

    Raises:
        JournalError: it cannot be read or written, or another process has it open.
    """
    try:
        before = _locked(path)
        try:
            lines = read(path)
            past, kept = interrupted(lines, now, keeping)
            file = _written_anew(path, kept)
            try:
                _sync_folder(path.parent)
            except OSError:
                os.close(file)
                raise
        finally:
            os.close(before)
    except OSError as error:
        detail = error.strerror or type(error).__name__
        raise JournalError(
            f"cannot use the journal {path}: {detail}; give a file in a folder that may be written to"
        ) from None
    return FileJournal(path, file, keeping, now, least), past


def _locked(path: Path) -> int:
    """The file, for this process alone."""
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file).st_ino == path.stat().st_ino:  # else another process has just written it anew
            return file
    except BlockingIOError:
        pass
    os.close(file)
    raise JournalError(f"another process has the journal {path} open; give each gate a file of its own (--journal)")


def _written_anew(path: Path, lines: Iterable[Line]) -> int:
    """A new file with these lines, in the old one's place: after a crash it is the one or the other."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    file = os.open(new, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with os.fdopen(os.dup(file), "wb") as writer:
            writer.writelines(map(encoded, lines))
        os.fsync(file)
        new.rename(path)
    except OSError:
        os.close(file)
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise
    return file


def _time_of(line: Line) -> datetime | None:
    match line:
        case Accepted():
            return line.created
        case Ended():
            return line.at
        case _:
            return None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
