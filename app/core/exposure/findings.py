"""What a scan found, and what of it a pipeline may stop at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from app.core.exposure.exposed import Exposure, Kind
from app.core.exposure.registered import Live
from app.core.exposure.seen import Seen


class FailOn(StrEnum):
    """What to stop at."""

    EXPOSED = "exposed"
    UNGUARDED = "unguarded"
    DRIFT = "drift"


@dataclass(frozen=True, slots=True)
class Row:
    """One kind with a status.

    Attributes:
        kind: which.
        guards: names of the guards that look after it: of the rules given, else of the live configurations.
        live: how these stand in the cluster; nothing where there is no guard to look for.
        seen: its objects; nothing where they were not looked at (the kind is safe), or could not be.
        remarks: what somebody has to know of it, a sentence each.
    """

    kind: Kind
    guards: tuple[str, ...] = ()
    live: Live | None = None
    seen: Seen | None = None
    remarks: tuple[str, ...] = ()

    @property
    def exposed(self) -> bool:
        """Whether its status can be lost."""
        return self.kind.exposure is Exposure.EXPOSED

    @property
    def unguarded(self) -> bool:
        """Whether its status can be lost, and no guard is known that looks after it."""
        return self.exposed and not self.guards

    @property
    def order(self) -> tuple[bool, bool, str]:
        """What needs somebody first."""
        return not self.unguarded, not self.exposed, self.kind.definition.name

    def plain(self) -> dict[str, Any]:
        """For programs."""
        definition = self.kind.definition
        return {
            "name": definition.name,
            "group": definition.spec.group,
            "resource": definition.spec.names.plural,
            "kind": definition.spec.names.kind,
            "scope": definition.spec.scope,
            "exposure": self.kind.exposure.value,
            "versions": {name: one.value for name, one in self.kind.versions.items()},
            "guards": list(self.guards),
            "live": self.live.value if self.live else None,
            "objects": self.seen.objects if self.seen else None,
            "atRisk": self.seen.at_risk if self.seen else None,
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True, slots=True)
class Findings:
    """A scan.

    Attributes:
        rows: every kind with a status.
        without_status: how many kinds have none.
        left_over: webhooks of ours that no rule asks for.
        drifted: guards that are not registered as the rules say.
        unanswered: what could not be looked at, a sentence each with what to do.
        guards_known: whether it is known what is guarded.
        drift_known: whether rules and configurations could be compared.
        apart: guards whose kind has no row, as it is not in the cluster or has no status; with what differs of them.
    """

    rows: tuple[Row, ...] = ()
    without_status: int = 0
    left_over: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()
    guards_known: bool = True
    drift_known: bool = True
    drifted: tuple[str, ...] = ()
    apart: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def plain(self) -> dict[str, Any]:
        """For programs."""
        exposed = [row for row in self.rows if row.exposed]
        return {
            "kinds": [row.plain() for row in self.rows],
            "withoutKind": {name: list(said) for name, said in self.apart.items()},
            "leftOver": list(self.left_over),
            "unanswered": list(self.unanswered),
            "summary": {
                "exposed": len(exposed),
                "safe": len(self.rows) - len(exposed),
                "withoutStatus": self.without_status,
                "unguarded": len(self._unguarded) if self.guards_known else None,
                "atRisk": sum(row.seen.at_risk for row in exposed if row.seen),
                "drift": self.drift if self.drift_known else None,
            },
        }

    @property
    def drift(self) -> bool:
        """Whether anything in the cluster is not as the rules say."""
        return bool(self.drifted or self.left_over)

    def stops(self, on: Sequence[FailOn]) -> tuple[str, ...]:
        """What was found of that, a sentence each."""
        found = {
            FailOn.EXPOSED: _said("exposed", [_name(row) for row in self.rows if row.exposed]),
            FailOn.UNGUARDED: _said("exposed and unguarded", self._unguarded),
            FailOn.DRIFT: _said("not in the cluster as the rules say", [*self.drifted, *self.left_over]),
        }
        return tuple(found[one] for one in dict.fromkeys(on) if found[one])

    @property
    def _unguarded(self) -> list[str]:
        return [_name(row) for row in self.rows if row.unguarded and self.guards_known]

    def open(self, on: Sequence[FailOn]) -> tuple[FailOn, ...]:
        """What of that nobody knows, because it could not be looked at."""
        known = {FailOn.EXPOSED: True, FailOn.UNGUARDED: self.guards_known, FailOn.DRIFT: self.drift_known}
        return tuple(one for one in dict.fromkeys(on) if not known[one])


def _name(row: Row) -> str:
    return row.kind.definition.name


def _said(what: str, names: Sequence[str]) -> str:
    shown = 3  # a sentence; the list is above it
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return f"{what}: {', '.join(names[:shown])}{more}" if names else ""
