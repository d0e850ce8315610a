"""``status-guard doctor`` on a real API server, with each part broken in turn."""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from api_server import until
from guarded_cluster import Cluster, crd, tokens
from rbac_server import rbac_server
from server_process import Pki, Process

from app.certificates import issue_leaf, new_authority
from app.cluster import leadership
from app.core.diagnosis.keeper import LEASE
from app.core.export.versions import KubeVersion

pytestmark = pytest.mark.cluster

GROUP = "example.io"
NAMESPACE = "status-guard"
NAME = "status-guard.status-guard.svc"
MODES = {"mends": "Restore", "bars": "Deny", "tells": "Warn", "notes": "Audit", "scales": "Restore"}
RULE = """\
apiVersion: statusguard.io/v1alpha1
kind: StatusGuard
metadata: {{name: {plural}}}
spec:
  target: {{group: example.io, versions: ["*"], resource: {plural}, statusSubresource: {subresource}}}
  mode: {mode}
  writers: {{users: [the-controller]}}
  protect: {{fields: [phase]}}
"""
OTHER = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "MutatingWebhookConfiguration",
    "metadata": {"name": "zzz-other"},
    "webhooks": [
        {
            "name": "other.example.com",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Ignore",
            "clientConfig": {"url": "https://127.0.0.1:1/x"},
            "rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["mends"]}],
        }
    ],
}
READER = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "reader"},
    "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}],
}
READS = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "reader"},
    "subjects": [{"kind": "User", "name": "reader", "apiGroup": "rbac.authorization.k8s.io"}],
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"},
}


@dataclass
class Report:
    """What one run said."""

    code: int
    findings: list[dict[str, str]]
    err: str

    def of(self, check: str, subject: str = "") -> list[dict[str, str]]:
        """The findings of one check."""
        return [one for one in self.findings if one["check"] == check and subject in one["subject"]]

    def levels(self, check: str) -> set[str]:
        """The levels of one check's findings."""
        return {one["level"] for one in self.of(check)}

    def bad(self) -> list[str]:
        """What is worse than info."""
        return [f"{one['check']}: {one['what']}" for one in self.findings if one["level"] in {"warning", "error"}]


@dataclass
class Ward:
    """A guarded cluster to be looked at."""

    cluster: Cluster
    rules: Path
    webhook: Process
    authority: Path
    dirty: bool = True

    def words(self, *more: str) -> list[str]:
        """The command's words."""
        return ["doctor", "--rules", str(self.rules), "-o", "json", *more]

    def doctor(self, *more: str, token: str = "") -> Report:
        """One run, with rules."""
        kubeconfig = self.cluster.server.kubeconfig_for(token) if token else None
        run = self.cluster.server.status_guard(*self.words(*more), kubeconfig=kubeconfig)
        assert "Traceback" not in run.stderr, run.stderr
        return Report(run.returncode, json.loads(run.stdout)["findings"] if run.stdout else [], run.stderr)

    def register(self, rules: Path | None = None) -> None:
        """Register as the rules say."""
        self.dirty = True
        version = ["--kube-version", str(self.cluster.version)]
        where = ["--service", f"{NAMESPACE}/status-guard", "--ca", str(self.authority)]
        run = self.cluster.server.status_guard(
            "export", "webhook", "--rules", str(rules or self.rules), *version, *where
        )
        assert run.returncode == 0, run.stderr
        self.cluster.apply_text(run.stdout)

    def apply(self, *objects: dict[str, Any]) -> None:
        """Apply objects as the administrator."""
        self.dirty = True
        self.cluster.server.apply(*objects)

    def patch(self, what: str, operations: list[dict[str, Any]]) -> None:
        """Patch a configuration."""
        self.dirty = True
        self.cluster.server.kubectl("patch", what, "--type=json", "--patch", json.dumps(operations))

    def delete(self, *words: str) -> None:
        """Delete what may be there."""
        self.dirty = True
        self.cluster.server.kubectl("delete", *words, "--ignore-not-found")

    def until(self, state: Callable[[Report], bool], *more: str) -> Report:
        """Look until it is so: the API server notices a configuration some time after it is written."""
        seen: list[Report] = []

        def so() -> bool:
            seen.append(self.doctor(*more))
            return state(seen[-1])

        until(so, "it is never found")
        return seen[-1]


def endpoint(port: int) -> list[dict[str, Any]]:
    """The Service, and what a cluster's controllers would say is behind it."""
    meta = {"name": "status-guard", "namespace": NAMESPACE}
    behind = {"name": "status-guard-1", "namespace": NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {"ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 8443}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**behind, "labels": {"kubernetes.io/service-name": "status-guard"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
            "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
        },
    ]


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory, starter: Callable[..., Process], pki: Pki) -> Iterator[Ward]:
    """A kind of each mode with one object, a webhook behind a Service, and people of little right."""
    folder = tmp_path_factory.mktemp("ward")
    rules = folder / "rules"
    rules.mkdir()
    for plural, mode in MODES.items():
        subresource = str(plural == "scales").lower()
        (rules / f"{plural}.yaml").write_text(RULE.format(plural=plural, mode=mode, subresource=subresource))
    certificate, key = _issue(pki, folder, timedelta(days=90))
    webhook = starter(rules=rules, tls_cert=certificate, tls_key=key)
    authority = folder / "ca.crt"
    authority.write_bytes(pki.authority.certificate)
    people = [*tokens(), "reader,reader,9,system:authenticated", "nobody,nobody,10,system:authenticated"]
    with rbac_server(tmp_path_factory.mktemp("server"), people) as server:
        cluster = Cluster(server)
        cluster.furnish(*(crd(GROUP, plural, subresources=plural == "scales") for plural in MODES))
        server.apply(*endpoint(webhook.port), READER, READS)
        for plural in MODES:
            _create(cluster, plural)
        made = Ward(cluster, rules, webhook, authority)
        yield made
        cluster.close()


def _issue(pki: Pki, folder: Path, lifetime: timedelta) -> tuple[Path, Path]:
    now = datetime.now(UTC)  # noqa: TID251 - a certificate is valid now, or it is none
    pair = issue_leaf(pki.authority, [NAME, "localhost", "127.0.0.1"], now, lifetime)
    certificate, key = folder / "tls.crt", folder / "tls.key"
    certificate.write_bytes(pair.certificate)
    key.write_bytes(pair.key)
    return certificate, key


def _create(cluster: Cluster, plural: str) -> None:
    path = cluster.path(plural=plural, group=GROUP)
    body = {"apiVersion": "example.io/v1beta1", "kind": plural[:-1].capitalize(), "metadata": {}, "spec": {}}
    for status in ({}, {"phase": "Ready"}):  # the first has nothing to lose, and is passed over
        made = cluster.create({**body, "status": status}, path)
        if plural == "scales":
            name = made["metadata"]["name"]
            cluster.send("PUT", f"{path}/{name}/status", {**made, "status": status}, who="controller")


@pytest.fixture
def healthy(ward: Ward) -> Ward:
    """The ward with all as it should be; mended if a test before has changed something."""
    if not ward.dirty:
        return ward
    ward.delete("mutatingwebhookconfiguration", "zzz-other")
    ward.delete("lease", LEASE, "--namespace", NAMESPACE)
    ward.apply(*endpoint(ward.webhook.port))
    ward.register()
    ward.until(lambda report: report.code == 0)
    ward.dirty = False
    return ward


def test_a_healthy_guard_is_said_to_be(healthy: Ward) -> None:
    """Every check has its row, each mode shows what it is meant to do to a dry-run loss, and the exit code is 0."""
    report = healthy.doctor("--endpoint", f"127.0.0.1:{healthy.webhook.port}")
    assert (report.code, report.bad()) == (0, [])
    checks = {one["check"] for one in report.findings}
    assert checks == {
        *("registered", "in-step", "match-conditions", "reachable", "trust", "expiry"),
        *("dry-run-loss", "subresource", "order", "keeper", "native"),
    }
    said = {one["subject"]: (one["level"], one["what"]) for one in report.of("dry-run-loss")}
    for guard, words in (
        ("mends", "came back restored, as mode Restore"),
        ("bars", "was denied, as mode Deny"),
        ("tells", "passed with our warning, as mode Warn"),
        ("scales", "scales.example.io/status"),
    ):
        assert words in said[guard][1]
        assert said[guard][0] == "ok"
    assert said["notes"][0] == "info"
    assert {one["level"] for one in report.of("trust")} == {"ok"}


def test_nothing_is_stored(healthy: Ward) -> None:
    """Every object is afterwards at the version it was at before."""

    def versions() -> list[str]:
        listed = [healthy.cluster.server.get(f"{plural}.{GROUP}", "--all-namespaces") for plural in MODES]
        return [one["metadata"]["resourceVersion"] for found in listed for one in found["items"]]

    before = versions()
    assert healthy.doctor().code == 0
    assert versions() == before


def test_without_rules_the_live_configurations_tell(healthy: Ward) -> None:
    """Kinds and modes are read off the webhooks; what needs rules says so."""
    run = healthy.cluster.server.status_guard("doctor", "-o", "json")
    report = Report(run.returncode, json.loads(run.stdout)["findings"], run.stderr)
    assert (report.code, report.bad()) == (0, [])
    assert {one["subject"] for one in report.of("registered")} == set(MODES)
    assert "no rules were given" in report.of("in-step")[0]["what"]


def test_from_outside_a_loss_that_came_back_proves_address_and_bundle(healthy: Ward) -> None:
    """A Service's name means nothing here; the API server's own call is what shows that it is reached and trusted."""
    report = healthy.doctor()
    assert "the API server reaches it" in report.of("reachable")[0]["what"]
    assert "as a dry-run loss shows" in report.of("trust")[0]["what"]
    assert report.of("expiry") == []


def test_a_guard_that_is_not_registered_is_an_error_that_its_command_mends(healthy: Ward, tmp_path: Path) -> None:
    """The finding names the kind, and running its command as it stands registers it."""
    healthy.delete("mutatingwebhookconfiguration", "zz-status-guard")
    healthy.delete("validatingwebhookconfiguration", "status-guard")
    # while the API server still calls what was deleted, losses come back, and something seems to guard the kind
    report = healthy.until(lambda found: found.levels("registered") == {"error"})
    assert report.code == 2
    [mend] = {one["mend"] for one in report.of("registered")}
    _run(healthy, mend.replace(" | ", f" --ca {healthy.authority} | "), tmp_path)
    healthy.until(lambda found: found.code == 0)


def test_configurations_older_than_the_rules_are_told_and_mended(healthy: Ward, tmp_path: Path) -> None:
    """Conditions that another rule set made are a warning for that guard alone, with the command that mends it."""
    older = tmp_path / "older"
    older.mkdir()
    for path in healthy.rules.iterdir():
        (older / path.name).write_text(path.read_text())
    text = (older / "mends.yaml").read_text()
    (older / "mends.yaml").write_text(text.replace("fields: [phase]", "fields: [phase, imageID]"))
    healthy.register(older)
    report = healthy.doctor()
    assert report.code == 1
    told = [one for one in report.of("in-step") if one["level"] == "warning"]
    assert {one["subject"] for one in told} == {"mends"}
    assert all("matchConditions" in one["what"] for one in told)
    _run(healthy, told[0]["mend"].replace(" | ", f" --ca {healthy.authority} | "), tmp_path)
    assert healthy.doctor().levels("in-step") == {"ok"}


def _run(ward: Ward, command: str, folder: Path) -> None:
    """Run a command as a person would who copied it; ``status-guard`` is this checkout's."""
    script = folder / "status-guard"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m app "$@"\n')
    script.chmod(0o755)
    environment = ward.cluster.server.environment()
    environment |= {"PATH": f"{folder}:{os.environ['PATH']}"}
    run = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_a_bundle_that_does_not_verify_is_found_twice(healthy: Ward) -> None:
    """By connecting, and by what the API server says of its own attempt; both name the command for certificates."""
    other = new_authority("another CA", datetime.now(UTC)).certificate  # noqa: TID251 - valid now
    value = base64.b64encode(other).decode()
    for what in ("mutatingwebhookconfiguration/zz-status-guard", "validatingwebhookconfiguration/status-guard"):
        hooks = healthy.cluster.server.get(what)["webhooks"]
        paths = [f"/webhooks/{at}/clientConfig/caBundle" for at in range(len(hooks))]
        healthy.patch(what, [{"op": "replace", "path": path, "value": value} for path in paths])

    def noticed(report: Report) -> bool:
        return "error" in report.levels("dry-run-loss")

    report = healthy.until(noticed, "--endpoint", f"127.0.0.1:{healthy.webhook.port}")
    assert report.code == 2
    [trust] = report.of("trust")
    assert (trust["level"], "does not verify" in trust["what"]) == ("error", True)
    assert trust["mend"] == "status-guard certs ensure --namespace status-guard --service status-guard"
    [loss] = report.of("dry-run-loss", "mends")
    assert ("x509" in loss["what"], loss["mend"]) == (True, trust["mend"])
    assert report.levels("reachable") == {"ok"}


def vanish(ward: Ward, **more: str) -> None:
    """Let the configurations name a Service that is not there."""
    for what in ("mutatingwebhookconfiguration/zz-status-guard", "validatingwebhookconfiguration/status-guard"):
        hooks = ward.cluster.server.get(what)["webhooks"]
        changes = {"clientConfig/service/name": "gone", **more}
        ward.patch(
            what,
            [
                {"op": "replace", "path": f"/webhooks/{at}/{path}", "value": value}
                for at in range(len(hooks))
                for path, value in changes.items()
            ],
        )


def test_a_webhook_that_cannot_be_called_is_an_error(healthy: Ward) -> None:
    """Connecting fails, and the API server says that it cannot call."""
    vanish(healthy)
    report = healthy.until(lambda found: "error" in found.levels("dry-run-loss"), "--endpoint", "127.0.0.1:1")
    assert (report.code, report.levels("reachable")) == (2, {"error"})
    assert "get service/gone endpointslices,pods" in report.of("reachable")[0]["mend"]
    [loss] = report.of("dry-run-loss", "mends")
    assert "failed calling webhook" in loss["what"]
    assert "get service/gone endpointslices,pods" in loss["mend"]


def test_a_loss_that_passes_unseen_is_an_error(healthy: Ward) -> None:
    """With both failing open and nobody there, a dry run loses the status, and the report says so."""
    vanish(healthy, failurePolicy="Ignore")

    def lost(report: Report) -> bool:
        return any("would be gone" in one["what"] for one in report.of("dry-run-loss", "mends"))

    report = healthy.until(lost)
    assert report.code == 2
    assert "fail_open_count" in report.of("dry-run-loss", "mends")[0]["mend"]
    assert report.levels("reachable") == {"info"}
    assert "port-forward service/gone 18443:443" in report.of("reachable")[0]["mend"]


def test_conditions_that_did_not_survive_are_an_error_that_its_command_mends(healthy: Ward, tmp_path: Path) -> None:
    """Without them, Fail makes every update need the webhook; the command lets it fail open."""
    what = "validatingwebhookconfiguration/status-guard"
    hooks = healthy.cluster.server.get(what)["webhooks"]
    healthy.patch(what, [{"op": "remove", "path": f"/webhooks/{at}/matchConditions"} for at in range(len(hooks))])
    report = healthy.doctor()
    assert (report.code, report.levels("match-conditions")) == (2, {"error"})
    _run(healthy, report.of("match-conditions")[0]["mend"], tmp_path)
    assert healthy.doctor().levels("match-conditions") == {"warning"}


def test_another_webhook_that_runs_later_is_a_warning(healthy: Ward) -> None:
    """Its name and the kinds it shares with us are told; one that sorts before ours is none of our business."""
    healthy.apply(OTHER, {**OTHER, "metadata": {"name": "aaa-other"}})
    try:
        report = healthy.doctor()
        [found] = report.of("order")
        assert (found["level"], found["subject"]) == ("warning", "MutatingWebhookConfiguration zzz-other")
        assert "mends.example.io" in found["what"]
        assert "bars" not in found["what"]
        assert report.code == 1
    finally:
        healthy.delete("mutatingwebhookconfiguration", "aaa-other")


@pytest.mark.parametrize(
    ("spec", "level", "said"),
    [
        ({"holderIdentity": "keeper-1", "leaseDurationSeconds": 3600}, "ok", "keeper-1 leads"),
        ({"holderIdentity": "keeper-1", "leaseDurationSeconds": 0}, "error", "renewed it last"),
        ({"holderIdentity": "", "leaseDurationSeconds": 3600}, "error", "nobody holds it"),
    ],
)
def test_the_keepers_lease_tells_whether_one_leads(healthy: Ward, spec: dict[str, Any], level: str, said: str) -> None:
    """Held and fresh is well; stale or let go is an error; the API server's clock decides."""
    renew(healthy, timedelta(seconds=5), spec)
    [found] = healthy.doctor().of("keeper")
    assert (found["level"], said in found["what"]) == (level, True)


def test_the_keeper_is_looked_for_where_it_leads() -> None:
    """The Lease that is read is the one that keepers take."""
    assert LEASE == leadership.LEASE


def renew(ward: Ward, ago: timedelta, spec: dict[str, Any]) -> None:
    """Write the Lease as a keeper would whose clock shows a time so long ago."""
    now = datetime.now(UTC) - ago  # noqa: TID251 - as a keeper would write it
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": LEASE, "namespace": NAMESPACE},
        "spec": {**spec, "renewTime": f"{now:%Y-%m-%dT%H:%M:%S.%f}Z"},
    }
    ward.apply(lease)


def test_a_keeper_whose_clock_is_behind_still_leads(healthy: Ward) -> None:
    """A Lease that moves while it is looked at is held, whatever its times say."""
    held, over = {"holderIdentity": "keeper-1", "leaseDurationSeconds": 15}, threading.Event()

    def keep() -> None:
        while not over.wait(0.3):
            renew(healthy, timedelta(hours=1), held)

    renew(healthy, timedelta(hours=1), held)
    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        [found] = healthy.doctor().of("keeper")
    finally:
        over.set()
        keeper.join()
    assert (found["level"], found["what"]) == ("ok", "keeper-1 leads")


def test_a_guard_on_the_wrong_side_of_the_subresource_is_an_error(healthy: Ward, tmp_path: Path) -> None:
    """Both ways round, with the line to write and the file to write it in."""
    for plural, subresource in (("mends", "true"), ("scales", "false")):
        (tmp_path / f"{plural}.yaml").write_text(RULE.format(plural=plural, mode="Restore", subresource=subresource))
    report = Ward(healthy.cluster, tmp_path, healthy.webhook, healthy.authority).doctor()
    assert report.levels("subresource") == {"error"}
    [mends], [scales] = report.of("subresource", "mends"), report.of("subresource", "scales")
    assert f"write 'statusSubresource: false' in {tmp_path}/mends.yaml:1" in mends["mend"]
    assert "write 'statusSubresource: true'" in scales["mend"]


def test_whoever_may_only_read_is_told_what_they_cannot_see(healthy: Ward) -> None:
    """Without the right to impersonate no loss is tried, in words, and everything else is looked at."""
    report = healthy.doctor(token="reader")
    assert report.code == 1
    assert report.levels("dry-run-loss") == {"warning"}
    assert all("cannot impersonate" in one["what"] for one in report.of("dry-run-loss"))
    assert "auth can-i impersonate users/status-guard:doctor" in report.of("dry-run-loss")[0]["mend"]
    assert report.levels("registered") == {"ok"}


def test_a_user_who_may_not_write_proves_nothing_and_is_told(healthy: Ward) -> None:
    """Impersonating somebody without rights shows no loss; neither does a listed writer."""
    report = healthy.doctor("--as", "nobody", "--as-group", "none")
    assert report.levels("dry-run-loss") == {"warning"}
    assert "nobody may not write it" in report.of("dry-run-loss", "mends")[0]["what"]
    report = healthy.doctor("--as", "the-controller")
    assert "listed writer" in report.of("dry-run-loss", "mends")[0]["what"]


def test_losses_can_be_tried_in_ones_own_name(healthy: Ward) -> None:
    """An empty --as needs no right to impersonate."""
    report = healthy.doctor("--as", "", token="rancher")
    assert (report.code, report.bad()) == (0, [])


def test_somebody_without_any_right_gets_words_and_no_traceback(healthy: Ward) -> None:
    """Each check that could not be made says which right is missing."""
    report = healthy.doctor(token="nobody")
    assert report.code == 1
    assert "mutatingwebhookconfigurations" in report.of("registered")[0]["what"]
    assert "kubectl auth can-i" in report.of("registered")[0]["mend"]
    assert report.levels("subresource") == {"warning"}
    assert report.levels("keeper") == {"warning"}


@pytest.mark.since(KubeVersion(1, 30))
def test_policies_that_guard_in_place_of_webhooks_are_seen_to(healthy: Ward, tmp_path: Path) -> None:
    """With native policies alone, a loss is refused by ours: the guard is there, in another form."""
    (tmp_path / "bars.yaml").write_text((healthy.rules / "bars.yaml").read_text())
    native = Ward(healthy.cluster, tmp_path, healthy.webhook, healthy.authority)
    version = ["--kube-version", str(healthy.cluster.version)]
    run = healthy.cluster.server.status_guard("export", "vap", "--rules", str(tmp_path), *version)
    healthy.delete("mutatingwebhookconfiguration", "zz-status-guard")
    healthy.delete("validatingwebhookconfiguration", "status-guard")
    healthy.cluster.apply_text(run.stdout)
    try:
        report = native.until(lambda found: found.code == 0)
    finally:
        healthy.delete("validatingadmissionpolicy,validatingadmissionpolicybinding", "--all")
    assert "policies guard it" in report.of("registered")[0]["why"]
    assert "was denied, as mode Deny means it" in report.of("dry-run-loss")[0]["what"]


@pytest.mark.since(KubeVersion(1, 30))
def test_somebody_elses_refusal_is_no_verdict_on_us(healthy: Ward) -> None:
    """A policy of somebody else's that refuses the dry run leaves the question open, and its words are passed on."""
    kind = "admissionregistration.k8s.io/v1"
    rule = {"apiGroups": [GROUP], "apiVersions": ["*"], "operations": ["UPDATE"], "resources": ["mends"]}
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "message": "frozen this week"}],
    }
    binding = {"policyName": "freeze.example.com", "validationActions": ["Deny"]}
    for what, body in (("Policy", spec), ("PolicyBinding", binding)):
        meta = {"name": "freeze.example.com"}
        healthy.apply({"apiVersion": kind, "kind": f"ValidatingAdmission{what}", "metadata": meta, "spec": body})

    def refused(report: Report) -> bool:
        return "frozen this week" in report.of("dry-run-loss", "mends")[0]["what"]

    try:
        report = healthy.until(refused)
    finally:
        healthy.delete("validatingadmissionpolicy,validatingadmissionpolicybinding", "--all")
    [found] = report.of("dry-run-loss", "mends")
    assert (found["level"], "somebody else refused" in found["what"]) == ("warning", True)
    assert report.code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--context=nowhere"], "no way to a cluster"),
        (["--kubeconfig=/nonexistent"], "no way to a cluster"),
        (["--rules=/nonexistent"], "/nonexistent"),
    ],
)
def test_what_cannot_be_looked_at_at_all_exits_3(healthy: Ward, words: list[str], said: str) -> None:
    """No cluster and no rules are no findings: exit code 3, and words."""
    report = healthy.doctor(*words)
    assert (report.code, report.findings) == (3, [])
    assert said in report.err


def test_people_get_rows_with_why_and_what_mends(healthy: Ward) -> None:
    """The table has a row for each finding, and the counts."""
    run = healthy.cluster.server.status_guard("doctor", "--rules", str(healthy.rules))
    assert run.returncode == 0
    assert "OK       registered" in run.stdout
    assert "mend: kubectl -n status-guard get pods" in run.stdout
    assert "0 error, 0 warning" in run.stdout
