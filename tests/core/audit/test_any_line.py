"""Whatever a log holds, the replay counts it and goes on."""

import copy
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.audit.replay import Replay
from app.core.guard import Guard, Guards, Protect, ProtectedList, Target

GUARDS = Guards(
    [
        Guard(
            "widgets",
            Target("example.io", frozenset({"*"}), "widgets", status_subresource=False),
            protect=Protect(fields=(("a",),), maps=(("m",),), lists=(ProtectedList(("l",), "k"),), labels=("x",)),
        )
    ]
)
EVENT: dict[str, Any] = {
    "kind": "Event",
    "level": "RequestResponse",
    "stage": "ResponseComplete",
    "auditID": "a",
    "verb": "update",
    "requestURI": "/x?fieldManager=m",
    "user": {"username": "u", "groups": ["g"]},
    "sourceIPs": ["10.0.0.1"],
    "userAgent": "agent",
    "objectRef": {"resource": "widgets", "namespace": "n", "name": "o", "apiGroup": "example.io", "apiVersion": "v1"},
    "responseStatus": {"code": 200},
    "responseObject": {
        "apiVersion": "example.io/v1",
        "kind": "Widget",
        "metadata": {"name": "o", "namespace": "n", "uid": "u", "resourceVersion": "1", "labels": {"x": "y"}},
        "status": {"a": 1, "m": {"k": 1}, "l": [{"k": "v"}]},
    },
    "requestReceivedTimestamp": "2026-01-31T12:00:00Z",
    "annotations": {"a": "b"},
}
PATHS = [
    *((key,) for key in EVENT),
    *(("responseObject", key) for key in EVENT["responseObject"]),
    *(("responseObject", "metadata", key) for key in ("uid", "resourceVersion", "generation", "deletionTimestamp")),
    *(("responseObject", "metadata", key) for key in ("labels", "annotations", "managedFields", "finalizers", "name")),
    *(("responseObject", "status", key) for key in ("a", "m", "l")),
    *(("objectRef", key) for key in (*EVENT["objectRef"], "subresource")),
    ("user", "groups"),
    ("responseStatus", "code"),
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["create", "patch", "get", "list", "status", "0001-01-01T00:00:00+14:00", "http://[", "9" * 30]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.tuples(st.sampled_from(PATHS), VALUES), max_size=3), max_size=6))
def test_an_event_changed_anywhere_is_counted_once_and_never_stops_the_replay(
    changes: list[list[tuple[tuple[str, ...], Any]]],
) -> None:
    """Of events with any values in any places, each line is read, and each judged write is intact or listed."""
    replay = Replay(GUARDS)
    for number, mutations in enumerate(changes):
        event = copy.deepcopy(EVENT)
        for path, value in mutations:
            at = event
            for key in path[:-1]:
                at = at[key] if isinstance(at.get(key), dict) else at.setdefault(f"{key}!", {})
            at[path[-1]] = value
        replay.line(msgspec.json.encode(event), f"log:{number}")
    report = replay.report()
    assert report.lines == len(changes)
    assert report.judged == report.intact + sum(report.losses_by_action.values())
    assert len(report.losses) == report.recreated + sum(report.losses_by_action.values())
    assert all(loss.user.isprintable() and loss.object.isprintable() for loss in report.losses)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_are_named(line: bytes) -> None:
    """Nothing that is not an event goes unnoticed, and nothing raises."""
    replay = Replay(GUARDS)
    replay.line(line, "log:1")
    report = replay.report()
    assert report.malformed == report.lines == (1 if line.strip() else 0)
