"""Finished objects."""

from msgspec import Raw

from app.core import final
from app.core.final import Unfinished
from app.core.guard import Final, Guard, Target
from app.core.losses import Addition
from app.core.review import KubernetesObject, ObjectMeta
from app.core.rule_ids import RuleId

WHEN = {"done": frozenset({"true", "yes"}), "team": frozenset({"a"})}


def thing(labels: str, status: str = "{}") -> KubernetesObject:
    """An object with these labels and this status."""
    return KubernetesObject(metadata=ObjectMeta(labels=Raw(labels.encode())), status=Raw(status.encode()))


def guard(*entries: Final, subresource: bool = False) -> Guard:
    """A guard with these entries."""
    return Guard("guard", Target("g.io", frozenset({"*"}), "things", subresource), final=entries)


def test_every_label_has_to_match() -> None:
    """An object is finished where each label of an entry has one of its values, as a string."""
    entry = Final(WHEN, ("done",))
    assert final.finished(thing('{"done":"yes","team":"a","x":"y"}'), guard(entry)) == [entry]
    for labels in ('{"done":"true"}', '{"done":"no","team":"a"}', '{"done":true,"team":"a"}', "null", ""):
        assert final.finished(thing(labels), guard(entry)) == []


def test_where_entries_disagree_the_first_counts() -> None:
    """Two entries that keep different values of one condition keep the first one's, and share what they agree on."""
    entries = (
        Final({"done": frozenset({"true"})}, ("done",), {"A": "True"}),
        Final({"done": frozenset({"true"})}, ("done",), {"A": "False", "B": "True"}),
    )
    old = thing('{"done":"true"}')
    new = thing("{}", '{"conditions":[{"type":"A","status":"Unknown"},{"type":"B","status":"False"}]}')
    found = final.find(old, new, guard(*entries), [])
    assert {(item.rule, item.remedy.path[-2:], bytes(item.remedy.value)) for item in found} == {
        (RuleId.FINAL_LABEL, ("labels", "done"), b'"true"'),
        (RuleId.FINAL_CONDITION, ("0", "status"), b'"True"'),
        (RuleId.FINAL_CONDITION, ("1", "status"), b'"True"'),
    }
    assert len(found) == 3


def test_a_label_that_comes_back_counts_as_there() -> None:
    """A label that is restored already is not kept a second time."""
    entry = Final({"done": frozenset({"true"})}, ("done",))
    restored = [Addition(("metadata", "labels", "done"), Raw(b'"true"'))]
    assert final.find(thing('{"done":"true"}'), thing("{}"), guard(entry), restored) == []


def test_labels_are_not_kept_through_the_status_subresource() -> None:
    """A write to /status changes no label, so only conditions are kept there."""
    entry = Final({"done": frozenset({"true"})}, ("done",), {"A": "True"})
    new = thing("{}", '{"conditions":[{"type":"A"}]}')
    found = final.find(thing('{"done":"true"}'), new, guard(entry, subresource=True), [])
    assert [item.rule for item in found] == [RuleId.FINAL_CONDITION]


def test_conditions_that_come_back_are_counted_behind_those_there() -> None:
    """The place of a condition is its place once everything lost is restored."""
    entry = Final({"done": frozenset({"true"})}, (), {"A": "True"})
    restored = [
        Addition(("status", "conditions", "-"), Raw(b'{"type":"B"}')),
        Addition(("status", "conditions", "-"), Raw(b'{"type":"A","status":"False"}')),
    ]
    new = thing('{"done":"true"}', '{"conditions":["odd"]}')
    remedy = Addition(("status", "conditions", "2", "status"), Raw(b'"True"'))
    assert final.find(thing('{"done":"true"}'), new, guard(entry), restored) == [
        Unfinished(RuleId.FINAL_CONDITION, ("status", "conditions", "type=A"), remedy)
    ]


def test_other_things_that_come_back_are_no_conditions() -> None:
    """What is restored elsewhere is not taken for a condition."""
    entry = Final({"done": frozenset({"true"})}, (), {"A": "True"})
    elsewhere = [Addition(("status", "other"), Raw(b'{"type":"A","status":"False"}'))]
    assert final.find(thing('{"done":"true"}'), thing("{}"), guard(entry), elsewhere) == []


def test_a_label_that_was_not_there_may_come() -> None:
    """A label to keep that the finished object did not have is free to be set."""
    entry = Final({"done": frozenset({"true"})}, ("late",))
    assert final.find(thing('{"done":"true"}'), thing('{"done":"true","late":"x"}'), guard(entry), []) == []
