"""The replay of an audit log, event by event."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from app.core.audit.known import MOST_BYTES
from app.core.audit.replay import MOST_CLIENTS, MOST_LOSSES, MOST_MISTAKES, OTHERS, Replay
from app.core.audit.report import Doubt, Report, Unknown
from app.core.guard import Guard, Guards, Mode, Protect, ProtectedList, Target, WhenSpecAlsoChanges, Writers

WIDGETS = Guard(
    "widgets",
    Target("example.io", frozenset({"v1"}), "widgets", status_subresource=False),
    writers=Writers(frozenset({"controller"})),
    override_max_duration=timedelta(hours=1),
    protect=Protect(fields=(("imageID",),), lists=(ProtectedList(("conditions",), "type"),)),
)
SCALES = Guard("scales", Target("example.io", frozenset({"*"}), "scales", status_subresource=True), mode=Mode.DENY)
GEARS = Guard(
    "gears",
    Target("example.io", frozenset({"*"}), "gears", status_subresource=False),
    when_spec_also_changes=WhenSpecAlsoChanges.DENY,
)
GUARDS = Guards([WIDGETS, SCALES, GEARS])
STATUS = {"imageID": "i", "conditions": [{"type": "A"}, {"type": "B"}]}


def thing(version: int, status: Any = STATUS, **more: Any) -> dict[str, Any]:
    """A widget as a response shows it."""
    metadata = {"name": "one", "namespace": "ns", "uid": "u-1", "resourceVersion": str(version)}
    metadata |= {"generation": version} | more.pop("metadata", {})
    found = {"apiVersion": "example.io/v1", "kind": "Widget", "metadata": metadata, **more}
    return found if status is None else {**found, "status": status}


def event(verb: str, response: Any, uri: str = "/x", code: int = 200, **more: Any) -> dict[str, Any]:
    """An event, of a user called mallory unless it says otherwise."""
    ref = {"resource": "widgets", "namespace": "ns", "name": "one", "apiGroup": "example.io", "apiVersion": "v1"}
    found = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "RequestResponse",
        "stage": "ResponseComplete",
        "auditID": "a-1",
        "verb": verb,
        "requestURI": uri,
        "user": {"username": "mallory"},
        "sourceIPs": ["10.0.0.9", "10.0.0.1"],
        "userAgent": "browser/1.0",
        "objectRef": ref | more.pop("ref", {}),
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": "2026-01-31T12:00:00.000000Z",
    }
    found |= {} if response is None else {"responseObject": response}
    return found | more


def replayed(*events: dict[str, Any] | bytes, **options: Any) -> Report:
    """The report on these lines."""
    replay = Replay(GUARDS, **options)
    for number, one in enumerate(events, 1):
        replay.line(one if isinstance(one, bytes) else msgspec.json.encode(one), f"log:{number}")
    return replay.report()


def test_a_write_that_dropped_status_is_told_with_all_that_is_known_of_it() -> None:
    """Who, for whom, with what, from where, when, which line, what was lost, and what the guard would have done."""
    proxy = {"user": {"username": "proxy"}, "impersonatedUser": {"username": "mallory", "groups": ["g"]}}
    report = replayed(event("get", thing(1)), event("update", thing(2, None), **proxy))
    assert (report.lines, report.judged, report.intact, report.lost) == (2, 1, 0, 1)
    [loss] = report.losses
    assert (loss.place, loss.time, loss.audit_id) == ("log:2", "2026-01-31T12:00:00.000000Z", "a-1")
    assert (loss.user, loss.impersonated_by, loss.client) == ("mallory", "proxy", "browser/1.0")
    assert loss.source == ("10.0.0.9", "10.0.0.1")
    assert (loss.resource, loss.version, loss.object, loss.verb) == ("widgets.example.io", "v1", "ns/one", "update")
    assert (loss.guard, loss.would_have, loss.rules, loss.doubt) == ("widgets", "restored", ("SG003",), Doubt.NONE)
    assert [finding.path for finding in loss.findings] == ["/status"]


def test_a_part_that_went_is_a_loss_and_a_changed_value_is_none() -> None:
    """The rules are the webhook's own: one list item gone is found, another value is not."""
    changed = thing(2, STATUS | {"imageID": "j"})
    gone = thing(3, {"imageID": "j", "conditions": [{"type": "A"}]})
    report = replayed(event("create", thing(1), code=201), event("patch", changed), event("patch", gone))
    assert (report.judged, report.intact) == (2, 1)
    assert [finding.path for finding in report.losses[0].findings] == ["/status/conditions/type=B"]


def test_what_every_write_left_is_what_the_next_is_compared_with() -> None:
    """After a loss the object without status is the last known one, so the loss is told once."""
    report = replayed(event("get", thing(1)), *(event("update", thing(at, None)) for at in (2, 3, 4)))
    assert (report.judged, report.intact, report.lost) == (3, 2, 1)


def test_a_list_shows_objects_too() -> None:
    """Every item of a list is known from then on."""
    listed = {"apiVersion": "example.io/v1", "kind": "WidgetList", "items": [thing(1)]}
    report = replayed(event("list", listed, ref={"name": ""}), event("update", thing(2, None)))
    assert report.lost == 1


@pytest.mark.parametrize("version", ["meta.k8s.io/v1", "v1"])
def test_a_table_or_a_status_shows_no_object(version: str) -> None:
    """What kubectl get asks for has no status in it, and that is no loss."""
    table = thing(2, None) | {"apiVersion": version}
    report = replayed(event("get", thing(1)), event("get", table), event("update", thing(3)))
    assert (report.judged, report.intact) == (1, 1)
    assert replayed(event("get", thing(1)), event("update", table)).unknown == {Unknown.NO_OBJECT: 1}


def test_a_write_to_what_was_never_shown_is_unknown() -> None:
    """Without a response before it nobody can say; it is counted, and remembered for the next."""
    report = replayed(event("update", thing(1, None)), event("update", thing(2, None)))
    assert (report.unknown, report.judged, report.lost) == ({Unknown.FIRST_SEEN: 1}, 1, 0)


def test_a_read_from_an_old_cache_does_not_undo_what_is_known() -> None:
    """A response with an older resourceVersion than the last one is left aside."""
    report = replayed(
        event("update", thing(5, None)), event("get", thing(4)), event("update", thing(6, None, metadata={}))
    )
    assert (report.judged, report.intact) == (1, 1)


def test_a_write_that_is_logged_late_is_unknown() -> None:
    """Of two writes in the wrong order the earlier is not compared with the later."""
    report = replayed(event("update", thing(5, None)), event("update", thing(4)))
    assert report.unknown == {Unknown.FIRST_SEEN: 1, Unknown.OUT_OF_ORDER: 1}


def test_another_version_of_the_api_is_not_compared() -> None:
    """A field that the other version does not have is no loss."""
    other = event("update", thing(2, None, apiVersion="example.io/v2"), ref={"apiVersion": "v2"})
    report = replayed(event("get", thing(1)), other, event("update", thing(3)))
    assert report.unknown == {Unknown.OTHER_VERSION: 2}


@pytest.mark.parametrize(
    ("line", "count"),
    [
        (event("update", thing(2, None), "/x?dryRun=All&fieldManager=m"), "dry_runs"),
        (event("update", thing(2, None), code=409), "failed"),
        (event("update", thing(2, None), code=500), "failed"),
        (event("update", None, level="Metadata"), "too_little"),
        (event("update", None, level="Request"), "too_little"),
    ],
)
def test_what_was_not_stored_or_not_logged_is_counted_apart(line: dict[str, Any], count: str) -> None:
    """Dry runs, failed writes and events without the object are no losses, and change nothing that is known."""
    report = replayed(event("get", thing(1)), line, event("patch", thing(2)))
    assert getattr(report, count) == 1
    assert (report.judged, report.intact) == (1, 1)


@pytest.mark.parametrize(
    "line",
    [
        event("update", thing(2, None), stage="RequestReceived"),
        event("update", thing(2, None), stage="Panic"),
        event("update", thing(2, None), ref={"resource": "gadgets"}),
        event("update", thing(2, None), ref={"subresource": "scale"}),
        event("update", thing(2, None), ref={"apiGroup": "other.io"}),
        event("delete", thing(2, None)),
        event("watch", None),
        event("get", None) | {"objectRef": None},
    ],
)
def test_what_is_no_finished_write_to_a_guarded_kind_is_passed_over(line: dict[str, Any]) -> None:
    """Other stages, kinds, subresources and verbs are neither judged nor counted."""
    report = replayed(event("get", thing(1)), line)
    assert (report.lines, report.judged, report.lost, report.too_little) == (2, 0, 0, 0)


def test_a_write_without_its_content_puts_the_next_loss_in_doubt() -> None:
    """Either of the two may have lost it, and the report says so."""
    report = replayed(event("get", thing(1)), event("patch", None, level="Metadata"), event("update", thing(3, None)))
    assert report.losses[0].doubt is Doubt.UNSEEN_WRITE


def test_a_gap_in_the_generation_puts_a_loss_in_doubt() -> None:
    """Each change beyond metadata adds one; two at once are a write that the log does not hold."""
    report = replayed(event("get", thing(1)), event("update", thing(3, None)))
    assert report.losses[0].doubt is Doubt.GAP


def test_a_listed_writer_and_an_override_are_forgiven_then_as_now() -> None:
    """Both are shown as exempted and do not count as lost; an override has to have been valid at that time."""
    controller = replayed(event("get", thing(1)), event("update", thing(2, None), user={"username": "controller"}))
    assert (controller.losses_by_action, controller.lost) == ({"exempted": 1}, 0)
    for end, lost in (("2026-01-31T12:30:00Z", 0), ("2026-01-31T11:30:00Z", 1)):
        allowed = {"annotations": {"statusguard.io/allow-status-loss": f"{end}; *; because"}}
        report = replayed(event("get", thing(1)), event("update", thing(2, None, metadata=allowed)))
        assert report.lost == lost


def test_the_mode_and_a_changed_spec_decide_what_would_have_been_done() -> None:
    """Deny denies, and so does Restore for a changed spec where the guard says so."""
    ref = {"resource": "gears"}
    gear = thing(1, spec={"a": 1}, kind="Gear")
    same, other = thing(2, None, spec={"a": 1}, kind="Gear"), thing(2, None, spec={"a": 2}, kind="Gear")
    assert replayed(event("get", gear, ref=ref), event("update", same, ref=ref)).losses_by_action == {"restored": 1}
    assert replayed(event("get", gear, ref=ref), event("update", other, ref=ref)).losses_by_action == {"denied": 1}


def test_a_guarded_subresource_is_judged_and_the_object_beside_it_is_not() -> None:
    """With a status subresource, only writes to it can lose status; writes to the object show what there is."""
    ref = {"resource": "scales"}
    scale = {"kind": "Scale"}
    lost = event("update", thing(2, None, **scale), ref=ref | {"subresource": "status"})
    assert replayed(event("update", thing(1, **scale), ref=ref), lost).losses_by_action == {"denied": 1}
    assert replayed(event("get", thing(1, **scale), ref=ref), event("update", thing(2, None), ref=ref)).judged == 0


def test_an_object_made_anew_without_its_status_is_told_apart() -> None:
    """Delete and create is no update: the guard is not asked, and the next write to the new object is judged alone."""
    anew = thing(9, None, metadata={"uid": "u-2"})
    report = replayed(event("get", thing(1)), event("create", anew, code=201))
    assert (report.recreated, report.judged, report.lost) == (1, 0, 0)
    assert (report.losses[0].would_have, report.losses[0].verb) == ("not-asked", "create")
    assert replayed(event("get", thing(1)), event("patch", anew, code=201)).recreated == 1
    assert replayed(event("get", thing(1, None)), event("create", anew, code=201)).recreated == 0


def test_what_the_guard_restored_then_is_counted_by_its_annotation() -> None:
    """The stored object lost nothing, and the log says that this was our doing."""
    mended = event("update", thing(2), annotations={"widgets.mutate.statusguard.io/restored": "widgets: /status"})
    report = replayed(event("get", thing(1)), mended)
    assert (report.restored_then, report.intact, report.lost) == (1, 1, 0)


def test_only_the_time_asked_for_is_judged_and_all_is_remembered() -> None:
    """A write before --since shows what the one after it is compared with."""
    early = event("update", thing(2), requestReceivedTimestamp="2026-01-31T11:59:59Z")
    late = event("update", thing(4, None), requestReceivedTimestamp="2026-01-31T13:00:00Z")
    noon, one = datetime(2026, 1, 31, 12, tzinfo=UTC), datetime(2026, 1, 31, 13, tzinfo=UTC)
    report = replayed(early, event("update", thing(3, None)), late, since=noon, until=one)
    assert (report.outside, report.judged, report.lost) == (2, 1, 1)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"not json", "is not JSON"),
        (b'{"kind":"Event","stage":', "is not JSON"),
        (b'{"kind":"Event"}', "no audit event"),
        (b"[]", "no audit event"),
        (b'{"kind":"EventList","stage":"","items":[]}', "another kind"),
        (b'{"kind":"Event","stage":"x","user":{"username":"\xff"}}', "is not JSON"),
        (b'{"kind":"Event","stage":"x","verb":7}', "no audit event"),
        (b'{"kind":"Event","stage":"x","spec":' + b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_a_line_that_is_no_event_is_named_and_the_rest_goes_on(line: bytes, why: str) -> None:
    """The place and what is wrong are told, nothing of the line itself, and the next loss is found."""
    report = replayed(event("get", thing(1)), line, b"\n", event("update", thing(2, None)))
    assert (report.lines, report.malformed, report.lost) == (3, 1, 1)
    assert report.mistakes[0].place == "log:2"
    assert why in report.mistakes[0].why


def test_a_status_nested_too_deeply_is_counted_and_the_replay_goes_on() -> None:
    """At each depth around what Python can hold, a write is judged, unknown or unreadable, and the next is judged."""
    for depth in range(850, 1000):
        deep = [Raw(b'{"imageID":' + b'{"a":' * depth + digit + b"}" * depth + b"}") for digit in (b"1", b"2")]
        first, second = (event("update", thing(at, status)) for at, status in enumerate(deep, 1))
        report = replayed(first, second, event("get", thing(3)), event("update", thing(4, None)))
        assert report.judged + report.unknown.total() + report.malformed == 3
        assert report.lost == 1


@pytest.mark.parametrize("uri", ["http://[", "/x?dryRun", "/x?fieldManager=", "\ud800"])
def test_a_strange_uri_is_a_write_like_any_other(uri: str) -> None:
    """What a client puts there is not trusted to be a URL."""
    line = json.dumps(event("update", thing(2, None), uri)).encode()
    report = replayed(event("get", thing(1)), line)
    assert report.lost + report.malformed == 1


def test_an_answer_that_is_not_in_the_log_is_unknown() -> None:
    """The API server leaves objects out of events that are too large for its backend."""
    assert replayed(event("get", thing(1)), event("update", None)).unknown == {Unknown.NO_OBJECT: 1}


@pytest.mark.parametrize("time", ["", "noon", "2026-01-31T12:00:00"])
def test_a_write_without_a_time_is_judged_whatever_the_time_asked_for(time: str) -> None:
    """Leaving it out would hide a loss; no override is known to hold then."""
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    allowed = {"annotations": {"statusguard.io/allow-status-loss": "2026-01-31T12:30:00Z; *; because"}}
    lost = event("update", thing(2, None, metadata=allowed), requestReceivedTimestamp=time)
    report = replayed(event("get", thing(1)), lost, since=noon, until=noon)
    assert (report.outside, report.lost) == (0, 1)


@pytest.mark.parametrize("version", ["9" * 30, "", "abc", "٣"])
def test_a_resource_version_that_is_no_number_leaves_the_order_of_the_log(version: str) -> None:
    """The last response is then the last known one."""
    odd = thing(1)
    odd["metadata"]["resourceVersion"] = version
    report = replayed(event("get", odd), event("update", thing(2, None)))
    assert report.lost == 1


def test_what_is_held_stays_within_the_bound() -> None:
    """The objects seen last are kept; a write to one that was let go is unknown."""
    status = {"imageID": "x" * 10_000}
    named = [event("get", thing(1, status, metadata={"name": f"n-{at}", "uid": f"u-{at}"})) for at in range(100)]
    gone, kept = (event("update", thing(2, None, metadata={"name": f"n-{at}", "uid": f"u-{at}"})) for at in (0, 99))
    report = replayed(*named, gone, kept, most_bytes=200_000)
    assert report.most_bytes <= 200_000
    assert report.objects_let_go > 80
    assert (report.unknown, report.lost) == ({Unknown.FIRST_SEEN: 1}, 1)
    assert replayed(*named).most_bytes < 100 * 12_000 < MOST_BYTES


def test_lists_are_bounded_and_counts_are_not() -> None:
    """However many losses, bad lines and names of clients there are, memory is not theirs to fill."""
    most = max(MOST_LOSSES, MOST_CLIENTS)
    assert most <= 10_000
    events: list[dict[str, Any] | bytes] = []
    for at in range(most + 2):
        events += [event("update", thing(2 * at + 1)), event("update", thing(2 * at + 2, None), userAgent=f"a-{at}")]
    report = replayed(*events, *[b"{"] * (MOST_MISTAKES + 1))
    assert (report.lost, len(report.losses)) == (most + 2, MOST_LOSSES)
    assert (report.malformed, len(report.mistakes)) == (MOST_MISTAKES + 1, MOST_MISTAKES)
    assert report.by_client[OTHERS] == 2


def test_what_a_client_says_cannot_command_the_terminal() -> None:
    """Control characters of names and user agents are replaced, and long ones are cut."""
    loud = event("update", thing(2, None), userAgent="\x1b]0;owned\x07" + "x" * 9000, user={"username": "a\nb"})
    [loss] = replayed(event("get", thing(1)), loud).losses
    assert (loss.client + loss.user).isprintable()
    assert len(loss.client) == 300
