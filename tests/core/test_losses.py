"""What counts as lost, against a second opinion that decodes everything."""

import json
from collections.abc import Iterator
from typing import Any

from arbitrary import Write, cases, render
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from app.api import wire
from app.core import losses
from app.core.guard import Guard, Mode, Protect, ProtectedList, Target
from app.core.losses import Addition, Loss, Tree
from app.core.review import KubernetesObject
from app.core.rule_ids import RuleId

Found = tuple[RuleId, tuple[str, ...]]


class Number(str):
    """A JSON number as it is written."""

    __slots__ = ()


def value(text: str | bytes) -> Any:
    """A JSON value that keeps how its numbers are written."""
    return json.loads(text, parse_int=Number, parse_float=Number)


def at(tree: Any, path: tuple[str, ...]) -> Any:
    """What is at a path through objects."""
    for token in path:
        tree = tree.get(token) if isinstance(tree, dict) else None
    return tree


def whole(old: Any, new: Any, guard: Guard) -> bool:
    """Whether the status is gone as a whole. The generated defaults are compared as ``same`` does, which has tests."""
    texts = [json.dumps(value(bytes(default)), sort_keys=True) for default in guard.empty_status]

    def empty(status: Any) -> bool:
        return status is None or status == {} or json.dumps(status, sort_keys=True) in texts

    gone = empty(new) or (isinstance(old, dict) and not isinstance(new, dict))
    return gone and not empty(old)


def expected(old: Any, new: Any, guard: Guard) -> Iterator[Found]:
    """The losses by the book, list items left out."""
    protect = guard.protect
    for path in protect.fields:
        if at(old, path) is not None and at(new, path) is None:
            yield RuleId.FIELD, ("status", *path)
    for path in protect.maps:
        had = at(old, path)
        keys = [key for key, member in had.items() if member is not None] if isinstance(had, dict) else []
        has = at(new, path)
        if keys and not isinstance(has, dict):
            yield RuleId.MAP_KEY, ("status", *path)
        elif keys:
            yield from ((RuleId.MAP_KEY, ("status", *path, key)) for key in keys if has.get(key) is None)


@settings(max_examples=300, deadline=None)
@given(cases(mode=st.just(Mode.AUDIT), empty_status=st.just(())))
def test_losses_by_the_book(case: tuple[Write, Guard]) -> None:
    """Whole-status, field and map losses are those that a plain reading of the decoded objects finds."""
    write, guard = case
    request = wire.decode(write.review())
    assert request.old_object is not None
    assert request.object is not None
    old, new = value(render(write.old)).get("status"), value(render(write.new)).get("status")
    found = losses.find(request.old_object, request.object, guard)
    if whole(old, new, guard):
        assert found[0].rule is RuleId.WHOLE_STATUS
        return
    plain = {(loss.rule, loss.path) for loss in found if loss.rule in {RuleId.FIELD, RuleId.MAP_KEY}}
    assert plain == set(expected(old, new, guard))
    assert RuleId.WHOLE_STATUS not in {loss.rule for loss in found}


def guard(protect: Protect, *, subresource: bool = False) -> Guard:
    """A guard with this protection."""
    target = Target("example.com", frozenset({"*"}), "things", subresource)
    return Guard("guard", target, protect=protect)


def find(old: str, new: str, protect: Protect) -> list[Loss]:
    """The losses between two statuses."""
    before, after = (KubernetesObject(status=Raw(text.encode())) for text in (old, new))
    return losses.find(before, after, guard(protect))


def test_two_rules_for_one_list_put_an_item_back_once() -> None:
    """An item that two rules know by different keys is one loss and comes back once."""
    lists = (ProtectedList(("l",), "id"), ProtectedList(("l",), "name"))
    found = find('{"l":[{"id":1,"name":"a"},{"id":2,"name":"b"}]}', '{"l":[{"id":2,"name":"b"}]}', Protect(lists=lists))
    assert [loss.path for loss in found] == [("status", "l", "id=1")]


def test_a_part_comes_back_with_the_first_container_that_is_missing() -> None:
    """A part below something missing, null or of another type takes that whole container back."""
    protect = Protect(fields=(("a", "b", "c"),))
    old = '{"a":{"b":{"c":1,"d":2},"e":3}}'
    expectations = {
        '{"a":{"b":{},"e":3}}': Addition(("status", "a", "b", "c"), Raw(b"1")),
        '{"a":{"b":null}}': Addition(("status", "a", "b"), Raw(b'{"c":1,"d":2}')),
        '{"a":{"b":[]}}': Addition(("status", "a", "b"), Raw(b'{"c":1,"d":2}')),
        '{"x":1}': Addition(("status", "a"), Raw(b'{"b":{"c":1,"d":2},"e":3}')),
    }
    for new, remedy in expectations.items():
        assert [loss.remedy for loss in find(old, new, protect)] == [remedy]


def test_a_part_of_a_status_of_defaults_comes_back_with_the_status() -> None:
    """Where the old status only repeats the defaults and the new one is gone, the patch needs no missing parent."""
    old, new = KubernetesObject(status=Raw(b'{"phase":"Pending"}')), KubernetesObject()
    careful = Guard(
        "guard",
        guard(Protect()).target,
        protect=Protect(fields=(("phase",),), maps=((),)),
        empty_status=(Raw(b'{ "phase" : "Pending" }'),),
    )
    found = losses.find(old, new, careful)
    assert {loss.remedy.path for loss in found} == {("status",)}
    assert [loss.rule for loss in found] == [RuleId.FIELD, RuleId.MAP_KEY]


def test_a_tree_reads_each_level_once() -> None:
    """A level of a status is decoded once, however many paths lead through it."""
    tree = Tree(Raw(b'{"a":{"b":1}}'))
    assert tree.members(("a",)) is tree.members(("a",))
    assert bytes(tree.get(("a", "b"))) == b"1"
    assert bytes(tree.get(())) == b'{"a":{"b":1}}'
    assert bytes(tree.get(("a", "b", "c"))) == b""


def test_a_whole_loss_reads_nothing_of_the_status() -> None:
    """A whole-status loss is found without decoding the old status: text that is no JSON inside does not matter."""
    old = KubernetesObject(status=Raw(b'{"broken": "never looked at'))
    found = losses.find(old, KubernetesObject(), guard(Protect(fields=(("a",),))))
    assert [loss.rule for loss in found] == [RuleId.WHOLE_STATUS]


def test_an_unchanged_status_is_not_read() -> None:
    """Where old and new status are the same text, nothing of it is decoded."""
    same = KubernetesObject(status=Raw(b'{"broken": "never looked at'))
    assert losses.find(same, same, guard(Protect(fields=(("a",),)))) == []
