"""The keeper's rights are those that its guards need, and no more."""

from typing import Any

from app.core.export import rbac
from app.core.guard import Guard, KeeperRules, OnLoss, Target

REPORT = KeeperRules()
REPAIR = KeeperRules(never_removed=((),), on_loss=OnLoss.REPAIR)


def guard(name: str, keeper: KeeperRules = REPORT, *, group: str = "a.io", subresource: bool = False) -> Guard:
    """A guard for the kind of its name."""
    return Guard(name, Target(group, frozenset({"*"}), name, status_subresource=subresource), keeper=keeper)


def rules(*guards: Guard, history: str = "") -> list[dict[str, Any]]:
    """The ClusterRole's rules."""
    role = rbac.export(guards, "status-guard", history).manifests[0].body
    assert (role["kind"], role["metadata"]["name"]) == ("ClusterRole", "status-guard-keeper")
    return list(role["rules"])


def verbs(found: list[dict[str, Any]], group: str, resource: str) -> set[str]:
    """What may be done with a resource."""
    return {
        verb for rule in found if group in rule["apiGroups"] and resource in rule["resources"] for verb in rule["verbs"]
    }


def test_a_kind_that_is_only_reported_on_cannot_be_written() -> None:
    """With onLoss Report the keeper reads a kind; it has no right to change an object of it, nor its status."""
    found = rules(guard("things"), guard("parts", subresource=True))
    assert verbs(found, "a.io", "things") == verbs(found, "a.io", "parts") == {"get", "list", "watch"}
    assert verbs(found, "a.io", "parts/status") == set()


def test_a_kind_that_is_repaired_can_be_patched_where_its_status_is_written() -> None:
    """The object always, for the annotation that stops repairs; /status only where there is that subresource."""
    found = rules(guard("things", REPAIR), guard("parts", REPAIR, subresource=True), guard("others"))
    assert verbs(found, "a.io", "things") == verbs(found, "a.io", "parts") == {"get", "list", "watch", "patch"}
    assert verbs(found, "a.io", "parts/status") == {"patch"}
    assert verbs(found, "a.io", "things/status") == set()
    assert verbs(found, "a.io", "others") == {"get", "list", "watch"}


def test_groups_are_kept_apart() -> None:
    """A resource of one group gives no right to one of the same name in another."""
    found = rules(guard("things", REPAIR), guard("others", group="b.io"))
    assert verbs(found, "b.io", "things") == verbs(found, "a.io", "others") == set()
    assert all("*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"]) for rule in found)


def test_definitions_are_read_by_name() -> None:
    """CRDs: get, by the names of the guarded ones, each once."""
    twice = Guard("again", Target("a.io", frozenset({"*"}), "parts", status_subresource=True))
    [rule] = [rule for rule in rules(guard("parts"), twice) if rule["resources"] == ["customresourcedefinitions"]]
    assert (rule["resourceNames"], rule["verbs"]) == (["parts.a.io"], ["get"])


def test_histories_in_a_namespace_of_their_own_need_no_right_elsewhere() -> None:
    """With a history namespace the right to ControllerRevisions is a Role there, bound to the keeper's account."""
    beside = verbs(rules(guard("things")), "apps", "controllerrevisions")
    assert beside == {"get", "list", "create", "patch", "delete"}
    assert verbs(rules(guard("things"), history="histories"), "apps", "controllerrevisions") == set()
    bodies = [one.body for one in rbac.export([guard("things")], "keepers", "histories").manifests]
    assert [body["kind"] for body in bodies] == ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]
    assert verbs(bodies[2]["rules"], "apps", "controllerrevisions") == beside
    assert [body["metadata"].get("namespace") for body in bodies] == [None, None, "histories", "histories"]
    for binding in (bodies[1], bodies[3]):
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "status-guard-keeper", "namespace": "keepers"}
        ]
        assert binding["roleRef"]["kind"] == binding["kind"].removesuffix("Binding")
