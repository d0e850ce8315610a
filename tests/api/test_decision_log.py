"""The decision log of the running server: one line for each decision that matters, and never a value."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from raw_client import STATUS, Reply, make_review
from server_process import Process

Post = Callable[..., Reply]

WRITER = {"username": "system:serviceaccount:test:controller"}


def marked(uid: str, resource: str, **changes: Any) -> dict[str, Any]:
    """A review in which every value of the object, kept or lost, is marked."""
    body = json.loads(json.dumps(STATUS).replace('"img"', '"MARKER"').replace('"Ready"', '"MARKER"'))
    review = make_review(uid, resource)
    new = review["request"]["object"]
    new["metadata"] |= {"annotations": {"a": "MARKER"}, "managedFields": [{"manager": "MARKER"}]}
    new["spec"] = {"password": "MARKER"}
    review["request"] |= {
        "object": new,
        "oldObject": {**new, "status": body},
        "userInfo": {"username": "jane", "uid": "MARKER", "extra": {"token": ["MARKER"]}},
        "options": {"fieldManager": "MARKER"},
    } | changes
    return review


@pytest.mark.parametrize("path", ["/mutate", "/validate"])
@pytest.mark.parametrize(
    ("resource", "actions", "changes", "reasons"),
    [
        ("widgets", ("restored", "denied"), {}, ["SG003"]),
        ("gadgets", ("denied", "denied"), {}, ["SG003"]),
        ("gizmos", ("warned", "warned"), {}, ["SG003"]),
        ("gears", ("audited", "audited"), {}, ["SG003"]),
        ("widgets", ("exempted", "exempted"), {"userInfo": WRITER}, ["SG010", "SG003"]),
    ],
)
def test_a_decision_that_matters_has_one_line(
    resource: str,
    actions: tuple[str, str],
    changes: dict[str, Any],
    reasons: list[str],
    path: str,
    *,
    server: Process,
    post: Post,
) -> None:
    """Whatever is lost, restored, denied or forgiven is one line of JSON with who, what and why, and no value of it."""
    action = actions[path == "/validate"]
    uid = f"{action}-{resource}-{path}-{len(server.lines)}"
    post(marked(uid, resource, **changes), path)
    line = server.line(action, uid=uid)
    shown = {name: value for name, value in line.items() if name not in {"time", "rules"}}
    assert shown == {
        "event": action,
        "level": "info",
        "uid": uid,
        "endpoint": path[1:],
        "guard": f"test-{resource}",
        "group": "example.io",
        "version": "v1",
        "resource": resource,
        "subresource": "",
        "namespace": "test",
        "name": "one",
        "user": changes.get("userInfo", {"username": "jane"})["username"],
        "paths": ["/status"],
        "lost": 1,
    }
    assert line["rules"][: len(reasons)] == reasons
    assert line["time"].endswith("Z")
    assert [other.get("uid") for other in server.lines].count(uid) == 1
    assert_nothing_marked(server)


def assert_nothing_marked(server: Process) -> None:
    """No log line and no metric holds a marked value."""
    assert "MARKER" not in json.dumps(server.lines)
    assert not server.noise
    assert b"MARKER" not in server.ops("/metrics")[2]


@pytest.mark.parametrize(
    "quiet",
    [
        {"resource": "others"},
        {"operation": "CREATE"},
        {"resource": "widgets", "dryRun": True},
        {"resource": "gadgets", "dryRun": True},
    ],
)
def test_nothing_else_has_a_line(quiet: dict[str, Any], server: Process, post: Post) -> None:
    """What is allowed, and every dry run, leaves no line; the one that is posted after it has the next."""
    before = len(server.lines)
    review = make_review("quiet")
    review["request"] |= quiet | {
        "resource": review["request"]["resource"] | {"resource": quiet.get("resource", "widgets")}
    }
    assert post(review).status == 200
    post(make_review(f"after-{before}"))
    server.line("restored", uid=f"after-{before}")
    assert [line.get("uid") for line in server.lines[before:]] == [f"after-{before}"]


def test_a_fault_has_a_line(server: Process, post: Post) -> None:
    """A fault is a line with endpoint, code and what is wrong, and nothing of the request."""
    count = len([line for line in server.lines if line["event"] == "fault"])
    post(b'{"MARKER": tru}', "/validate").assert_fault(400)
    line = server.line("fault", count + 1)
    assert (line["level"], line["endpoint"], line["code"]) == ("warning", "validate", 400)
    assert line["detail"].startswith("The body is not JSON")
    assert_nothing_marked(server)


def test_a_line_has_a_bounded_number_of_paths(server: Process, post: Post) -> None:
    """Of a wiped map the line names the first twenty keys, and how many there are."""
    review = make_review("many")
    review["request"]["oldObject"]["status"] = {"nodeStatuses": {f"node{number}": "MARKER" for number in range(1000)}}
    review["request"]["object"]["status"] = {"nodeStatuses": {}}
    post(review)
    line = server.line("restored", uid="many")
    assert (len(line["paths"]), line["lost"], line["paths"][0]) == (20, 1000, "/status/nodeStatuses/node0")
    assert_nothing_marked(server)


def test_odd_names_stay_one_line(server: Process, post: Post) -> None:
    """Line breaks and control characters in names cannot forge a line."""
    post(make_review("odd", name='x\n{"event":"forged"}\x1b[2J', userInfo={"username": "a\r\nb\u2028"}))
    line = server.line("restored", uid="odd")
    assert (line["name"], line["user"]) == ('x\n{"event":"forged"}\x1b[2J', "a\r\nb\u2028")
    assert not server.noise
