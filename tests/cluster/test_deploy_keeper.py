"""The keeper beside an installation: it takes the registration over, follows the rules, and goes first in the end."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_server import until
from keeper_pod import TOKEN, keeper_pod
from manifest_objects import MANIFESTS
from one_pod import NAMESPACE, Pod, one_pod
from rbac_server import rbac_server

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

VALIDATING = "validatingwebhookconfigurations"
NEW_RULE = """\
apiVersion: statusguard.io/v1alpha1
kind: StatusGuard
metadata: {name: added-later}
spec:
  target: {group: example.io, versions: ["*"], resource: things, statusSubresource: false}
"""


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    """An API server with a node for the webhook and the keeper."""
    with (
        rbac_server(tmp_path_factory.mktemp("api"), [TOKEN]) as server,
        one_pod(server, tmp_path_factory.mktemp("node")) as node,
        keeper_pod(server, node.folder / "rules"),
    ):
        yield node


def deploy(pod: Pod, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the script."""
    command = Path(sys.executable).parent / "status-guard"
    run = subprocess.run(
        [MANIFESTS / "deploy.sh", *words],
        env=pod.server.environment() | {"COMMAND": str(command)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (run.returncode, run.stderr) == (0, ""), run.stdout + run.stderr
    return run


def policies(pod: Pod) -> dict[str, str]:
    """The failurePolicy of each validating webhook, by name."""
    found = pod.server.get(VALIDATING)["items"]
    return {webhook["name"]: webhook["failurePolicy"] for one in found for webhook in one["webhooks"]}


def test_from_nothing_to_a_keeper_and_back(pod: Pod) -> None:
    """Installed, taken over, followed, upgraded and removed, with the rights that are shipped and no other.

    A changed ConfigMap is registered by itself; an upgrade leaves the registration to the keeper; and when everything
    is removed nothing makes the registration again.
    """
    deploy(pod, "up", "harvester")
    said = deploy(pod, "keeper", "harvester").stdout
    assert "Registered, failing closed" in said
    before = policies(pod)
    assert "Fail" in before.values()

    change = {"data": {"added-later.yaml": NEW_RULE}}
    patch = ["patch", "configmap", "status-guard-rules", NAMESPACE, "--type=merge", "--patch", json.dumps(change)]
    pod.server.kubectl(*patch)
    until(lambda: policies(pod).get("added-later.validate.statusguard.io") == "Fail", "it is not registered")
    assert policies(pod).items() >= before.items()

    again = deploy(pod, "up", "harvester").stdout
    assert "The registration, failing open" not in again
    assert "Registered, failing closed" in again
    assert policies(pod).items() >= before.items()

    gone = deploy(pod, "down", "harvester").stdout
    order = ['"status-guard-keeper" deleted', "validatingwebhookconfiguration", 'namespace "status-guard" deleted']
    places = [gone.find(step) for step in order]
    assert -1 not in places, gone
    assert places == sorted(places)
    assert policies(pod) == {}
