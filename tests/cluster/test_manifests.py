"""The manifests on a real API server: all of them apply, and the way from nothing to a guarded kind and back."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from manifest_objects import MANIFESTS, OVERLAYS, ROOT, Object, documents, rendered
from one_pod import Pod, one_pod
from rbac_server import Server, rbac_server

pytestmark = pytest.mark.cluster

MUTATING, VALIDATING = "mutatingwebhookconfigurations", "validatingwebhookconfigurations"


def stub(plural: str, kind: str) -> Object:
    """A CRD that takes any object of a kind of cert-manager's."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.cert-manager.io"},
        "spec": {
            "group": "cert-manager.io",
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind, "listKind": f"{kind}List", "singular": kind.lower()},
            "versions": [version],
        },
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An API server that has cert-manager's kinds, as far as applying them goes."""
    with rbac_server(tmp_path_factory.mktemp("api"), ["nobody-token,nobody,1,system:authenticated"]) as started:
        started.apply(stub("certificates", "Certificate"), stub("issuers", "Issuer"))
        for plural in ("certificates", "issuers"):
            started.kubectl("wait", "--for=condition=Established", f"crd/{plural}.cert-manager.io", "--timeout=30s")
        yield started


def script(server: Server, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a script of manifests/ against the server."""
    command = Path(sys.executable).parent / "status-guard"
    return subprocess.run(
        [MANIFESTS / name, *words],
        env=server.environment() | {"COMMAND": str(command)},
        capture_output=True,
        text=True,
        check=False,
        timeout=55,
    )


def policies(server: Server) -> dict[str, set[str]]:
    """The failure policies in force, by kind of configuration."""
    return {
        kind: {webhook["failurePolicy"] for one in server.get(kind)["items"] for webhook in one["webhooks"]}
        for kind in (MUTATING, VALIDATING)
    }


@pytest.mark.parametrize("folder", ["base", *(f"overlays/{name}" for name in OVERLAYS)])
def test_every_overlay_applies(folder: str, server: Server) -> None:
    """First as a trial and then for real, the API server takes every object, and strictly: no unknown field."""
    objects = rendered(folder)
    server.apply(*(one for one in objects if one["kind"] == "Namespace"))
    for trial in (["--dry-run=server"], []):
        words = ["apply", "--server-side", "--validate=strict", "--force-conflicts", *trial, "--filename=-"]
        run = server.kubectl(*words, stdin=yaml.safe_dump_all(objects), check=False)
        assert run.returncode == 0, run.stderr
        assert run.stdout.count("serverside-applied") == len(objects)
        assert "Warning" not in run.stderr


def test_the_registration_applies_and_keeps_its_conditions(server: Server) -> None:
    """The API server takes every webhook with every CEL expression, and gives back what it was given."""
    registered = documents("registration/webhooks.yaml")
    for trial in (["--dry-run=server"], []):
        run = server.kubectl("apply", "--server-side", *trial, "--kustomize", str(MANIFESTS / "registration"))
        assert run.stdout.count("serverside-applied") == len(registered)
    for one in registered:
        stored = server.get(one["kind"], one["metadata"]["name"])
        wanted = [(webhook["name"], webhook["matchConditions"]) for webhook in one["webhooks"]]
        assert [(webhook["name"], webhook["matchConditions"]) for webhook in stored["webhooks"]] == wanted
    server.kubectl("delete", "--kustomize", str(MANIFESTS / "registration"))


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    """A fresh API server of its own, with a node for the webhook."""
    nobody = "nobody-token,nobody,1,system:authenticated"
    with (
        rbac_server(tmp_path_factory.mktemp("fresh"), [nobody]) as started,
        one_pod(started, tmp_path_factory.mktemp("node")) as node,
    ):
        yield node


class Deployed(NamedTuple):
    """The first deploy: what it said, and the failure policies after it."""

    run: subprocess.CompletedProcess[str]
    policies: dict[str, set[str]]


@pytest.fixture(scope="module")
def deployed(pod: Pod) -> Deployed:
    """The installation, made once."""
    return Deployed(script(pod.server, "deploy.sh", "up", "harvester"), policies(pod.server))


def test_deploying_ends_with_a_guard_that_works(pod: Pod, deployed: Deployed) -> None:
    """From nothing: a certificate, a ready server, a registration, Fail where it is safe; and the check succeeds."""
    assert (deployed.run.returncode, deployed.run.stderr) == (0, "")
    assert deployed.policies[MUTATING] == {"Ignore"}
    assert "Fail" in deployed.policies[VALIDATING]
    run = script(pod.server, "check/run.sh")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "The guard works." in run.stdout
    assert "Warning" in run.stderr
    assert [line for line in pod.log if line["event"] == "restored"]


def test_the_steps_come_in_the_order_that_locks_nobody_out(deployed: Deployed) -> None:
    """The server is ready before anything is registered, and Fail comes last, after a look at what was kept."""
    order = [
        'deployment "status-guard-webhook" successfully rolled out',
        "failing open",
        "Wrote caBundle of ValidatingWebhookConfiguration status-guard",
        "What the API server kept of it",
        "matchConditions are there",
    ]
    places = [deployed.run.stdout.find(step) for step in order]
    assert -1 not in places, deployed.run.stdout
    assert places == sorted(places)


def test_deploying_again_changes_no_certificate(pod: Pod, deployed: Deployed) -> None:
    """An upgrade is the same command: what is trusted and served stays, and the guard works afterwards."""
    before = pod.server.get("secret", "status-guard-certs", "--namespace=status-guard")["data"]
    again = script(pod.server, "deploy.sh", "up", "harvester")
    assert (again.returncode, again.stderr) == (0, "")
    assert pod.server.get("secret", "status-guard-certs", "--namespace=status-guard")["data"] == before
    assert "Fail" in policies(pod.server)[VALIDATING]


def test_an_api_server_that_drops_conditions_stays_at_ignore(pod: Pod, deployed: Deployed, tmp_path: Path) -> None:
    """Where matchConditions do not survive, nothing is set to Fail, and it is said why."""
    # A kubectl that takes them out on their way stands for an API server whose feature gate is off.
    fake = tmp_path / "kubectl"
    fake.write_text(
        "#!/bin/bash\n"
        'if [ "$1" = get ] && [[ $* == *go-template*matchConditions* ]]; then echo "some-webhook "; exit; fi\n'
        'exec kubectl "$@"\n'
    )
    fake.chmod(0o755)
    environment: dict[str, Any] = pod.server.environment()
    command = Path(sys.executable).parent / "status-guard"
    run = subprocess.run(
        [MANIFESTS / "deploy.sh", "up", "harvester"],
        env=environment | {"COMMAND": str(command), "KUBECTL": str(fake)},
        capture_output=True,
        text=True,
        check=False,
        timeout=55,
    )
    assert run.returncode == 0, run.stderr
    assert "drops matchConditions" in run.stdout
    assert "some-webhook" in run.stdout
    assert policies(pod.server)[VALIDATING] == {"Ignore"}


def test_undeploying_removes_the_registration_first(pod: Pod, deployed: Deployed) -> None:
    """The configurations go before anything else, then everything; twice is no error, and neither is coming back."""
    run = script(pod.server, "deploy.sh", "down", "harvester")
    assert (run.returncode, run.stderr) == (0, "")
    deletions = [line for line in run.stdout.splitlines() if "deleted" in line]
    assert [line.split(".")[0] for line in deletions[:2]] == [
        "mutatingwebhookconfiguration",
        "validatingwebhookconfiguration",
    ]
    assert policies(pod.server) == {MUTATING: set(), VALIDATING: set()}
    assert script(pod.server, "deploy.sh", "down", "harvester").returncode == 0
    assert script(pod.server, "deploy.sh", "up", "harvester").returncode == 0


def test_the_guide_has_the_words_that_the_api_server_prints(server: Server, tmp_path: Path) -> None:
    """A lossy write without a webhook is refused in words that the troubleshooting table has, and stores nothing."""
    guide = (ROOT / "docs" / "install.md").read_text()
    server.apply(*rendered("base"), *documents("registration/webhooks.yaml"), *documents("check/crd.yaml"))
    server.kubectl("wait", "--for=condition=Established", "crd/checks.statusguard.io", "--timeout=30s")
    lossy: Object = {"apiVersion": "statusguard.io/v1", "kind": "Check", "metadata": {"name": "one"}}
    server.kubectl("create", "--filename=-", stdin=yaml.safe_dump({**lossy, "status": {"phase": "Done"}}))
    nobody_there = Pod(server, tmp_path, port=1)
    situations = [
        (lambda: None, "no endpoints available"),
        (nobody_there.report, "connection refused"),
        (lambda: server.kubectl("delete", "service", "status-guard", "--namespace=status-guard"), "not found"),
    ]
    for change, expected in situations:
        change()
        refused = server.kubectl("replace", "--filename=-", stdin=yaml.safe_dump(lossy), check=False)
        while expected not in refused.stderr:  # the API server learns of a change by its own watch
            refused = server.kubectl("replace", "--filename=-", stdin=yaml.safe_dump(lossy), check=False)
        tail = refused.stderr.partition("?timeout=3s")[2].partition(": ")[2].strip()
        assert re.sub(r"tcp \S+:", "tcp …:", tail) in guide
        assert server.get("checks.statusguard.io", "one")["status"] == {"phase": "Done"}
    server.kubectl("delete", "--kustomize", str(MANIFESTS / "registration"))


@pytest.mark.parametrize("words", [[], ["up"], ["up", "nowhere"], ["sideways", "harvester"], ["keeper", "nowhere"]])
def test_a_wrong_call_says_how_it_is_meant(words: list[str]) -> None:
    """Unknown actions and overlays touch no cluster."""
    run = subprocess.run([ROOT / "manifests/deploy.sh", *words], capture_output=True, text=True, check=False, env={})
    assert run.returncode == 2
    assert "up|keeper|down cert-manager|dev|harvester" in run.stderr
