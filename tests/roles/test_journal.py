"""The journal's file: what it survives, what it refuses, and what a restart makes of it."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from gate_process import Scene
from gate_wire import BODY

from app.core.gate.installation_call import Action
from app.gate.journal import Accepted, Ended, JournalError
from app.gate.progress import Answered, ChartProgress, Interrupted, Phase
from app.roles.journal import open_journal
from app.roles.journal_lines import Keeping
from tests.rancher import DNS, Act, Outage, Release, Step

Begin = Callable[..., Awaitable[Scene]]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEEPING = Keeping(86_400.0, 1000)


def line(identity: str) -> Accepted:
    """An install that is taken on."""
    charts = (ChartProgress("harvester", "1.8.1", "harvester"),)
    return Accepted(identity, "local", "harvester", Action.INSTALL, "ns", charts, "u-ann", NOW, NOW)


async def test_what_had_not_ended_was_interrupted(tmp_path: Path) -> None:
    """After a restart an install is known with its outcome, and one without says whether it may have been sent."""
    path = tmp_path / "journal"
    journal, past = open_journal(path, NOW, KEEPING)
    assert past == []
    for identity in ("ended", "held", "sent", "unsent"):
        await journal.accepted(line(identity))
    await journal.ended(Ended("ended", NOW, Answered(201, ("ns", "op"))))
    for identity in ("sent", "unsent"):
        await journal.sending(identity)
    await journal.unsent("unsent")
    os.close(journal._file)
    for later in (NOW, NOW + timedelta(hours=1)):  # what was read once is read the same again
        journal, past = open_journal(path, later, KEEPING)
        os.close(journal._file)
        found = {progress.id: progress.outcome for progress, _ in past}
        assert found["ended"] == Answered(201, ("ns", "op"))
        sent = {name: one.sent for name, one in found.items() if isinstance(one, Interrupted)}
        assert sent == {"held": False, "sent": True, "unsent": False}
        assert {at for _, at in past} == {NOW}
        assert {progress.phase for progress, _ in past} == {Phase.ENDED}
    assert path.stat().st_mode & 0o777 == 0o600


async def test_old_records_are_forgotten(tmp_path: Path) -> None:
    """What ended longer ago than is kept is neither told nor left in the file."""
    path = tmp_path / "journal"
    journal, _ = open_journal(path, NOW, KEEPING)
    await journal.accepted(line("old"))
    await journal.ended(Ended("old", NOW, Answered(201)))
    os.close(journal._file)
    journal, past = open_journal(path, NOW + timedelta(days=2), KEEPING)
    os.close(journal._file)
    assert (past, path.read_bytes()) == ([], b"")


async def test_a_torn_line_is_no_reason_not_to_start(tmp_path: Path) -> None:
    """A machine that stopped in the middle of a line costs that line, and a warning says which."""
    path = tmp_path / "journal"
    journal, _ = open_journal(path, NOW, KEEPING)
    await journal.accepted(line("whole"))
    os.close(journal._file)
    path.write_bytes(path.read_bytes() + b'{"what":"accepted","id":"to')
    with structlog.testing.capture_logs() as said:
        journal, past = open_journal(path, NOW, KEEPING)
    os.close(journal._file)
    assert [progress.id for progress, _ in past] == ["whole"]
    assert [(one["log_level"], one["line"]) for one in said] == [("warning", 2)]


def test_two_processes_do_not_share_a_file(tmp_path: Path) -> None:
    """A journal that is open is refused to another, by name and with what to do."""
    path = tmp_path / "journal"
    journal, _ = open_journal(path, NOW, KEEPING)
    with pytest.raises(JournalError, match=f"another process has the journal {path} open; give each gate a file"):
        open_journal(path, NOW, KEEPING)
    os.close(journal._file)


def test_a_file_that_cannot_be_is_named(tmp_path: Path) -> None:
    """A folder that is not there is said with the path."""
    with pytest.raises(JournalError, match=r"none/journal: No such file or directory"):
        open_journal(tmp_path / "none" / "journal", NOW, KEEPING)


async def test_a_disk_that_is_full_is_said(tmp_path: Path) -> None:
    """What could not be written is an error, so that nothing is sent that the journal does not know."""
    journal, _ = open_journal(tmp_path / "journal", NOW, KEEPING)
    os.close(journal._file)
    journal._file = os.open("/dev/full", os.O_WRONLY)
    for write in (journal.accepted(line("a")), journal.sending("a"), journal.unsent("a")):
        with pytest.raises(JournalError, match="No space left on device; look at its disk"):
            await write
    os.close(journal._file)


async def test_a_gate_that_was_killed_says_what_to_check(begin: Begin, tmp_path: Path) -> None:
    """After SIGKILL in the middle of a POST the next process shows the install as interrupted, and that it was sent."""
    path = tmp_path / "journal.jsonl"
    scene = await begin(journal=path)
    await scene.ready()
    scene.rancher.faults.add(Step.ANSWER, Act.SLOW, on="install", seconds=2000.0)
    answer = await scene.ask(body=BODY, prefer="respond-async")
    where = answer.header("location") or ""
    await asyncio.to_thread(scene.process.line, "install released")
    await asyncio.to_thread(scene.process.until, lambda: b'"sending"' in path.read_bytes())
    scene.process.signal(signal.SIGKILL)
    await asyncio.to_thread(scene.process.ended)
    await scene.start_gate(journal=path)
    shown = (await scene.ask(path=where, method="GET")).json
    assert (shown["phase"], shown["outcome"]["kind"], shown["outcome"]["sent"]) == ("ended", "interrupted", True)
    assert "look at the release" in shown["outcome"]["sentence"]
    assert scene.rancher.record.begun(Release("local", "cattle-ui-plugin-system", "harvester")) <= 1


async def test_a_held_install_of_a_killed_gate_was_not_sent(begin: Begin, tmp_path: Path) -> None:
    """One that was only held is interrupted without having been sent."""
    path = tmp_path / "journal.jsonl"
    scene = await begin(journal=path)
    scene.rancher.upstream(index_outage=Outage(DNS))
    scene.rancher.add_repo()
    answer = await scene.ask(body=BODY, prefer="respond-async")
    scene.process.signal(signal.SIGKILL)
    await asyncio.to_thread(scene.process.ended)
    await scene.start_gate(journal=path)
    shown = (await scene.ask(path=answer.header("location") or "", method="GET")).json
    assert shown["outcome"]["sent"] is False
