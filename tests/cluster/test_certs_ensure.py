"""``status-guard certs ensure`` against a real API server."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from rbac_server import Server, rbac_server

from app.cluster.certificates import MANAGER

pytestmark = pytest.mark.cluster

ENSURE = ["certs", "ensure", "--namespace=guarded", "--service=guard", "--settle=10ms"]
OURS = {"app.kubernetes.io/managed-by": "status-guard"}


def configuration(kind: str, name: str, labels: dict[str, str]) -> dict[str, Any]:
    """A webhook configuration with two webhooks that match nothing there is."""
    webhooks = [
        {
            "name": f"{part}.{name}.example.io",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Ignore",
            "clientConfig": {"service": {"namespace": "guarded", "name": "guard", "path": "/x"}},
            "rules": [
                {
                    "apiGroups": ["none.example.io"],
                    "apiVersions": ["*"],
                    "operations": ["UPDATE"],
                    "resources": ["things"],
                }
            ],
        }
        for part in ("one", "two")
    ]
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": labels},
        "webhooks": webhooks,
    }


MUTATING = configuration("MutatingWebhookConfiguration", "ours", OURS)
VALIDATING = configuration("ValidatingWebhookConfiguration", "ours", OURS)
FOREIGN = configuration("ValidatingWebhookConfiguration", "foreign", {"app.kubernetes.io/managed-by": "helm"})
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "guard-certs", "namespace": "guarded"}}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "guarded"}}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One API server for these tests."""
    nobody = "nobody-token,nobody,1,system:authenticated"
    with rbac_server(tmp_path_factory.mktemp("api"), [nobody]) as server:
        server.apply(NAMESPACE)
        yield server


@pytest.fixture
def server(shared: Server) -> Server:
    """The server with an empty Secret, two configurations of ours, and one of somebody else."""
    shared.kubectl("delete", "mutatingwebhookconfigurations,validatingwebhookconfigurations", "--all")
    shared.kubectl("delete", "secret", "guard-certs", "--namespace=guarded", "--ignore-not-found")
    secret = {**SECRET, "metadata": {**SECRET["metadata"], "labels": OURS}}  # type: ignore[dict-item]
    shared.apply(secret, MUTATING, VALIDATING, FOREIGN)
    return shared


def bundles(server: Server, kind: str, name: str) -> list[str]:
    """The caBundle of each webhook; empty where there is none."""
    return [one["clientConfig"].get("caBundle", "") for one in server.get(kind, name)["webhooks"]]


def secret(server: Server) -> dict[str, Any]:
    """The Secret."""
    return server.get("secret", "guard-certs", "--namespace=guarded")


def versions(server: Server) -> list[str]:
    """The versions of everything that could have been written."""
    listed = server.get("mutatingwebhookconfigurations,validatingwebhookconfigurations")["items"]
    return [one["metadata"]["resourceVersion"] for one in [secret(server), *listed]]


def test_it_fills_the_secret_and_every_configuration_of_ours_and_no_other(server: Server) -> None:
    """Both kinds, every webhook in them; only the bundle changes, and a foreign configuration stays as it was."""
    before = server.get("validatingwebhookconfigurations", "foreign")
    run = server.status_guard(*ENSURE)
    assert (run.returncode, run.stderr) == (0, "")
    ca = secret(server)["data"]["ca.crt"]
    assert bundles(server, "mutatingwebhookconfigurations", "ours") == [ca, ca]
    assert bundles(server, "validatingwebhookconfigurations", "ours") == [ca, ca]
    assert server.get("validatingwebhookconfigurations", "foreign") == before
    after = server.get("mutatingwebhookconfigurations", "ours", "--show-managed-fields")
    (entry,) = [one for one in after["metadata"]["managedFields"] if one["manager"] == MANAGER]
    for webhook in after["webhooks"]:
        del webhook["clientConfig"]["caBundle"]
        owned = entry["fieldsV1"]["f:webhooks"][f'k:{{"name":"{webhook["name"]}"}}']
        assert owned == {"f:clientConfig": {"f:caBundle": {}}}


def test_it_can_be_kept_to_named_configurations(server: Server) -> None:
    """By name it needs no right to list; a name that is not there yet is no error, and the others are not touched."""
    run = server.status_guard(*ENSURE, "--configuration=validating/ours", "--configuration=mutating/later")
    assert (run.returncode, run.stderr) == (0, "")
    assert all(bundles(server, "validatingwebhookconfigurations", "ours"))
    assert bundles(server, "mutatingwebhookconfigurations", "ours") == ["", ""]
    run = server.status_guard(*ENSURE, "--configuration=validating/foreign")
    assert "Left ValidatingWebhookConfiguration foreign alone" in run.stdout
    assert bundles(server, "validatingwebhookconfigurations", "foreign") == ["", ""]


def test_a_second_run_writes_nothing(server: Server) -> None:
    """No object gets a new version while all is well."""
    server.status_guard(*ENSURE)
    before = versions(server)
    run = server.status_guard(*ENSURE)
    assert run.stdout.startswith("All is well")
    assert versions(server) == before


def test_applying_the_manifests_again_leaves_content_and_bundle(server: Server) -> None:
    """What the manifests do not name stays: neither certificates nor trust are lost by an upgrade."""
    server.status_guard(*ENSURE)
    before = secret(server)["data"], bundles(server, "mutatingwebhookconfigurations", "ours")
    server.apply({**SECRET, "metadata": {**SECRET["metadata"], "labels": OURS}}, MUTATING)  # type: ignore[dict-item]
    assert (secret(server)["data"], bundles(server, "mutatingwebhookconfigurations", "ours")) == before


def test_runs_at_the_same_time_agree(server: Server) -> None:
    """Four at once on an empty Secret: one CA, one certificate, and all of them say that all is well."""
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: server.status_guard(*ENSURE), range(4)))
    assert [run.returncode for run in runs] == [0, 0, 0, 0], [run.stderr for run in runs]
    assert all("All is well" in run.stdout for run in runs)
    ca = secret(server)["data"]["ca.crt"]
    assert {*bundles(server, "mutatingwebhookconfigurations", "ours")} == {ca}
    assert sum("Made a CA" in run.stdout for run in runs) == 1


def test_a_rotation_publishes_both_and_forgetting_drops_one(server: Server) -> None:
    """Old and new stand side by side until the old one is forgotten, in every configuration of ours."""
    server.status_guard(*ENSURE)
    first = secret(server)["data"]
    assert server.status_guard(*ENSURE, "--rotate-ca").returncode == 0
    second = secret(server)["data"]
    assert second["tls.crt"] != first["tls.crt"]
    assert len(second["ca.crt"]) > 1.9 * len(first["ca.crt"])
    assert server.status_guard(*ENSURE, "--forget-retired").returncode == 0
    third = secret(server)["data"]["ca.crt"]
    assert len(third) < 1.1 * len(first["ca.crt"])
    assert bundles(server, "validatingwebhookconfigurations", "ours") == [third, third]


def test_a_run_that_is_killed_while_a_ca_settles_is_taken_up_by_the_next(server: Server) -> None:
    """Nothing is served under a CA that was published only; the next run waits anew and finishes."""
    server.status_guard(*ENSURE)
    before = secret(server)["data"]
    words = [sys.executable, "-m", "app", *ENSURE[:-1], "--settle=1h", "--rotate-ca"]
    with subprocess.Popen(words, env=server.environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Waiting 3600 s"):
                process.kill()
    staged = secret(server)["data"]
    assert staged["tls.crt"] == before["tls.crt"]
    assert bundles(server, "mutatingwebhookconfigurations", "ours") == [staged["ca.crt"]] * 2
    run = server.status_guard(*ENSURE)
    assert "Issued a certificate of the new CA" in run.stdout
    assert secret(server)["data"]["authority.crt"] == staged["staged.crt"]


@pytest.mark.parametrize(
    ("words", "token", "said"),
    [
        (["--secret=other"], None, ["read Secret guarded/other", "404", "apply the manifests first"]),
        ([], "nobody-token", ["403", "nobody", "cannot list", "grant that right"]),
        (["--configuration=ours"], None, ["'ours' names no webhook configuration", "mutating/NAME"]),
        (
            ["--configuration=mutating/ours"],
            "nobody-token",
            ["403", "MutatingWebhookConfiguration ours", "grant that right"],
        ),
        ([], "unknown-token", ["401", "credentials are not accepted"]),
        (["--context=nowhere"], None, ["no way to a cluster", "--context"]),
        (["--kubeconfig=/nonexistent"], None, ["no way to a cluster", "--kubeconfig"]),
        (["--settle=soon"], None, ["'soon' is no duration"]),
        (["--rotate-ca", "--forget-retired"], None, ["would stop trusting what is still served"]),
    ],
)
def test_what_cannot_be_done_is_said_with_its_remedy(
    server: Server, words: list[str], token: str | None, said: list[str]
) -> None:
    """A missing object, right or cluster ends in exit code 2 and a sentence that names it and what to do."""
    kubeconfig = server.kubeconfig_for(token) if token else None
    run = server.status_guard(*ENSURE, *words, kubeconfig=kubeconfig)
    assert run.returncode == 2
    text = " ".join(run.stderr.replace("│", " ").split())
    assert [part for part in said if part not in text] == [], text
    assert "Traceback" not in run.stderr


def test_somebody_elses_secret_is_not_written(server: Server) -> None:
    """A Secret without our label is refused before anything changes, and the error says what to name instead."""
    theirs = {**SECRET, "metadata": {"name": "theirs", "namespace": "guarded"}, "data": {"password": "aHVudGVyMg=="}}
    server.apply(theirs)
    run = server.status_guard(*ENSURE, "--secret=theirs")
    assert run.returncode == 2
    assert "somebody else's" in run.stderr
    assert "hunter2" not in run.stdout + run.stderr
    assert server.get("secret", "theirs", "--namespace=guarded")["data"] == theirs["data"]


def test_an_api_server_that_is_gone_is_an_error_with_its_remedy(server: Server, tmp_path: Path) -> None:
    """Connection refused is said in a sentence, not in a traceback."""
    dead = tmp_path / "kubeconfig"
    live = server.kubeconfig.read_text()
    dead.write_text("\n".join("    server: https://127.0.0.1:1" if "server:" in at else at for at in live.splitlines()))
    run = server.status_guard(*ENSURE, kubeconfig=dead)
    assert run.returncode == 2
    assert "does not answer" in run.stderr
    assert "Traceback" not in run.stderr
