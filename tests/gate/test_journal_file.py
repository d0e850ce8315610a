"""The journal on a real disk: what outlives a process, and what it says afterwards."""

import asyncio
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.core.gate.installation_call import Action
from app.gate.journal import Accepted, Ended, JournalError, ending, replayed
from app.gate.journal_file import FileJournal
from app.gate.progress import (
    Answered,
    Cancelled,
    ChartProgress,
    Deployed,
    InstallFailed,
    Interrupted,
    NotReady,
    Outcome,
    OutcomeUnknown,
    Progress,
    Refused,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def accepted(identity: str) -> Accepted:
    """An install that was taken on."""
    charts = (ChartProgress("demo", "1.0.0", "demo"),)
    later = NOW + timedelta(minutes=5)
    return Accepted(identity, "local", "charts", Action.INSTALL, "apps", charts, "u-jane", NOW, later)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "journal.jsonl"


def reopened(path: Path, now: datetime = NOW) -> dict[str, Progress]:
    """What a next process knows, by id."""
    journal = FileJournal.open(path, now)
    journal.close()
    return {progress.id: progress for progress, _ in journal.past}


def test_a_restart_tells_what_was_sent_from_what_was_not(path: Path) -> None:
    """Whatever had not ended was interrupted, and only what was about to be sent may have reached Rancher."""

    async def before() -> None:
        journal = FileJournal.open(path, NOW)
        for identity in ("held", "sending", "unsent", "ended"):
            await journal.accepted(accepted(identity))
        await journal.sending("sending")
        await journal.sending("unsent")
        await journal.unsent("unsent")
        await journal.ended(Ended("ended", NOW, Answered(201, ("apps", "helm-operation-1"))))
        journal.close()

    asyncio.run(before())
    known = reopened(path)
    sent = {name: one.outcome.sent for name, one in known.items() if isinstance(one.outcome, Interrupted)}
    assert sent == {"held": False, "sending": True, "unsent": False}
    assert known["ended"].outcome == Answered(201, ("apps", "helm-operation-1"))
    assert known["ended"].operation == ("apps", "helm-operation-1")
    assert known["held"].user == "u-jane"
    assert reopened(path) == known


def test_a_line_that_was_cut_off_is_taken_as_not_written(path: Path) -> None:
    """A crash in the middle of a line spoils neither the lines before it nor those after it."""
    asyncio.run(_write_one(path, "first"))
    path.write_bytes(path.read_bytes() + b'{"what":"acce')
    asyncio.run(_write_one(path, "second"))
    assert list(reopened(path)) == ["first", "second"]


async def _write_one(path: Path, identity: str) -> None:
    journal = FileJournal.open(path, NOW)
    assert journal.unreadable == 0
    await journal.accepted(accepted(identity))
    journal.close()


def test_a_line_that_makes_no_sense_is_counted_and_passed_over(path: Path) -> None:
    """A file that somebody has edited is still worth reading."""
    asyncio.run(_write_one(path, "first"))
    path.write_bytes(b"what is this\n\xff\n" + path.read_bytes())
    journal = FileJournal.open(path, NOW)
    journal.close()
    assert journal.unreadable == 2
    assert [progress.id for progress, _ in journal.past] == ["first"]


def test_two_processes_do_not_share_a_journal(path: Path) -> None:
    """The second one is told what to do."""
    first = FileJournal.open(path, NOW)
    with pytest.raises(JournalError, match=r"journal\.jsonl: another process has it; each gate needs"):
        FileJournal.open(path, NOW)
    first.close()
    FileJournal.open(path, NOW).close()


def test_it_is_for_its_owner_only(path: Path) -> None:
    """Names of users and releases are nobody else's business."""
    FileJournal.open(path, NOW).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_ended_long_ago_is_left_out(path: Path) -> None:
    """The file does not grow for ever; whatever is still open stays."""

    async def write() -> None:
        journal = FileJournal.open(path, NOW)
        for identity in ("living", "old", *(f"filling-{number}" for number in range(20))):
            await journal.accepted(accepted(identity))
        await journal.ended(Ended("old", NOW, Cancelled()))
        journal._rotate_at = 2000
        await journal.ended(Ended("late", NOW + timedelta(days=2), Cancelled()))
        await journal.sending("living")
        journal.close()

    asyncio.run(write())
    known = reopened(path)
    assert "old" not in known
    assert isinstance(known["living"].outcome, Interrupted)
    assert known["living"].outcome.sent
    assert b"old" not in path.read_bytes()


def test_a_caller_who_is_cancelled_does_not_leave_half_a_line(path: Path) -> None:
    """What was begun to be written is written to its end, before anybody else writes."""

    async def write() -> None:
        journal = FileJournal.open(path, NOW)
        for number in range(50):
            task = asyncio.create_task(journal.accepted(accepted(f"cancelled-{number}")))
            await asyncio.sleep(0)
            task.cancel()
        await journal.accepted(accepted("last"))
        journal.close()

    asyncio.run(write())
    journal = FileJournal.open(path, NOW)
    journal.close()
    assert journal.unreadable == 0
    assert "last" in {progress.id for progress, _ in journal.past}


def test_what_cannot_be_written_is_said(path: Path) -> None:
    """Whoever asks hears that nothing was written, and why."""

    async def write() -> None:
        journal = FileJournal.open(path, NOW)
        os.close(journal._file)
        journal._file = os.open("/dev/full", os.O_WRONLY)
        with pytest.raises(JournalError, match=r"journal\.jsonl: no space left on device"):
            await journal.accepted(accepted("one"))
        journal.close()

    asyncio.run(write())


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    """The operator hears which file it is about."""
    with pytest.raises(JournalError, match=r"nowhere/journal: no such file or directory"):
        FileJournal.open(tmp_path / "nowhere" / "journal", NOW)


@pytest.mark.parametrize(
    "outcome",
    [
        OutcomeUnknown("password=hunter2", "Get https://user:hunter2@x"),
        Refused("chart-download-refused", 502, "hunter2", "hunter2"),
        InstallFailed(("apps", "helm-operation-1"), "hunter2", "hunter2", "hunter2"),
        NotReady("hunter2", "hunter2"),
        Deployed(201, None, "hunter2"),
    ],
    ids=lambda outcome: type(outcome).__name__,
)
def test_nobodys_words_are_written_down(outcome: Outcome) -> None:
    """Messages can carry credentials, and the journal is kept."""
    progress = replace(replayed([accepted("one")])[0][0], outcome=outcome)
    assert "hunter2" not in repr(ending(progress, NOW))
    assert type(ending(progress, NOW).outcome) is type(outcome)
