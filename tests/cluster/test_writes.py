"""Every way to write an object, through a real API server with the guard in place."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from guarded_cluster import NAMESPACE, Cluster, dismissed
from server_process import Pki, Process
from stripper import registration, stripper

pytestmark = pytest.mark.cluster

Stored = dict[str, Any]


@pytest.fixture
def made(cluster: Cluster, upgrade: Stored) -> Stored:
    """A succeeded Upgrade in the cluster."""
    return cluster.create(upgrade)


@pytest.fixture
def kubectl(cluster: Cluster, made: Stored) -> Callable[..., str]:
    """Run kubectl in the namespace as a Rancher user; gives all that it says."""

    def run(*words: str, stdin: Any = None, code: int = 0) -> str:
        text = stdin if stdin is None or isinstance(stdin, str) else json.dumps(stdin)
        done = cluster.server.kubectl(f"--namespace={NAMESPACE}", *words, stdin=text, check=False, token="rancher")
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    return run


PUT_BACK = "Warning: status-guard put back"


def assert_kept(cluster: Cluster, made: Stored) -> None:
    """Status and finalizers are stored as they were, and the generation says that nothing of the object changed."""
    stored = cluster.get(made["metadata"]["name"])
    assert stored["status"] == made["status"]
    for key in ("finalizers", "generation"):
        assert stored["metadata"][key] == made["metadata"][key]


def status_of(cluster: Cluster, made: Stored) -> Any:
    """The stored status of an Upgrade."""
    return cluster.get(made["metadata"]["name"]).get("status")


def bare(made: Stored, *, version: bool = True) -> Stored:
    """The object without status, as read from a list that leaves it out."""
    metadata = {k: v for k, v in made["metadata"].items() if k in {"name", "namespace", "labels", "finalizers"}}
    if version:
        metadata["resourceVersion"] = made["metadata"]["resourceVersion"]
    return {**{k: v for k, v in made.items() if k != "status"}, "metadata": metadata}


def test_kubectl_replace(cluster: Cluster, made: Stored, kubectl: Callable[..., str]) -> None:
    """Kubectl replace without status keeps it, and kubectl shows the warning."""
    assert PUT_BACK in kubectl("replace", "-f", "-", stdin=bare(made, version=False))
    assert_kept(cluster, made)


def test_kubectl_replace_force(cluster: Cluster, made: Stored, kubectl: Callable[..., str]) -> None:
    """Replace --force deletes and creates: no UPDATE, so admission sees no old object and the status is gone."""
    kubectl("patch", "upgrades", made["metadata"]["name"], "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    without_finalizers = bare(made, version=False)
    without_finalizers["metadata"].pop("finalizers")
    kubectl("replace", "--force", "-f", "-", stdin=without_finalizers)
    assert status_of(cluster, made) is None


def test_kubectl_edit(cluster: Cluster, made: Stored, tmp_path: Path) -> None:
    """An editor that deletes the status leaves it where it was: kubectl edit sends a patch that nulls it."""
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i '/^status:/,$d' \"$1\"\n")
    editor.chmod(0o755)
    environment = {**cluster.server.environment(), "KUBE_EDITOR": str(editor)}
    import subprocess  # noqa: PLC0415 - the one call that needs an editor

    name = made["metadata"]["name"]
    command = ["kubectl", f"--namespace={NAMESPACE}", "edit", "upgrades", name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stderr
    assert PUT_BACK in done.stderr
    assert_kept(cluster, made)


def test_kubectl_label_and_annotate(cluster: Cluster, made: Stored, kubectl: Callable[..., str]) -> None:
    """The documented way to dismiss, and an annotation, go through without a word."""
    name = made["metadata"]["name"]
    said = kubectl("label", "upgrades", name, "harvesterhci.io/read-message=true")
    said += kubectl("annotate", "upgrades", name, "note=x")
    assert "status-guard" not in said
    assert_kept(cluster, made)


@pytest.mark.parametrize(
    ("kind", "patch"),
    [("merge", '{"status":null}'), ("json", '[{"op":"remove","path":"/status"}]')],
)
def test_kubectl_patch(cluster: Cluster, made: Stored, kubectl: Callable[..., str], kind: str, patch: str) -> None:
    """A patch that removes the status is put right: the body cannot tell an accident from intent."""
    assert PUT_BACK in kubectl("patch", "upgrades", made["metadata"]["name"], f"--type={kind}", "-p", patch)
    assert_kept(cluster, made)


def test_client_side_apply_that_drops_status(cluster: Cluster, made: Stored, kubectl: Callable[..., str]) -> None:
    """An object applied with status once, and without it later, keeps it: client-side apply nulls what was dropped."""
    applied = {**bare(made, version=False), "status": made["status"]}
    kubectl("apply", "-f", "-", stdin=applied)
    assert PUT_BACK in kubectl("apply", "-f", "-", stdin={k: v for k, v in applied.items() if k != "status"})
    assert_kept(cluster, made)


def test_server_side_apply_by_the_owner_is_deliberate(cluster: Cluster, upgrade: Stored) -> None:
    """A manager that owned the whole status by Apply and leaves it out removes it, and gets no warning."""
    name = "applied-one"
    path = f"{cluster.path(name)}?fieldManager=owner&force=true"
    whole = {
        "apiVersion": upgrade["apiVersion"],
        "kind": "Upgrade",
        "metadata": {"name": name},
        "spec": upgrade["spec"],
    }
    apply = "application/apply-patch+yaml"
    first = cluster.send("PATCH", path, {**whole, "status": upgrade["status"]}, content_type=apply)
    assert first.code == 201, first
    entry = {item["manager"]: item["time"] for item in first.body["metadata"]["managedFields"]}["owner"]

    changes = itertools.count()

    def applied_in_a_later_second() -> bool:
        body = {**whole, "status": upgrade["status"], "spec": {"change": next(changes)}}
        again = cluster.send("PATCH", path, body, content_type=apply)
        times = {item["manager"]: item["time"] for item in again.body["metadata"]["managedFields"]}
        return bool(times["owner"] != entry)

    # managedFields count in seconds: an apply in the second of the one before it leaves the entry's time as it is
    cluster.until(applied_in_a_later_second, "the clock stands still")
    before = cluster.get(name)
    answer = None

    def removed() -> bool:
        nonlocal answer
        answer = cluster.send("PATCH", f"{path}&dryRun=All", whole, content_type=apply)
        return "status" not in answer.body

    # the removal, too, has to fall into a later second than the last apply
    cluster.until(removed, "the owner's apply is never taken as deliberate")
    assert answer is not None
    assert answer.warnings == []
    assert cluster.get(name)["status"] == before["status"]
    assert cluster.send("PATCH", path, whole, content_type=apply).warnings == []
    assert "status" not in cluster.get(name)


def test_server_side_apply_by_a_stranger_removes_nothing(cluster: Cluster, made: Stored) -> None:
    """A manager that never owned the status cannot remove it by leaving it out, nor conditions by a shorter list."""
    path = f"{cluster.path(made['metadata']['name'])}?fieldManager=stranger&force=true"
    metadata = {"name": made["metadata"]["name"], "labels": {"a": "b"}}
    body = {"apiVersion": made["apiVersion"], "kind": "Upgrade", "metadata": metadata}
    apply = "application/apply-patch+yaml"
    left_out = cluster.send("PATCH", path, body, content_type=apply)
    assert (left_out.code, left_out.body["status"], left_out.warnings) == (200, made["status"], [])
    conditions = made["status"]["conditions"]
    shorter = cluster.send("PATCH", path, {**body, "status": {"conditions": conditions[:1]}}, content_type=apply)
    assert any(f"/status/conditions/type={conditions[1]['type']} (SG006)" in warning for warning in shorter.warnings)
    assert_kept(cluster, made)


def test_a_stale_version_is_a_conflict(cluster: Cluster, made: Stored, webhook: Process) -> None:
    """The API server checks the version after mutation: 409, what is stored stays, and no metric says it was stored.

    We have answered with a patch by then and cannot know: the counter of losses put back counts answers, and says so.
    """
    path = cluster.path(made["metadata"]["name"])
    cluster.send("PATCH", path, {"metadata": {"labels": {"a": "b"}}}, content_type="application/merge-patch+json")
    before = webhook.metric("status_guard_losses_restored_total")
    assert cluster.send("PUT", path, dismissed(made)).code == 409
    assert_kept(cluster, made)
    assert webhook.metric("status_guard_losses_restored_total") > before
    described = (
        "# HELP status_guard_losses_restored_total Losses put back in answers. Whether the write was then stored"
    )
    assert described in webhook.ops("/metrics")[2].decode()


def test_a_put_without_version_is_refused_before_storage(cluster: Cluster, made: Stored) -> None:
    """A PUT has to name a version: 422, and what is stored stays."""
    assert cluster.send("PUT", cluster.path(made["metadata"]["name"]), bare(made, version=False)).code == 422
    assert status_of(cluster, made) == made["status"]


def test_dry_run_answers_alike_and_stores_nothing(cluster: Cluster, made: Stored, webhook: Process) -> None:
    """A dry run's answer carries the status and the warning; nothing is stored and no restored loss is counted."""
    before = webhook.metric("status_guard_losses_restored_total")
    answer = cluster.send("PUT", cluster.path(made["metadata"]["name"]) + "?dryRun=All", dismissed(made))
    assert answer.body["status"] == made["status"]
    assert answer.warnings
    assert cluster.get(made["metadata"]["name"]) == made
    assert webhook.metric("status_guard_losses_restored_total") == before


def test_create_and_delete_pass(cluster: Cluster, upgrade: Stored, webhook: Process) -> None:
    """CREATE with and without status, and DELETE, are nobody's loss: they come out as sent, and we are not asked."""
    before = webhook.metric("status_guard_requests_total")
    one = cluster.create({k: v for k, v in upgrade.items() if k != "status"})
    two = cluster.create(upgrade)
    assert (status_of(cluster, one), status_of(cluster, two)) == (None, upgrade["status"])
    for made in (one, two):
        path = cluster.path(made["metadata"]["name"])
        free = {"metadata": {"finalizers": None}}
        assert cluster.send("PATCH", path, free, content_type="application/merge-patch+json").code == 200
        assert cluster.send("DELETE", path).code == 200
        assert cluster.send("GET", path).code == 404
    assert webhook.metric("status_guard_requests_total") == before


def test_a_deleting_object_loses_its_finalizer_and_goes(cluster: Cluster, made: Stored) -> None:
    """Removing the finalizer of an object on its way out passes, even together with its status."""
    path = cluster.path(made["metadata"]["name"])
    cluster.send("DELETE", path)
    deleting = cluster.get(made["metadata"]["name"])
    write = {k: v for k, v in deleting.items() if k != "status"}
    write["metadata"] = {k: v for k, v in deleting["metadata"].items() if k != "finalizers"}
    assert cluster.send("PUT", path, write).code == 200  # by a user: who is listed may do that anyway
    assert cluster.send("GET", path).code == 404


def test_an_update_that_changes_nothing_is_no_write(cluster: Cluster, made: Stored) -> None:
    """A PUT of the object as it is gets no patch and makes no new version."""
    answer = cluster.send("PUT", cluster.path(made["metadata"]["name"]), made)
    assert answer.body["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_a_status_subresource_is_guarded_where_it_is(cluster: Cluster) -> None:
    """With the subresource a PUT to the object loses nothing, and one to /status that drops a condition is mended."""
    base = f"/apis/example.io/v1beta1/namespaces/{NAMESPACE}/scales"
    made = cluster.create({"apiVersion": "example.io/v1beta1", "kind": "Scale", "metadata": {}, "spec": {}}, base)
    path = f"{base}/{made['metadata']['name']}"
    status = {"conditions": [{"type": "A", "status": "True"}, {"type": "B", "status": "True"}]}
    full = cluster.send("PUT", f"{path}/status", {**made, "status": status}).body
    plain = cluster.send("PUT", path, {k: v for k, v in full.items() if k != "status"})
    assert (plain.body["status"], plain.warnings) == (status, [])
    fewer = {**plain.body, "status": {"conditions": status["conditions"][:1]}}
    mended = cluster.send("PUT", f"{path}/status", fewer)
    assert mended.body["status"] == status


def test_what_crd_defaults_make_of_a_dropped_status_counts_as_lost(cluster: Cluster) -> None:
    """A dropped status that arrives as the CRD's default is known by the guard's emptyStatus, and comes back."""
    base = f"/apis/example.io/v1beta1/namespaces/{NAMESPACE}/defaulteds"
    status = {"phase": "Done"}
    body = {"apiVersion": "example.io/v1beta1", "kind": "Defaulted", "metadata": {}, "spec": {}, "status": status}
    made = cluster.create(body, base)
    answer = cluster.send("PUT", f"{base}/{made['metadata']['name']}", {k: v for k, v in made.items() if k != "status"})
    assert answer.body["status"] == status


@pytest.mark.parametrize(("name", "code"), [("aa-stripper", 200), ("zzz-stripper", 422)], ids=["before", "after"])
def test_another_webhook_that_strips_status(cluster: Cluster, made: Stored, pki: Pki, name: str, code: int) -> None:
    """A stripper that runs before us is mended; one that runs after us is denied in words, and nothing is stored."""
    with stripper(pki) as url:
        cluster.server.apply(registration(name, url, pki))
        try:
            path = cluster.path(made["metadata"]["name"])
            write = {**made, "metadata": {**made["metadata"], "labels": {**made["metadata"]["labels"], "strip": "me"}}}
            touched = lambda: cluster.send("PUT", f"{path}?dryRun=All", write)  # noqa: E731
            cluster.until(lambda: touched().warnings or touched().code == 422, "the stripper is never called")
            answer = cluster.send("PUT", path, write)
            assert answer.code == code
            assert status_of(cluster, made) == made["status"]
            assert ("SG018" in answer.causes) == (code == 422)
        finally:
            cluster.server.kubectl("delete", "mutatingwebhookconfiguration", name)
