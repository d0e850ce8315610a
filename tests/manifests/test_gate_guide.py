"""The gate's guide against what it tells people to type, to look for and to count on."""

import re
from datetime import timedelta

import pytest
import typer.main
from manifest_objects import ROOT, documents, the

from app.api.gate.events import SILENCE
from app.api.gate.receiving import MOST_KEPT, PATIENCE
from app.api.gate.telemetry import GateTelemetry
from app.cli import app
from app.core.gate import preferences, schedule
from app.core.gate.body import LARGEST_BODY
from app.core.gate.forwarding import LARGEST_HEADERS, MOST_HEADERS
from app.core.gate.installation_call import LONGEST_TARGET
from app.core.gate.refusal import Slug
from app.core.gate.schedule import fresh_probes
from app.gate.limits import Limits
from app.main import KEEP_ALIVE
from app.roles.gate import Gate
from app.settings import Settings, flag
from app.telemetry import Telemetry

GUIDE = (ROOT / "docs/gate.md").read_text()
PLAIN = re.sub(r"\s+", " ", GUIDE)
CODE = "\n".join(path.read_text() for path in (ROOT / "app").rglob("*.py"))
OWN_PROBLEM = re.compile(r'(?:\bproblem\(\s*[\w.]+,|NotTaken\(\s*[\w.]+,)\s*"([a-z-]+)"')


def test_every_type_of_problem_is_explained() -> None:
    """The table of answers has each type that the code can tell of, and no other."""
    table = GUIDE.partition("### Answers")[2].partition("\n### ")[0]
    explained = {
        name
        for row in table.splitlines()
        if re.match(r"\| [*45]", row)
        for name in re.findall(r"`([a-z-]+)`", row.split("|")[2])
    }
    assert explained == {*map(str, Slug), *OWN_PROBLEM.findall(CODE)}


def test_every_metric_is_listed() -> None:
    """What /metrics shows of the gate is in the table, under names that it shows."""
    telemetry = Telemetry()
    GateTelemetry(telemetry)
    found = {family.name for family in telemetry.registry.collect() if family.name.startswith("status_guard_gate_")}
    found |= set(re.findall(r'"(status_guard_gate_[a-z_]+)", "', CODE))
    table = GUIDE.partition("## Metrics and logs")[2]
    named = set(re.findall(r"`(status_guard_gate_[a-z_]+)", table))
    prefix = "status_guard_gate_installs"
    named |= {f"{prefix}{rest}" for rest in re.findall(r"`…(_[a-z_]+)`", table)}
    assert {name.removesuffix("_total") for name in named} == found


@pytest.mark.parametrize("event", re.findall(r"`(install [a-z]+)`", GUIDE.partition("## Metrics and logs")[2]))
def test_every_event_is_logged(event: str) -> None:
    """The log lines that are named are written."""
    assert f'_say("{event}"' in CODE


def test_every_option_exists() -> None:
    """An option in the guide is one of serve's, or of the command on the same line."""
    command = typer.main.get_command(app)
    ensure = command.commands["certs"].commands["ensure"]  # type: ignore[attr-defined]
    known = {flag(name) for name in Settings.model_fields} | {"--roles"}
    known |= {option for parameter in ensure.params for option in parameter.opts}
    others = {"--namespace", "--server-side", "--kustomize", "--from", "--from-file", "--output", "--max-time"}
    others |= {"--install", "--sort-by"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", GUIDE)) <= known | others


def test_figures_are_those_of_the_code() -> None:
    """Times, sizes and numbers that people count on."""
    limits = Limits()
    minutes = preferences.DEFAULT_ASYNC_DEADLINE // 60
    expected = [
        f"at most {preferences.DEFAULT_WAIT} s, then 503",
        f"N seconds, up to {preferences.LONGEST_WAIT};",
        f"goes on for {minutes} minutes. `respond-async; deadline=N`: N seconds, up to",
        f"up to {preferences.LONGEST_ASYNC_DEADLINE} |",
        f"for the Operation and the App for {schedule.SETTLE:g} seconds",
        f"in {schedule.SETTLE:g} seconds no trace",
        f"a comment every {SILENCE:g} s",
        f"longer than {PATIENCE:g} s |",
        f"{limits.held} (`--most-held`), {limits.held_per_caller} for each credential",
        f"{limits.posts} (`--most-posts`)",
        f"{limits.records} (`--most-records`), ended ones for a day",
        f"{LARGEST_BODY // 1024**2} MiB; all of those that are held {MOST_KEPT // 1024**2} MiB",
        f"| {MOST_HEADERS}, {LARGEST_HEADERS // 1024} KiB |",
        f"beyond {LONGEST_TARGET // 1024} KiB of path and query",
        f"has {Gate.patience:g} s to its end",
        f"idle connections after {KEEP_ALIVE} s",
    ]
    assert [text for text in expected if text not in PLAIN] == []
    assert limits.kept == timedelta(days=1).total_seconds()
    assert Settings().drain == timedelta(seconds=2)
    assert "for `--drain` (2 s)" in PLAIN
    assert fresh_probes(Settings().rancher_replicas) == 9
    assert "asks nine times" in PLAIN


def test_what_is_typed_names_what_is_installed() -> None:
    """Namespace, Secret, CronJob, ConfigMap and grace period are called as in the manifests."""
    pod = the("Deployment", "gate/deployment.yaml")["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert f"create configmap {volumes['rancher-ca']['configMap']['name']} --from-file=ca.crt" in GUIDE
    assert f"--from=cronjob/{the('CronJob', 'gate/certs/cronjob.yaml')['metadata']['name']} " in GUIDE
    assert f"the Secret `{volumes['certs']['secret']['secretName']}` as" in PLAIN
    assert f"terminationGracePeriodSeconds: {pod['terminationGracePeriodSeconds']}" in GUIDE
    namespaces = set(re.findall(r"--namespace ([a-z-]+)", GUIDE)) - {"cattle-system", "cattle-ui-plugin-system"}
    assert namespaces == {the("Namespace", "gate/namespace.yaml")["metadata"]["name"]}
    assert documents("gate/service.yaml")[0]["metadata"]["name"] == "status-guard-gate"


def test_every_path_and_heading_exists() -> None:
    """Files that the guide names are there, and links within it lead to a heading."""
    paths = set(re.findall(r"`(manifests/[a-z./_-]+[a-z])`", GUIDE))
    paths |= {f"manifests/gate/routes/{name}" for name in re.findall(r"`([a-z-]+\.yaml)`", GUIDE)}
    assert len(paths) > 5
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", GUIDE, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([a-z-]+)\)", GUIDE)) <= headings
