"""What an operator sees: one structured log line for each decision that matters, and metrics.

Nothing here ever gets a whole object: paths, names, users and rule ids, never values.
"""

import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec
import structlog
from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest
from structlog.typing import EventDict

from app.core.review import AdmissionRequest, GroupVersionResource
from app.core.rule_ids import RuleId
from app.core.verdict import Action, Endpoint, Verdict

MOST_PATHS: Final = 20
"""Paths in one log line; the count of all stands beside them."""

_BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 3, 10, 30)
"""Seconds: from the decision's own cost (0.1 ms) to the API server's longest webhook timeout (30 s)."""

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

log: Final = structlog.get_logger()

_encode = msgspec.json.Encoder(enc_hook=str).encode


class DecisionLine(Struct, frozen=True, gc=False):
    """The log line of a decision that matters. Paths and names, never values."""

    time: datetime
    event: Action
    uid: str
    endpoint: Endpoint
    guard: str
    group: str
    version: str
    resource: str
    subresource: str
    namespace: str
    name: str
    user: str
    rules: tuple[RuleId, ...]
    paths: list[str]
    """The first 20 of what would have been lost or undone."""
    lost: int
    """How many there are in all."""
    level: str = "info"


def configure_logging() -> None:
    """Send every log line, the HTTP server's included, to standard error as one line of JSON."""
    structlog.configure(
        processors=[
            structlog.processors.ExceptionRenderer(),
            _line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_ToStructlog()], force=True)


def _line(_: object, level: str, event: EventDict) -> bytes:
    """One line of JSON, with the same names as a decision's line."""
    now = datetime.now(UTC)  # noqa: TID251 - a log line's time is the clock's
    return _encode({"time": now, "level": level, **event})


class _ToStructlog(logging.Handler):
    """Libraries that log through the standard library speak the same JSON."""

    def emit(self, record: logging.LogRecord) -> None:
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None)


class Telemetry:
    """The process's metrics, and the decision log."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "status_guard_requests",
            "Reviews answered, by the guard that applied, the deciding rule (docs/rules.md) and what was done.",
            ["endpoint", "guard", "rule", "action", "dry_run"],
            registry=self.registry,
        )
        self._faults = Counter(
            "status_guard_faults",
            "Requests answered with an HTTP error, which leaves the decision to the failurePolicy.",
            ["endpoint", "code"],
            registry=self.registry,
        )
        self._restored = Counter(
            "status_guard_losses_restored",
            "Losses put back in answers. Whether the write was then stored, the API server alone knows.",
            ["group", "resource", "rule"],
            registry=self.registry,
        )
        self._duration = Histogram(
            "status_guard_request_duration_seconds",
            "From the request's headers to its answer.",
            ["endpoint"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._observe = {endpoint: self._duration.labels(endpoint.value).observe for endpoint in Endpoint}
        # not through structlog's processors: they would cost as much as the decision does
        self._decisions = structlog.BytesLogger(sys.stderr.buffer)
        # a labelled child, once found: looking it up costs more than counting
        self._children: dict[tuple[object, ...], Callable[[], None]] = {}

    def gauge(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Export a value that is read when metrics are."""
        Gauge(name, help_text, registry=self.registry).set_function(read)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def decision(self, endpoint: Endpoint, request: AdmissionRequest, verdict: Verdict, seconds: float) -> None:
        """Count one answered review, and log it if something was lost or undone."""
        self._observe[endpoint](seconds)
        key = (endpoint, verdict.guard, verdict.rules[0], verdict.action, request.dry_run)
        count = self._children.get(key)
        if count is None:
            labels = (endpoint, verdict.guard, verdict.rules[0], verdict.action, "true" if request.dry_run else "false")
            count = self._children[key] = self._requests.labels(*labels).inc
        count()
        if verdict.action is Action.ALLOWED or request.dry_run:
            return
        if verdict.action is Action.RESTORED:
            for finding in verdict.findings:
                self._count_restored(request.resource, finding.rule)
        self._log(endpoint, request, verdict)

    def _count_restored(self, resource: GroupVersionResource, rule: RuleId) -> None:
        key = (resource.group, resource.resource, rule)
        count = self._children.get(key)
        if count is None:
            count = self._children[key] = self._restored.labels(*key).inc
        count()

    def _log(self, endpoint: Endpoint, request: AdmissionRequest, verdict: Verdict) -> None:
        resource = request.resource
        line = DecisionLine(
            time=datetime.now(UTC),  # noqa: TID251 - a log line's time is the clock's
            event=verdict.action,
            uid=request.uid,
            endpoint=endpoint,
            guard=verdict.guard,
            group=resource.group,
            version=resource.version,
            resource=resource.resource,
            subresource=request.sub_resource or "",
            namespace=request.namespace or "",
            name=request.name or "",
            user=request.user_info.username,
            rules=verdict.rules,
            paths=[finding.path for finding in verdict.findings[:MOST_PATHS]],
            lost=len(verdict.findings),
        )
        self._decisions.msg(_encode(line))

    def fault(self, endpoint: Endpoint, code: int, detail: str) -> None:
        """Count and log a request that got no verdict."""
        self._faults.labels(endpoint.value, str(code)).inc()
        log.warning("fault", endpoint=endpoint.value, code=code, detail=detail)
