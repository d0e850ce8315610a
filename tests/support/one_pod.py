"""What the rest of a cluster does for the webhook's Deployment, in one thread: a kubelet with one pod.

The API server of the tests has no controllers. So this mounts the Secret and the ConfigMap as files, keeps them up to
date, runs the container's own arguments on the loopback, and reports the Deployment and the Service's endpoint.
"""

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from manifest_objects import pod_of
from rbac_server import Server

NAMESPACE = "--namespace=status-guard"
LOOK_EVERY = 0.3
"""Seconds between two looks at what is to be mounted."""


@dataclass
class Pod:
    """The webhook as a process.

    Attributes:
        server: the API server it belongs to.
        folder: its files.
    """

    server: Server
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    port: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)
    reader: threading.Thread | None = None

    def mount(self) -> bool:
        """Bring the files up to date; true if all of them are there."""
        listed = self.server.get("secret/status-guard-certs", "configmap/status-guard-rules", NAMESPACE)["items"]
        secret, rules = (dict(one.get("data", {})) for one in listed)
        pair = {key: base64.b64decode(secret[key]) for key in ("tls.crt", "tls.key") if key in secret}
        self._write("certs", pair)
        self._write("rules", {key: value.encode() for key, value in rules.items()})
        return len(pair) == 2

    def _write(self, volume: str, files: dict[str, bytes]) -> None:
        (self.folder / volume).mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            path = self.folder / volume / name
            if not path.exists() or path.read_bytes() != content:
                path.write_bytes(content)

    def start(self) -> None:
        """Run the container's arguments; say that it is there when it serves."""
        deployment = self.server.get("deployment/status-guard-webhook", NAMESPACE)
        args = pod_of(deployment)["containers"][0]["args"]
        here = {"/rules": str(self.folder / "rules"), "/certs": str(self.folder / "certs")}
        moved = [arg.replace("=/rules", f"={here['/rules']}").replace("=/certs", f"={here['/certs']}") for arg in args]
        ports = ["--port=0", "--ops-port=0", "--host=127.0.0.1"]
        kept = [arg for arg in moved if arg.split("=")[0] not in {"--port", "--ops-port", "--host"}]
        command = [sys.executable, "-m", "app", *kept, *ports]
        self.process = subprocess.Popen(command, env=self.server.environment(), stderr=subprocess.PIPE)
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process is not None
        assert self.process.stderr is not None
        with self.process.stderr:
            for raw in self.process.stderr:
                line = json.loads(raw) if raw.startswith(b"{") else {"event": raw.decode()}
                self.log.append(line)
                if line["event"] == "serving":
                    self.port = int(line["address"].rpartition(":")[2])
                    self.report()

    def report(self) -> None:
        """What the endpoint and the deployment controllers would write."""
        self.server.apply(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": "status-guard-1",
                    "namespace": "status-guard",
                    "labels": {"kubernetes.io/service-name": "status-guard"},
                },
                "addressType": "IPv4",
                "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
                "ports": [{"name": "https", "port": self.port, "protocol": "TCP"}],
            }
        )
        found = self.server.get("deployment/status-guard-webhook", NAMESPACE)
        count = found["spec"]["replicas"]
        replicas = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas", "readyReplicas"), count)
        status = {"observedGeneration": found["metadata"]["generation"], **replicas}
        patch = ["patch", "deployment/status-guard-webhook", NAMESPACE, "--subresource=status", "--type=merge"]
        self.server.kubectl(*patch, "--patch", json.dumps({"status": status}))

    def stop(self) -> None:
        """End the process and what follows it."""
        if self.process:
            self.process.terminate()
            self.process.wait(30)
        if self.reader:
            self.reader.join(30)


@contextmanager
def one_pod(server: Server, folder: Path) -> Iterator[Pod]:
    """A node for the webhook's Deployment, whenever that comes."""
    pod, over = Pod(server, folder), threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_EVERY):
            # what is looked at may be deleted at that moment; the next look sees that
            with suppress(subprocess.CalledProcessError):
                look()

    def look() -> None:
        found = server.get("deployment/status-guard-webhook", NAMESPACE)
        if not pod.mount():
            return
        if pod.process is None:
            pod.start()
        elif pod.port and not found.get("status"):
            pod.report()

    node = threading.Thread(target=watch)
    node.start()
    try:
        yield pod
    finally:
        over.set()
        node.join(30)
        pod.stop()
