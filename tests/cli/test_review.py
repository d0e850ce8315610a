"""`status-guard review`: the verdict on recorded reviews and on pairs of objects, as a user and a pipeline see it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

OLD: dict[str, Any] = {
    "apiVersion": "example.io/v1",
    "kind": "Widget",
    "metadata": {"name": "one", "namespace": "test"},
    "spec": {"size": 1},
    "status": {"imageID": "img", "ratio": 1.0},
}
NEW = {key: value for key, value in OLD.items() if key != "status"}
GADGET = {"kind": "Gadget"}  # the guard for gadgets has mode Deny
RESTORED_LINE = "restored by guard test-widgets (SG003"

Run = Callable[..., subprocess.CompletedProcess[str]]


def make_review(old: dict[str, Any] = OLD, new: dict[str, Any] = NEW, **request: Any) -> dict[str, Any]:
    """A review of an update by somebody who is no listed writer."""
    group, _, version = new["apiVersion"].partition("/")
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u-1",
            "kind": {"group": group, "version": version, "kind": new["kind"]},
            "resource": {"group": group, "version": version, "resource": f"{new['kind'].lower()}s"},
            "name": "one",
            "namespace": "test",
            "operation": "UPDATE",
            "userInfo": {"username": "someone"},
            "object": new,
            "oldObject": old,
            **request,
        },
    }


@pytest.fixture
def run(rules: Path, environment: dict[str, str], tmp_path: Path) -> Run:
    """Runs the command in an empty folder with the test guards."""

    def review(*words: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "app", "review", *words, "--rules", str(rules)],
            cwd=tmp_path,
            env=environment | {"COLUMNS": "100"} | variables,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    return review


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Writes a file into that folder, values as JSON, and returns its name."""

    def save(name: str, content: Any) -> str:
        (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
        return name

    return save


Write = Callable[..., str]


def test_a_loss_that_would_be_restored_is_allowed_and_shown(run: Run, write: Write) -> None:
    """A restored write exits 0, with what was lost, the patch and the difference in plain text without a terminal."""
    result = run(write("lost.json", make_review()))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("lost.json: " + RESTORED_LINE)
    assert "  /status  SG003: the whole status would be gone\n" in result.stdout
    assert '"path": "/status"' in result.stdout
    assert '+    "imageID": "img",\n' in result.stdout
    assert "\x1b" not in result.stdout


def test_a_terminal_gets_the_difference_in_colour(run: Run, write: Write) -> None:
    """Where colours are asked for, added lines are green; NO_COLOR takes the colours away again."""
    name = write("lost.json", make_review())
    coloured = run(name, FORCE_COLOR="1", TERM="xterm-256color")
    assert '\x1b[32m+    "imageID": "img",\x1b[0m' in coloured.stdout
    plain = run(name, FORCE_COLOR="1", NO_COLOR="1", TERM="xterm-256color")
    assert "\x1b[32m" not in plain.stdout


def test_a_denial_exits_1_and_says_what_to_do(run: Run, write: Write) -> None:
    """A write that would be denied exits 1, with the advice that the webhook's caller would get."""
    result = run(write("lost.json", make_review(OLD | GADGET, NEW | GADGET)))
    assert result.returncode == 1
    assert "lost.json: denied by guard test-gadgets (SG003" in result.stdout
    assert "send the object with its status" in result.stdout


def test_the_validating_endpoint_denies_what_the_mutating_one_restores(run: Run, write: Write) -> None:
    """--endpoint validate gives the verdict of the webhook that may not patch."""
    result = run(write("lost.json", make_review()), "--endpoint", "validate")
    assert (result.returncode, "denied by guard" in result.stdout, "SG018" in result.stdout) == (1, True, True)


def test_one_denial_among_several_files_decides_the_exit_code(run: Run, write: Write) -> None:
    """Every file gets its verdict, in the order given; one denial makes the exit code 1."""
    denied = write("denied.json", make_review(OLD | GADGET, NEW | GADGET))
    intact = write("intact.json", make_review(new=OLD))
    result = run(denied, intact)
    assert result.returncode == 1
    assert result.stdout.index("denied.json: denied") < result.stdout.index("intact.json: allowed")


def test_standard_input_is_a_review_too(run: Run) -> None:
    """A dash reads a review from standard input, as in a pipeline."""
    result = run("-", stdin=json.dumps(make_review()))
    assert (result.returncode, result.stdout.startswith("-: " + RESTORED_LINE)) == (0, True)


def test_json_output_is_one_object_a_review(run: Run, write: Write) -> None:
    """-o json gives programs the whole verdict, with rule ids, paths and the patch."""
    result = run(write("lost.json", make_review()), "-o", "json")
    [verdict] = json.loads(result.stdout)
    assert (verdict["source"], verdict["uid"], verdict["allowed"]) == ("lost.json", "u-1", True)
    assert (verdict["action"], verdict["guard"], verdict["rules"]) == ("restored", "test-widgets", ["SG003"])
    assert verdict["patch"] == [{"op": "add", "path": "/status", "value": OLD["status"]}]
    assert verdict["findings"] == [
        {"rule": "SG003", "path": "/status", "message": "SG003: the whole status would be gone"}
    ]


@pytest.mark.parametrize("output", ["text", "json"])
def test_the_patch_is_shown_with_the_webhooks_own_digits(run: Run, write: Write, output: str) -> None:
    """A number that Python would write differently, or cannot hold, is shown as it was."""
    text = json.dumps(make_review()).replace('"ratio": 1.0', '"ratio": 1e3, "large": 1e400, "n": 9007199254740993')
    result = run(write("lost.json", text), "-o", output)
    assert result.returncode == 0
    for number in ('"ratio": 1e3', '"large": 1e400', '"n": 9007199254740993'):
        assert number in result.stdout


@pytest.mark.parametrize("names", [("old.json", "new.json"), ("old.yaml", "new.yaml")], ids=["json", "yaml"])
def test_a_pair_of_objects_is_judged_like_the_update_between_them(
    run: Run, write: Write, names: tuple[str, str]
) -> None:
    """--old and --new stand for a review, as kubectl writes objects in JSON and in YAML."""
    lines = {
        "old.yaml": "apiVersion: example.io/v1\nkind: Widget\nmetadata: {name: one}\nstatus:\n  imageID: img\n",
        "new.yaml": "apiVersion: example.io/v1\nkind: Widget\nmetadata: {name: one}\n",
    }
    old, new = (write(name, lines.get(name, thing)) for name, thing in zip(names, (OLD, NEW), strict=True))
    result = run("--old", old, "--new", new)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{old} -> {new}: {RESTORED_LINE}")


def test_a_pair_is_judged_for_the_user_who_is_named(run: Run, write: Write) -> None:
    """--user a listed writer may drop status, as it may in the cluster."""
    pair = ["--old", write("old.json", OLD), "--new", write("new.json", NEW)]
    result = run(*pair, "--user", "system:serviceaccount:test:controller")
    assert result.returncode == 0
    assert "exempted by guard test-widgets (SG010" in result.stdout


def test_a_plural_that_the_kind_does_not_tell_can_be_given(run: Run, write: Write) -> None:
    """--resource names the guarded resource of a kind with an unusual plural."""
    odd = {"kind": "Widgetry"}
    pair = ["--old", write("old.json", OLD | odd), "--new", write("new.json", NEW | odd)]
    assert "allowed (SG001" in run(*pair).stdout
    assert RESTORED_LINE in run(*pair, "--resource", "widgets").stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "The body is not JSON"),
        ("{}", "no AdmissionReview of admission.k8s.io/v1"),
        (json.dumps(make_review() | {"apiVersion": "admission.k8s.io/v1beta1"}), "no AdmissionReview"),
        (
            json.dumps(make_review(kind={"group": "", "version": "v1", "kind": "Pod"})),
            "not of the same group and version",
        ),
        ('{"a":' * 100_000, "nested too deeply"),
    ],
    ids=["empty", "no review", "v1beta1", "disagreeing", "deep"],
)
def test_a_file_that_is_no_review_is_named_and_the_others_are_judged(
    run: Run, write: Write, content: str, said: str
) -> None:
    """Bad input exits 2 and names the file on standard error; good files still get their verdict."""
    result = run(write("bad.json", content), write("lost.json", make_review()))
    assert result.returncode == 2
    assert result.stderr.startswith("status-guard review: bad.json: ")
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert "lost.json: " + RESTORED_LINE in result.stdout


@pytest.mark.parametrize(
    "value",
    ["[" * 300 + "]" * 300, "[" * 900 + "]" * 900, "[" * 3000 + "]" * 3000, "9" * 5000],
    ids=["300 deep", "900 deep", "3000 deep", "5000 digits"],
)
def test_what_python_cannot_hold_ends_in_a_verdict_or_a_named_fault(run: Run, write: Write, value: str) -> None:
    """However deep a status is nested or long its numbers are, there is a verdict or a fault, never a traceback."""
    text = json.dumps(make_review()).replace('"img"', value)
    result = run(write("deep.json", text))
    assert "Traceback" not in result.stderr
    said = {0: result.stdout, 2: result.stderr}[result.returncode]
    assert "deep.json" in said


def test_what_an_object_says_cannot_command_the_terminal(run: Run, write: Write) -> None:
    """Control characters in names of the object do not reach the terminal."""
    old = OLD | {"status": {"nodeStatuses": {"\x1b]0;owned\x07\x9b31m": {"state": "x"}}}}
    new = OLD | {"status": {"nodeStatuses": {}}}
    result = run(write("lost.json", make_review(old, new)))
    assert "SG005" in result.stdout
    assert not {"\x1b", "\x07", "\x9b"} & set(result.stdout)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give files with AdmissionReviews, or an object each with --old and --new"),
        (["lost.json", "--old", "old.json", "--new", "new.json"], "give files with AdmissionReviews, or an object"),
        (["--old", "old.json"], "--old and --new go together"),
        (["--new", "new.json"], "--old and --new go together"),
        (["lost.json", "--user", "me"], "--user goes with --old and --new"),
        (["-", "-"], "standard input can be read once"),
        (["absent.json"], "absent.json: No such file or directory"),
        (["."], ".: Is a directory"),
        (["--old", "absent.json", "--new", "new.json"], "absent.json: No such file or directory"),
        (["--old", "list.json", "--new", "new.json"], "list.json: not one Kubernetes object"),
        (["--old", "text.yaml", "--new", "new.json"], "text.yaml: not one Kubernetes object"),
        (["--old", "twice.yaml", "--new", "new.json"], "twice.yaml: not one Kubernetes object"),
        (["--old", "broken.yaml", "--new", "new.json"], "broken.yaml:2"),
        (["--old", "gadget.json", "--new", "new.json"], "hold different kinds: Gadget of example.io/v1 and Widget"),
    ],
)
def test_what_cannot_be_done_as_asked_exits_2_and_says_why(run: Run, write: Write, words: list[str], said: str) -> None:
    """Wrong combinations and unreadable files exit 2 with one line that names the option or the file."""
    write("lost.json", make_review())
    write("old.json", OLD)
    write("new.json", NEW)
    write("gadget.json", OLD | GADGET)
    write("list.json", {"apiVersion": "v1", "kind": "List", "items": [OLD]})
    write("text.yaml", "just text\n")
    write("twice.yaml", "kind: A\napiVersion: v1\n---\nkind: A\napiVersion: v1\n")
    write("broken.yaml", "kind: A\n  apiVersion: [\n")
    result = run(*words)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("status-guard review: ")
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_rules_that_cannot_be_used_are_named(run: Run, write: Write) -> None:
    """A broken rule document exits 2 and names the file and the line."""
    bad = write("rules.yaml", "apiVersion: statusguard.io/v1alpha1\nkind: StatusGuard\n")
    result = run(write("lost.json", make_review()), "--rules", bad)
    assert result.returncode == 2
    assert "rules.yaml:1" in result.stderr


def test_help_shows_how_to_call_it(run: Run) -> None:
    """--help names every option and gives examples that can be copied, each on a line of its own."""
    result = run("--help")
    assert result.returncode == 0
    for option in ("--rules", "--old", "--new", "--user", "--endpoint", "--output"):
        assert option in result.stdout
    assert " status-guard review review.json --rules manifests/rules" in result.stdout
