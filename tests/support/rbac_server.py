"""An API server with RBAC, an audit log and identities by token, for what has to be proven about rights."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from api_server import ApiServer, api_server

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
        process: what can be stopped and started again.
    """

    folder: Path
    kubeconfig: Path
    process: ApiServer

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

    def refused(self, user: str) -> list[str]:
        """What a user has asked for and may not, by the audit log: the API server's words."""
        events = map(json.loads, (self.folder / "audit.log").read_text().splitlines())
        return [
            event["responseStatus"].get("message", "")
            for event in events
            if event["user"]["username"] == user and event.get("responseStatus", {}).get("code") == 403
        ]

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
def rbac_server(folder: Path, tokens: Sequence[str], *more: str) -> Iterator[Server]:
    """Start a server and stop it afterwards; skips the test where there is none.

    Args:
        folder: for its data.
        tokens: lines of a token file: token, user, uid, groups.
        more: further flags of the API server.
    """
    (folder / "audit.yaml").write_text(yaml.safe_dump(AUDIT))
    audit = ["--audit-policy-file", str(folder / "audit.yaml"), "--audit-log-path", str(folder / "audit.log")]
    with api_server(folder, tokens, "--authorization-mode", "RBAC", *audit, *more) as process:
        yield Server(folder, process.kubeconfig, process)
