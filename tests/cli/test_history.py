"""``history``, ``diff`` and ``restore``, without an API server: the words for them, and servers that are too old."""

import re
import shlex
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from app.cli import app
from app.core.guard import Guard, Target
from app.keeper import telling
from app.keeper.memory import Memory
from app.keeper.port import Kept, Watched

KIND = Watched(
    Guard("upgrades", Target("harvesterhci.io", frozenset({"*"}), "upgrades", status_subresource=False)),
    "v1beta1",
    "Upgrade",
    namespaced=True,
    status_subresource=False,
)
KEPT = Kept("histories", "statusguard-1", "5e79", "0" * 16, 4, "7", datetime(2026, 11, 23, tzinfo=UTC))
ONE = Memory("harvester-system", "one", "5e7a", kept=(KEPT,))


@pytest.mark.parametrize(
    ("words", "revision", "uid"),
    [
        (telling.lost(KIND, ONE, ["/status/phase"]), 4, ""),
        (telling.not_carried_over(KIND, ONE, KEPT), None, "5e79"),
    ],
)
def test_the_commands_that_events_name_are_taken(words: str, revision: int | None, uid: str) -> None:
    """What the keeper tells people to type means the object, the revision and the earlier object that it says."""
    found = re.search(r"kubectl status-guard restore (.*)", words)
    assert found
    command = get_command(app).commands["restore"]  # type: ignore[attr-defined]
    given = command.make_context("restore", shlex.split(found[1])).params
    assert (given["of"], given["namespace"]) == ("upgrades.harvesterhci.io/one", "harvester-system")
    assert (given["revision"], given["from_uid"]) == (revision, uid)
    assert given["history_namespace"] == KEPT.namespace


class Old(BaseHTTPRequestHandler):
    """Answers as API servers did before they told all kinds in one answer, or as something else."""

    status, body = 200, b""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(self.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[type[Old], str]]:
    """Such a server, and a kubeconfig for it."""

    class Answers(Old):
        pass

    listening = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "old", "cluster": {"server": f"http://127.0.0.1:{listening.server_port}"}}],
        "users": [{"name": "me", "user": {"token": "t"}}],
        "contexts": [{"name": "old", "context": {"cluster": "old", "user": "me"}}],
        "current-context": "old",
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    yield Answers, str(tmp_path / "config")
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (200, b'{"kind":"APIGroupList","groups":[]}', "does not tell its kinds in one answer, as those of Kubernetes"),
        (406, b'{"message":"only json"}', "does not tell its kinds in one answer, as those of Kubernetes"),
        (503, b'{"message":"busy"}', "cannot get the API server's kinds: 503, busy"),
    ],
)
def test_a_server_that_does_not_tell_its_kinds_is_said(
    server: tuple[type[Old], str], status: int, body: bytes, says: str
) -> None:
    """Too old, or out of order: exit code 2 and which of both."""
    answers, kubeconfig = server
    answers.status, answers.body = status, body
    run = CliRunner().invoke(app, ["history", "upgrade/one", "--kubeconfig", kubeconfig])
    assert run.exit_code == 2
    assert says in run.stderr
