"""What an operator sees: one structured log line for each decision that matters, and metrics.

Nothing here ever gets a whole object: paths, names, users and rule ids, never values.
"""

import logging
import math
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import accumulate
from typing import Final

import msgspec
import structlog
from msgspec import Struct
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client import Counter as CounterMetric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from structlog.typing import EventDict

from app.core.review import AdmissionRequest
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


class Tally(Collector):
    """Counts of what is counted with every decision, as plain numbers until somebody reads them.

    A ``Counter`` or ``Histogram`` takes a lock for each number; together they cost as much as encoding the answer.
    The event loop alone counts, so no lock is needed.
    """

    def __init__(self) -> None:
        self._requests: Counter[tuple[Endpoint, str, RuleId, Action, bool]] = Counter()
        self._restored: Counter[tuple[str, str, RuleId]] = Counter()
        # the last bucket is +Inf; the sum of seconds stands beside them
        self._buckets = {endpoint: [0] * (len(_BUCKETS) + 1) for endpoint in Endpoint}
        self._seconds = dict.fromkeys(Endpoint, 0.0)

    def count(self, endpoint: Endpoint, request: AdmissionRequest, verdict: Verdict, seconds: float) -> None:
        """Count one answered review."""
        self._seconds[endpoint] += seconds
        self._buckets[endpoint][bisect_left(_BUCKETS, seconds)] += 1
        self._requests[endpoint, verdict.guard, verdict.rules[0], verdict.action, request.dry_run is True] += 1
        if verdict.action is Action.RESTORED and not request.dry_run:
            for finding in verdict.findings:
                self._restored[request.resource.group, request.resource.resource, finding.rule] += 1

    def collect(self) -> Iterator[Metric]:
        """The counts in Prometheus' form."""
        requests = CounterMetricFamily(
            "status_guard_requests",
            "Reviews answered, by the guard that applied, the deciding rule (docs/rules.md) and what was done.",
            labels=["endpoint", "guard", "rule", "action", "dry_run"],
        )
        for (endpoint, guard, rule, action, dry_run), number in self._requests.items():
            requests.add_metric([endpoint, guard, rule, action, "true" if dry_run else "false"], number)
        restored = CounterMetricFamily(
            "status_guard_losses_restored",
            "Losses put back in answers. Whether the write was then stored, the API server alone knows.",
            labels=["group", "resource", "rule"],
        )
        for labels, number in self._restored.items():
            restored.add_metric(labels, number)
        duration = HistogramMetricFamily(
            "status_guard_request_duration_seconds",
            "From the request's headers to its answer.",
            labels=["endpoint"],
        )
        for endpoint, numbers in self._buckets.items():
            ends = zip((*_BUCKETS, math.inf), accumulate(numbers), strict=True)
            buckets = [("+Inf" if end == math.inf else str(float(end)), number) for end, number in ends]
            duration.add_metric([endpoint], buckets, self._seconds[endpoint])
        return iter((requests, restored, duration))


class Telemetry:
    """The process's metrics, and the decision log."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._tally = Tally()
        self.registry.register(self._tally)
        self._faults = CounterMetric(
            "status_guard_faults",
            "Requests answered with an HTTP error, which leaves the decision to the failurePolicy.",
            ["endpoint", "code"],
            registry=self.registry,
        )
        # not through structlog's processors: they would cost as much as the decision does
        self._decisions = structlog.BytesLogger(sys.stderr.buffer)

    def gauge(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Export a value that is read when metrics are."""
        Gauge(name, help_text, registry=self.registry).set_function(read)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def decision(self, endpoint: Endpoint, request: AdmissionRequest, verdict: Verdict, seconds: float) -> None:
        """Count one answered review, and log it if something was lost or undone."""
        self._tally.count(endpoint, request, verdict, seconds)
        if verdict.action is not Action.ALLOWED and not request.dry_run:
            self._log(endpoint, request, verdict)

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
