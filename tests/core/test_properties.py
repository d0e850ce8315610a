"""What holds for every write and every guard."""

import json
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any

import jsonpatch
import msgspec
import pytest
from arbitrary import NOW, WRITER, Text, Write, cases, changed, guards, render, statuses
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from app.api import wire
from app.api.faults import Fault
from app.core import losses
from app.core.guard import Guard, Guards, Mode, Target
from app.core.judge import judge
from app.core.rule_ids import RuleId
from app.core.verdict import Action, Endpoint, Verdict

pytestmark = pytest.mark.unmeasured

BOUNDED = settings(max_examples=300, deadline=None)
FINAL_RULES = {RuleId.FINAL_LABEL, RuleId.FINAL_CONDITION}
ON_MAIN = st.just(Target("example.com", frozenset({"*"}), "things", status_subresource=False))
ENDPOINTS = st.sampled_from(Endpoint)


class Number(str):
    """A JSON number as it is written."""

    __slots__ = ()


def decide(write: Write, guard: Guard, endpoint: Endpoint = Endpoint.MUTATE, new: str | None = None) -> Verdict:
    """The verdict on a write, or on ``new`` in place of its new object."""
    request = wire.decode(write.for_guard(guard).review(new))
    return judge(request, Guards([guard]), endpoint=endpoint, now=NOW)


def value(text: str | bytes) -> Any:
    """A JSON value that keeps how its numbers are written."""
    return json.loads(text, parse_int=Number, parse_float=Number)


def dump(tree: Any) -> str:
    """The text of such a value."""
    if isinstance(tree, Number):
        return str(tree)
    if isinstance(tree, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{dump(member)}" for key, member in tree.items()) + "}"
    return "[" + ",".join(map(dump, tree)) + "]" if isinstance(tree, list) else json.dumps(tree)


def patched(write: Write, verdict: Verdict) -> Any:
    """The new object with the verdict's patch applied."""
    return jsonpatch.apply_patch(value(render(write.new)), value(verdict.patch or b"[]"))


def operations(verdict: Verdict) -> list[tuple[list[str], Raw]]:
    """Path and value text of each of the patch's operations."""
    found = msgspec.json.decode(verdict.patch or b"[]", type=list[dict[str, Raw]])
    assert all(set(operation) == {"op", "path", "value"} for operation in found)
    assert all(bytes(operation["op"]) == b'"add"' for operation in found)
    return [
        (
            [part.replace("~1", "/").replace("~0", "~") for part in json.loads(bytes(op["path"])).split("/")[1:]],
            op["value"],
        )
        for op in found
    ]


def hole(tree: Any, path: list[str], length: int | None) -> None:
    """Take out what is at a path, or what is in a list beyond a length."""
    for part in path[:-1]:
        tree = member(tree, part)
        if not isinstance(tree, dict | list):
            return
    if length is not None:
        del tree[length:]
    else:
        tree.pop(path[-1], None)


def at(tree: Any, path: list[str]) -> Any:
    """What is at a path; nothing where the path ends early."""
    for part in path:
        tree = member(tree, part)
    return tree


def member(tree: Any, part: str) -> Any:
    """A member or an item; none beyond the end, where something is to be appended."""
    if isinstance(tree, list):
        return tree[int(part)] if int(part) < len(tree) else None
    return tree.get(part) if isinstance(tree, dict) else None


@BOUNDED
@given(cases(mode=st.just(Mode.RESTORE)))
def test_a_patched_write_is_intact(case: tuple[Write, Guard]) -> None:
    """With its patch applied, a write loses nothing, undoes nothing, and is answered with nothing."""
    write, guard = case
    verdict = decide(write, guard)
    if verdict.action is not Action.RESTORED:
        assert verdict.patch == b""
        return
    after = dump(patched(write, verdict))
    request = wire.decode(write.for_guard(guard).review(after))
    assert request.old_object is not None
    assert request.object is not None
    found = losses.find(request.old_object, request.object, guard)
    standing = {finding.path for finding in verdict.findings}
    assert not [loss for loss in found if wire_path(loss.path) in standing]
    for endpoint in Endpoint:
        again = decide(write, guard, endpoint, after)
        assert again.action in {Action.ALLOWED, Action.EXEMPTED}
        assert (again.patch, again.warnings) == (b"", ())


def wire_path(tokens: tuple[str, ...]) -> str:
    """The pointer's text."""
    return "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in tokens)


@BOUNDED
@given(cases(mode=st.just(Mode.RESTORE)))
def test_a_patch_changes_only_what_was_lost(case: tuple[Write, Guard]) -> None:
    """Outside of the places it restores, a patch leaves the new object as it was written."""
    write, guard = case
    verdict = decide(write, guard)
    before, after = value(render(write.new)), patched(write, verdict)
    for path, _ in reversed(operations(verdict)):
        parent = at(value(render(write.new)), path[:-1])
        length = len(parent) if path[-1] == "-" and isinstance(parent, list) else None
        if path[-1] != "-" or length is not None:
            hole(after, path, length)
            hole(before, path, length)
    assert dump(before) == dump(after)


@BOUNDED
@given(cases(mode=st.just(Mode.RESTORE), final=st.just(())))
def test_a_patch_overwrites_no_value_that_was_meant(case: tuple[Write, Guard]) -> None:
    """A value that the new object has is overwritten only where it has another type than the protected container."""
    write, guard = case
    verdict = decide(write, guard)
    old, new = value(render(write.old)), value(render(write.new))
    for path, _ in operations(verdict):
        if path[-1] == "-" or path == ["status"]:
            continue
        was, has = at(old, path), at(new, path)
        assert has is None or (isinstance(was, dict | list) and type(was) is not type(has)) or path[0] == "metadata"


@BOUNDED
@given(cases(mode=st.just(Mode.RESTORE), final=st.just(())))
def test_restored_values_are_the_old_bytes(case: tuple[Write, Guard]) -> None:
    """Every value in a patch is, byte for byte, the text that the old object has there."""
    write, guard = case
    old = Raw(render(write.old, write.space).encode())
    for path, restored in operations(decide(write, guard)):
        source = raw_at(old, path[:-1] if path[-1] == "-" else path)
        if path[0] == "metadata" and path[-1] in {"finalizers", "ownerReferences", "labels"}:
            assert {bytes(part) for part in parts_of(restored)} <= {bytes(part) for part in parts_of(source)}
        elif path[-1] == "-":
            assert bytes(restored) in {bytes(item) for item in parts_of(source)}
        else:
            assert bytes(restored) == bytes(source)


def raw_at(raw: Raw, path: list[str]) -> Raw:
    """The text at a path through objects."""
    for part in path:
        raw = msgspec.json.decode(raw, type=dict[str, Raw])[part]
    return raw


def parts_of(raw: Raw) -> list[Raw]:
    """The texts of a container's members or items."""
    if bytes(raw).startswith(b"["):
        return msgspec.json.decode(raw, type=list[Raw])
    return list(msgspec.json.decode(raw, type=dict[str, Raw]).values())


@BOUNDED
@given(
    statuses(), st.randoms(use_true_random=False), guards(target=ON_MAIN, empty_status=st.just(()), final=st.just(()))
)
def test_change_order_and_addition_are_no_loss(status: Any, random: Random, guard: Guard) -> None:
    """Changed scalars, another order and added members are never a loss."""
    if isinstance(status, Text):
        return
    keys = frozenset(rule.key for rule in guard.protect.lists)
    new = {"metadata": {}, "status": changed(status, random, keys)}
    verdict = decide(Write({"metadata": {}, "status": status}, new), guard)
    assert (verdict.action, verdict.rules, verdict.findings) == (Action.ALLOWED, (RuleId.INTACT,), ())


@BOUNDED
@given(cases(final=st.just(())), ENDPOINTS)
def test_the_losses_of_a_listed_writer_are_never_touched(case: tuple[Write, Guard], endpoint: Endpoint) -> None:
    """A listed writer's write passes without patch or warning, whatever it loses."""
    write, guard = case
    write = replace(write, user=WRITER)
    verdict = decide(write, guard, endpoint)
    assert verdict.action in {Action.ALLOWED, Action.EXEMPTED}
    assert (verdict.patch, verdict.warnings, verdict.hints) == (b"", (), ())


@BOUNDED
@given(cases(), ENDPOINTS)
def test_the_answer_has_what_its_action_says(case: tuple[Write, Guard], endpoint: Endpoint) -> None:
    """A patch comes with a restoration only, causes and a hint with every denial, and nothing with a healthy write."""
    write, guard = case
    verdict = decide(write, guard, endpoint)
    assert verdict.rules
    assert bool(verdict.patch) == (verdict.action is Action.RESTORED)
    assert (endpoint is Endpoint.MUTATE) or not verdict.patch
    assert verdict.allowed == (verdict.action is not Action.DENIED)
    assert bool(verdict.audit_annotations) == bool(verdict.findings) == (verdict.action is not Action.ALLOWED)
    if verdict.action is Action.DENIED:
        assert verdict.message
        assert verdict.hints[-1].message
    else:
        assert (verdict.message, verdict.hints) == ("", ())
    if verdict.action in {Action.ALLOWED, Action.EXEMPTED}:
        assert verdict.warnings == ()
    for warning in verdict.warnings:
        assert len(warning) <= 200
        assert warning.isprintable()
    assert json.loads(wire.encode(wire.decode(write.review()), verdict))["response"]["allowed"] == verdict.allowed


@BOUNDED
@given(cases(), ENDPOINTS)
def test_a_dry_run_is_answered_like_a_real_one(case: tuple[Write, Guard], endpoint: Endpoint) -> None:
    """Whether a write is a dry run changes nothing about its verdict."""
    write, guard = case
    first, second = (replace(write, dry_run=dry) for dry in (True, False))
    assert decide(first, guard, endpoint) == decide(second, guard, endpoint)


@BOUNDED
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_arbitrary_bytes_are_a_fault(body: bytes) -> None:
    """Bytes that are no review are refused as a fault and as nothing else."""
    with pytest.raises(Fault):
        wire.decode(body)


@BOUNDED
@given(cases(), st.integers(min_value=0), st.binary(min_size=1, max_size=3), ENDPOINTS)
def test_a_damaged_review_is_a_fault_or_gets_a_verdict(
    case: tuple[Write, Guard], where: int, damage: bytes, endpoint: Endpoint
) -> None:
    """A review with some bytes replaced is either refused as a fault or judged."""
    write, guard = case
    body = write.for_guard(guard).review()
    where %= len(body)
    with suppress(Fault):
        request = wire.decode(body[:where] + damage + body[where + len(damage) :])
        assert judge(request, Guards([guard]), endpoint=endpoint, now=NOW).rules
