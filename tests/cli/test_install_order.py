"""What `status-guard install` makes of its options and files, before anything is sent."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli import install_order
from app.cli.install_order import Order
from app.cli.review_input import BadInputError
from app.core.gate import body, installation_call, preferences

GIVEN: dict[str, Any] = {
    "server": "https://gate.test",
    "repo": "harvester",
    "chart": "harvester",
    "version": "1.8.1",
    "namespace": "cattle-ui-plugin-system",
    "release": "",
    "values": None,
    "cluster": "local",
    "upgrade": False,
    "wait": "30m",
    "until": "deployed",
    "nudge": False,
    "token_file": None,
    "ca": None,
}


def order(tmp_path: Path, **given: Any) -> Order:
    """The order that these options make, with a token in a file."""
    token = tmp_path / "token"
    token.write_text("token-abc12:secret\n")
    return install_order.read(GIVEN | {"token_file": token} | given)[0]


def complaint(tmp_path: Path, **given: Any) -> str:
    """What is said of options that cannot be used."""
    with pytest.raises(BadInputError) as caught:
        order(tmp_path, **given)
    assert "secret" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("cluster", "upgrade"), [("local", False), ("c-m-abcde", True)])
def test_the_path_is_one_that_the_gate_holds(tmp_path: Path, *, cluster: str, upgrade: bool) -> None:
    """Path and query are read by the gate as an install of that repository in that cluster."""
    asked = order(tmp_path, cluster=cluster, upgrade=upgrade)
    path, _, query = asked.path.partition("?")
    call = installation_call.read(b"POST", path.encode(), query.encode())
    assert isinstance(call, installation_call.InstallCall)
    assert (call.cluster, call.repo, call.action) == (cluster, "harvester", asked.action)


def test_the_body_is_what_the_dashboard_sends(tmp_path: Path) -> None:
    """Chart, version, release, namespace and values are read by the gate as they were given; helm waits."""
    values = tmp_path / "values.yaml"
    values.write_text("a: &a {b: 1}\nc: *a\nd: 2026-01-02\ne: yes\n")
    asked = order(tmp_path, values=values, release="mine")
    read = body.read(asked.content)
    assert isinstance(read, body.InstallBody)
    (chart,) = read.charts
    assert (chart.name, chart.version, chart.release) == ("harvester", "1.8.1", "mine")
    assert (read.namespace, read.wait, read.timeout) == ("cattle-ui-plugin-system", True, 600)
    sent = json.loads(asked.content)["charts"][0]
    assert sent["values"] == {"a": {"b": 1}, "c": {"b": 1}, "d": "2026-01-02", "e": True}
    assert sent["annotations"]["catalog.cattle.io/ui-source-repo"] == "harvester"


def test_the_release_is_called_as_the_chart_unless_said_otherwise(tmp_path: Path) -> None:
    """A release always has a name, so that it can be found again."""
    assert order(tmp_path).release == "harvester"


@pytest.mark.parametrize(
    ("given", "until_deployed", "nudge"),
    [({}, True, False), ({"until": "accepted"}, False, False), ({"nudge": True}, True, True)],
)
def test_the_gate_reads_the_preferences_as_they_were_meant(
    tmp_path: Path, given: dict[str, Any], *, until_deployed: bool, nudge: bool
) -> None:
    """It goes on without its connection, with the deadline that is left, followed and nudged as asked for."""
    read = preferences.read([order(tmp_path, **given).prefer(99.2).encode()])
    assert (read.asynchronous, read.deadline, read.hold) == (True, 100, 0)
    assert (read.until_deployed, read.nudge) == (until_deployed, nudge)


@pytest.mark.parametrize(("text", "seconds"), [("0s", 0), ("0", 0), ("90s", 90), ("1h30m", 5400), ("2h", 7200)])
def test_the_wait_is_a_duration(tmp_path: Path, text: str, seconds: int) -> None:
    """It is written as everywhere else, and nothing at all asks for one try."""
    assert order(tmp_path, wait=text).wait == seconds


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"server": "http://gate.test"}, "write https://"),
        ({"server": "gate.test"}, "https://HOST[:PORT]"),
        ({"server": "https://gate.test:99999"}, "https://HOST[:PORT]"),
        ({"server": "https://token:secret@gate.test"}, "no user or password"),
        ({"server": "https://gate.test/dashboard"}, "leave out what follows the host: https://gate.test"),
        ({"wait": "soon"}, "'soon' is no duration"),
        ({"wait": "3h"}, "at most 2h"),
        ({"repo": "Harvester"}, "REPO: is no valid Kubernetes name"),
        ({"cluster": "../local"}, "--cluster: is no valid Kubernetes name"),
        ({"version": ""}, "VERSION: is empty"),
        ({"namespace": "Bad_Name"}, "namespace"),
        ({"release": "Bad_Name"}, "releaseName"),
    ],
)
def test_what_cannot_be_sent_is_said_with_its_option(tmp_path: Path, given: dict[str, Any], words: str) -> None:
    """An option that cannot be used is named, with what to write instead."""
    assert words in complaint(tmp_path, **given)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: [secret\n", "values.yaml:3: "),
        ("a: 1\na: secret\n", "values.yaml:2: a key is there twice"),
        ("- secret\n", "is no mapping"),
        ("a: .nan\n", "that JSON cannot say"),
        ("a: !!binary c2VjcmV0\n", "that JSON cannot say"),
        ("a: !secret x\n", "values.yaml:1: could not determine a constructor for the tag (quote"),
        ("a: 1\nb: *secret\n", "values.yaml:2: found undefined alias (quote"),
        ("a: \x00secret", "that JSON cannot say"),
    ],
)
def test_values_that_cannot_be_used_are_not_quoted(tmp_path: Path, text: str, words: str) -> None:
    """The complaint names file and line, and nothing of what is in it: values carry passwords."""
    values = tmp_path / "values.yaml"
    values.write_text(text)
    assert words in complaint(tmp_path, values=values)


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    """A missing file of values, token or CAs is named with its option."""
    missing = tmp_path / "missing"
    assert f"--values: {missing}" in complaint(tmp_path, values=missing)
    assert f"--token-file: {missing}" in complaint(tmp_path, token_file=missing)
    assert f"--ca: {missing}" in complaint(tmp_path, ca=missing)
    (tmp_path / "empty").write_text("secret")
    assert "holds no certificate in PEM" in complaint(tmp_path, ca=tmp_path / "empty")


@pytest.mark.parametrize("text", ["two secret words", "secret\ntoken", "sécret", "\x07secret"])
def test_what_is_no_token_is_not_quoted(tmp_path: Path, text: str) -> None:
    """A file that holds something else than one token is named, and its content is not."""
    file = tmp_path / "no-token"
    file.write_text(text)
    assert f"{file}: is no token" in complaint(tmp_path, token_file=file)


def test_no_token_at_all_is_said_with_where_to_get_one() -> None:
    """Without a file and without the variable, the complaint says where Rancher makes tokens."""
    with pytest.raises(BadInputError, match="RANCHER_TOKEN or give --token-file"):
        install_order.read_token(None, {})
    assert install_order.read_token(None, {"RANCHER_TOKEN": " token-a:b\n"}) == "token-a:b"


def test_neither_token_nor_values_are_in_what_is_shown(tmp_path: Path) -> None:
    """An order's own text has no content, so that no traceback shows it."""
    values = tmp_path / "values.yaml"
    values.write_text("password: secret\n")
    assert "secret" not in repr(order(tmp_path, values=values))
