"""``status-guard rules check``."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.cli.rules import rules_app

GOOD = """\
apiVersion: statusguard.io/v1alpha1
kind: StatusGuard
metadata: {name: things}
spec:
  target: {group: example.io, resource: things, statusSubresource: true, versions: [v2, v1]}
  mode: Deny
"""


@pytest.fixture
def app() -> typer.Typer:
    """The commands, mounted as in status-guard."""
    app = typer.Typer()
    app.add_typer(rules_app, name="rules")
    return app


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A good file."""
    path = tmp_path / "a.yaml"
    path.write_text(GOOD)
    return path


def test_good_rules_are_listed(app: typer.Typer, file: Path) -> None:
    """Good rules: exit 0, and one line a guard with name, target, mode and place."""
    result = CliRunner().invoke(app, ["rules", "check", str(file)])
    assert result.exit_code == 0
    header, row, summary = (line.split() for line in result.stdout.splitlines())
    assert header == ["NAME", "TARGET", "MODE", "WHERE"]
    assert row == ["things", "things.example.io/status", "(v1,", "v2)", "Deny", f"{file}:1"]
    assert summary == ["No", "mistakes.", "Guards:", "1,", "files:", "1."]


def test_good_rules_as_json(app: typer.Typer, file: Path) -> None:
    """With -o json the same comes as one object for programs."""
    result = CliRunner().invoke(app, ["rules", "check", "-o", "json", str(file)])
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["valid"] is True
    assert found["files"] == [str(file)]
    assert found["guards"] == [
        {
            "name": "things",
            "group": "example.io",
            "versions": ["v1", "v2"],
            "resource": "things",
            "statusSubresource": True,
            "mode": "Deny",
            "file": str(file),
            "line": 1,
        }
    ]


def test_bad_rules_are_reported_on_standard_error(app: typer.Typer, file: Path) -> None:
    """Bad rules: exit 2, the report on standard error, nothing on standard output."""
    file.write_text(GOOD.replace("Deny", "Denied"))
    result = CliRunner().invoke(app, ["rules", "check", str(file)])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"{file}:6: spec.mode: has to be")


def test_bad_rules_as_json(app: typer.Typer, file: Path) -> None:
    """With -o json a pipeline gets each mistake in its parts, on standard output."""
    file.write_text(GOOD.replace("Deny", "Denied"))
    result = CliRunner().invoke(app, ["rules", "check", "--output", "json", str(file)])
    assert result.exit_code == 2
    found = json.loads(result.stdout)
    assert found["valid"] is False
    (mistake,) = found["mistakes"]
    assert (mistake["file"], mistake["line"], mistake["path"]) == (str(file), 6, "spec.mode")


def test_help_has_an_example(app: typer.Typer) -> None:
    """The help says what the exit codes mean and shows a call."""
    result = CliRunner().invoke(app, ["rules", "check", "--help"])
    assert result.exit_code == 0
    assert "status-guard rules check manifests/rules" in result.stdout
