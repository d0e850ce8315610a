"""Alerts and dashboard: they are heard when they should be, and name nothing that nobody exports."""

import ast
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from manifest_objects import KUBECTL, MANIFESTS, ROOT, documents, rendered, the
from typer.main import get_command

from app.cli import app as command_line

PROMTOOL = shutil.which("promtool")
[ALERTS] = documents("monitoring/alerts.yaml")
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
UNIT_TESTS = ROOT / "tests/data/alerts.test.yaml"
DASHBOARD: dict[str, Any] = json.loads((MANIFESTS / "monitoring/dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [rule["expr"] for rule in RULES] + [target["expr"] for panel in PANELS for target in panel["targets"]]
METRIC = re.compile(r"\b(?:status_guard|apiserver)_[a-z_]+\b")
API_SERVERS = {
    "apiserver_admission_webhook_fail_open_count",
    "apiserver_admission_webhook_rejection_count",
    "apiserver_admission_webhook_admission_duration_seconds_bucket",
    "apiserver_admission_match_condition_evaluation_errors_total",
}
"""A real API server exports these; tests/cluster/test_monitoring.py has it show them."""


def needs_promtool() -> str:
    """The tool; skips the test where it is not, but in CI that is a failure."""
    if PROMTOOL is None:
        why = "needs promtool, which is in Debian's package prometheus (.ci/run fetches it)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)
    return str(PROMTOOL)


def exported() -> set[str]:
    """The names that app exports: every text there that is one, with what its kind of metric appends."""
    found = set()
    for path in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and METRIC.fullmatch(node.value):
                found |= {node.value + end for end in ("", "_total", "_bucket", "_sum", "_count")}
    return found


def fired() -> Iterator[tuple[str, bool]]:
    """The alerts that the unit tests look for, and whether they expect it to be heard."""
    for test in yaml.safe_load(UNIT_TESTS.read_text())["tests"]:
        for asked in test["promql_expr_test"]:
            for name in re.findall(r'alertname="(\w+)"', asked["expr"]):
                yield name, bool(asked["exp_samples"])


@pytest.mark.parametrize(
    "words", [["check", "rules", "manifests/monitoring/alerts.yaml"], ["test", "rules", UNIT_TESTS]]
)
def test_prometheus_reads_the_alerts_and_hears_them_when_it_should(words: list[str]) -> None:
    """Each expression is one, and over the series of the unit tests each alert comes and goes as they say."""
    run = subprocess.run([needs_promtool(), *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_alert_is_tested_both_ways() -> None:
    """Heard at one time and not at another, each of them."""
    names = {rule["alert"] for rule in RULES}
    assert {(name, heard) for name in names for heard in (True, False)} == set(fired())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_happened_and_what_to_do(rule: dict[str, Any]) -> None:
    """Severity, what happened, what it means, what to do now; its words name only labels that the expression leaves."""
    assert rule["alert"].startswith("StatusGuard")
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(rule["annotations"]) == {"summary", "description", "action"}
    left = {label for labels in re.findall(r"^[a-z]+ by \(([^)]+)\)", rule["expr"]) for label in labels.split(", ")}
    left |= {"name"} if "histogram_quantile" in rule["expr"] else set()
    for text in rule["annotations"].values():
        assert set(re.findall(r"\$labels\.(\w+)", text)) <= left
        assert len(text) > 20


def test_every_command_in_an_alert_is_real() -> None:
    """What somebody is told to run at night is there."""
    told = "\n".join(rule["annotations"]["action"] for rule in RULES)
    named = set(re.findall(r"`status-guard ([a-z]+)", told))
    assert {"doctor", "scan", "restore"} <= named
    commands = set(get_command(command_line).commands)  # type: ignore[attr-defined]
    assert named <= commands


def test_every_metric_is_exported_by_somebody() -> None:
    """By this project's code, or by an API server; each of the API server's is really used."""
    named = {name for expression in EXPRESSIONS for name in METRIC.findall(expression)}
    assert named - exported() == API_SERVERS
    assert any(name.startswith("status_guard_keeper_") for name in named)


def test_the_operators_rules_are_the_same() -> None:
    """`make manifests` copies the plain file into the PrometheusRule."""
    assert the("PrometheusRule", "monitoring/prometheusrule.yaml")["spec"] == ALERTS


@pytest.mark.skipif(KUBECTL is None, reason="kubectl renders these; install it to run them")
def test_the_metrics_of_every_pod_are_collected() -> None:
    """The PodMonitor's labels, namespaces and port are those of every Deployment that is shipped."""
    monitor = the("PodMonitor", "monitoring/podmonitor.yaml")["spec"]
    [port] = [one["port"] for one in monitor["podMetricsEndpoints"]]
    folders = ["base", "keeper/base", "gate"]
    deployments = [one for folder in folders for one in rendered(folder) if one["kind"] == "Deployment"]
    assert {one["metadata"]["namespace"] for one in deployments} == set(monitor["namespaceSelector"]["matchNames"])
    assert len(deployments) == len(folders)
    for one in deployments:
        template = one["spec"]["template"]
        assert monitor["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
        assert port in {entry["name"] for entry in template["spec"]["containers"][0]["ports"]}


@pytest.mark.skipif(KUBECTL is None, reason="kubectl renders these; install it to run them")
def test_the_dashboard_is_where_grafana_looks_for_it() -> None:
    """In a ConfigMap with the sidecar's label, byte for byte the file."""
    [found] = [one for one in rendered("monitoring") if one["kind"] == "ConfigMap"]
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(found["data"]["status-guard.json"]) == DASHBOARD


def test_the_dashboard_can_be_read() -> None:
    """Every panel says what it shows, asks the chosen data source, and stands on no other."""
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    for panel in PANELS:
        assert panel["description"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert all(target["expr"] and target["datasource"] == panel["datasource"] for target in panel["targets"])


def test_the_guide_has_every_alert_and_no_other() -> None:
    """Name and severity, a row each, in the order of the file."""
    guide = (ROOT / "docs/monitoring.md").read_text()
    rows = re.findall(r"^\| (StatusGuard\w+) \| (\w+) \|", guide, re.MULTILINE)
    assert rows == [(rule["alert"], rule["labels"]["severity"]) for rule in RULES]
