"""An API server with RBAC, an audit log and identities by token, for what has to be proven about rights."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

PATIENCE = 30.0
"""Seconds until a server that does not come up is given up on."""

AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


@dataclass(frozen=True)
class Server:
    """A running API server.

    Attributes:
        folder: what belongs to it.
        kubeconfig: its administrator's.
    """

    folder: Path
    kubeconfig: Path

    def kubectl(
        self, *words: str, stdin: str | None = None, check: bool = True, token: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl, as the administrator or by a token."""
        who = [] if token is None else ["--kubeconfig", str(self.kubeconfig_for(token))]
        return subprocess.run(
            ["kubectl", *who, *words],
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            check=check,
            timeout=50,
        )

    def apply(self, *objects: dict[str, Any]) -> None:
        """Apply objects as the administrator."""
        run = self.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(objects), check=False)
        assert run.returncode == 0, run.stderr

    def get(self, *words: str) -> dict[str, Any]:
        """One object, or a list, as JSON."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *words, "--output=json").stdout)
        return found

    def environment(self) -> dict[str, str]:
        """The environment in which kubectl and status-guard find this server."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STATUS_GUARD_")}
        return kept | {"KUBECONFIG": str(self.kubeconfig)}

    def kubeconfig_for(self, token: str) -> Path:
        """A kubeconfig with another token."""
        path = self.folder / f"{token}.kubeconfig"
        content = yaml.safe_load(self.kubeconfig.read_text())
        content["users"][0]["user"] = {"token": token}
        path.write_text(yaml.safe_dump(content))
        path.chmod(0o600)
        return path

    def status_guard(self, *words: str, kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the command against this server."""
        environment = self.environment() | ({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {})
        return subprocess.run(
            [sys.executable, "-m", "app", *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )

    def calls_of(self, user: str) -> set[tuple[str, str, str]]:
        """What a user has asked for otherwise than by kubectl, by the audit log: verb, resource and name."""
        events = map(json.loads, (self.folder / "audit.log").read_text().splitlines())
        asked = [
            event
            for event in events
            if event["user"]["username"] == user
            and "objectRef" in event
            and not event.get("userAgent", "").startswith("kubectl")
        ]
        return {(event["verb"], event["objectRef"]["resource"], event["objectRef"].get("name", "")) for event in asked}


@contextmanager
def rbac_server(folder: Path, tokens: Sequence[str]) -> Iterator[Server]:
    """Start a server and stop it afterwards; skips the test where there is none.

    Args:
        folder: for its data.
        tokens: lines of a token file: token, user, uid, groups.
    """
    binary = os.environ.get("TEST_APISERVER")
    if binary is None or shutil.which("kubectl") is None:
        pytest.skip("needs kubectl, and TEST_APISERVER naming a test API server (CONTRIBUTING.md)")
    (folder / "tokens.csv").write_text("\n".join(tokens) + "\n")
    (folder / "audit.yaml").write_text(yaml.safe_dump(AUDIT))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [binary, "--data-dir", folder, "--secure-port", str(port), "--authorization-mode", "RBAC"]
    command += ["--token-auth-file", folder / "tokens.csv", "--audit-policy-file", folder / "audit.yaml"]
    command += ["--audit-log-path", folder / "audit.log"]
    with (folder / "server.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            kubeconfig = folder / "kubeconfig"
            until = time.monotonic() + PATIENCE
            while not (kubeconfig.exists() and kubeconfig.stat().st_size):
                assert process.poll() is None, (folder / "server.log").read_text()[-2000:]
                assert time.monotonic() < until, "the API server does not come up"
                time.sleep(0.05)
            yield Server(folder, kubeconfig)
        finally:
            process.send_signal(signal.SIGTERM)
