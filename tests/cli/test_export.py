"""``status-guard export``: what it prints, to the letter, and what it says when it cannot.

After a change that means to change the manifests: ``UPDATE_EXPORTS=1 .venv/bin/pytest tests/cli/test_export.py`` writes
tests/data/export anew; read the difference before you commit it.
"""

import base64
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from app.certificates import development_pair
from app.cli.export import export_app

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests/data/export"
RULES = {
    "shipped": "manifests/rules",
    "everything": "tests/data/export/rules/everything",
    "minimal": "tests/data/export/rules/minimal",
}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SERVICE = ["--service", "status-guard/status-guard"]
GOLDEN = [
    ("shipped", "webhook", "1.31"),
    ("shipped", "vap", "1.31"),
    ("shipped", "map", "1.36"),
    ("everything", "webhook", "1.27"),
    ("everything", "webhook", "1.28"),
    ("everything", "vap", "1.30"),
    ("everything", "map", "1.36"),
    ("minimal", "webhook", "1.36"),
    ("minimal", "vap", "1.36"),
    ("minimal", "map", "1.36"),
]


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the command is called counts: the digest of a rule set is over the files' names too."""
    monkeypatch.chdir(ROOT)


def run(*words: str, rules: str = RULES["minimal"]) -> Result:
    """The command over a rule set."""
    return CliRunner().invoke(export_app, [*words, "--rules", rules])


@pytest.mark.parametrize(("rules", "form", "version"), GOLDEN)
def test_manifests_are_as_they_were(rules: str, form: str, version: str) -> None:
    """The same rules give the same manifests, to the letter."""
    where = SERVICE if form == "webhook" else []
    result = run(form, "--kube-version", version, *where, rules=RULES[rules])
    assert result.exit_code == 0, result.output
    path = DATA / f"{rules}-{form}-{version}.yaml"
    if os.environ.get("UPDATE_EXPORTS"):
        path.write_text(result.stdout)
    assert result.stdout == path.read_text()


@pytest.mark.parametrize("path", sorted(DATA.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_file_of_the_folder_is_compared(path: Path) -> None:
    """No file is left from a form that is not made any more, and each is YAML of Kubernetes objects."""
    assert path.stem in {"-".join(golden) for golden in GOLDEN}
    documents = [document for document in yaml.safe_load_all(path.read_text()) if document]
    assert documents
    for document in documents:
        assert document["apiVersion"] == "admissionregistration.k8s.io/v1"
        assert document["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "status-guard"


@pytest.mark.parametrize("version", ["1.29", "v1.29.9", "v1.29.9+rke2r1", "1.29.0-rc.1"])
def test_a_version_may_be_written_as_servers_write_it(version: str) -> None:
    """Patch releases and what distributions append make no difference."""
    assert (
        run("webhook", "--kube-version", version, *SERVICE).stdout
        == run("webhook", "--kube-version", "1.29", *SERVICE).stdout
    )


@pytest.mark.parametrize(
    ("form", "version", "said"),
    [
        ("vap", "1.29", "it needs 1.30); use `status-guard export webhook`"),
        ("map", "1.35", "it needs 1.36); use `status-guard export webhook`, or `status-guard export vap`"),
        ("vap", "one", "'one' is no Kubernetes version; write one like 1.29"),
        ("vap", "1", "'1' is no Kubernetes version"),
    ],
)
def test_what_a_release_has_not_is_refused_with_the_alternative(form: str, version: str, said: str) -> None:
    """A form too new for the release ends with 2, prints nothing, and says what to use."""
    result = run(form, "--kube-version", version)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_map_needs_a_guard_that_restores(tmp_path: Path) -> None:
    """Where no guard is in mode Restore there is nothing to put back, and the other form is named."""
    document = (ROOT / RULES["minimal"] / "minimal.yaml").read_text()
    (tmp_path / "deny.yaml").write_text(f"{document}  mode: Deny\n")
    result = run("map", "--kube-version", "1.36", rules=str(tmp_path))
    assert result.exit_code == 2
    assert "use `status-guard export vap`" in result.stderr


def test_bad_rules_are_reported_as_by_rules_check(tmp_path: Path) -> None:
    """Mistakes in rules: exit 2, each with file and line, nothing on standard output."""
    (tmp_path / "bad.yaml").write_text("kind: StatusGuard\n")
    result = run("vap", "--kube-version", "1.36", rules=str(tmp_path))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{tmp_path}/bad.yaml:1:")


def test_a_url_and_a_ca_reach_every_webhook(tmp_path: Path) -> None:
    """With --url each webhook has its path below it, and with --ca the bundle that was in the file."""
    ca = tmp_path / "ca.crt"
    ca.write_bytes(development_pair([], NOW).ca)
    result = run("webhook", "--kube-version", "1.31", "--url", "https://127.0.0.1:8443/", "--ca", str(ca))
    assert result.exit_code == 0, result.output
    configs = [hook["clientConfig"] for document in _documents(result) for hook in document["webhooks"]]
    assert [config["url"] for config in configs] == ["https://127.0.0.1:8443/mutate", "https://127.0.0.1:8443/validate"]
    assert {base64.b64decode(config["caBundle"]) for config in configs} == {ca.read_bytes()}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "one of the two"),
        ([*SERVICE, "--url", "https://127.0.0.1"], "one of the two"),
        (["--service", "status-guard"], "NAMESPACE/NAME"),
        (["--url", "http://127.0.0.1"], "https://"),
        (["--url", "https://user@127.0.0.1"], "without user"),
        (["--url", "https://127.0.0.1:port"], "https://"),
        (["--url", "https://127.0.0.1/?a=b"], "without user"),
        ([*SERVICE, "--ca", "nowhere.crt"], "nowhere.crt"),
        ([*SERVICE, "--ca", "README.md"], "holds no PEM"),
    ],
)
def test_a_wrong_address_is_refused(words: list[str], said: str) -> None:
    """Where the webhook is has to be said once, as Kubernetes takes it: exit 2 otherwise."""
    result = CliRunner(env={"COLUMNS": "200"}).invoke(
        export_app, ["webhook", "--kube-version", "1.31", "--rules", RULES["minimal"], *words]
    )
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_help_has_an_example() -> None:
    """Each form's help shows a call."""
    for form in ("webhook", "vap", "map"):
        result = CliRunner().invoke(export_app, [form, "--help"])
        assert f"status-guard export {form} --rules manifests/rules" in result.stdout


def _documents(result: Result) -> list[dict[str, list[dict[str, dict[str, str]]]]]:
    return [document for document in yaml.safe_load_all(result.stdout) if document]
