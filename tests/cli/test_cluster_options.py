"""What commands that look into a cluster have in common."""

import json
from pathlib import Path

import pytest
import typer
import yaml

from app.cli.cluster_options import Output, run, structured
from app.cluster.context import default_namespace
from app.cluster.port import ClusterError

KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "one", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "me", "user": {"token": "t"}}],
    "contexts": [
        {"name": "plain", "context": {"cluster": "one", "user": "me"}},
        {"name": "placed", "context": {"cluster": "one", "user": "me", "namespace": "harvester-system"}},
    ],
    "current-context": "placed",
}


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    """A kubeconfig with two contexts, the current one with a namespace."""
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(KUBECONFIG))
    return str(path)


async def _refused() -> None:
    raise ClusterError("cannot list nodes: 503")


async def _answered() -> int:
    return 7


def test_work_that_succeeds_gives_its_result() -> None:
    """What the work returns is what the command gets."""
    assert run("scan", _answered()) == 7


def test_a_cluster_that_does_not_do_what_it_was_asked_ends_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The words go to standard error behind the command's name, and the exit code is the one asked for, 2 if none."""
    with pytest.raises(typer.Exit) as ended:
        run("scan", _refused())
    assert ended.value.exit_code == 2
    with pytest.raises(typer.Exit) as ended:
        run("doctor", _refused(), code=3)
    assert ended.value.exit_code == 3
    said = capsys.readouterr()
    assert said.err == "status-guard scan: cannot list nodes: 503\nstatus-guard doctor: cannot list nodes: 503\n"
    assert said.out == ""


def test_values_are_printed_in_the_form_that_was_asked_for() -> None:
    """JSON and YAML hold the same values, in the order given, with letters of any language as they are."""
    value = {"name": "ü", "a": [1, None, True]}
    assert json.loads(structured(value, Output.JSON)) == value
    assert yaml.safe_load(structured(value, Output.YAML)) == value
    assert "ü" in structured(value, Output.JSON)
    assert structured(value, Output.YAML).startswith("name: ü\n")


def test_the_contexts_namespace_is_meant_where_none_is_named(kubeconfig: str, tmp_path: Path) -> None:
    """The current context's namespace, a named context's, and ``default`` where neither says one."""
    assert default_namespace(kubeconfig, None) == "harvester-system"
    assert default_namespace(kubeconfig, "plain") == "default"
    assert default_namespace(kubeconfig, "unknown") == "default"
    assert default_namespace(str(tmp_path / "absent"), None) == "default"
