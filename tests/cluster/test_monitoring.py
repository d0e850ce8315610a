"""What the alerts ask of the API server's own metrics is there when it should be, by the names they use."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from api_server import until
from definitions import UPGRADE_STATUS, definition, version
from manifest_objects import MANIFESTS
from rbac_server import Server, rbac_server

pytestmark = pytest.mark.cluster

NAMESPACE = "harvester-system"
ALERTS = (MANIFESTS / "monitoring/alerts.yaml").read_text()
SELECTOR = re.compile(r"\b(apiserver_\w+)\{([^}]*)\}")
LABEL = re.compile(r'(\w+)="([^"]*)"')
NOWHERE = "https://127.0.0.1:1"
KINDS = ("upgrades", "broken")


def upgrade(name: str, plural: str, **body: Any) -> dict[str, Any]:
    """An object."""
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "harvesterhci.io/v1beta1", "kind": plural[:-1].capitalize(), "metadata": metadata, **body}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An API server whose webhooks are nowhere, and one of which has a condition that errs."""
    with rbac_server(tmp_path_factory.mktemp("monitoring"), []) as found:
        found.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        found.apply(*(definition(plural, version(UPGRADE_STATUS)) for plural in KINDS))
        for plural in KINDS:
            found.kubectl("wait", "--for=condition=Established", f"crd/{plural}.harvesterhci.io")
            found.apply(upgrade("one", plural, spec={}, status={"imageID": "x"}))
        release = json.loads(found.kubectl("get", "--raw=/version").stdout)["gitVersion"]
        rules = str(MANIFESTS / "rules/upgrades.harvesterhci.io.yaml")
        words = ["export", "webhook", "--rules", rules, "--kube-version", release, "--url", NOWHERE]
        exported = list(yaml.safe_load_all(found.status_guard(*words).stdout))
        [edited] = [one for one in exported if one["kind"] == "ValidatingWebhookConfiguration"]
        found.apply(*exported, _erring(edited))
        yield found


def _erring(configuration: dict[str, Any]) -> dict[str, Any]:
    """The same for another kind, with a condition that reads what is not there, as nothing that we render does."""
    webhook = json.loads(json.dumps(configuration["webhooks"][0]))
    webhook["name"] = "broken.validate.statusguard.io"
    webhook["rules"][0]["resources"] = ["broken"]
    webhook["matchConditions"] = [{"name": "errs", "expression": "object.status.missing == 'x'"}]
    return {**configuration, "metadata": {"name": "erring"}, "webhooks": [webhook]}


def samples(server: Server) -> dict[str, list[dict[str, str]]]:
    """The labels of each series that the API server shows, by its very name: parsers make _total of counters."""
    found: dict[str, list[dict[str, str]]] = {}
    for line in server.kubectl("get", "--raw=/metrics").stdout.splitlines():
        name, brace, labels = line.partition("{")
        if brace and not line.startswith("#"):
            found.setdefault(name, []).append(dict(LABEL.findall(labels)))
    return found


def matches(labels: dict[str, str], selector: str) -> bool:
    """Whether a series is one that a selector means."""
    tests = re.findall(r'(\w+)(=~|=)"([^"]*)"', selector)
    assert len(tests) == selector.count('"') / 2
    return all(
        label in labels and (re.fullmatch(value, labels[label]) if how == "=~" else labels[label] == value)
        for label, how, value in tests
    )


def test_what_the_alerts_ask_for_is_what_an_api_server_shows(server: Server) -> None:
    """By lossy writes that no webhook answers, and one whose condition errs, each selector comes to find a series."""
    selectors = set(SELECTOR.findall(ALERTS))
    assert len(selectors) == 4
    missing = selectors

    def shown() -> bool:
        nonlocal missing
        for plural in KINDS:
            for status in ({"status": {"imageID": "x"}}, {}):
                body = json.dumps(upgrade("one", plural, spec={}, **status))
                server.kubectl("replace", "-f", "-", stdin=body, check=False)
        series = samples(server)
        missing = {(name, one) for name, one in missing if not any(matches(had, one) for had in series.get(name, ()))}
        return not missing

    try:
        until(shown, "", patience=20)
    except AssertionError:
        pytest.fail(f"an API server shows no series for {missing}")
