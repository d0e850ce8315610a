"""``status-guard doctor`` where there is no cluster, and how it prints."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from manifest_objects import the

from app.cli.doctor_output import as_table, values
from app.core.diagnosis.finding import Check, Finding, Level
from app.core.diagnosis.observation import Commands
from app.core.diagnosis.trials import DEPLOYMENT

FINDINGS = (
    Finding(Check.REGISTERED, Level.OK, "widgets", "is registered"),
    Finding(Check.ORDER, Level.WARNING, "zzz", "sorts \x1b[2Jafter", "because\nof this", "kubectl get x"),
)


def run(*words: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """The command, with a kubeconfig that leads nowhere."""
    cluster = {"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    environment = os.environ | {"KUBECONFIG": str(folder / "kubeconfig"), "PYTHONPATH": str(Path(__file__).parents[2])}
    line = [sys.executable, "-m", "app", "doctor", *words]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_an_api_server_that_is_gone_exits_3(tmp_path: Path) -> None:
    """That nothing could be looked at is no finding; standard error says why, and what to look at."""
    result = run(folder=tmp_path)
    assert (result.returncode, result.stdout) == (3, "")
    assert "the API server does not answer" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("endpoint", ["8443", "host:", ":1", "host:0", "host:65536", "host:port"])
def test_an_endpoint_has_to_be_host_and_port(tmp_path: Path, endpoint: str) -> None:
    """A mistyped option exits 2 and is named, as everywhere."""
    result = run("--endpoint", endpoint, folder=tmp_path)
    assert result.returncode == 2
    assert "HOST:PORT" in result.stderr


def test_rows_are_aligned_and_safe_for_a_terminal() -> None:
    """Level and check stand in columns, reasons and commands below; what others wrote cannot command the terminal."""
    lines = as_table(FINDINGS).splitlines()
    assert lines[0] == "OK       registered  widgets: is registered"
    assert lines[1].startswith("WARNING  order       zzz: sorts ")
    assert lines[2] == f"{' ' * 21}why:  because\N{REPLACEMENT CHARACTER}of this"
    assert lines[3] == f"{' ' * 21}mend: kubectl get x"
    assert lines[-1] == "0 error, 1 warning, 0 info, 1 ok"
    assert "\x1b" not in "".join(lines)


def test_what_rows_have_in_common_is_said_once() -> None:
    """Nineteen guards that nobody registered need one command, below the last of them."""
    rows = [Finding(Check.REGISTERED, Level.ERROR, name, "is not there", "because", "apply it") for name in "abc"]
    lines = as_table([*rows, *FINDINGS]).splitlines()
    assert [line.split()[0] for line in lines[:6]] == ["ERROR", "ERROR", "ERROR", "why:", "mend:", "OK"]


def test_commands_name_what_the_manifests_make() -> None:
    """Deployment, Service and namespace are called as in manifests/base."""
    deployment = the("Deployment", "base/webhook/deployment.yaml")
    service = the("Service", "base/webhook/service.yaml", "status-guard")
    namespace = the("Namespace", "base/webhook/namespace.yaml")
    assert deployment["metadata"]["name"] == DEPLOYMENT
    assert f"{namespace['metadata']['name']}/{service['metadata']['name']}" == "status-guard/status-guard"
    assert Commands().namespace == namespace["metadata"]["name"]


def test_programs_get_every_finding_and_the_worst() -> None:
    """The same six parts for each finding, empty ones too."""
    found = values(FINDINGS)
    assert found["worst"] == "warning"
    assert found["findings"][0] == {
        "check": "registered",
        "level": "ok",
        "subject": "widgets",
        "what": "is registered",
        "why": "",
        "mend": "",
    }
    assert values(())["worst"] == "ok"


def test_help_says_what_the_exit_codes_mean(tmp_path: Path) -> None:
    """--help has the codes and examples that can be copied."""
    result = run("--help", folder=tmp_path)
    assert result.returncode == 0
    assert "3 nothing could be looked at" in result.stdout
    assert "status-guard doctor --rules manifests/rules" in result.stdout
