"""From samples to figures: medians over rounds, ratios within a round, disturbed windows left out where possible."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from generator import Sample
from rounds import FOREIGN_LIMIT, Results, Row

ENOUGH_CLEAN = 3
"""With fewer undisturbed rounds than this, all rounds count and the figure is marked."""


@dataclass(frozen=True)
class Figure:
    """A median with its extremes."""

    median: float
    low: float
    high: float
    rounds: int
    disturbed: bool = False
    """Whether it rests on windows in which others used the machine."""

    @classmethod
    def of(cls, values: Iterable[float], *, disturbed: bool = False) -> "Figure | None":
        """The figure for these values, if there are any."""
        held = sorted(values)
        if not held:
            return None
        return cls(statistics.median(held), held[0], held[-1], len(held), disturbed)

    def text(self, digits: int, unit: str = "") -> str:
        """Such as ``58.1 us [56.0..61.3]``."""
        mark = " (*)" if self.disturbed else ""
        return f"{self.median:.{digits}f}{unit} [{self.low:.{digits}f}..{self.high:.{digits}f}]{mark}"


class Figures:
    """Every figure of a run."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._heats: dict[tuple[str, int], dict[str, Sample]] = {}
        for row in results.rows:
            # Tries come in order: the last one of a round is the one without a disturbance, or the last allowed.
            self._heats.setdefault((row.measure, row.round), {})[row.server] = row.sample

    def of(self, measure: str, server: str, value: Callable[[Sample], float]) -> Figure | None:
        """A value of one server over the rounds."""
        heats, disturbed = self._counting(measure)
        return Figure.of((value(heat[server]) for heat in heats if server in heat), disturbed=disturbed)

    def ratio(
        self, measure: str, server: str, reference: str, value: Callable[[Sample], float] = lambda one: one.cpu_us
    ) -> Figure | None:
        """One server's value through another's, taken within each round, then the median of these."""
        heats, disturbed = self._counting(measure)
        both = [heat for heat in heats if server in heat and reference in heat]
        return Figure.of((value(heat[server]) / value(heat[reference]) for heat in both), disturbed=disturbed)

    def starts(self, server: str) -> Figure | None:
        """Seconds from exec to the first right answer."""
        return Figure.of(start.seconds for start in self._results.starts if start.server == server)

    def noise(self) -> Figure | None:
        """Foreign share of the machine in the windows that were taken, per cent."""
        return Figure.of(row.sample.foreign_share * 100 for row in self._results.rows)

    def repeated(self) -> int:
        """How many heats were taken again because of a disturbance."""
        return len({(row.measure, row.round, row.attempt) for row in self._results.rows if row.attempt})

    def unsaturated(self) -> list[Row]:
        """Windows of a closed loop in which the server had idle time: its figure is then a little too high."""
        return [row for row in self._results.rows if row.measure.startswith("sat") and row.sample.server_share < 0.9]

    def _counting(self, measure: str) -> tuple[list[dict[str, Sample]], bool]:
        heats = [heat for (name, _), heat in self._heats.items() if name == measure]
        clean = [heat for heat in heats if all(one.foreign_share <= FOREIGN_LIMIT for one in heat.values())]
        if len(clean) >= ENOUGH_CLEAN or len(clean) == len(heats):
            return clean, False
        return heats, True
