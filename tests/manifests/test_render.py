"""The overlays as kubectl renders them."""

import pytest
from manifest_objects import KUBECTL, MANIFESTS, OVERLAYS, ROOT, Object, documents, pod_of, rendered

from app import __version__
from app.rules import load

pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl renders these; install it to run them")

DOCUMENTS = [
    *(path for path in (MANIFESTS / "rules").glob("*.yaml") if path.name != "kustomization.yaml"),
    MANIFESTS / "check" / "checks.statusguard.io.yaml",
]
CLUSTER_WIDE = {"Namespace", "ClusterRole", "ClusterRoleBinding"}


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    """The objects of a kind."""
    return [one for one in objects if one["kind"] == kind]


def test_the_overlays_are_those_that_are_documented() -> None:
    """Three ways to install, each of them named in the installation guide."""
    assert OVERLAYS == ["cert-manager", "dev", "harvester"]
    guide = (ROOT / "docs" / "install.md").read_text()
    assert all(f"`{overlay}`" in guide for overlay in OVERLAYS)


@pytest.mark.parametrize("folder", ["base", *(f"overlays/{name}" for name in OVERLAYS)])
def test_everything_is_in_one_namespace_and_says_what_it_belongs_to(folder: str) -> None:
    """Each object is cluster-wide or in the namespace, subjects of bindings too, and carries the common label."""
    for one in rendered(folder):
        metadata = one["metadata"]
        assert (one["kind"] in CLUSTER_WIDE) != (metadata.get("namespace") == "status-guard"), metadata
        assert metadata["labels"]["app.kubernetes.io/part-of"] == "status-guard"
        assert all(subject["namespace"] == "status-guard" for subject in one.get("subjects", ()))


@pytest.mark.parametrize(
    ("folder", "image"),
    [
        ("base", f"status-guard:{__version__}"),
        ("overlays/harvester", f"status-guard:{__version__}"),
        ("overlays/cert-manager", f"status-guard:{__version__}"),
        ("overlays/dev", "status-guard:dev"),
    ],
)
def test_images_have_a_version(folder: str, image: str) -> None:
    """Every container runs this version; an image without a tag would be whichever was pushed last."""
    workloads = [one for one in rendered(folder) if one["kind"] in {"Deployment", "CronJob"}]
    assert workloads
    assert {container["image"] for one in workloads for container in pod_of(one)["containers"]} == {image}


@pytest.mark.parametrize("folder", ["base", *(f"overlays/{name}" for name in OVERLAYS)])
def test_the_rules_arrive_as_they_are_written(folder: str) -> None:
    """The ConfigMap holds every rule document under its own name, under a name that does not change."""
    (rules,) = of_kind(rendered(folder), "ConfigMap")
    assert rules["metadata"]["name"] == "status-guard-rules"
    files = {path.name: path.read_text() for path in DOCUMENTS}
    assert rules["data"] == files
    assert load(DOCUMENTS).count == len(files)


def test_with_cert_manager_nobody_else_makes_certificates() -> None:
    """No job of ours, no rights and no Secret that would be in its way."""
    kinds = {one["kind"] for one in rendered("overlays/cert-manager")}
    assert not kinds & {"CronJob", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "Secret"}
    assert {"Issuer", "Certificate", "Deployment"} <= kinds


def test_harvester_places_it_before_virtual_machines() -> None:
    """There it has priority and runs on tainted management nodes, and is else the same."""
    (harvester,), (base,) = (of_kind(rendered(folder), "Deployment") for folder in ("overlays/harvester", "base"))
    pod = pod_of(harvester)
    assert pod.pop("priorityClassName") == "system-cluster-critical"
    assert {toleration["key"] for toleration in pod.pop("tolerations")} >= {"node-role.kubernetes.io/control-plane"}
    assert harvester == base


def test_the_registration_is_no_part_of_an_overlay() -> None:
    """Applying an overlay registers nothing: that comes last, and goes first."""
    for name in OVERLAYS:
        assert not [one for one in rendered(f"overlays/{name}") if "WebhookConfiguration" in one["kind"]]
    assert documents("registration/kustomization.yaml")[0]["resources"] == ["webhooks.yaml"]
