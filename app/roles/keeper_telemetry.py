"""What an operator sees of the keeper: a log line for each change of state, and metrics. Names and paths, no values."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from prometheus_client import Counter, Gauge

from app.api.gate.telemetry import place_of
from app.keeper.observer import Recorded, Repaired
from app.telemetry import MOST_PATHS, Telemetry, log

_SAID_AGAIN: Final = 60.0
"""Seconds after which a watch that is still broken in the same words is logged again."""
_DELAYS_AGAIN: Final = 10.0
"""Seconds between two lines of a kind's objects that wait: an API server in trouble concerns thousands of them."""


class KeeperTelemetry:
    """The keeper's observer.

    Args:
        telemetry: whose registry the metrics are in.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        registry = telemetry.registry
        self._losses = Counter(
            "status_guard_keeper_losses", "Losses seen in the cluster, each once; they got past admission.",
            ["guard"], registry=registry,
        )  # fmt: skip
        self._repairs = Counter(
            "status_guard_keeper_repairs", "Attempts to put something back, by what came of them.",
            ["guard", "outcome"], registry=registry,
        )  # fmt: skip
        self._stopped = Gauge(
            "status_guard_keeper_repair_stopped", "Objects not repaired any more: the loss came back each time.",
            ["guard"], registry=registry,
        )  # fmt: skip
        self._revisions = Counter(
            "status_guard_keeper_revisions", "Good statuses that were to be kept, by what came of it.",
            ["guard", "outcome"], registry=registry,
        )  # fmt: skip
        self._leading = Gauge(
            "status_guard_keeper_leading", "Whether this keeper is the one that writes.", registry=registry
        )
        self._watching = Gauge(
            "status_guard_keeper_watching", "Whether all objects of the kind are seen; 0: the watch is broken.",
            ["guard"], registry=registry,
        )  # fmt: skip
        self._objects = Gauge("status_guard_keeper_objects", "Objects watched.", ["guard"], registry=registry)
        self._restarts = Counter(
            "status_guard_keeper_watch_restarts", "Times that a watch broke.", ["guard"], registry=registry
        )
        self._last = Gauge(
            "status_guard_keeper_last_event_timestamp_seconds", "When the watch showed something last.",
            ["guard"], registry=registry,
        )  # fmt: skip
        self._said: dict[str, tuple[str, float]] = {}
        self._delays: dict[str, tuple[float, int]] = {}

    def leading(self, *, leads: bool) -> None:
        """See :class:`app.keeper.observer.Observer`."""
        self._leading.set(leads)
        log.info("keeper leading" if leads else "keeper lost leadership")

    def watching(self, guard: str, *, watches: bool, why: str = "") -> None:
        """See the observer; the same trouble is logged once a minute at most."""
        self._watching.labels(guard).set(watches)
        before, at = self._said.get(guard, ("", 0.0))
        if watches:
            if before or guard not in self._said:
                log.info("watching", guard=guard)
            self._said[guard] = ("", 0.0)
            return
        self._restarts.labels(guard).inc()
        now = _now().timestamp()
        if why != before or now - at > _SAID_AGAIN:
            log.warning("the watch is broken and tried again", guard=guard, reason=why)
            self._said[guard] = (why, now)

    def ended(self, guard: str) -> None:
        """See the observer."""
        for gauge in (self._watching, self._objects, self._last, self._stopped):
            with suppress(KeyError):  # it never had a value
                gauge.remove(guard)
        self._said.pop(guard, None)
        log.info("not watching any more", guard=guard)

    def missing(self, guard: str, *, missing: bool) -> None:
        """See the observer."""
        if missing:
            log.warning("the cluster has no kind for this guard; it is watched once there is one", guard=guard)
        else:
            log.info("the cluster has the kind of this guard now", guard=guard)

    def event(self, guard: str, objects: int) -> None:
        """See the observer."""
        self._objects.labels(guard).set(objects)
        self._last.labels(guard).set(_now().timestamp())

    def lost(self, guard: str, subject: str, paths: Sequence[str]) -> None:
        """See the observer."""
        self._losses.labels(guard).inc()
        log.warning("loss seen", guard=guard, object=subject, paths=paths[:MOST_PATHS], lost=len(paths))

    def repair(self, guard: str, subject: str, outcome: Repaired, paths: Sequence[str], why: str = "") -> None:
        """See the observer."""
        self._repairs.labels(guard, outcome.value).inc()
        known = {"guard": guard, "object": subject, "paths": paths[:MOST_PATHS], "count": len(paths)}
        match outcome:
            case Repaired.REPAIRED:
                log.info("repaired", **known)
            case Repaired.CONFLICT:
                log.info("not repaired, because the object has changed; it is looked at again", **known)
            case Repaired.FAILED:
                log.error("could not be repaired", reason=why, **known)

    def withheld(self, guard: str, subject: str, why: str) -> None:
        """See the observer."""
        log.info("not repaired", guard=guard, object=subject, reason=why)

    def stopped(self, guard: str, stopped: int) -> None:
        """See the observer."""
        self._stopped.labels(guard).set(stopped)

    def gave_up(self, guard: str, subject: str, paths: Sequence[str]) -> None:
        """See the observer."""
        log.error("repair stopped", guard=guard, object=subject, paths=paths[:MOST_PATHS], count=len(paths))

    def recorded(self, guard: str, subject: str, outcome: Recorded, why: str = "") -> None:
        """See the observer."""
        self._revisions.labels(guard, outcome.value).inc()
        match outcome:
            case Recorded.KEPT | Recorded.RAISED:
                log.debug("revision kept", guard=guard, object=subject, outcome=outcome.value)
            case Recorded.OVERSIZE | Recorded.REFUSED:
                log.warning("a status is not kept", guard=guard, object=subject, reason=why)
            case Recorded.FAILED:
                pass  # ``delayed`` says it

    def delayed(self, guard: str, subject: str, why: str, seconds: float) -> None:
        """See the observer; of many objects that wait for the same, one line in ten seconds tells of all."""
        before, others = self._delays.get(guard, (0.0, 0))
        now = _now().timestamp()
        if now - before < _DELAYS_AGAIN:
            self._delays[guard] = (before, others + 1)
            return
        self._delays[guard] = (now, 0)
        known = {"guard": guard, "object": subject, "seconds": round(seconds, 1)}
        log.warning("tried again later", reason=why, others_since_the_last_line=others, **known)

    def unread(self, guard: str, why: str, seconds: float) -> None:
        """See the observer."""
        log.warning("kept revisions could not be listed", guard=guard, reason=why, seconds=round(seconds, 1))

    def trouble(self, why: str, seconds: float) -> None:
        """See the observer."""
        log.warning("the cluster cannot be asked for its kinds", reason=why, seconds=round(seconds, 1))

    def broke(self, guard: str, subject: str, error: BaseException) -> None:
        """See the observer."""
        log.error("internal error", guard=guard, object=subject, error=type(error).__name__, place=place_of(error))


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - a metric's time of day is the clock's
