"""The gate's journal in a file: one line of JSON for each step of an asynchronous install, kept across restarts.

What is in it is ``app.gate.journal``'s business: ids, names and outcomes, nothing secret. The file belongs to one
process, which a lock on it makes sure of, because two gates that took turns in one file would each replay the other's
installs as interrupted.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from msgspec import json

from app.gate.journal import Accepted, Ended, JournalError, Line, Sending, Unsent, ending, replayed
from app.gate.progress import Progress
from app.telemetry import log

_MODE: Final = 0o600
_LINE: Final = json.Decoder(Line)


class FileJournal:
    """A journal that is open; made by ``open_journal``.

    Args:
        path: for the words of errors.
        file: the descriptor, open for appending.
    """

    def __init__(self, path: Path, file: int) -> None:
        self._path = path
        self._file = file
        self._one_at_a_time = asyncio.Lock()

    async def accepted(self, line: Accepted) -> None:
        """Write it to the disk itself."""
        await self._kept(line)

    async def sending(self, identity: str) -> None:
        """Write it to the disk itself: nothing may be sent before this has returned."""
        await self._kept(Sending(identity))

    async def unsent(self, identity: str) -> None:
        """Hand it to the kernel."""
        self._append(Unsent(identity))

    async def ended(self, line: Ended) -> None:
        """Hand it to the kernel."""
        self._append(line)

    async def _kept(self, line: Line) -> None:
        async with self._one_at_a_time:
            self._append(line)
            try:
                await asyncio.to_thread(os.fsync, self._file)
            except OSError as error:
                raise self._unwritable(error) from None

    def _append(self, line: Line) -> None:
        text = json.encode(line) + b"\n"
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


def open_journal(path: Path, now: datetime, kept: float) -> tuple[FileJournal, list[tuple[Progress, datetime]]]:
    """Open a journal, and say what is in it.

    What had not ended when the last process stopped ends now, as interrupted. The file is written anew with what is
    still kept.

    Args:
        path: of the file; it is made if it is not there.
        now: the time.
        kept: seconds after which an ended install is forgotten.

    Raises:
        JournalError: it cannot be read or written, or another process has it open.
    """
    try:
        before = _locked(path)
        try:
            lines = _lines(path)
            past = [(progress, at or now) for progress, at in replayed(lines)]
            past = [(progress, at) for progress, at in past if now - at < timedelta(seconds=kept)]
            file = _written_anew(path, lines, past)
        finally:
            os.close(before)
    except OSError as error:
        detail = error.strerror or type(error).__name__
        raise JournalError(
            f"cannot use the journal {path}: {detail}; give a file in a folder that may be written to"
        ) from None
    return FileJournal(path, file), past


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


def _lines(path: Path) -> list[Line]:
    """What can be read. A line that was torn when the machine stopped is no reason not to start."""
    found: list[Line] = []
    for number, text in enumerate(path.read_bytes().splitlines(), 1):
        try:
            if text:
                found.append(_LINE.decode(text))
        except msgspec.MsgspecError:
            log.warning("a line of the journal cannot be read, and is left out", file=str(path), line=number)
    return found


def _written_anew(path: Path, lines: Iterable[Line], past: Iterable[tuple[Progress, datetime]]) -> int:
    """A new file with what is kept, in the old one's place: after a crash it is the one or the other."""
    accepted = {line.id: line for line in lines if isinstance(line, Accepted)}
    kept = [line for progress, at in past for line in (accepted[progress.id], ending(progress, at))]
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    file = os.open(new, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with os.fdopen(os.dup(file), "wb") as writer:
            writer.writelines(json.encode(line) + b"\n" for line in kept)
        os.fsync(file)
        new.rename(path)
        _sync_folder(path.parent)
    except OSError:
        os.close(file)
        raise
    return file


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
