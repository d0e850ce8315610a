"""Server-side applies that give something up; the managedFields are as a real API server writes them."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

from app.core.deliberate_apply import is_deliberate
from app.core.losses import Addition, Loss
from app.core.review import AdmissionRequest, GroupVersionResource, KubernetesObject, ObjectMeta, Options
from app.core.rule_ids import RuleId

APPLIED = json.loads((Path(__file__).parent.parent / "data/objects/applied-before.json").read_text())
STATUS = APPLIED["status"]
EARLIER, LATER = "2026-11-22T20:36:48Z", "2026-11-22T20:36:50Z"
BEFORE = APPLIED["metadata"]["managedFields"][0]


def entry(**changes: Any) -> dict[str, Any]:
    """The applier's entry with changes."""
    return BEFORE | changes


def loss(value: Any, *path: str) -> Loss:
    """The loss of a value."""
    raw = value if isinstance(value, Raw) else Raw(json.dumps(value).encode())
    return Loss(RuleId.FIELD, path, raw, Addition(path, raw))


def decide(
    losses: list[Loss],
    before: Any = BEFORE,
    after: Any = None,
    *,
    manager: str | None = "gitops",
    subresource: str | None = None,
    compact: bool = True,
) -> bool:
    """Whether the losses are deliberate, with these entries before and after."""
    entries = [before, entry(time=LATER) if after is None else after]
    separators = (",", ":") if compact else None
    texts = [Raw(json.dumps([fields], separators=separators).encode()) for fields in entries]
    old, new = (KubernetesObject(metadata=ObjectMeta(managed_fields=text)) for text in texts)
    return is_deliberate(
        AdmissionRequest(
            "uid",
            "UPDATE",
            GroupVersionResource("things"),
            sub_resource=subresource,
            object=new,
            old_object=old,
            options=Options(manager),
        ),
        losses,
    )


WHOLE = loss(STATUS, "status")


@pytest.mark.parametrize(
    "lost",
    [
        WHOLE,
        loss("img", "status", "imageID"),
        loss(STATUS["nodeStatuses"], "status", "nodeStatuses"),
        loss({"state": "Succeeded"}, "status", "nodeStatuses", "node-0"),
        loss(STATUS["conditions"], "status", "conditions"),
        loss(STATUS["conditions"][0], "status", "conditions", "type=Completed"),
        loss("p", "status", "tags", "p"),
        loss({"deep": 1}, "status", "atomic", "anything", "below"),
        loss("a", "metadata", "labels", "team"),
        loss("example.io/hold", "metadata", "finalizers", "example.io/hold"),
        loss(APPLIED["metadata"]["ownerReferences"][0], "metadata", "ownerReferences", "uid=3f6d2a8e"),
    ],
    ids=lambda lost: "/".join(lost.path),
)
def test_what_the_manager_owned_it_may_give_up(lost: Loss) -> None:
    """Every kind of loss that the applier owned is deliberate, in compact text and in text with white space."""
    assert decide([lost])
    assert decide([lost, lost], compact=False)


@pytest.mark.parametrize(
    "lost",
    [
        loss({**STATUS, "more": 1}, "status"),
        loss({**STATUS, "conditions": [{"type": "Other"}]}, "status"),
        loss({**STATUS, "tags": ["p", "q", "r"]}, "status"),
        loss({"state": "Succeeded", "more": 1}, "status", "nodeStatuses", "node-0"),
        loss(1, "status", "elsewhere"),
        loss(1, "status", "elsewhere", "deeper"),
        loss({"type": "Other"}, "status", "conditions", "type=Other"),
        loss("odd", "status", "conditions", "type=odd"),
        loss(None, "status", "tags", "none"),
        loss("other", "metadata", "finalizers", "other"),
        loss("b", "metadata", "annotations", "team"),
    ],
    ids=lambda lost: "/".join(lost.path),
)
def test_what_it_did_not_own_is_not_forgiven(lost: Loss) -> None:
    """A loss of which the applier did not own every leaf is none of its decisions, nor is what is lost with it."""
    assert not decide([lost])
    assert not decide([WHOLE, lost])


@pytest.mark.parametrize(
    "after",
    [
        entry(),
        entry(time=LATER, manager="other"),
        entry(time=LATER, operation="Update"),
        entry(time=LATER, subresource="status"),
        entry(time=None),
        "no entry",
    ],
)
def test_the_same_managers_apply_has_to_have_moved(after: Any) -> None:
    """Without the manager's own Apply entry at another time in the new object, the write is no apply."""
    assert not decide([WHOLE], after=after)


@pytest.mark.parametrize("before", [entry(operation="Update"), entry(manager="other"), entry(subresource="status"), 1])
def test_the_manager_has_to_have_applied_before(before: Any) -> None:
    """What the manager owned by Update, under another name or through a subresource, does not count."""
    assert not decide([WHOLE], before=before)


def test_the_subresources_own_entry_counts_there() -> None:
    """In a write to /status, the manager's entry for /status is the one that counts."""
    fields = {"before": entry(subresource="status"), "after": entry(subresource="status", time=LATER)}
    assert decide([WHOLE], **fields, subresource="status")
    assert not decide([WHOLE], subresource="status")


def test_without_a_manager_nothing_is_deliberate() -> None:
    """A request that names no field manager, or has no objects, is no apply."""
    assert not decide([WHOLE], manager=None)
    assert not decide([WHOLE], manager="")
    bare = AdmissionRequest("uid", "UPDATE", GroupVersionResource("things"), options=Options("gitops"))
    assert not is_deliberate(bare, [WHOLE])
    assert not is_deliberate(AdmissionRequest("uid", "UPDATE", GroupVersionResource("things")), [WHOLE])


@pytest.mark.parametrize(
    "fields",
    [
        {
            "f:status": {
                "f:conditions": {'k:{"type":NaN}': {}, "k:no json": {}, "k:{}": {}, "v:": {}, "v:null": {}, "x": {}}
            }
        },
        {"f:status": {"f:conditions": {'k:{"name":"a"}': {}, 'k:{"type":"Completed"}': {}}}},
        {"f:status": {"f:conditions": {'k:{"type":"Completed"}': 1}}},
        {"f:status": []},
        [],
        None,
    ],
)
def test_odd_field_sets_own_nothing(fields: Any) -> None:
    """A field set that no API server writes owns nothing, and harms nobody."""
    before = entry(fieldsV1=fields)
    assert not decide([loss({"type": "Completed"}, "status", "conditions", "type=Completed")], before=before)


def test_what_is_nested_too_deeply_is_not_owned() -> None:
    """A value nested deeper than Python's stack cannot be shown to be owned."""
    deep = Raw(b'{"a":' * 5000 + b"1" + b"}" * 5000)
    before = entry(fieldsV1={"f:status": {".": {}}})
    assert not decide([loss(deep, "status")], before=before)


def test_many_losses_read_the_field_set_once() -> None:
    """A wiped map of many keys is decided in one pass: each key by itself would take hours."""
    names = [f"node-{number}" for number in range(60_000)]
    before = entry(fieldsV1={"f:status": {"f:nodes": {f"f:{name}": {} for name in names}}})
    assert decide([loss(1, "status", "nodes", name) for name in names], before=before)


def test_many_items_read_the_field_set_once() -> None:
    """A long list that goes with the whole status is decided in one pass."""
    items = [{"type": f"T{number}"} for number in range(20_000)]
    keys = {f'k:{{"type":"T{number}"}}': {".": {}, "f:type": {}} for number in range(20_000)}
    before = entry(fieldsV1={"f:status": {"f:conditions": keys}})
    assert decide([loss({"conditions": items}, "status")], before=before)
