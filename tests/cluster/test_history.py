"""``status-guard history``, ``diff`` and ``restore`` against a real API server, with more and with fewer rights."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from guarded_cluster import NAMESPACE, Cluster, crd, tokens
from keeper_client import Objects, guard
from kept_history import Histories
from rbac_server import rbac_server

from app.cluster.exchange import Exchange
from app.cluster.kubeconfig import connected
from app.cluster.naming import kind_called

pytestmark = pytest.mark.cluster

UPGRADES = guard("upgrades")
SCALES = guard("scales", "example.io", subresource=True)
REVISIONS = f"/apis/apps/v1/namespaces/{NAMESPACE}/controllerrevisions"
UID = "statusguard.io/uid"
READER, WRITER, STRANGER = "reader", "writer", "stranger"
FIRST: dict[str, Any] = {"phase": "Running", "conditions": [{"type": "A", "status": "True"}]}
GOOD: dict[str, Any] = {
    "phase": "Done",
    "conditions": [{"type": "A", "status": "True"}, {"type": "B", "status": "True"}],
    "nodeStatuses": {"node-1": {"state": "Succeeded"}, "node-2": {"state": "Succeeded"}},
    "ratio": 1.0,
}
SHRUNK: dict[str, Any] = {"phase": "Init", "conditions": [{"type": "C", "status": "True"}], "since": "today"}
WHOLE: dict[str, Any] = {
    **GOOD,
    "conditions": [{"type": "C", "status": "True"}, *GOOD["conditions"]],
    "since": "today",
}
"""What is there after a restore of the good one onto the shrunk one: all of the first, and what is new."""


def rights(name: str, *rules: tuple[str, str, list[str]]) -> list[dict[str, Any]]:
    """A ClusterRole for a user of that name."""
    rbac = "rbac.authorization.k8s.io"
    role = [{"apiGroups": [group], "resources": [resource], "verbs": verbs} for group, resource, verbs in rules]
    return [
        {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": role},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "subjects": [{"kind": "User", "name": name, "apiGroup": rbac}],
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": name},
        },
    ]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An API server with kinds, nobody who guards them, and people with few rights."""
    people = [f"{name},{name},{name},system:authenticated" for name in (READER, WRITER, STRANGER)]
    reading = [("harvesterhci.io", "upgrades", ["get"]), ("apps", "controllerrevisions", ["get", "list"])]
    with rbac_server(tmp_path_factory.mktemp("history"), [*tokens(), *people]) as server:
        cluster = Cluster(server)
        upgrades, scales = crd("harvesterhci.io", "upgrades"), crd("example.io", "scales", subresources=True)
        upgrades["spec"]["names"]["shortNames"] = ["upg"]
        scales["spec"]["scope"] = "Cluster"
        cluster.furnish(upgrades, scales, crd("harvesterhci.io", "settings"), crd("example.io", "settings"))
        server.apply(
            *({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": one}} for one in ("keeper", "apart")),
            *rights(READER, *reading),
            *rights(WRITER, *reading, ("harvesterhci.io", "upgrades", ["patch"])),
        )
        yield cluster
        cluster.close()


@pytest.fixture(scope="module")
def histories(own: Cluster) -> Histories:
    """The commands."""
    return Histories(own)


@pytest.fixture(scope="module")
def still(own: Cluster, histories: Histories) -> str:
    """An Upgrade ``still`` with two revisions, that lost most of its status since; nothing changes it. Its uid."""
    objects = Objects(own)
    objects.create("still")
    uid = histories.keep(UPGRADES, objects, "still", FIRST, GOOD)
    objects.set_status("still", SHRUNK)
    return uid


@pytest.fixture
def upgrades(own: Cluster, still: str) -> Objects:
    """Upgrades and histories, with nothing called ``one`` yet."""
    objects = Objects(own)
    own.send("DELETE", f"{objects.path}/one", who="admin")
    own.send("DELETE", f"{REVISIONS}?labelSelector={UID}!={still}", who="admin")
    return objects


@pytest.fixture
def shrunk(histories: Histories, upgrades: Objects) -> str:
    """An Upgrade ``one`` with two revisions, that lost most of its status since; its uid."""
    upgrades.create("one")
    uid = histories.keep(UPGRADES, upgrades, "one", FIRST, GOOD)
    upgrades.set_status("one", SHRUNK)
    return uid


def test_what_was_kept_is_listed(histories: Histories, still: str) -> None:
    """By number, the newest last, with how much each differs from the one before; the same to programs."""
    run = histories.run("history", "upgrade/still")
    assert (run.returncode, run.stderr) == (0, "")
    head, *lines = [line.split("  ") for line in run.stdout.splitlines()]
    assert [word.strip() for word in head if word] == ["REVISION", "KEPT", "CHANGES", "OBJECT"]
    assert [(line[0], line[-1].strip()) for line in lines] == [("1", "this one"), ("2", "this one")]
    assert "3 added, 1 changed" in run.stdout
    said = histories.json("history", "upgrade/still")
    assert said["object"] == f"upgrades.harvesterhci.io/still in namespace {NAMESPACE}"
    assert [(one["revision"], one["uid"], one["current"]) for one in said["revisions"]] == [
        (1, still, True),
        (2, still, True),
    ]
    assert said["revisions"][0]["changes"] is None
    assert said["revisions"][1]["changes"] == {"added": 3, "changed": 1, "removed": 0}
    assert yaml.safe_load(histories.run("history", "upgrade/still", "-o", "yaml").stdout) == said


def test_an_object_of_which_nothing_is_kept_is_no_mistake(histories: Histories, upgrades: Objects) -> None:
    """Exit code 0, nothing on standard output, and the reason beside it; to programs an empty list."""
    upgrades.create("one")
    run = histories.run("history", "upgrade/one")
    assert (run.returncode, run.stdout) == (0, "")
    assert run.stderr.startswith("status-guard history: nothing is kept of upgrades.harvesterhci.io/one")
    assert histories.json("history", "upgrade/one")["revisions"] == []


@pytest.mark.parametrize(
    "name", ["upgrade", "Upgrade", "UPGRADES", "upg", "upgrades.harvesterhci.io", "upgrade.v1beta1.harvesterhci.io"]
)
async def test_kinds_go_by_all_their_names(own: Cluster, name: str) -> None:
    """Singular, plural, kind, short name, with group and with version, in any case, as kubectl takes them."""
    async with connected(str(own.server.kubeconfig), None) as api:
        kind = await kind_called(Exchange(api), name)
    assert (kind.guard.name, kind.version, kind.kind) == ("upgrades.harvesterhci.io", "v1beta1", "Upgrade")
    assert (kind.namespaced, kind.status_subresource) == (True, False)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["history", "setting/one"],
            "'setting' may be any of settings.example.io, settings.harvesterhci.io: say which",
        ),
        (["history", "nothing/one"], "the API server has no kind 'nothing'; `kubectl api-resources` lists them"),
        (["history", "upgrade.v9.harvesterhci.io/one"], "the API server has no kind"),
        (["history", "upgrade"], "'upgrade' is not of the form KIND/NAME"),
        (["history", "upgrade/two"], "there is no upgrades.harvesterhci.io/two in namespace harvester-system, and"),
        (["diff", "upgrade/still", "--from", "7"], "has no revision 7; there are 1, 2"),
        (["diff", "upgrade/still", "--from-uid", "zzz"], "--from-uid zzz means no object with a history"),
        (["restore", "upgrade/still", "--only", "a~2"], "--only 'a~2' has to start with '/'"),
        (["restore", "upgrade/still", "--only", "/what/ever"], "revision 2 has nothing at --only /what/ever"),
        (["restore", "upgrade/still"], "nobody is there to be asked: --yes agrees to what --dry-run shows"),
        (["restore", "upgrade/still", "--yes"], "say why with --reason TEXT"),
        (["restore", "upgrade/still", "--yes", "--reason", " "], "say why with --reason TEXT"),
    ],
)
def test_what_cannot_be_done_is_said(histories: Histories, upgrades: Objects, words: list[str], says: str) -> None:
    """Exit code 2, the reason with what to do, and nothing is written."""
    run = histories.run(*words)
    assert run.returncode == 2, run.stdout
    assert says in " ".join(run.stderr.replace("│", " ").split())
    assert upgrades.get("still")["status"] == SHRUNK


@pytest.mark.usefixtures("still")
def test_a_kept_status_is_compared_with_the_present_one(histories: Histories) -> None:
    """Newest against now, or one against the other; exit code 1 for a difference, 0 for none, as diff has it."""
    run = histories.run("diff", "upgrade/still")
    lines = run.stdout.splitlines()
    assert run.returncode == 1, run.stderr
    assert lines[0].startswith("--- revision 2, kept 2")
    assert lines[1].startswith("+++ as it is (resourceVersion ")
    assert '- /status/phase: "Done"' in lines
    assert '+ /status/phase: "Init"' in lines
    assert '- /status/conditions/type=B: {"status":"True","type":"B"}' in lines
    assert "\x1b" not in run.stdout
    said = histories.json("diff", "upgrade/still", "--from", "1", "--to", "2", code=1)
    assert {(one["path"], one["change"]) for one in said["changes"]} == {
        ("/status/phase", "changed"),
        ("/status/conditions/type=B", "added"),
        ("/status/nodeStatuses", "added"),
        ("/status/ratio", "added"),
    }
    assert histories.json("diff", "upgrade/still", "--from", "2", "--to", "2")["changes"] == []


def test_a_dry_run_stores_nothing(histories: Histories, upgrades: Objects, shrunk: str) -> None:
    """It shows what would change and asks the API server, needs no reason, and neither object nor Events change."""
    before = upgrades.get("one")
    run = histories.run("restore", "upgrade/one", "--dry-run")
    assert run.returncode == 0, run.stderr
    assert '+ /status/phase: "Done"' in run.stdout.splitlines()
    assert run.stdout.endswith("the API server would take it; nothing was stored.\n")
    assert upgrades.get("one") == before
    assert not [one for one in histories.events("one") if one["involvedObject"]["uid"] == shrunk]


def test_a_status_is_restored_and_that_recorded(histories: Histories, upgrades: Objects, shrunk: str) -> None:
    """All of the last good one is back, what came since stays, the Event has who and why; again, nothing is to do."""
    run = histories.run("restore", "upgrade/one", "--yes", "--reason", "lost by a UI")
    assert (run.returncode, run.stderr) == (0, ""), run.stderr
    found = upgrades.get("one")
    assert sorted(found["status"].pop("conditions"), key=json.dumps) == sorted(WHOLE["conditions"], key=json.dumps)
    assert found["status"] == {name: value for name, value in WHOLE.items() if name != "conditions"}
    assert "status-guard-restore" in {one["manager"] for one in found["metadata"]["managedFields"]}
    (event,) = [one for one in histories.events("one") if one["involvedObject"]["uid"] == shrunk]
    assert (event["type"], event["source"]["component"]) == ("Normal", "status-guard-restore")
    assert event["message"].startswith("Restored from revision 2 by ")
    assert ": lost by a UI. What came back: /status/" in event["message"]
    again = histories.json("restore", "upgrade/one", "--yes", "--reason", "again")
    assert (again["restored"], again["changes"]) == (False, [])
    assert again["message"].endswith("has all of it already: nothing to do.")


@pytest.mark.usefixtures("shrunk")
def test_parts_and_earlier_revisions_can_be_chosen(histories: Histories, upgrades: Objects) -> None:
    """Only what is named comes back, with the containers around it, from the revision that is named."""
    chosen = ["--only", "/nodeStatuses/node-1", "--only", "conditions/type=B", "--yes", "--reason", "x"]
    assert histories.run("restore", "upgrade/one", *chosen).returncode == 2  # a plain name has no '/'
    chosen[3] = "/conditions/type=B"
    said = histories.json("restore", "upgrade/one", *chosen)
    assert (said["restored"], said["revision"]) == (True, 2)
    assert upgrades.get("one")["status"] == {
        **SHRUNK,
        "conditions": [*SHRUNK["conditions"], GOOD["conditions"][1]],
        "nodeStatuses": {"node-1": {"state": "Succeeded"}},
    }
    histories.json("restore", "upgrade/one", "--revision", "1", "--only", "phase", "--yes", "--reason", "x")
    assert upgrades.get("one")["status"]["phase"] == "Running"


@pytest.mark.usefixtures("shrunk")
def test_a_status_that_is_gone_as_a_whole_comes_back(histories: Histories, upgrades: Objects) -> None:
    """Number for number as it was."""
    upgrades.patch("one", [{"op": "remove", "path": "/status"}])
    assert histories.run("restore", "upgrade/one", "--yes", "--reason", "x").returncode == 0
    assert upgrades.get("one")["status"] == GOOD


def test_an_object_that_was_made_anew_can_have_what_the_earlier_one_had(
    histories: Histories, upgrades: Objects, shrunk: str
) -> None:
    """Its own history is empty, the earlier one's is listed with its uid, and by that uid it is restored."""
    upgrades.delete("one")
    assert "there is no upgrades" in histories.run("restore", "upgrade/one", "--dry-run").stderr
    assert histories.json("diff", "upgrade/one", "--from", "2", "--to", "1", code=1)["changes"]
    made = upgrades.create("one")["metadata"]["uid"]
    run = histories.run("history", "upgrade/one")
    assert run.stdout.count(f"earlier: --from-uid {shrunk}") == 2
    run = histories.run("restore", "upgrade/one", "--yes", "--reason", "x")
    assert run.returncode == 2
    assert f"nothing is kept of upgrades.harvesterhci.io/one in namespace {NAMESPACE} (uid {made})" in run.stderr
    assert f"--from-uid {shrunk}" in run.stderr
    run = histories.run("restore", "upgrade/one", "--from-uid", shrunk[:13], "--yes", "--reason", "begun anew")
    assert run.returncode == 0, run.stderr
    assert upgrades.get("one")["status"] == GOOD
    (event,) = [one for one in histories.events("one") if one["involvedObject"]["uid"] == made]
    assert f"revision 2 of uid {shrunk}" in event["message"]


def test_a_kind_with_a_status_subresource_is_restored_through_it(own: Cluster, histories: Histories) -> None:
    """Cluster-scoped as well: its history is in the namespace that is named, its Event in default."""
    scales = Objects(own, "scales", "example.io", namespaced=False)
    scales.create("big")
    path = f"{scales.path}/big/status"
    patch = [{"op": "add", "path": "/status", "value": GOOD}]

    class Through(Objects):
        def set_status(self, name: str, status: Any) -> dict[str, Any]:
            del name
            patch[0]["value"] = status
            kind = "application/json-patch+json"
            return own.send("PATCH", path, patch, "controller", content_type=kind).body

    through = Through(own, "scales", "example.io", namespaced=False)
    histories.keep(SCALES, through, "big", GOOD, apart="apart")
    through.set_status("big", SHRUNK)
    assert "--history-namespace" in histories.run("restore", "scale/big", "--dry-run").stderr
    run = histories.run("restore", "scale/big", "--history-namespace", "apart", "--yes", "--reason", "x")
    assert run.returncode == 0, run.stderr
    assert scales.get("big")["status"]["phase"] == "Done"
    (event,) = histories.events("big")
    assert event["metadata"]["namespace"] == "default"


def test_people_are_asked_before_anything_is_written(histories: Histories, upgrades: Objects, shrunk: str) -> None:
    """In colour, the difference first; a no writes nothing, a yes asks why."""
    terminal = histories.asked("restore", "upgrade/one")
    terminal.until("Restore this in upgrades.harvesterhci.io/one")
    assert "\x1b[32m+ /status/phase" in terminal.shown
    terminal.type("n")
    assert (terminal.over(), upgrades.get("one")["status"]) == (1, SHRUNK)
    assert "Nothing was written." in terminal.shown
    terminal = histories.asked("restore", "upgrade/one", "--only", "phase")
    terminal.until("[y/N]")
    terminal.type("y")
    terminal.until("Why")
    terminal.type("because it was lost")
    assert terminal.over() == 0, terminal.shown
    assert upgrades.get("one")["status"] == SHRUNK | {"phase": "Done"}
    (event,) = [one for one in histories.events("one") if one["involvedObject"]["uid"] == shrunk]
    assert ": because it was lost. What came back: /status/phase" in event["message"]


@pytest.mark.usefixtures("still")
def test_colours_can_be_refused(histories: Histories) -> None:
    """By NO_COLOR, in a terminal too."""
    terminal = histories.asked("diff", "upgrade/still", NO_COLOR="1")
    assert terminal.over() == 1
    assert "+ /status/phase" in terminal.shown
    assert "\x1b[3" not in terminal.shown


@pytest.mark.usefixtures("shrunk")
def test_an_object_that_changes_meanwhile_is_left_alone(histories: Histories, upgrades: Objects) -> None:
    """What was agreed to is not what would be done now: nothing is written, and that is said."""
    terminal = histories.asked("restore", "upgrade/one", "--reason", "x")
    terminal.until("[y/N]")
    newer = SHRUNK | {"phase": "Running"}
    upgrades.set_status("one", newer)
    terminal.type("y")
    assert terminal.over() == 2
    assert "was changed while you looked at it, and nothing was written: run this again" in terminal.shown
    assert upgrades.get("one")["status"] == newer


@pytest.mark.usefixtures("shrunk")
def test_missing_rights_are_named(histories: Histories, upgrades: Objects) -> None:
    """To a stranger, to who may only read, and to who may restore but not record it, which is done and said."""
    run = histories.run("history", "upgrade/one", token=STRANGER)
    assert run.returncode == 2
    assert f"kubectl auth can-i get upgrades.harvesterhci.io -n {NAMESPACE}" in run.stderr
    assert histories.run("history", "upgrade/one", token=READER).returncode == 0
    words = ["restore", "upgrade/one", "--only", "phase", "--yes", "--reason", "x"]
    run = histories.run(*words, token=READER)
    assert (run.returncode, upgrades.get("one")["status"]) == (2, SHRUNK)
    assert f"kubectl auth can-i patch upgrades.harvesterhci.io -n {NAMESPACE}" in run.stderr
    run = histories.run(*words, token=WRITER)
    assert (run.returncode, upgrades.get("one")["status"]["phase"]) == (3, "Done")
    assert "restored, but that could not be recorded: cannot create events" in run.stderr


@pytest.mark.usefixtures("still")
def test_kubectl_finds_them_as_plugins(own: Cluster, histories: Histories) -> None:
    """``kubectl status-guard history`` is the same command."""
    path = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"  # noqa: PTH120 - as PATH has it
    words = ["kubectl", "status-guard", "history", "upgrade/still", "-n", NAMESPACE, "-o", "json"]
    environment = own.server.environment() | {"PATH": path}
    run = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=50)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == histories.json("history", "upgrade/still")


def test_a_guard_in_force_does_not_stand_in_the_way(cluster: Cluster, upgrade: dict[str, Any]) -> None:
    """Restoring loses nothing, so a user who is no listed writer may do it through the webhooks."""
    objects, histories = Objects(cluster), Histories(cluster)
    name = cluster.create(upgrade)["metadata"]["name"]
    whole = objects.get(name)["status"]
    histories.keep(UPGRADES, objects, name, whole)
    objects.set_status(name, {"conditions": whole["conditions"][:1], "upgradeLog": "another"})
    run = histories.run("restore", f"upgrade/{name}", "--yes", "--reason", "x", token="rancher")
    assert (run.returncode, run.stderr) == (0, ""), run.stdout
    assert objects.get(name)["status"] | {"conditions": []} == whole | {"conditions": []}
    assert histories.json("diff", f"upgrade/{name}")["changes"] == []
