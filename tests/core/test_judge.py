"""What the case table leaves open about the decision as a whole."""

from datetime import UTC, datetime, timedelta

from msgspec import Raw

from app.core.guard import Final, Guard, Guards, Mode, Protect, Target, WhenSpecAlsoChanges, Writers
from app.core.judge import judge
from app.core.override import ANNOTATION
from app.core.review import AdmissionRequest, GroupVersionResource, KubernetesObject, ObjectMeta, UserInfo
from app.core.rule_ids import RuleId
from app.core.verdict import Action, Endpoint, Verdict

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
TARGET = Target("g.io", frozenset({"*"}), "things", status_subresource=False)
OVERRIDE = Raw(b'{"%b":"2026-01-31T12:30:00Z; *; why"}' % ANNOTATION.encode())


def decide(old: KubernetesObject, new: KubernetesObject, guard: Guard, user: UserInfo | None = None) -> Verdict:
    """The mutating webhook's verdict."""
    resource = GroupVersionResource("things", "g.io", "v1")
    who = user or UserInfo("jane")
    request = AdmissionRequest("uid", "UPDATE", resource, name="one", user_info=who, object=new, old_object=old)
    return judge(request, Guards([guard]), endpoint=Endpoint.MUTATE, now=NOW)


def thing(
    status: bytes = b"", spec: bytes = b"", labels: bytes = b"{}", annotations: Raw | None = None
) -> KubernetesObject:
    """An object."""
    metadata = ObjectMeta(labels=Raw(labels), annotations=annotations or Raw())
    return KubernetesObject(metadata=metadata, spec=Raw(spec), status=Raw(status))


def test_a_user_without_groups_is_a_member_of_none() -> None:
    """A review without groups is judged, by the user's name alone."""
    guard = Guard("guard", TARGET, writers=Writers(frozenset({"writer"}), frozenset({"writers"})))
    assert decide(thing(b'{"a":1}'), thing(), guard, UserInfo("jane", None)).action is Action.RESTORED
    assert decide(thing(b'{"a":1}'), thing(), guard, UserInfo("writer", None)).action is Action.EXEMPTED
    assert decide(thing(b'{"a":1}'), thing(), guard, UserInfo("jane", ["writers"])).action is Action.EXEMPTED


def test_an_override_is_named_once() -> None:
    """One override that forgives a loss and lifts the second line of defence is one reason."""
    guard = Guard(
        "guard",
        TARGET,
        protect=Protect(fields=(("a",),)),
        final=(Final({"done": frozenset({"true"})}, ("done",)),),
        override_max_duration=timedelta(hours=1),
    )
    old, new = thing(b'{"a":1}', labels=b'{"done":"true"}'), thing(annotations=OVERRIDE)
    verdict = decide(old, new, guard)
    assert verdict.rules == (RuleId.OVERRIDE, RuleId.WHOLE_STATUS, RuleId.FINAL_LABEL)
    assert verdict.audit_annotations == {
        "exempted": "guard SG012: /status (SG003), /metadata/labels/done (SG014)",
    }


def test_mode_deny_gives_a_changed_spec_no_blame() -> None:
    """Where the mode denies anyway, a changed spec is no reason."""
    guard = Guard("guard", TARGET, mode=Mode.DENY, when_spec_also_changes=WhenSpecAlsoChanges.DENY)
    verdict = decide(thing(b'{"a":1}', b"1"), thing(b"", b"2"), guard)
    assert verdict.rules == (RuleId.WHOLE_STATUS,)
    assert [hint.rule for hint in verdict.hints] == [RuleId.OVERRIDE]


def test_a_denial_says_everything_in_its_message_too() -> None:
    """The message names object, paths and rules, and so does the audit annotation with the guard's name."""
    verdict = decide(thing(b'{"a":1}'), thing(), Guard("guard", TARGET, mode=Mode.DENY))
    assert verdict.message == "status-guard keeps things.g.io one as it is: /status (SG003)"
    assert verdict.audit_annotations == {"denied": "guard: /status (SG003)"}
    assert not verdict.allowed


def test_a_healthy_write_has_an_empty_verdict() -> None:
    """A write that loses nothing gets no message, patch, warning or annotation; the guard is named for the metrics."""
    verdict = decide(thing(b'{"a":1}'), thing(b'{"a":2}'), Guard("guard", TARGET))
    assert verdict == Verdict(Action.ALLOWED, (RuleId.INTACT,), "guard")
    assert verdict.allowed


def test_an_update_without_both_objects_is_none_of_ours() -> None:
    """A request that lacks an object has nothing to lose."""
    resource = GroupVersionResource("things", "g.io", "v1")
    for old, new in ((thing(b'{"a":1}'), None), (None, thing())):
        request = AdmissionRequest("uid", "UPDATE", resource, object=new, old_object=old)
        verdict = judge(request, Guards([Guard("guard", TARGET)]), endpoint=Endpoint.MUTATE, now=NOW)
        assert verdict == Verdict(Action.ALLOWED, (RuleId.NOT_GUARDED,))
