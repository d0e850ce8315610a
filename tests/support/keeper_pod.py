"""What the rest of a cluster does for the keeper's Deployment, in one thread: a kubelet with one pod of it.

As in ``one_pod``, which mounts the rules; the pod has the ServiceAccount's token and nothing else.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from manifest_objects import pod_of
from one_pod import LOOK_EVERY, NAMESPACE
from rbac_server import Server

ACCOUNT = "system:serviceaccount:status-guard:status-guard-keeper"
TOKEN = f'keeper,{ACCOUNT},keeper,"system:serviceaccounts,system:serviceaccounts:status-guard,system:authenticated"'
DEPLOYMENT = "deployment/status-guard-keeper"


class KeeperPod:
    """The keeper as a process, while its Deployment is there.

    Args:
        server: the API server it belongs to.
        rules: where the ConfigMap is mounted.
    """

    def __init__(self, server: Server, rules: Path) -> None:
        self._server, self._rules = server, rules
        self._process: subprocess.Popen[bytes] | None = None

    def look(self) -> None:
        """Start or end it, as the Deployment says, and report that it is there."""
        said = self._server.kubectl("get", DEPLOYMENT, NAMESPACE, "--ignore-not-found", "--output=json").stdout
        if not said:
            self.stop()
            return
        found = json.loads(said)
        if self._process is None:
            self._start(pod_of(found)["containers"][0]["args"])
        if found.get("status", {}).get("observedGeneration") != found["metadata"]["generation"]:
            self._report(found["metadata"]["generation"], found["spec"]["replicas"])

    def _start(self, args: list[str]) -> None:
        moved = [arg.replace("=/rules", f"={self._rules}").replace("0.0.0.0", "127.0.0.1") for arg in args]
        kubeconfig = self._server.kubeconfig_for("keeper")
        command = [sys.executable, "-m", "app", *moved, "--ops-port=0", f"--kubeconfig={kubeconfig}"]
        with (self._server.folder / "keeper.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=self._server.environment(), stderr=log)

    def _report(self, generation: int, count: int) -> None:
        replicas = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas", "readyReplicas"), count)
        status = {"observedGeneration": generation, **replicas}
        patch = ["patch", DEPLOYMENT, NAMESPACE, "--subresource=status", "--type=merge"]
        self._server.kubectl(*patch, "--patch", json.dumps({"status": status}))

    def stop(self) -> None:
        """End it."""
        if self._process:
            self._process.terminate()
            self._process.wait(30)
            self._process = None


@contextmanager
def keeper_pod(server: Server, rules: Path) -> Iterator[None]:
    """A node for the keeper's Deployment, whenever that comes."""
    pod, over = KeeperPod(server, rules), threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_EVERY):
            with suppress(subprocess.CalledProcessError):  # deleted at that moment; the next look sees that
                pod.look()

    node = threading.Thread(target=watch)
    node.start()
    try:
        yield
    finally:
        over.set()
        node.join(30)
        pod.stop()
