"""``status-guard audit`` on logs that a real API server wrote."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from api_server import until
from guarded_cluster import CONTROLLER, Cluster, crd, tokens, without
from rbac_server import rbac_server
from server_process import Pki, Process

pytestmark = pytest.mark.cluster

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "rules": [
        {"level": "Metadata", "resources": [{"group": "example.io", "resources": ["vagues", "vagues/status"]}]},
        {"level": "RequestResponse"},
    ],
}
RULE = """\
---
apiVersion: statusguard.io/v1alpha1
kind: StatusGuard
metadata: {{name: {plural}}}
spec:
  target: {{group: example.io, versions: ["*"], resource: {plural}, statusSubresource: {subresource}}}
  writers: {{serviceAccounts: [harvester-system/harvester]}}
  protect: {{fields: [imageID], lists: [{{path: conditions, key: type}}]}}
"""
KINDS = {"plains": False, "scales": True, "vagues": False, "guardeds": False}
STATUS = {"imageID": "i", "conditions": [{"type": "A", "status": "True"}, {"type": "B", "status": "True"}]}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A guard for each kind."""
    folder = tmp_path_factory.mktemp("rules")
    for plural, subresource in KINDS.items():
        text = RULE.format(plural=plural, subresource=str(subresource).lower())
        (folder / f"{plural}.yaml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server that logs requests and responses, and calls nobody yet."""
    folder = tmp_path_factory.mktemp("audited")
    (folder / "policy.yaml").write_text(yaml.safe_dump(POLICY))
    with rbac_server(folder, tokens(), "--audit-policy-file", str(folder / "policy.yaml")) as server:
        made = Cluster(server)
        made.furnish(*(crd("example.io", plural, subresources=sub) for plural, sub in KINDS.items()))
        yield made
        made.close()


class Story:
    """One object's life, and what the log says of it."""

    def __init__(self, cluster: Cluster, watched: Path, plural: str = "plains") -> None:
        self.cluster, self.rules, self.plural = cluster, watched, plural
        self.start = datetime.now(UTC)  # noqa: TID251 - the log is by the clock
        self.folder = cluster.path(plural=plural, group="example.io")
        kind = plural[:-1].capitalize()
        body = {"apiVersion": "example.io/v1beta1", "kind": kind, "metadata": {}, "spec": {"a": 1}, "status": STATUS}
        self.made = cluster.create(body, self.folder)
        self.name = self.made["metadata"]["name"]

    def send(self, method: str, body: Any, suffix: str = "", who: str = "rancher", **headers: str) -> dict[str, Any]:
        """Write to the object."""
        answer = self.cluster.send(method, f"{self.folder}/{self.name}{suffix}", body, who=who, **headers)
        assert answer.code in {200, 201}, answer
        return answer.body

    def now(self) -> dict[str, Any]:
        """The object as it is stored; the read is in the log, too."""
        return self.cluster.get(self.name, self.folder)

    def told(self) -> dict[str, Any]:
        """The report on this object: its losses, and the counts since it began."""
        log = self.cluster.server.folder / "audit.log"
        since = ["--since", self.start.isoformat()]
        run = self.cluster.server.status_guard("audit", str(log), "--rules", str(self.rules), *since, "-o", "json")
        assert (run.returncode in {0, 1}, run.stderr) == (True, "")
        report: dict[str, Any] = json.loads(run.stdout)
        report["losses"] = [loss for loss in report["losses"] if loss["object"].endswith(f"/{self.name}")]
        return report


@pytest.fixture
def story(cluster: Cluster, watched: Path) -> Story:
    """An object without a status subresource."""
    return Story(cluster, watched)


def put(story: Story) -> None:
    """A PUT without status."""
    story.send("PUT", {key: value for key, value in story.now().items() if key != "status"})


def put_partly(story: Story) -> None:
    """A PUT that lost one condition."""
    stored = story.now()
    story.send("PUT", {**stored, "status": {**STATUS, "conditions": STATUS["conditions"][:1]}})


def put_without_field(story: Story) -> None:
    """A PUT that lost one field."""
    story.send("PUT", without(story.now(), "imageID"))


def merge(story: Story) -> None:
    """A merge patch that says null."""
    story.send("PATCH", {"status": None}, content_type=MERGE)


def json_patch(story: Story) -> None:
    """A JSON patch that removes a field."""
    story.send("PATCH", [{"op": "remove", "path": "/status/imageID"}], content_type=JSON_PATCH)


@pytest.mark.parametrize(
    ("write", "lost", "verb"),
    [
        (put, ["/status"], "update"),
        (put_partly, ["/status/conditions/type=B"], "update"),
        (put_without_field, ["/status/imageID"], "update"),
        (merge, ["/status"], "patch"),
        (json_patch, ["/status/imageID"], "patch"),
    ],
)
def test_each_way_to_lose_status_is_found(
    story: Story, write: Callable[[Story], None], lost: list[str], verb: str
) -> None:
    """PUT, merge patch and JSON patch: what is gone, who did it, with what, and that it would have been put back."""
    write(story)
    report = story.told()
    [loss] = report["losses"]
    assert [finding["path"] for finding in loss["findings"]] == lost
    assert (loss["verb"], loss["user"], loss["guardWouldHave"], loss["doubt"]) == (verb, "u-4j7xk", "restored", "")
    assert loss["client"].startswith("python-httpx")
    assert loss["source"] == ["127.0.0.1"]


def test_an_apply_that_gives_up_its_own_status_is_forgiven(story: Story) -> None:
    """Server-side apply by the manager that owned what is gone: shown as exempted, and no loss."""
    body = {key: story.made[key] for key in ("apiVersion", "kind")} | {"metadata": {"name": story.name}}
    query = "?fieldManager=owner&force=true"
    story.send("PATCH", {"spec": {}, "status": None}, content_type=MERGE, who="controller")
    body["spec"] = {"b": 1}  # who owns nothing any more is not in managedFields, and nothing tells that they applied
    owned = story.send("PATCH", {**body, "status": STATUS}, query, content_type=APPLY)

    def time(shown: dict[str, Any]) -> str:
        [entry] = [one for one in shown["metadata"]["managedFields"] if one["manager"] == "owner"]
        return str(entry["time"])

    def another_second() -> bool:
        return time(story.send("PATCH", body, f"{query}&dryRun=All", content_type=APPLY)) != time(owned)

    until(another_second, "the second never ends")
    story.send("PATCH", body, query, content_type=APPLY)
    assert "status" not in story.now()
    by_controller, by_apply = story.told()["losses"]
    assert (by_controller["rules"][0], by_controller["guardWouldHave"]) == ("SG010", "exempted")
    assert by_controller["user"] == CONTROLLER
    assert (by_apply["rules"][0], by_apply["guardWouldHave"]) == ("SG011", "exempted")


def test_delete_and_create_is_told_apart(story: Story) -> None:
    """The new object is another one; that it has not what the old one had is told, and its own life is judged alone."""
    anew = {key: value for key, value in story.made.items() if key != "status"}
    anew["metadata"] = {"name": story.name, "namespace": story.made["metadata"]["namespace"]}
    story.send("DELETE", None)
    answer = story.cluster.send("POST", story.folder, anew)
    assert answer.code == 201, answer
    story.send("PATCH", {"spec": {"a": 2}}, content_type=MERGE)
    report = story.told()
    [loss] = report["losses"]
    assert (loss["guardWouldHave"], loss["verb"], loss["uid"]) == (
        "not-asked",
        "create",
        answer.body["metadata"]["uid"],
    )
    assert (report["recreated"], report["lost"]) == (1, 0)


def test_dry_runs_and_failed_writes_lose_nothing(story: Story) -> None:
    """They are counted apart, and do not change what later writes are compared with."""
    stored = {key: value for key, value in story.now().items() if key != "status"}
    story.send("PUT", stored, "?dryRun=All")
    old = {**stored, "metadata": {**stored["metadata"], "resourceVersion": "1"}}
    assert story.cluster.send("PUT", f"{story.folder}/{story.name}", old).code == 409
    bad = {**stored, "spec": "no object"}
    assert story.cluster.send("PUT", f"{story.folder}/{story.name}", bad).code == 422
    story.send("PATCH", {"spec": {"a": 2}}, content_type=MERGE)
    report = story.told()
    assert (report["losses"], report["dryRuns"], report["failed"]) == ([], 1, 2)
    assert (report["judged"], report["intact"]) == (1, 1)


def test_a_status_subresource_is_judged_where_it_is_written(cluster: Cluster, watched: Path) -> None:
    """A PUT of the object loses nothing there; one to /status does."""
    story = Story(cluster, watched, "scales")
    whole = story.send("PUT", {**story.now(), "status": STATUS}, "/status", who="controller")
    bare = {key: value for key, value in whole.items() if key != "status"}
    assert story.send("PUT", bare)["status"] == STATUS
    story.send("PUT", {**story.now(), "status": {"imageID": "i"}}, "/status")
    [loss] = story.told()["losses"]
    assert [finding["path"] for finding in loss["findings"]] == ["/status/conditions"]


def test_a_policy_that_logs_too_little_is_said_to(cluster: Cluster, watched: Path) -> None:
    """At the level Metadata nothing can be told; the writes are counted."""
    story = Story(cluster, watched, "vagues")
    put(story)
    report = story.told()
    assert (report["losses"], report["notEnoughDetail"], report["judged"]) == ([], 2, 0)


def test_who_impersonates_is_told_beside_who_was_impersonated(story: Story) -> None:
    """Rancher's proxy writes in others' names; both are in the report."""
    stored = {key: value for key, value in story.now().items() if key != "status"}
    story.send("PUT", stored, who="proxy", Impersonate_User="kubernetes-admin", Impersonate_Group="system:masters")
    [loss] = story.told()["losses"]
    assert (loss["user"], loss["impersonatedBy"]) == ("kubernetes-admin", "rancher-proxy")


def test_what_the_guard_restored_is_no_loss_and_is_counted(
    cluster: Cluster, starter: Callable[..., Process], pki: Pki, tmp_path: Path, watched: Path
) -> None:
    """With the webhook in force the log shows that nothing was lost, and by an annotation why."""
    (tmp_path / "guarded.yaml").write_text((watched / "guardeds.yaml").read_text())
    authority = pki.directory / "audit-ca.crt"
    authority.write_bytes(pki.authority.certificate)
    cluster.register(tmp_path, starter(rules=tmp_path).url, authority)
    story = Story(cluster, watched, "guardeds")
    bare = {key: value for key, value in story.now().items() if key != "status"}
    until(lambda: "status" in story.send("PUT", bare, "?dryRun=All"), "the webhook is never called")
    assert story.send("PUT", bare)["status"] == STATUS
    report = story.told()
    assert (report["losses"], report["restoredByTheGuardThen"]) == ([], 1)
