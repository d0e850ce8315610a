"""The rules that the roles of a process share: read again when they change, shown in readiness and metrics."""

from pathlib import Path

from app.api.health import Health
from app.rules import RuleSource
from app.telemetry import Telemetry, log


class Ruling:
    """Keeps the rules current.

    Args:
        path: folder or file of rule documents.
        telemetry: shows their figures.

    Raises:
        RulesError: the rule documents cannot be used.
    """

    def __init__(self, path: Path, telemetry: Telemetry) -> None:
        self.source = rules = RuleSource([path])
        gauge = telemetry.gauge
        gauge("status_guard_rules_generation", "Rule sets accepted since the start.", lambda: rules.generation)
        gauge("status_guard_rules_guards", "Guards in force.", lambda: len(rules.current.guards))
        gauge("status_guard_rules_reload_failures", "Rule sets refused since the start.", lambda: rules.failures)
        gauge(
            "status_guard_rules_refused",
            "Whether the rules on disk are refused and an earlier set is in force.",
            lambda: float(rules.last_error is not None),
        )

    async def check(self) -> Health:
        """An earlier good set goes on working, so a refused one is said here and is no reason to be unready."""
        current = f"generation {self.source.generation}, {len(self.source.current.guards)} guards"
        error = self.source.last_error
        return Health(ok=True, detail=f"{current}; the rules on disk are refused: {error}" if error else current)

    def poll(self) -> None:
        """Look at the rules once; log what came of it."""
        rules = self.source.reload_if_changed()
        if rules.outcome == "accepted":
            log.info("rules accepted", generation=self.source.generation, guards=len(self.source.current.guards))
        elif rules.outcome == "refused":
            mistakes = str(self.source.last_error).splitlines()
            log.error("rules refused; the earlier set stays in force", mistakes=mistakes)
