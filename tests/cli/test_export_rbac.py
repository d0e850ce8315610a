"""``status-guard export rbac``: what it prints can be applied as it is, and what it says when it cannot."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from app.cli.export import export_app

RULES = str(Path(__file__).parents[2] / "manifests/rules")


def test_it_prints_what_kubectl_applies() -> None:
    """A heading that says whose rights these are, then the ClusterRole and its binding, as YAML documents."""
    result = CliRunner().invoke(export_app, ["rbac", "--rules", RULES, "--namespace", "keepers"])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(
        "# Made by `status-guard export rbac`. Change the rules and make it again.\n# Rules: "
    )
    role, binding = [one for one in yaml.safe_load_all(result.stdout) if one]
    assert (role["kind"], binding["kind"]) == ("ClusterRole", "ClusterRoleBinding")
    assert binding["subjects"][0]["namespace"] == "keepers"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--namespace", ""], "--namespace '' is no name of a namespace"),
        (["--namespace", "a/b"], "--namespace 'a/b' is no name of a namespace"),
        (["--history-namespace", "A"], "--history-namespace 'A' is no name of a namespace"),
    ],
)
def test_a_bad_namespace_is_named(words: list[str], said: str) -> None:
    """A namespace that cannot be one ends with 2 and prints no manifest."""
    result = CliRunner().invoke(export_app, ["rbac", "--rules", RULES, *words], env={"COLUMNS": "200"})
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
