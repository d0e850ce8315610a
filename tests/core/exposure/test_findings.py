"""What a scan found, and what a pipeline stops at."""

import json

import pytest
from definitions import HARVESTER, UPGRADE_STATUS, definition, read, version

from app.core.exposure import exposed
from app.core.exposure.findings import FailOn, Findings, Row
from app.core.exposure.registered import Live
from app.core.exposure.seen import Seen


def row(name: str, *guards: str, live: Live | None = None, seen: Seen | None = None) -> Row:
    """A row of one of Harvester's kinds, or of another like Upgrade."""
    kind = exposed.kind(read(HARVESTER.get(name) or definition(name, version(UPGRADE_STATUS))))
    assert kind
    return Row(kind, guards, live, seen)


def test_what_needs_somebody_stands_first() -> None:
    """Exposed and unguarded, then exposed, then safe; by name within each."""
    rows = [row("addons"), row("upgrades", "g"), row("settings"), row("blockdevices")]
    names = [one.kind.definition.spec.names.plural for one in sorted(rows, key=lambda one: one.order)]
    assert names == ["blockdevices", "settings", "upgrades", "addons"]


@pytest.mark.parametrize(
    ("found", "on", "stops", "unknown"),
    [
        (Findings((row("addons"),)), list(FailOn), 0, 0),
        (Findings((row("upgrades", "g"),)), [FailOn.UNGUARDED, FailOn.DRIFT], 0, 0),
        (Findings((row("upgrades", "g"),)), [FailOn.EXPOSED], 1, 0),
        (Findings((row("upgrades"),)), [FailOn.EXPOSED, FailOn.UNGUARDED, FailOn.UNGUARDED], 2, 0),
        (Findings((row("upgrades"),)), [], 0, 0),
        (Findings(drifted=("g",)), [FailOn.DRIFT], 1, 0),
        (Findings(left_over=("w",)), [FailOn.DRIFT], 1, 0),
        (Findings((row("upgrades"),), guards_known=False), [FailOn.UNGUARDED], 0, 1),
        (Findings(drift_known=False), list(FailOn), 0, 1),
    ],
)
def test_a_pipeline_stops_at_what_it_asked_for(found: Findings, on: list[FailOn], stops: int, unknown: int) -> None:
    """Each thing is said once; what nobody knows is no pass."""
    assert len(found.stops(on)) == stops
    assert len(found.open(on)) == unknown


def test_a_sentence_names_a_few() -> None:
    """Three kinds by name, and how many more there are."""
    rows = tuple(row(name) for name in ("as", "bs", "cs", "ds", "es"))
    [said] = Findings(rows).stops([FailOn.UNGUARDED])
    assert said.endswith("as.harvesterhci.io, bs.harvesterhci.io, cs.harvesterhci.io and 2 more")


def test_programs_get_all_of_it() -> None:
    """Every kind with what is known of it, and the sums; what is not known is null."""
    seen = Seen()
    seen.objects, seen.at_risk = 5, 3
    rows = (row("upgrades", "g", live=Live.DIFFERS, seen=seen), row("settings"), row("addons"))
    plain = Findings(rows, without_status=2, unanswered=("no",), drift_known=False, guards_known=False).plain()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["summary"] == {
        "exposed": 2,
        "safe": 1,
        "withoutStatus": 2,
        "unguarded": None,
        "atRisk": 3,
        "drift": None,
    }
    first, second, third = plain["kinds"]
    assert (first["live"], first["objects"], first["atRisk"], first["guards"]) == ("differs", 5, 3, ["g"])
    assert (second["scope"], second["objects"], second["live"]) == ("Cluster", None, None)
    assert (third["exposure"], third["versions"]) == ("safe", {"v1beta1": "safe"})
    assert Findings(rows).plain()["summary"]["unguarded"] == 1
    assert Findings(rows).plain()["summary"]["drift"] is False
    apart = Findings(apart={"g": ("is not registered",)}).plain()
    assert apart["withoutKind"] == {"g": ["is not registered"]}
