"""What keeps the certificate, and the manifests that use it, say the same."""

import typer.main
from manifest_objects import MANIFESTS, documents, pod_of, the

from app.certificates import LEAF_LIFETIME, RENEW_AFTER
from app.cli import app
from app.cluster.ensure import SETTLE, service_names
from app.cluster.port import OURS, Kind, configuration
from app.core import duration

CRONJOB = the("CronJob", "base/certs/cronjob.yaml")
POD = pod_of(CRONJOB)
ARGS = POD["containers"][0]["args"]
SECRET = the("Secret", "base/certs/secret.yaml")
MOUNTED = next(
    volume["secret"]["secretName"]
    for volume in pod_of(the("Deployment", "base/webhook/deployment.yaml"))["volumes"]
    if volume["name"] == "certs"
)
NAMESPACE = the("Namespace", "base/webhook/namespace.yaml")["metadata"]["name"]
SERVICE = documents("base/webhook/service.yaml")[0]["metadata"]["name"]


def options() -> dict[str, object]:
    """The CronJob's arguments as the command understands them."""
    group = typer.main.get_command(app)
    for word in ARGS[:2]:
        group = group.commands[word]  # type: ignore[attr-defined]
    return group.make_context(ARGS[1], list(ARGS[2:])).params


def configurations() -> list[tuple[Kind, str]]:
    """The configurations that the job publishes in."""
    named = options()["configuration"]
    assert isinstance(named, list)
    return [configuration(text) for text in named]


def test_the_job_asks_for_what_the_other_manifests_use() -> None:
    """Namespace, Service, Secret and configurations have one name in all places."""
    asked = options()
    assert (asked["namespace"], asked["service"], asked["secret"]) == (NAMESPACE, SERVICE, MOUNTED)
    assert SECRET["metadata"]["name"] == MOUNTED
    assert not asked["rotate_ca"]
    assert not asked["forget_retired"]
    script = (MANIFESTS / "deploy.sh").read_text()
    assert f"namespace={NAMESPACE}\nservice={SERVICE}\n" in script
    assert f"label={'='.join(OURS)}\n" in script


def test_the_secret_ships_empty_and_ours() -> None:
    """Applying it again touches no content, and without the label nothing would be written."""
    assert not {"data", "stringData"} & SECRET.keys()
    label, value = OURS
    assert SECRET["metadata"]["labels"][label] == value


def test_rights_are_by_name_and_for_this_job_alone() -> None:
    """Get and patch, of the Secret and the configurations that the arguments name, for one ServiceAccount."""
    role, cluster_role = (the(kind, "base/certs/rbac.yaml")["rules"] for kind in ("Role", "ClusterRole"))
    asked = options()
    assert role == [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [asked["secret"]], "verbs": ["get", "patch"]}
    ]
    granted = [(rule["resources"], rule["resourceNames"], rule["verbs"]) for rule in cluster_role]
    assert granted == [([f"{kind}s".lower()], [name], ["get", "patch"]) for kind, name in configurations()]
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        binding = the(kind, "base/certs/rbac.yaml")
        assert [subject["name"] for subject in binding["subjects"]] == [POD["serviceAccountName"]]
        assert binding["roleRef"]["kind"] == kind.removesuffix("Binding")
    assert the("ServiceAccount", "base/certs/rbac.yaml")["automountServiceAccountToken"] is False
    assert POD["automountServiceAccountToken"] is True
    assert POD["enableServiceLinks"] is False


def test_the_job_has_the_time_to_replace_a_ca() -> None:
    """The deadline is far above the wait for every API server, and no run meets the next."""
    spec = CRONJOB["spec"]["jobTemplate"]["spec"]
    assert SETTLE.total_seconds() * 5 <= spec["activeDeadlineSeconds"] < 24 * 3600
    assert CRONJOB["spec"]["concurrencyPolicy"] == "Forbid"


def test_cert_manager_makes_the_same_certificate() -> None:
    """The same names, Secret, life and renewal as our own command gives."""
    leaf = the("Certificate", "overlays/cert-manager/certificate.yaml", "status-guard")["spec"]
    assert set(leaf["dnsNames"]) == service_names(NAMESPACE, SERVICE)
    assert leaf["secretName"] == MOUNTED
    life, before = duration.parse(leaf["duration"]), duration.parse(leaf["renewBefore"])
    assert life == LEAF_LIFETIME
    assert abs((life - before) / life - RENEW_AFTER) < 0.001
    script = (MANIFESTS / "deploy.sh").read_text()
    assert "certificate/status-guard" in script
    assert "inject-ca-from=$namespace/status-guard" in script
