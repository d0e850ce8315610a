"""``status-guard scan`` against a real API server, by people with more and with fewer rights."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from definitions import ANYTHING, HARVESTER, TEXT, definition, version
from kube_version import VERSION, exported_forms
from rbac_server import Server, rbac_server

from app.rules import load

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).parents[2]
UPGRADES = str(REPOSITORY / "manifests/rules/upgrades.harvesterhci.io.yaml")
NAMESPACE = "harvester-system"
OTHER = "elsewhere"
FULL = {
    "conditions": [{"type": "Completed", "status": "True"}, {"type": "LogReady", "status": "True"}],
    "imageID": "x",
    "nodeStatuses": {"node-1": {"state": "Succeeded"}},
}
DEFAULTED = definition(
    "defaulteds",
    version({"type": "object", "default": {}, "properties": {"phase": {**TEXT, "default": "New"}}}),
    group="example.io",
)
FREE = definition("frees", version(root={"x-kubernetes-preserve-unknown-fields": True}), group="example.io")
MIXED = definition(
    "mixeds",
    version(ANYTHING, name="v1", subresource=True),
    version(ANYTHING, name="v1alpha1", storage=False),
    group="example.io",
)
RBAC = "rbac.authorization.k8s.io"
SEES = [
    {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": ["list"]},
    {"apiGroups": ["harvesterhci.io"], "resources": ["upgrades", "settings"], "verbs": ["list"]},
]
"""The rights of somebody who may see kinds and Upgrades, and neither webhook configurations nor anything else."""
HOOKS = [
    *SEES,
    {
        "apiGroups": ["admissionregistration.k8s.io"],
        "resources": ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
        "verbs": ["list"],
    },
]
"""The same and webhook configurations, but no policies."""


def made(plural: str, name: str, namespace: str = NAMESPACE, group: str = "harvesterhci.io", **body: Any) -> Any:
    """An object of one of the kinds."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    kind = plural[:-1].capitalize()
    return {"apiVersion": f"{group}/v1beta1", "kind": kind, "metadata": metadata, "spec": {}, **body}


def role(name: str, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A ClusterRole and who has it."""
    subject = {"kind": "User", "name": name, "apiGroup": RBAC}
    reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": name}
    return [
        {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules},
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "subjects": [subject],
            "roleRef": reference,
        },
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Kinds of every shape, some with objects, and no guard."""
    people = ["some-token,some,1,system:authenticated", "nobody-token,nobody,2,system:authenticated"]
    people.append("hooks-token,hooks,3,system:authenticated")
    with rbac_server(tmp_path_factory.mktemp("scan"), people) as found:
        kinds = [*HARVESTER.values(), DEFAULTED, FREE, MIXED]
        spaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": one}} for one in (NAMESPACE, OTHER)]
        found.apply(*spaces, *kinds, *role("some", SEES), *role("hooks", HOOKS))
        for one in kinds:
            found.kubectl("wait", "--for=condition=Established", f"crd/{one['metadata']['name']}")
        found.apply(
            *(made("upgrades", f"full-{number}", status=FULL) for number in range(3)),
            made("upgrades", "bare"),
            made("upgrades", "away", OTHER, status=FULL),
            made("settings", "one", "", status={"conditions": []}),
            made("frees", "one", group="example.io", status={"disks": [{"name": "a"}, {"name": "b"}]}),
            made("addons", "one", status={"status": "x"}),
        )
        yield found


def scan(server: Server, *words: str, token: str = "") -> subprocess.CompletedProcess[str]:
    """Run it, as the administrator or by a token."""
    return server.status_guard("scan", *words, kubeconfig=server.kubeconfig_for(token) if token else None)


def by_name(server: Server, *words: str, token: str = "") -> dict[str, dict[str, Any]]:
    """What it finds, by the kind's name."""
    run = scan(server, "-o", "json", *words, token=token)
    assert run.returncode == 0, run.stderr
    return {one["name"]: one for one in json.loads(run.stdout)["kinds"]}


def test_every_kind_with_a_status_is_shown_with_what_is_at_risk(server: Server) -> None:
    """Exposed or safe by its shape, in each version; objects with a status are counted where they can be lost."""
    found = by_name(server)
    assert {name: (one["exposure"], one["objects"], one["atRisk"]) for name, one in found.items()} == {
        "upgrades.harvesterhci.io": ("exposed", 5, 4),
        "settings.harvesterhci.io": ("exposed", 1, 1),
        "blockdevices.harvesterhci.io": ("exposed", 0, 0),
        "defaulteds.example.io": ("exposed", 0, 0),
        "frees.example.io": ("exposed", 1, 1),
        "mixeds.example.io": ("exposed", 0, 0),
        "addons.harvesterhci.io": ("safe", None, None),
    }
    assert found["mixeds.example.io"]["versions"] == {"v1": "safe", "v1alpha1": "exposed"}
    assert {tuple(one["guards"]) for one in found.values()} == {()}


def test_one_namespace_can_be_looked_at(server: Server) -> None:
    """Objects elsewhere are not counted, those of cluster-scoped kinds are."""
    found = by_name(server, "-n", OTHER)
    assert found["upgrades.harvesterhci.io"]["atRisk"] == 1
    assert found["settings.harvesterhci.io"]["atRisk"] == 1


def test_the_table_is_for_people(server: Server) -> None:
    """A line a kind, what needs somebody first, and the sum; nothing on standard error without a terminal."""
    run = scan(server)
    lines = run.stdout.splitlines()
    assert (run.returncode, run.stderr) == (0, "")
    assert lines[0].split() == ["KIND", "EXPOSURE", "GUARD", "AT", "RISK", "LIVE"]
    assert lines[7].split()[:3] == ["addons.harvesterhci.io", "safe", "-"]
    assert ["upgrades.harvesterhci.io", "exposed", "none", "4", "of", "5", "-"] in [line.split() for line in lines]
    assert "frees.example.io: v1beta1 takes any field, status too, and has no status subresource" in lines
    assert lines[-1] == "6 exposed (6 of them unguarded, 6 objects at risk), 1 safe, 1 without a status."


def test_yaml_holds_what_json_does(server: Server) -> None:
    """The same values."""
    as_yaml, as_json = scan(server, "-o", "yaml").stdout, scan(server, "-o", "json").stdout
    assert yaml.safe_load(as_yaml) == json.loads(as_json)


def test_live_configurations_are_compared_with_the_rules(server: Server, tmp_path: Path) -> None:
    """As exported they are in step; an edit is said, as is what no rule asks for. Without rules, they tell guards."""
    rules = [str(REPOSITORY / f"manifests/rules/{name}.harvesterhci.io.yaml") for name in ("upgrades", "settings")]
    release = json.loads(server.kubectl("get", "--raw=/version").stdout)["gitVersion"]
    export = ["export", "webhook", "--kube-version", release, "--url", "https://127.0.0.1:1"]
    exported = server.status_guard(*export, "--rules", rules[0], "--rules", rules[1])
    server.apply(*yaml.safe_load_all(exported.stdout))
    try:
        both = ["--rules", rules[0], "--rules", rules[1]]
        assert by_name(server, *both, "--fail-on", "drift")["upgrades.harvesterhci.io"]["live"] == "in-step"
        live = by_name(server)["upgrades.harvesterhci.io"]
        assert (live["guards"], live["live"]) == (["harvester-upgrades"], "present")
        assert scan(server, *both, "--fail-on", "drift", token="some-token").returncode == 2

        one = json.loads(scan(server, "--rules", rules[0], "-o", "json").stdout)
        assert one["summary"]["drift"]
        assert one["leftOver"] == ["MutatingWebhookConfiguration webhook harvester-settings.mutate.statusguard.io"]
        assert "no rule asks for it" in scan(server, "--rules", rules[0]).stdout

        opened = [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]
        server.kubectl(
            "patch", "validatingwebhookconfiguration", "status-guard", "--type=json", "-p", json.dumps(opened)
        )
        row = by_name(server, *both)["upgrades.harvesterhci.io"]
        assert (row["live"], len(row["remarks"])) == ("differs", 1)
        assert "failurePolicy differs from the rules (Ignore instead of Fail)" in row["remarks"][0]
    finally:
        server.kubectl("delete", "-f", "-", stdin=exported.stdout)


@pytest.mark.parametrize("form", exported_forms()[1:])
def test_policies_are_a_guard_as_well(server: Server, form: str) -> None:
    """Without any webhook, as exported and with all that the API server fills in, they are what the rules say."""
    rules = ["--rules", UPGRADES]
    exported = server.status_guard("export", form, "--kube-version", str(VERSION), *rules).stdout
    server.apply(*yaml.safe_load_all(exported))
    try:
        row = by_name(server, *rules, "--fail-on", "drift")["upgrades.harvesterhci.io"]
        assert (row["live"], row["remarks"]) == ("in-step", [])
        row = by_name(server)["upgrades.harvesterhci.io"]
        assert (row["guards"], row["live"]) == (["harvester-upgrades"], "present")
    finally:
        server.kubectl("delete", "-f", "-", stdin=exported)


def test_live_policies_are_compared_with_the_rules(server: Server) -> None:
    """An edit is said, as are half a form and what no rule asks for."""
    rules = ["--rules", UPGRADES]
    both = [*rules, "--rules", str(REPOSITORY / "manifests/rules/settings.harvesterhci.io.yaml")]
    exported = server.status_guard("export", "vap", "--kube-version", str(VERSION), *both).stdout
    server.apply(*yaml.safe_load_all(exported))
    try:
        name, kind = "harvester-upgrades.validate.statusguard.io", "ValidatingAdmissionPolicyBinding"
        change = json.dumps({"spec": {"validationActions": ["Audit"]}})
        server.kubectl("patch", kind, name, "--type=merge", "-p", change)
        row = by_name(server, *both)["upgrades.harvesterhci.io"]
        said = "validationActions differ from the rules, so what it finds is refused, told or recorded otherwise"
        assert (row["live"], row["remarks"]) == ("differs", [f"{kind} {name}: {said}"])
        server.kubectl("delete", kind, name)
        row = by_name(server, *both)["upgrades.harvesterhci.io"]
        assert row["live"] == "differs"
        assert f"there is no {kind} {name}, so it does nothing" in row["remarks"][0]
        one = json.loads(scan(server, *rules, "-o", "json").stdout)
        assert one["leftOver"] == [
            f"ValidatingAdmissionPolicy{end} harvester-settings.validate.statusguard.io" for end in ("", "Binding")
        ]
    finally:
        server.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=exported)


def test_a_guard_whose_kind_is_not_there_is_named(server: Server) -> None:
    """It has no row, so it stands below the table; not being registered, it counts as drift."""
    rules = str(REPOSITORY / "manifests/rules/linkmonitors.network.harvesterhci.io.yaml")
    run = scan(server, "--rules", rules, "--fail-on", "drift")
    assert run.returncode == 1
    assert "not in the cluster as the rules say: harvester-network-linkmonitors" in run.stderr
    said = "Guards of kinds that this cluster does not have, or that have no status: harvester-network-linkmonitors"
    assert said in run.stdout.splitlines()


def test_pipelines_can_stop(server: Server, tmp_path: Path) -> None:
    """Exit code 1 and the reason for each thing that is found, 0 where nothing is, 2 where nobody can know."""
    safe = tmp_path / "safe.yaml"
    assert scan(server, "--fail-on", "exposed").returncode == 1
    run = scan(server, "--fail-on", "unguarded", "-o", "json")
    assert (run.returncode, "exposed and unguarded: " in run.stderr) == (1, True)
    assert json.loads(run.stdout)["summary"]["unguarded"] == 6
    assert scan(server, "--fail-on", "drift").returncode == 2
    safe.write_text((REPOSITORY / "manifests/rules/upgrades.harvesterhci.io.yaml").read_text())
    missing = scan(server, "--fail-on", "drift", "--rules", str(safe))
    assert (missing.returncode, "missing: it has no webhook there and no policy" in missing.stdout) == (
        1,
        True,
    )
    unknown = scan(server, "--fail-on", "unguarded", token="some-token")
    assert (unknown.returncode, "nobody knows" in unknown.stderr) == (2, True)


def test_rules_can_be_written_for_what_is_unguarded(server: Server, tmp_path: Path) -> None:
    """A file a kind that loads, guards what was exposed, and is not overwritten unless asked."""
    folder = tmp_path / "guards"
    run = scan(server, "--write-rules", str(folder))
    assert (run.returncode, run.stderr.count("Wrote ")) == (0, 6)
    guards = {guard.name: guard for guard in load([folder]).guards}
    upgrades = guards["upgrades.harvesterhci.io"]
    assert len(guards) == 6
    assert upgrades.protect.maps == (("nodeStatuses",),)
    assert [(one.path, one.key) for one in upgrades.protect.lists] == [(("conditions",), "type")]
    assert upgrades.protect.fields == (("imageID",),)
    assert [(one.path, one.key) for one in guards["frees.example.io"].protect.lists] == [(("disks",), "name")]
    assert [bytes(one) for one in guards["defaulteds.example.io"].empty_status] == [b'{"phase": "New"}']
    rows = by_name(server, "--rules", str(folder))
    assert {name for name, one in rows.items() if one["guards"]} == set(guards)

    (folder / "upgrades.harvesterhci.io.yaml").write_text("mine")
    again = scan(server, "--write-rules", str(folder))
    assert "Kept " in again.stderr
    assert "--force replaces it" in again.stderr
    assert (folder / "upgrades.harvesterhci.io.yaml").read_text() == "mine"
    assert "Wrote " in scan(server, "--write-rules", str(folder), "--force").stderr
    assert len(load([folder]).guards) == 6
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_who_may_see_some_gets_the_rest_in_words(server: Server) -> None:
    """Each missing right is named with its kind and how to ask for it; what may be seen is shown."""
    run = scan(server, "-o", "json", token="some-token")
    found = json.loads(run.stdout)
    rows = {one["name"]: one for one in found["kinds"]}
    assert run.returncode == 0
    assert rows["upgrades.harvesterhci.io"]["atRisk"] == 4
    assert rows["frees.example.io"]["atRisk"] is None
    assert found["summary"]["unguarded"] is None
    for right in (
        "you may not list frees.example.io",
        "`kubectl auth can-i list frees.example.io --all-namespaces`",
        "you may not list mutatingwebhookconfigurations.admissionregistration.k8s.io",
        "you may not list mutatingadmissionpolicies.admissionregistration.k8s.io",
    ):
        assert right in run.stderr
    assert "upgrades" not in run.stderr
    table = scan(server, token="some-token").stdout
    assert ["frees.example.io", "exposed", "?", "?", "?"] in [line.split() for line in table.splitlines()]


def test_who_may_not_see_policies_is_not_told_that_there_are_none(server: Server) -> None:
    """Without a webhook there may be a policy: nobody knows, which is no pass, and no finding either."""
    for words in (["--rules", UPGRADES, "--fail-on", "drift"], ["--fail-on", "unguarded"]):
        run = scan(server, *words, token="hooks-token")
        assert (run.returncode, "nobody knows" in run.stderr) == (2, True), run.stderr
        assert "you may not list mutatingadmissionpolicies.admissionregistration.k8s.io" in run.stderr
        row = next(line.split() for line in run.stdout.splitlines() if line.startswith("upgrades.harvesterhci.io"))
        assert row[-1] == "?"


def test_who_may_see_no_kinds_is_told_so(server: Server) -> None:
    """Without the definitions nothing can be said: exit code 2, and the right that is missing."""
    run = scan(server, token="nobody-token")
    assert (run.returncode, run.stdout) == (2, "")
    assert "status-guard scan: you may not list customresourcedefinitions.apiextensions.k8s.io" in run.stderr


def test_a_guess_is_not_written_for_objects_that_could_not_be_seen(server: Server, tmp_path: Path) -> None:
    """Where the rules tell what is unguarded but objects may not be read, the kind is left out, and that is said."""
    run = scan(server, "--rules", UPGRADES, "--write-rules", str(tmp_path), token="some-token")
    assert "Left out " in run.stderr
    assert "Nothing written for what is guarded already: upgrades.harvesterhci.io." in run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["settings.harvesterhci.io.yaml"]


def test_kubectl_finds_it_as_a_plugin(server: Server) -> None:
    """``kubectl status-guard scan`` is the same command."""
    folder = Path(sys.executable).parent
    environment = server.environment() | {"PATH": f"{folder}:{os.environ['PATH']}"}
    words = ["kubectl", "status-guard", "scan", "-o", "json", "--context", "test"]
    context = server.kubectl("config", "current-context").stdout.strip()
    run = subprocess.run(
        [*words[:-1], context], env=environment, capture_output=True, text=True, check=False, timeout=50
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == json.loads(scan(server, "-o", "json").stdout)


def test_a_bar_is_shown_to_who_looks_at_a_terminal(server: Server) -> None:
    """On standard error only, so that what is piped stays what it is."""
    ours, theirs = pty.openpty()
    try:
        run = subprocess.run(
            [sys.executable, "-m", "app", "scan", "-o", "json"],
            env=server.environment() | {"TERM": "xterm", "COLUMNS": "120"},
            stdout=subprocess.PIPE,
            stderr=theirs,
            check=True,
            timeout=50,
        )
        shown = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Looking through" in shown
    assert len(json.loads(run.stdout)["kinds"]) == 7


def test_no_answer_is_told_from_no_finding(server: Server, tmp_path: Path) -> None:
    """Exit code 2 and words where no API server answers, where rules are bad, and where a file cannot be written."""
    closed = yaml.safe_load(server.kubeconfig.read_text())
    closed["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "closed").write_text(yaml.safe_dump(closed))
    run = scan(server, "--kubeconfig", str(tmp_path / "closed"))
    assert (run.returncode, "does not answer" in run.stderr) == (2, True)
    (tmp_path / "bad.yaml").write_text("kind: StatusGuard")
    assert scan(server, "--rules", str(tmp_path / "bad.yaml")).returncode == 2
    blocked = scan(server, "--write-rules", str(tmp_path / "bad.yaml"))
    assert (blocked.returncode, "cannot write" in blocked.stderr) == (2, True)
