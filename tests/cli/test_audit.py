"""``status-guard audit`` as people run it, on logs in files, packed files and a pipe."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.cli.audit_input import LONGEST_LINE

Run = Callable[..., "subprocess.CompletedProcess[str]"]
RULES = """\
apiVersion: statusguard.io/v1alpha1
kind: StatusGuard
metadata: {name: widgets}
spec:
  target: {group: example.io, versions: ["*"], resource: widgets, statusSubresource: false}
"""


def event(version: int, verb: str = "update", **more: Any) -> bytes:
    """A line about a widget, with a status unless ``status`` is None."""
    metadata = {"name": "one", "namespace": "ns", "uid": "u-1", "resourceVersion": str(version), "generation": version}
    found = {"apiVersion": "example.io/v1", "kind": "Widget", "metadata": metadata}
    status = more.pop("status", {"phase": "Ready"})
    line = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "RequestResponse",
        "stage": "ResponseComplete",
        "auditID": f"a-{version}",
        "verb": verb,
        "requestURI": "/apis/example.io/v1/namespaces/ns/widgets/one",
        "user": {"username": "mallory"},
        "sourceIPs": ["10.0.0.9"],
        "userAgent": "browser/1.0",
        "objectRef": {
            "resource": "widgets",
            "namespace": "ns",
            "name": "one",
            "apiGroup": "example.io",
            "apiVersion": "v1",
        },
        "responseStatus": {"code": 200},
        "responseObject": found if status is None else found | {"status": status},
        "requestReceivedTimestamp": f"2026-01-31T12:00:{version:02}.000000Z",
    }
    return json.dumps(line | more).encode() + b"\n"


SHOWN, LOST, AGAIN = event(1, "get"), event(2, status=None), event(3)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the command in a folder with a rule document."""
    (tmp_path / "rules.yaml").write_text(RULES)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}

    def command(*words: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[str]":
        line = [sys.executable, "-m", "app", "audit", "--rules", "rules.yaml", *words]
        done = subprocess.run(line, cwd=tmp_path, env=environment, input=stdin, capture_output=True, check=False)
        return subprocess.CompletedProcess(line, done.returncode, done.stdout.decode(), done.stderr.decode())

    return command


def test_a_loss_is_shown_with_who_when_and_what_to_expect(run: Run, tmp_path: Path) -> None:
    """The table says all of it in words, and exit code 1 says that there was a loss."""
    (tmp_path / "audit.log").write_bytes(SHOWN + LOST)
    result = run("audit.log")
    assert (result.returncode, result.stderr) == (1, "")
    for said in (
        "2026-01-31T12:00:02.000000Z  widgets.example.io ns/one  (audit.log:2)",
        "lost       /status (SG003)",
        "by         mallory, by update",
        "with       browser/1.0",
        "from       10.0.0.9",
        "the guard  widgets would have put it back",
        "1  lost something, and the guard would have put it back",
    ):
        assert said in result.stdout


def test_nothing_lost_is_exit_code_0(run: Run, tmp_path: Path) -> None:
    """The sums are printed all the same."""
    (tmp_path / "audit.log").write_bytes(SHOWN + AGAIN)
    result = run("audit.log")
    assert result.returncode == 0
    assert "1  of them lost nothing" in result.stdout


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_programs_get_every_count_and_loss(run: Run, tmp_path: Path, output: str) -> None:
    """-o json and -o yaml hold the same values."""
    import yaml  # noqa: PLC0415 - a reader of both

    (tmp_path / "audit.log").write_bytes(SHOWN + LOST + b"{\n")
    result = run("audit.log", "-o", output)
    found = yaml.safe_load(result.stdout)
    assert (found["lines"], found["malformed"], found["judged"], found["lost"]) == (3, 1, 1, 1)
    assert found["guardWouldHave"] == {"restored": 1}
    assert found["clients"] == [{"user": "mallory", "client": "browser/1.0", "writes": 1}]
    [loss] = found["losses"]
    assert (loss["place"], loss["object"], loss["guardWouldHave"]) == ("audit.log:2", "ns/one", "restored")
    assert loss["findings"][0]["path"] == "/status"


@pytest.mark.parametrize("packed", [False, True])
def test_a_pipe_and_packed_files_are_read_like_files(run: Run, tmp_path: Path, packed: bool) -> None:  # noqa: FBT001
    """Rotated files are given the oldest first; what is packed is told by its content."""

    def made(lines: bytes) -> bytes:
        return gzip.compress(lines) if packed else lines

    (tmp_path / "old").write_bytes(made(SHOWN))
    (tmp_path / "new").write_bytes(made(LOST))
    assert "(new:1)" in run("old", "new").stdout
    assert "(-:1)" in run("old", "-", stdin=made(LOST)).stdout
    assert run("-", stdin=made(SHOWN + LOST)).returncode == 1


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([SHOWN, b"not json\n", LOST], "audit.log:2: is not JSON"),
        ([SHOWN, LOST, event(4)[:100]], "audit.log:3: is not JSON"),
        ([SHOWN, b'{"a":1}\n', LOST], "audit.log:2: is JSON, but no audit event"),
        ([SHOWN, b'"' + b"x" * (LONGEST_LINE + 5) + b'"\n', LOST], "audit.log:2: is longer than 64 MiB"),
    ],
    ids=["no json", "cut off", "no event", "too long"],
)
def test_bad_lines_are_named_and_the_rest_is_read(run: Run, tmp_path: Path, lines: Sequence[bytes], said: str) -> None:
    """Standard error names file and line; the loss behind it is still found."""
    (tmp_path / "audit.log").write_bytes(b"".join(lines))
    result = run("audit.log")
    assert result.returncode == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("end", [60, -4])
def test_a_packed_file_that_is_cut_off_is_said_to_be_and_the_next_is_read(run: Run, tmp_path: Path, end: int) -> None:
    """What could be unpacked counts; where it ends is named."""
    (tmp_path / "old.gz").write_bytes(gzip.compress(SHOWN)[:end])
    (tmp_path / "new").write_bytes(SHOWN + LOST)
    result = run("old.gz", "new")
    assert result.returncode == 1
    assert "damaged or cut off here" in result.stderr
    assert "(new:2)" in result.stdout


def test_since_and_until_choose_what_is_judged(run: Run, tmp_path: Path) -> None:
    """A loss outside of the time asked for is not told, but what it left is known."""
    (tmp_path / "audit.log").write_bytes(SHOWN + LOST + AGAIN)
    assert run("audit.log", "--since", "2026-01-31T12:00:03Z").returncode == 0
    assert run("audit.log", "--until", "2026-01-31T12:00:02Z").returncode == 0
    assert run("audit.log", "--since", "2026-01-31T12:00:02Z").returncode == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["absent.log"], "absent.log: No such file or directory"),
        (["."], ".: Is a directory"),
        (["-", "-"], "standard input can be read once"),
        (["audit.log", "--since", "yesterday"], "no time with a zone"),
        (["audit.log", "--since", "2026-01-31T12:00:00"], "no time with a zone"),
        (["audit.log", "--rules", "absent"], "absent"),
        (["text.log"], "text.log:1: is not JSON"),
    ],
)
def test_what_cannot_be_done_as_asked_exits_2_and_says_why(
    run: Run, tmp_path: Path, words: list[str], said: str
) -> None:
    """Files, times and rules that cannot be used are named; so is a file without a single event."""
    (tmp_path / "audit.log").write_bytes(SHOWN)
    (tmp_path / "text.log").write_bytes(b"I0131 12:00:00 klog\n")
    result = run(*words)
    assert result.returncode == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.stderr


def test_help_says_what_kind_of_log_is_needed(run: Run) -> None:
    """--help names the level and gives examples that can be copied."""
    result = run("--help")
    assert result.returncode == 0
    assert "RequestResponse" in result.stdout
    assert "status-guard audit - --rules manifests/rules -o json" in result.stdout
