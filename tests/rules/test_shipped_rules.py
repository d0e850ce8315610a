"""The rule documents this repository ships."""

from pathlib import Path

import pytest

from app.core.guard import Guard, Mode
from app.rules import load

SHIPPED = Path(__file__).parents[2] / "manifests" / "rules"

EXPOSED = {
    "harvesterhci.io": {
        "upgrades",
        "upgradelogs",
        "keypairs",
        "settings",
        "supportbundles",
        "schedulevmbackups",
        "virtualmachinebackups",
        "virtualmachineimages",
        "virtualmachinerestores",
        "virtualmachinetemplateversions",
        "volumeremotebackups",
        "volumeremoterestores",
        "blockdevices",
    },
    "loadbalancer.harvesterhci.io": {"ippools", "loadbalancers"},
    "network.harvesterhci.io": {"clusternetworks", "linkmonitors", "vlanstatuses"},
}
"""Harvester's kinds that have a status in their schema and no status subresource, by group."""

GUARDS = {f"{guard.target.resource}.{guard.target.group}": guard for guard in load([SHIPPED]).guards}


def test_every_exposed_kind_has_its_file() -> None:
    """Each exposed kind has one guard, in a file named as its CRD, and there are no others."""
    expected = {f"{resource}.{group}" for group, resources in EXPOSED.items() for resource in resources}
    assert set(GUARDS) == expected
    assert {path.name for path in SHIPPED.iterdir()} - {"kustomization.yaml"} == {f"{name}.yaml" for name in expected}


@pytest.mark.parametrize("name", sorted(GUARDS))
def test_only_upgrades_are_acted_on(name: str) -> None:
    """A kind whose writers are not established is only audited, names no writer, and says what is open."""
    guard = GUARDS[name]
    assert not guard.target.status_subresource
    if name == "upgrades.harvesterhci.io":
        assert guard.mode is Mode.RESTORE
        return
    assert guard.mode is Mode.AUDIT
    assert not guard.writers.usernames
    assert not guard.writers.groups
    assert "# Open: " in (SHIPPED / f"{name}.yaml").read_text()


@pytest.fixture
def upgrades() -> Guard:
    """The guard of Harvester's upgrades."""
    return GUARDS["upgrades.harvesterhci.io"]


def test_the_upgrade_log_may_go(upgrades: Guard) -> None:
    """The controller clears upgradeLog after a correct dismissal, so nothing protects it."""
    protect = upgrades.protect
    assert all("upgradeLog" not in path for path in (*protect.fields, *protect.maps, *protect.labels))


def test_what_restarts_an_upgrade_is_protected(upgrades: Guard) -> None:
    """Conditions by type, node states and the fields the phases read are protected; their controller is exempt."""
    protect = upgrades.protect
    assert [(entry.path, entry.key) for entry in protect.lists] == [(("conditions",), "type")]
    assert protect.maps == (("nodeStatuses",),)
    assert {path[0] for path in protect.fields} == {"imageID", "repoInfo", "previousVersion", "singleNode"}
    assert upgrades.writers.usernames == {"system:serviceaccount:harvester-system:harvester"}
