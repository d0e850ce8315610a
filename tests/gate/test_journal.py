"""What a journal's lines come to after a restart, and what never gets into them."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from app.core.gate.installation_call import Action
from app.gate.journal import Accepted, Ended, Sending, Unsent, acceptance, ending, replayed
from app.gate.progress import (
    Answered,
    ChartProgress,
    Deployed,
    InstallFailed,
    Interrupted,
    NotReady,
    Outcome,
    OutcomeUnknown,
    Phase,
    Refused,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def accepted(identity: str) -> Accepted:
    """An install that was taken on."""
    charts = (ChartProgress("demo", "1.0.0", "demo"),)
    later = NOW + timedelta(minutes=5)
    return Accepted(identity, "local", "charts", Action.INSTALL, "apps", charts, "u-jane", NOW, later)


def test_a_restart_tells_what_was_sent_from_what_was_not() -> None:
    """Whatever had not ended was interrupted, and only what was about to be sent may have reached Rancher."""
    lines = [accepted("held"), accepted("sending"), accepted("unsent"), accepted("again"), accepted("ended")]
    steps = [Sending("sending"), Sending("unsent"), Unsent("unsent"), Sending("again"), Unsent("again")]
    end = Ended("ended", NOW, Answered(201, ("apps", "helm-operation-1")))
    known = {progress.id: (progress, at) for progress, at in replayed([*lines, *steps, Sending("again"), end])}
    sent = {name: one.outcome.sent for name, (one, _) in known.items() if isinstance(one.outcome, Interrupted)}
    assert sent == {"held": False, "sending": True, "unsent": False, "again": True}
    progress, at = known["ended"]
    assert (progress.outcome, progress.operation, at) == (end.outcome, ("apps", "helm-operation-1"), NOW)
    assert progress.phase is Phase.ENDED
    assert known["held"][1] is None
    assert acceptance(known["held"][0]) == accepted("held")


def test_lines_without_a_beginning_mean_nothing() -> None:
    """Their install was left out when the file was written anew."""
    assert replayed([Sending("one"), Ended("two", NOW, Interrupted(sent=False)), Unsent("three")]) == []


@pytest.mark.parametrize(
    "outcome",
    [
        OutcomeUnknown("password=hunter2", "Get https://user:hunter2@x"),
        Refused("chart-download-refused", 502, "hunter2", "hunter2"),
        InstallFailed(("apps", "helm-operation-1"), "hunter2", "hunter2", "hunter2"),
        NotReady("hunter2", "hunter2"),
        Deployed(201, None, "hunter2"),
        Answered(201, None, "hunter2"),
    ],
    ids=lambda outcome: type(outcome).__name__,
)
def test_nobodys_words_are_written_down(outcome: Outcome) -> None:
    """Messages can carry credentials, and the journal is kept."""
    progress = replace(replayed([accepted("one")])[0][0], outcome=outcome)
    assert "hunter2" not in repr(ending(progress, NOW))
    assert type(ending(progress, NOW).outcome) is type(outcome)
