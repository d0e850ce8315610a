"""The shipped roles are enough for all that a keeper does, and for nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from chaos_cluster import GUARDED, KEEPER, NAMESPACE, Installation, installation
from chaos_writers import whole
from guarded_cluster import dismissed

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Two guards and two keepers, which have the ServiceAccount's token."""
    with installation(tmp_path_factory.mktemp("rights"), seed=1) as made:
        yield made


def parts(installed: Installation, name: str = "") -> str:
    """The URL of a kind that the keeper repairs, because admission only audits it."""
    return installed.cluster.path(name, "parts", GUARDED["parts"])


def lose(installed: Installation, stored: dict[str, Any]) -> None:
    """A write without status, which admission lets through."""
    answer = installed.cluster.send("PUT", parts(installed, stored["metadata"]["name"]), dismissed(stored))
    assert (answer.code, "status" in answer.body) == (200, False)


def test_a_loss_is_kept_repaired_and_told_with_the_shipped_roles(
    installed: Installation, upgrade: dict[str, Any]
) -> None:
    """History, repair, Events, the Lease, registration and certificates: none of these calls is refused."""
    kind = {"apiVersion": "example.io/v1beta1", "kind": "Part"}
    made = installed.cluster.create({**upgrade, **kind}, parts(installed))
    name, uid = made["metadata"]["name"], made["metadata"]["uid"]

    def revisions() -> list[dict[str, Any]]:
        selected = f"--selector=statusguard.io/uid={uid}"
        found: list[dict[str, Any]] = installed.server.get("controllerrevisions", "--all-namespaces", selected)["items"]
        return found

    def told() -> set[str]:
        listed = installed.server.get("events", "--all-namespaces")["items"]
        return {one["reason"] for one in listed if one["involvedObject"].get("uid") == uid}

    installed.cluster.until(lambda: bool(revisions()), "nothing is kept")
    lose(installed, installed.cluster.get(name, parts(installed)))
    installed.cluster.until(lambda: whole(installed.cluster.get(name, parts(installed))), "nothing is repaired")
    installed.cluster.until(lambda: {"StatusLost", "StatusRepaired"} <= told(), "nobody is told")
    assert installed.cluster.get(name, parts(installed))["status"] == made["status"]
    [revision] = revisions()
    [owner] = revision["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["kind"], owner["controller"]) == (uid, "Part", True)

    def calls() -> set[tuple[str, str]]:
        return {(verb, resource) for verb, resource, _ in installed.server.calls_of(KEEPER)}

    # a lease that was just taken is renewed two seconds later
    installed.cluster.until(lambda: ("update", "leases") in calls(), "the lease is not renewed")
    assert {("create", "controllerrevisions"), ("patch", "parts"), ("create", "events")} <= calls()
    assert installed.server.refused(KEEPER) == []


@pytest.mark.parametrize(
    ("verb", "what", "namespace"),
    [
        ("update", "parts.example.io", "harvester-system"),
        ("delete", "parts.example.io", "harvester-system"),
        ("create", "parts.example.io", "harvester-system"),
        ("patch", "others.example.io", "harvester-system"),
        ("get", "secrets", NAMESPACE),
        ("get", "secrets/other", NAMESPACE),
        ("patch", "secrets/status-guard-certs", "kube-system"),
        ("get", "configmaps", NAMESPACE),
        ("list", "pods", NAMESPACE),
        ("update", "leases/other", NAMESPACE),
        ("create", "leases", "kube-system"),
        ("patch", "mutatingwebhookconfigurations/other", ""),
        ("delete", "validatingwebhookconfigurations/other", ""),
        ("list", "mutatingwebhookconfigurations", ""),
        ("patch", "customresourcedefinitions/parts.example.io", ""),
        ("list", "customresourcedefinitions", ""),
        ("patch", "clusterroles/status-guard-keeper", ""),
        ("impersonate", "users", ""),
    ],
)
def test_nothing_else_is_allowed(installed: Installation, verb: str, what: str, namespace: str) -> None:
    """No right to change a kind that is not repaired, to make or remove objects, to see secrets, or to widen itself."""
    words = ["auth", "can-i", verb, what, *([f"--namespace={namespace}"] if namespace else [])]
    assert installed.server.kubectl(*words, token="keeper", check=False).stdout.startswith("no")


def test_the_rights_were_rendered_for_these_rules(installed: Installation) -> None:
    """What the cluster has is what the command prints for the mounted rules."""
    printed = installed.server.status_guard("export", "rbac", "--rules", str(installed.folder / "rules")).stdout
    role = next(one for one in yaml.safe_load_all(printed) if one and one["kind"] == "ClusterRole")
    assert installed.server.get("clusterrole", "status-guard-keeper")["rules"] == role["rules"]
