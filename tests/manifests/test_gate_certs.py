"""The gate's certificate: our CronJob and cert-manager make the same one, and either can be chosen."""

import shutil
import subprocess
from pathlib import Path

import pytest
import typer.main
import yaml
from manifest_objects import KUBECTL, MANIFESTS, documents, pod_of, the

from app.certificates import LEAF_LIFETIME, RENEW_AFTER
from app.cli import app
from app.cluster.ensure import service_names
from app.cluster.port import OURS
from app.core import duration

CRONJOB = the("CronJob", "gate/certs/cronjob.yaml")
POD = pod_of(CRONJOB)
SECRET = the("Secret", "gate/certs/secret.yaml")
NAMESPACE = the("Namespace", "gate/namespace.yaml")["metadata"]["name"]
SERVICE = documents("gate/service.yaml")[0]["metadata"]["name"]
MOUNTED = next(
    volume["secret"]["secretName"]
    for volume in pod_of(the("Deployment", "gate/deployment.yaml"))["volumes"]
    if "secret" in volume
)


def options() -> dict[str, object]:
    """The CronJob's arguments as the command understands them."""
    args = POD["containers"][0]["args"]
    group = typer.main.get_command(app)
    for word in args[:2]:
        group = group.commands[word]  # type: ignore[attr-defined]
    return group.make_context(args[1], list(args[2:])).params


def test_the_job_asks_for_what_the_gate_mounts() -> None:
    """Namespace, Service and Secret have one name in all places, and no webhook configuration is touched."""
    asked = options()
    assert (asked["namespace"], asked["service"], asked["secret"]) == (NAMESPACE, SERVICE, MOUNTED)
    assert asked["no_configuration"]
    assert not asked["rotate_ca"]
    assert not asked["forget_retired"]


def test_the_secret_ships_empty_and_ours() -> None:
    """Applying it again touches no content, and without the label nothing would be written."""
    assert SECRET["metadata"]["name"] == MOUNTED
    assert not {"data", "stringData"} & SECRET.keys()
    label, value = OURS
    assert SECRET["metadata"]["labels"] == {label: value}


def test_the_jobs_right_is_to_one_secret() -> None:
    """Get and patch, by name, for the ServiceAccount of this job alone; nothing that holds in the whole cluster."""
    assert the("Role", "gate/certs/rbac.yaml")["rules"] == [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [MOUNTED], "verbs": ["get", "patch"]}
    ]
    binding = the("RoleBinding", "gate/certs/rbac.yaml")
    assert [subject["name"] for subject in binding["subjects"]] == [POD["serviceAccountName"]]
    assert {one["kind"] for one in documents("gate/certs/rbac.yaml")} == {"ServiceAccount", "Role", "RoleBinding"}


def test_the_job_runs_as_the_webhooks_does() -> None:
    """Its pod and its limits differ from those of the webhook's job in names and arguments alone."""
    other = the("CronJob", "base/certs/cronjob.yaml")
    theirs = pod_of(other)
    different = {"serviceAccountName", "containers"}
    assert {key: POD[key] for key in POD.keys() - different} == {key: theirs[key] for key in theirs.keys() - different}
    (ours,), (the_other,) = POD["containers"], theirs["containers"]
    assert {**ours, "args": []} == {**the_other, "args": []}
    for key in ("backoffLimit", "activeDeadlineSeconds"):
        assert CRONJOB["spec"]["jobTemplate"]["spec"][key] == other["spec"]["jobTemplate"]["spec"][key]
    policies = [the("NetworkPolicy", f"{folder}/certs/network.yaml")["spec"] for folder in ("gate", "base")]
    selectors = [policy.pop("podSelector")["matchLabels"] for policy in policies]
    assert policies[0] == policies[1]
    assert (
        selectors[0]
        == CRONJOB["metadata"]["labels"]
        == CRONJOB["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    )


def test_no_policy_or_service_of_the_gate_selects_the_job() -> None:
    """The job's labels are its own."""
    gate = the("Deployment", "gate/deployment.yaml")["spec"]["selector"]["matchLabels"]
    assert gate != CRONJOB["metadata"]["labels"]


def test_cert_manager_makes_the_same_certificate() -> None:
    """The same names, Secret, life and renewal as our own command gives."""
    leaf = the("Certificate", "gate/cert-manager/certificate.yaml", "status-guard-gate")["spec"]
    assert leaf["secretName"] == MOUNTED
    assert set(leaf["dnsNames"]) == service_names(NAMESPACE, SERVICE)
    life, before = duration.parse(leaf["duration"]), duration.parse(leaf["renewBefore"])
    assert life == LEAF_LIFETIME
    assert abs((life - before) / life - RENEW_AFTER) < 0.001


@pytest.mark.skipif(KUBECTL is None, reason="kubectl renders these; install it to run them")
def test_one_word_chooses_cert_manager(tmp_path: Path) -> None:
    """With the other component in the kustomization there are its objects, and nothing of ours."""
    folder = shutil.copytree(MANIFESTS / "gate", tmp_path / "gate")
    chosen = folder / "kustomization.yaml"
    chosen.write_text(chosen.read_text().replace("\n  - certs\n", "\n  - cert-manager\n"))
    run = subprocess.run([str(KUBECTL), "kustomize", folder], capture_output=True, text=True, check=True)
    objects = list(yaml.safe_load_all(run.stdout))
    kinds = [one["kind"] for one in objects]
    assert (kinds.count("Certificate"), kinds.count("Issuer")) == (2, 2)
    assert not {"CronJob", "Role", "RoleBinding", "Secret"} & set(kinds)
    assert {one["metadata"].get("namespace", NAMESPACE) for one in objects} == {NAMESPACE}
