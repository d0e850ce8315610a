"""The gate's log lines and metrics: every change of state, and never a secret."""

from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from app.api.gate.telemetry import GateTelemetry, log_fault
from app.core.gate.installation_call import Action
from app.gate.port import Nudged
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
    Phase,
    Progress,
    Refused,
)
from app.telemetry import Telemetry

WHEN = datetime(2026, 1, 2, tzinfo=UTC)
OUTCOMES: list[Outcome] = [
    Answered(201, ("ns", "op"), "MARKER"),
    Deployed(201, ("ns", "op"), "MARKER"),
    InstallFailed(("ns", "op"), "MARKER", "MARKER", "MARKER"),
    NotReady("MARKER", "MARKER"),
    Refused("registry-refused", 502, "MARKER", "MARKER"),
    OutcomeUnknown("MARKER", "MARKER"),
    Cancelled(),
    Interrupted(sent=True, sentence="MARKER"),
]


def made(**changes: Any) -> Progress:
    """An install."""
    known: dict[str, Any] = {"id": "0" * 32, "version": 1, "phase": Phase.HELD, "cluster": "local", "repo": "harvester"}
    known |= {"action": Action.INSTALL, "namespace": "ns", "charts": (ChartProgress("harvester", "1.8.1", "release"),)}
    known |= {"user": "u-ann", "asynchronous": False, "created": WHEN, "deadline": WHEN, "waits_for": "MARKER"}
    return Progress(**(known | changes))


@pytest.fixture
def telemetry() -> Telemetry:
    """Metrics of a process's own."""
    return Telemetry()


@pytest.fixture
def observer(telemetry: Telemetry) -> GateTelemetry:
    """What is told of everything."""
    return GateTelemetry(telemetry)


def test_every_change_is_one_line_that_says_which_install(observer: GateTelemetry) -> None:
    """Each line has the install's id, repository, chart and user, and nothing anybody said."""
    with structlog.testing.capture_logs() as lines:
        observer.held(made())
        observer.joined(made(joined=2))
        observer.released(made(attempts=1), 1.0)
        observer.retried(made(), "checkout-missing")
        observer.settling(made(), "request-given-up")
        observer.following(made(operation=("ns", "op")))
        observer.nudged(made(), Nudged.DONE)
        for outcome in OUTCOMES:
            observer.ended(made(phase=Phase.ENDED, outcome=outcome), 2.0)
    assert len(lines) == 7 + len(OUTCOMES)
    for line in lines:
        named = {name: line[name] for name in ("install", "repo", "chart", "user")}
        assert named == {"install": "0" * 32, "repo": "harvester", "chart": "harvester 1.8.1", "user": "u-ann"}
    assert "MARKER" not in str(lines)


def test_outcomes_are_counted_by_what_they_are(observer: GateTelemetry, telemetry: Telemetry) -> None:
    """Each outcome has its own count, a refusal by its cause."""
    with structlog.testing.capture_logs():
        for outcome in OUTCOMES:
            observer.ended(made(phase=Phase.ENDED, outcome=outcome), 2.0)
    for kind in ("answered", "deployed", "install-failed", "not-ready", "outcome-unknown", "cancelled", "interrupted"):
        labels = {"outcome": kind, "cause": ""}
        assert telemetry.registry.get_sample_value("status_guard_gate_installs_ended_total", labels) == 1
    labels = {"outcome": "refused", "cause": "registry-refused"}
    assert telemetry.registry.get_sample_value("status_guard_gate_installs_ended_total", labels) == 1
    assert b"MARKER" not in telemetry.exposition()


def test_waiting_is_measured_once_an_install(observer: GateTelemetry, telemetry: Telemetry) -> None:
    """A second POST of the same install is another release, not another wait."""
    with structlog.testing.capture_logs():
        observer.released(made(attempts=1), 3.0)
        observer.released(made(attempts=2), 60.0)
    value = telemetry.registry.get_sample_value
    assert value("status_guard_gate_wait_seconds_count") == 1
    assert value("status_guard_gate_wait_seconds_sum") == 3.0
    assert value("status_guard_gate_installs_released_total", {"action": "install"}) == 2


def test_answers_of_rancher_are_counted_by_class(observer: GateTelemetry, telemetry: Telemetry) -> None:
    """A status counts as its class, and no answer as none."""
    for status in (200, 201, 500, 0):
        observer.exchange("probe", 0.1, status)
    value = telemetry.registry.get_sample_value
    found = [
        value("status_guard_gate_upstream_answers_total", {"call": "probe", "class": kind})
        for kind in ("2xx", "5xx", "none")
    ]
    assert found == [2, 1, 1]
    assert value("status_guard_gate_upstream_seconds_count", {"call": "probe"}) == 4


def test_our_own_faults_are_logged_without_their_words(observer: GateTelemetry) -> None:
    """An error's text may quote a request, so type and place are logged, and no more."""
    with pytest.raises(ValueError, match="MARKER") as caught:
        int("MARKER")
    with structlog.testing.capture_logs() as lines:
        observer.broke(made(), caught.value)
        log_fault(caught.value)
    assert [line["error"] for line in lines] == ["ValueError", "ValueError"]
    assert "test_telemetry.py:" in lines[0]["place"]
    assert "MARKER" not in str(lines)
