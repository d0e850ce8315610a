"""What an operator sees of the keeper: lines that tell what happened to which object, and figures to alert on."""

from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from app.keeper.observer import Recorded, Repaired
from app.roles.keeper_telemetry import KeeperTelemetry
from app.telemetry import Telemetry

PATHS = tuple(f"/status/nodeStatuses/node{number}" for number in range(30))


@pytest.fixture
def telemetry() -> Telemetry:
    """A process's."""
    return Telemetry()


@pytest.fixture
def seen(telemetry: Telemetry) -> KeeperTelemetry:
    """The keeper's."""
    return KeeperTelemetry(telemetry)


@pytest.fixture
def said() -> Iterator[list[Any]]:
    """The log."""
    with capture_logs() as lines:
        yield lines


def metrics(telemetry: Telemetry) -> dict[str, float]:
    """Every sample of the keeper's with its labels."""
    families = text_string_to_metric_families(telemetry.exposition().decode())
    return {
        f"{one.name.removeprefix('status_guard_keeper_')}{sorted(one.labels.values())}": one.value
        for family in families
        for one in family.samples
        if one.name.startswith("status_guard_keeper_") and not one.name.endswith("_created")
    }


def test_a_loss_and_its_repair_are_told_with_paths(
    seen: KeeperTelemetry, telemetry: Telemetry, said: list[Any]
) -> None:
    """A line for each, with at most twenty paths and the number of all; both are counted."""
    seen.lost("upgrades", "ns/one", PATHS)
    seen.repair("upgrades", "ns/one", Repaired.REPAIRED, PATHS)
    seen.repair("upgrades", "ns/one", Repaired.CONFLICT, PATHS)
    seen.repair("upgrades", "ns/one", Repaired.FAILED, PATHS, "no right")
    assert [(line["event"], line["log_level"]) for line in said] == [
        ("loss seen", "warning"),
        ("repaired", "info"),
        ("not repaired, because the object has changed; it is looked at again", "info"),
        ("could not be repaired", "error"),
    ]
    assert said[0] == said[0] | {"guard": "upgrades", "object": "ns/one", "paths": PATHS[:20], "lost": 30}
    found = metrics(telemetry)
    assert found["losses_total['upgrades']"] == 1
    assert all(found[f"repairs_total['{outcome.value}', 'upgrades']"] == 1 for outcome in Repaired)


def test_a_broken_watch_is_said_once_and_its_mending_too(
    seen: KeeperTelemetry, telemetry: Telemetry, said: list[Any]
) -> None:
    """The same trouble again and again is one line; the metric counts each."""
    seen.watching("upgrades", watches=True)
    for _ in range(5):
        seen.watching("upgrades", watches=False, why="no answer")
    assert metrics(telemetry)["watching['upgrades']"] == 0
    seen.watching("upgrades", watches=True)
    seen.watching("upgrades", watches=True)
    assert [line["event"] for line in said] == [
        "watching",
        "the watch is broken and tried again",
        "watching",
    ]
    assert metrics(telemetry)["watch_restarts_total['upgrades']"] == 5
    assert metrics(telemetry)["watching['upgrades']"] == 1


def test_many_objects_that_wait_are_one_line(seen: KeeperTelemetry, said: list[Any]) -> None:
    """An API server in trouble does not fill the log with one line an object."""
    for number in range(1000):
        seen.delayed("upgrades", f"ns/{number}", "no answer", 1.234)
    assert len(said) == 1
    assert said[0]["seconds"] == 1.2


def test_a_kind_that_is_not_watched_any_more_has_no_figures(seen: KeeperTelemetry, telemetry: Telemetry) -> None:
    """Gauges of a guard that is gone do not stay behind at their last value."""
    seen.watching("upgrades", watches=True)
    seen.event("upgrades", 3)
    seen.stopped("upgrades", 1)
    assert metrics(telemetry)["objects['upgrades']"] == 3
    assert metrics(telemetry)["repair_stopped['upgrades']"] == 1
    seen.ended("upgrades")
    seen.ended("parts")
    assert metrics(telemetry) == {"leading[]": 0}


def test_each_other_change_is_a_line(seen: KeeperTelemetry, telemetry: Telemetry, said: list[Any]) -> None:
    """Leading, missing kinds, what is not kept, and what cannot be asked."""
    seen.leading(leads=True)
    seen.leading(leads=False)
    seen.missing("upgrades", missing=True)
    seen.missing("upgrades", missing=False)
    seen.withheld("upgrades", "ns/one", "an override allows it")
    seen.gave_up("upgrades", "ns/one", PATHS)
    for outcome in Recorded:
        seen.recorded("upgrades", "ns/one", outcome, "why")
    seen.unread("upgrades", "no answer", 1)
    seen.trouble("no answer", 1)
    seen.broke("upgrades", "ns/one", ValueError("a secret"))
    assert [line["event"] for line in said] == [
        "keeper leading",
        "keeper lost leadership",
        "the cluster has no kind for this guard; it is watched once there is one",
        "the cluster has the kind of this guard now",
        "not repaired",
        "repair stopped",
        "revision kept",
        "revision kept",
        "a status is not kept",
        "a status is not kept",
        "kept revisions could not be listed",
        "the cluster cannot be asked for its kinds",
        "internal error",
    ]
    assert "secret" not in str(said)
    assert all(metrics(telemetry)[f"revisions_total['{outcome.value}', 'upgrades']"] == 1 for outcome in Recorded)
