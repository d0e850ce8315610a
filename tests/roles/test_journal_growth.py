"""The journal's file stays small while it is open, and whatever stops the process meanwhile loses nothing of it."""

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from journal_writer import KEEPING, LEAST, NOW, line

from app.gate.journal import Ended, JournalError
from app.gate.progress import Answered, Cancelled, Interrupted
from app.roles.journal import FileJournal, open_journal
from app.roles.journal_lines import Keeping

LINES = 160
"""Of a process's output until it is killed; in each of its moments the file may be half written anew."""


async def _quiet(journal: FileJournal) -> None:
    while journal._writing:
        await asyncio.wait(journal._writing)


async def test_starting_and_cancelling_in_a_loop_does_not_fill_the_disk(tmp_path: Path) -> None:
    """However many installs come and go, the file holds the latest that are kept, and what has not ended."""
    path = tmp_path / "journal"
    journal, _ = open_journal(path, NOW, Keeping(86_400.0, 10), LEAST)
    await journal.accepted(line("held"))
    await journal.accepted(line("sent"))
    await journal.sending("sent")
    largest = 0
    for number in range(300):
        await journal.accepted(line(str(number)))
        await journal.ended(Ended(str(number), NOW + timedelta(seconds=number), Cancelled()))
        largest = max(largest, path.stat().st_size)
    await _quiet(journal)
    assert largest < 4 * LEAST
    os.close(journal._file)
    _, past = open_journal(path, NOW + timedelta(seconds=300), Keeping(86_400.0, 10))
    found = {progress.id: progress.outcome for progress, _ in past}
    interrupted = {name: one.sent for name, one in found.items() if isinstance(one, Interrupted)}
    assert interrupted == {"held": False, "sent": True}
    assert set(found) - set(interrupted) == {str(number) for number in range(292, 300)}


async def test_sending_again_and_again_does_not_fill_the_disk(tmp_path: Path) -> None:
    """One install that Rancher turns down for hours grows the file no more than many do."""
    path = tmp_path / "journal"
    journal, _ = open_journal(path, NOW, KEEPING, LEAST)
    await journal.accepted(line("one"))
    for _ in range(200):
        await journal.sending("one")
        await journal.unsent("one")
        assert path.stat().st_size < 2 * LEAST
    await _quiet(journal)
    os.close(journal._file)


async def test_who_goes_while_it_is_written_loses_no_line(tmp_path: Path) -> None:
    """A caller who is cancelled in the middle of writing leaves a line that is whole, in the file that counts."""
    path = tmp_path / "journal"
    journal, _ = open_journal(path, NOW, KEEPING, LEAST)
    for number in range(60):
        writing = asyncio.create_task(journal.accepted(line(str(number))))
        await asyncio.sleep(0)
        writing.cancel()
    await _quiet(journal)
    os.close(journal._file)
    assert len(open_journal(path, NOW, Keeping(86_400.0, 100))[1]) == 60


async def test_a_file_that_cannot_be_written_anew_goes_on(tmp_path: Path) -> None:
    """Where there is no room for the new file the old one takes further lines, all of them."""
    path = tmp_path / "journal"
    journal, _ = open_journal(path, NOW, KEEPING, LEAST)
    (tmp_path / "journal.new").mkdir()  # stands in its way
    for number in range(30):
        await journal.accepted(line(str(number)))
        await journal.ended(Ended(str(number), NOW, Answered(201)))
    await _quiet(journal)
    assert len(path.read_bytes().splitlines()) == 60
    os.close(journal._file)
    with pytest.raises(JournalError, match="cannot use the journal"):
        open_journal(path, NOW, KEEPING)


@pytest.mark.parametrize("lines", [LINES // 8 * part + part for part in range(1, 9)])
def test_a_process_that_is_killed_while_it_writes_anew_loses_nothing(tmp_path: Path, lines: int) -> None:
    """Whatever was said to be on the disk is there after SIGKILL in any moment."""
    path = tmp_path / "journal"
    support = Path(sys.modules["journal_writer"].__file__ or "")
    repository = Path(__file__).parents[2]
    writer = subprocess.Popen(
        [sys.executable, str(support), str(path)],
        env=os.environ | {"PYTHONPATH": str(repository)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    said = [writer.stdout.readline() for _ in range(lines)]
    writer.kill()
    said += writer.stdout.readlines()
    writer.wait()
    writer.stdout.close()
    told = [text.split() for text in said if text.endswith("\n")]
    _, past = open_journal(path, NOW, Keeping(86_400.0, 100_000))
    found = {progress.id: progress.outcome for progress, _ in past}
    for what, identity in told:
        outcome = found[identity]
        assert isinstance(outcome, Interrupted)
        assert outcome.sent or what == "held"
