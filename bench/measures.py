"""What is measured, in the order of a round, and what is asked of the figures."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from payloads import Kind

SATURATED = "saturated"
RATE = 200.0
"""Requests per second of the open loop: far above what one cluster sends to one webhook, far below a full core."""

GUARD_COUNTS = (1, 10, 1000)
GUARDS_MEASURE = "guards-8k-lost"


@dataclass(frozen=True)
class Measure:
    """One load on one server, for one figure."""

    name: str
    title: str
    payload: str
    logged: bool
    """Whether each request is a decision that has to stand in the log."""
    rate: float = 0
    """Requests per second; 0: as many as the server answers."""
    connections: int = 8
    warm_s: float = 0.4
    window_s: float = 2.0
    reference: bool = True
    """Whether the reference does this work too."""
    target: float | None = None
    """Highest ratio to the reference, CPU per admission; the project's own aim."""

    def quick(self) -> "Measure":
        """The same, too short for a figure: to see that everything works."""
        return replace(self, warm_s=0.2, window_s=0.5)


def _saturated(size: str, kind: Kind, what: str, target: float | None = None) -> Measure:
    known_to_both = kind in {Kind.LOST, Kind.INTACT}
    return Measure(
        name=f"sat-{size}-{kind}",
        title=f"{size.upper()}B, {what}",
        payload=f"{size}-{kind}",
        logged=kind is not Kind.INTACT,
        # Fewer at 1 MB, so that the requests in flight still fit the processor's cache.
        connections=4 if size == "1m" else 8,
        reference=known_to_both,
        target=target,
    )


MEASURES = (
    _saturated("8k", Kind.LOST, "status lost", 1.0),
    _saturated("8k", Kind.INTACT, "status intact"),
    _saturated("8k", Kind.PARTIAL, "one condition lost"),
    _saturated("8k", Kind.WRITER, "status lost, listed writer"),
    Measure(
        name="rate-8k-lost",
        title="8KB, status lost, 200 requests/s",
        payload=f"8k-{Kind.LOST}",
        logged=True,
        rate=RATE,
        warm_s=1.0,
        window_s=5.0,  # 1000 requests, so that p99 rests on ten
        target=1.15,
    ),
    _saturated("64k", Kind.LOST, "status lost", 0.65),
    _saturated("64k", Kind.INTACT, "status intact"),
    _saturated("1m", Kind.LOST, "status lost", 0.65),
    _saturated("1m", Kind.INTACT, "status intact"),
)
GUARDS = replace(MEASURES[0], name=GUARDS_MEASURE, reference=False, target=None)

RSS_AFTER = "sat-64k-intact"
"""The last 64 KB measure of a round: memory is read after it, before the 1 MB ones."""
RSS_TARGET_MB = 60.0
COLD_TARGET_S = 0.4


def choose(only: Iterable[str], *, quick: bool) -> tuple[Measure, ...]:
    """The measures whose names begin with one of the given words (none given: all), the guards' one included.

    Raises:
        ValueError: a word that begins no name; the text lists the names.
    """
    everything = (*MEASURES, GUARDS)
    names = [measure.name for measure in everything]
    words = tuple(only)
    for word in words:
        if not any(name.startswith(word) for name in names):
            raise ValueError(f"nothing is called {word!r}; there are {', '.join(names)}")
    chosen = [measure for measure in everything if not words or measure.name.startswith(words)]
    return tuple(measure.quick() if quick else measure for measure in chosen)
