"""What an operator sees of the gate: one log line for each change of state, and metrics. Never a secret.

Names, ids, causes and outcomes; no values, no headers, no words of Rancher's. Even of our own faults it is type and
place, not the text, which may quote what was being read.
"""

import traceback
from typing import Final

from prometheus_client import Counter, Histogram

from app.gate.port import Nudged
from app.gate.progress import Progress, Refused
from app.telemetry import Telemetry, log

_WAITS: Final = (0.1, 0.5, 1, 2, 5, 10, 20, 50, 120, 300, 600, 1800, 7200)
"""Seconds: from an install that is let through at once to the longest deadline; 50 is the default hold."""
_LATENCIES: Final = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 120)
"""Seconds: from a look-up to an install, which takes 2 and more, and the download of a chart, which may take 30."""

_OUTCOMES: Final = frozenset({
    *("not-ready", "refused", "install-failed", "cancelled", "interrupted", "outcome-unknown", "no-such-install"),
})  # fmt: skip


def place_of(error: BaseException) -> str:
    """Where an error was raised, innermost last, without its words."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " > ".join(f"{frame.filename.rpartition('/app/')[2]}:{frame.lineno}" for frame in frames)


def log_fault(error: BaseException, **known: str) -> None:
    """Log a fault of ours."""
    log.error("internal error", error=type(error).__name__, place=place_of(error), **known)


class GateTelemetry:
    """The engine's observer, and the edge's.

    Args:
        telemetry: whose registry the metrics are in.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        registry = telemetry.registry
        self._held = Counter("status_guard_gate_installs_held", "Installs taken on.", ["action"], registry=registry)
        self._joined = Counter("status_guard_gate_installs_joined", "Callers that share an install.", registry=registry)
        self._released = Counter(
            "status_guard_gate_installs_released", "POSTs begun; more than installs where one came to nothing.",
            ["action"], registry=registry,
        )  # fmt: skip
        self._ended = Counter(
            "status_guard_gate_installs_ended", "Installs that ended, by what became of them.",
            ["outcome", "cause"], registry=registry,
        )  # fmt: skip
        self._problems = Counter(
            "status_guard_gate_problems", "Answers that are no answer of Rancher's, by the problem that they tell.",
            ["problem"], registry=registry,
        )  # fmt: skip
        self._retried = Counter(
            "status_guard_gate_retries", "Attempts that came to nothing and left no trace, by cause.",
            ["cause"], registry=registry,
        )  # fmt: skip
        self._nudged = Counter(
            "status_guard_gate_nudges", "Times that Rancher was asked to look again, by what came of it.",
            ["result"], registry=registry,
        )  # fmt: skip
        self._waited = Histogram(
            "status_guard_gate_wait_seconds", "From taking an install on to its first POST.",
            buckets=_WAITS, registry=registry,
        )  # fmt: skip
        self._upstream = Histogram(
            "status_guard_gate_upstream_seconds", "From a request to Rancher to the head of its answer.",
            ["call"], buckets=_LATENCIES, registry=registry,
        )  # fmt: skip
        self._answers = Counter(
            "status_guard_gate_upstream_answers", "Answers of Rancher's by class; none: there was no answer.",
            ["call", "class"], registry=registry,
        )  # fmt: skip
        self._passed = Counter(
            "status_guard_gate_requests_passed", "Other calls that passed to Rancher as they are.", registry=registry
        )

    def held(self, progress: Progress) -> None:
        """An install was taken on."""
        self._held.labels(progress.action.value).inc()
        _say("install held", progress, deadline=progress.deadline.isoformat(), asynchronous=progress.asynchronous)

    def joined(self, progress: Progress) -> None:
        """One more caller shares an install."""
        self._joined.inc()
        _say("install joined", progress, callers=progress.joined)

    def released(self, progress: Progress, waited: float) -> None:
        """The POST begins."""
        self._released.labels(progress.action.value).inc()
        if progress.attempts <= 1:
            self._waited.observe(waited)
        _say("install released", progress, waited=round(waited, 3), attempt=progress.attempts)

    def retried(self, progress: Progress, cause: str) -> None:
        """An attempt came to nothing."""
        self._retried.labels(cause).inc()
        _say("install retried", progress, cause=cause)

    def settling(self, progress: Progress, cause: str) -> None:
        """The answer was lost, or does not tell."""
        _say("install settling", progress, cause=cause)

    def following(self, progress: Progress) -> None:
        """Rancher accepted it."""
        _say("install followed", progress, operation="/".join(progress.operation or ()))

    def nudged(self, progress: Progress, result: Nudged) -> None:
        """Rancher was asked to look again."""
        self._nudged.labels(result.value).inc()
        _say("repository nudged", progress, result=result.value)

    def ended(self, progress: Progress, waited: float) -> None:
        """It has ended."""
        outcome = progress.outcome
        kind = outcome.__struct_config__.tag if outcome else "none"
        cause = outcome.cause if isinstance(outcome, Refused) else ""
        self._ended.labels(str(kind), cause).inc()
        _say("install ended", progress, outcome=str(kind), cause=cause, waited=round(waited, 3))

    def broke(self, progress: Progress, error: BaseException) -> None:
        """The engine itself has a fault."""
        log_fault(error, install=progress.id, repo=progress.repo)

    def problem(self, slug: str, status: int) -> None:
        """A caller was told of a problem; one that an install ended with has its log line already."""
        self._problems.labels(slug).inc()
        if slug not in _OUTCOMES:
            log.warning("call refused", problem=slug, status=status)

    def passed(self) -> None:
        """A call passed to Rancher."""
        self._passed.inc()

    def exchange(self, what: str, seconds: float, status: int) -> None:
        """Rancher was asked for something; status 0 is no answer."""
        self._upstream.labels(what).observe(seconds)
        self._answers.labels(what, f"{status // 100}xx" if status else "none").inc()


def _say(event: str, progress: Progress, **more: object) -> None:
    """One line about one install."""
    log.info(
        event,
        install=progress.id,
        cluster=progress.cluster,
        repo=progress.repo,
        action=progress.action.value,
        chart=", ".join(f"{chart.name} {chart.version}".rstrip() for chart in progress.charts),
        release=", ".join(chart.release for chart in progress.charts),
        namespace=progress.namespace,
        user=progress.user,
        **more,
    )
