"""The gate's manifests on a real API server: all that is not of somebody else's kind applies."""

import base64
import re
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from manifest_objects import ROOT, documents, pod_of, rendered, the
from rbac_server import Server, rbac_server

pytestmark = pytest.mark.cluster

CERTS = "system:serviceaccount:status-guard-gate:status-guard-gate-certs"
GROUPS = '"system:serviceaccounts,system:authenticated"'
ARGS = pod_of(the("CronJob", "gate/certs/cronjob.yaml"))["containers"][0]["args"]
WEBHOOK = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "status-guard", "labels": {"app.kubernetes.io/managed-by": "status-guard"}},
    "webhooks": [
        {
            "name": "guard.example.io",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Ignore",
            "clientConfig": {"service": {"namespace": "status-guard", "name": "status-guard"}},
        }
    ],
}
"""What stands beside the gate where the webhook is installed too."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An API server without the kinds of Gateway API, Traefik and cert-manager."""
    with rbac_server(tmp_path_factory.mktemp("api"), [f"certs-token,{CERTS},1,{GROUPS}"]) as started:
        yield started


def test_the_gate_applies(server: Server) -> None:
    """First as a trial and then for real, the API server takes every object, and strictly: no unknown field."""
    objects = rendered("gate")
    server.apply(*(one for one in objects if one["kind"] == "Namespace"))
    for trial in (["--dry-run=server"], []):
        words = ["apply", "--server-side", "--validate=strict", *trial, "--filename=-"]
        run = server.kubectl(*words, stdin=yaml.safe_dump_all(objects), check=False)
        assert run.returncode == 0, run.stderr
        assert run.stdout.count("serverside-applied") == len(objects)
        assert "Warning" not in run.stderr


@pytest.mark.parametrize("name", ["nginx", "traefik"])
def test_the_ingresses_apply(name: str, server: Server) -> None:
    """The examples for Ingresses are taken as they are, and strictly."""
    ingresses = [one for one in documents(f"gate/routes/ingress-{name}.yaml") if one["kind"] == "Ingress"]
    server.apply(*(one for one in rendered("gate") if one["kind"] == "Namespace"))
    words = ["apply", "--server-side", "--validate=strict", "--dry-run=server", "--filename=-"]
    run = server.kubectl(*words, stdin=yaml.safe_dump_all(ingresses), check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("serverside-applied") == len(ingresses)


def test_the_job_fills_the_secret_and_touches_nothing_else(server: Server) -> None:
    """The CronJob's own arguments, as its ServiceAccount, use all its rights; the webhook's caBundle is not theirs."""
    objects = rendered("gate")
    server.apply(*(one for one in objects if one["kind"] == "Namespace"))
    server.apply(
        *(one for one in objects if one["kind"] in {"Secret", "Role", "RoleBinding", "ServiceAccount"}), WEBHOOK
    )
    run = server.status_guard(*ARGS, kubeconfig=server.kubeconfig_for("certs-token"))
    assert (run.returncode, run.stderr) == (0, "")
    assert "All is well: kept in the Secret alone" in run.stdout
    secret = server.get("secret", "status-guard-gate-certs", "--namespace=status-guard-gate")
    assert {"ca.crt", "tls.crt", "tls.key"} <= secret["data"].keys()
    granted = {(verb, "secrets", "status-guard-gate-certs") for verb in ("get", "patch")}
    assert server.calls_of(CERTS) == granted
    (webhook,) = server.get("validatingwebhookconfigurations", "status-guard")["webhooks"]
    assert "caBundle" not in webhook["clientConfig"]


def test_configurations_are_either_named_or_none(server: Server) -> None:
    """Naming one and saying that there is none contradict each other: bad input, and nothing is written."""
    run = server.status_guard(*ARGS, "--configuration=validating/status-guard")
    assert run.returncode == 2
    assert "--no-configuration" in run.stderr


def test_ranchers_cas_are_put_where_the_guide_says(server: Server, tmp_path: Path) -> None:
    """Its lines, pasted into a shell, make the ConfigMap that the gate mounts, with both CAs one after the other."""
    guide = (ROOT / "docs/gate.md").read_text()
    (lines,) = re.findall(r"^       (for ca in .*?--from-file=ca\.crt)$", guide, re.DOTALL | re.MULTILINE)
    server.apply(
        *({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in ("cattle-system",)),
        *(one for one in rendered("gate") if one["kind"] == "Namespace"),
        *(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": "cattle-system"},
                "data": {"tls.crt": base64.b64encode(f"certificate of {name}".encode()).decode()},
            }
            for name in ("tls-rancher", "tls-rancher-internal-ca")
        ),
    )
    command = ["bash", "-ec", textwrap.dedent(f"       {lines}")]
    run = subprocess.run(
        command, cwd=tmp_path, env=server.environment(), capture_output=True, text=True, check=False, timeout=50
    )
    assert (run.returncode, run.stderr) == (0, "")
    made = server.get("configmap", "rancher-ca", "--namespace=status-guard-gate")
    assert made["data"] == {"ca.crt": "certificate of tls-rancher-internal-ca\ncertificate of tls-rancher\n"}
