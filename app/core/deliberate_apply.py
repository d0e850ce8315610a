"""SG011: a server-side apply whose manager gives up what it owned.

An applier that owned status by Apply and now leaves it out means to remove it; restoring would make it unremovable
(KEP-555). Two things prove it, both from managedFields, which the API server computes before admission: the manager
owned every lost path by Apply, and the time of that Apply entry moved with this request. A PUT that names the same
field manager leaves the entry's time as it was. Times have seconds: an apply within the same second as the one before
it cannot be told from a PUT, and is not forgiven.
"""

import json
from collections.abc import Iterable

import msgspec
from msgspec import Raw, Struct

from app.core import jsontext
from app.core.jsontext import ABSENT
from app.core.losses import Loss
from app.core.pointer import Tokens
from app.core.review import AdmissionRequest


class ManagedFieldsEntry(Struct, frozen=True, rename="camel", gc=False):
    """One entry of ``metadata.managedFields``."""

    manager: str = ""
    operation: str = ""
    subresource: str = ""
    time: str = ""
    # the API names it so; FieldsV1 is a trie keyed f:NAME, k:{...} and v:VALUE
    fields: Raw = msgspec.field(default=ABSENT, name="fieldsV1")


_entries = msgspec.json.Decoder(list[ManagedFieldsEntry])
_APPLY = "Apply"
_ENOUGH_TO_SEE_SPACES = 64
"""Bytes: the first member of the first entry."""


def is_deliberate(request: AdmissionRequest, losses: Iterable[Loss]) -> bool:
    """Whether this request is a server-side apply by the manager that owned all of these losses."""
    manager = request.options.field_manager if request.options else None
    if not manager or request.old_object is None or request.object is None:
        return False
    before = _apply_entry(request.old_object.metadata.managed_fields, manager, request.sub_resource or "")
    if before is None:
        return False
    after = _apply_entry(request.object.metadata.managed_fields, manager, request.sub_resource or "")
    if after is None or after.time == before.time:
        return False
    try:
        return all(_owns(before.fields, loss.path, loss.value) for loss in losses)
    except RecursionError:  # ownership of something nested that deeply cannot be shown, so it is not there
        return False


def _apply_entry(managed_fields: Raw, manager: str, subresource: str) -> ManagedFieldsEntry | None:
    if not _may_have_applied(bytes(managed_fields), manager):
        return None
    try:
        entries = _entries.decode(managed_fields)
    except msgspec.MsgspecError:
        return None
    for entry in entries:
        if (entry.manager, entry.operation, entry.subresource) == (manager, _APPLY, subresource):
            return entry
    return None


def _may_have_applied(text: bytes, manager: str) -> bool:
    """Whether it is worth decoding what is often half of the object: most objects were never applied.

    The API server writes compact JSON with these two members side by side; text with white space is decoded anyway.
    """
    beginning = text[:_ENOUGH_TO_SEE_SPACES]
    return b": " in beginning or b'"manager":%b,"operation":"Apply"' % msgspec.json.encode(manager) in text


def _owns(fields: Raw, path: Tokens, value: Raw) -> bool:
    node = fields
    for depth, token in enumerate(path, start=1):
        node = _child(node, token, value if depth == len(path) else ABSENT)
        if not jsontext.is_object(node):
            return False
        if jsontext.is_empty_object(node):
            return True  # a leaf: owned as one value, with all that is in it
    return _owns_all(node, value)


def _owns_all(node: Raw, value: Raw) -> bool:
    """Whether a field set names every leaf of a value."""
    todo = [(node, value)]
    while todo:
        node, value = todo.pop()
        if not jsontext.is_object(node):
            return False
        if jsontext.is_empty_object(node):
            continue
        todo += [(_child(node, key, ABSENT), member) for key, member in jsontext.members(value).items()]
        todo += [(_list_child(node, item), item) for item in jsontext.items(value)]
    return True


def _child(node: Raw, token: str, value: Raw) -> Raw:
    found = jsontext.members(node).get(f"f:{token}", ABSENT)
    return found if found != ABSENT or value == ABSENT else _list_child(node, value)


def _list_child(node: Raw, item: Raw) -> Raw:
    """The entry of a list item: by its keys (``k:``) or, in a set, by its value (``v:``)."""
    for name, child in jsontext.members(node).items():
        kind, _, text = name.partition(":")
        if kind not in {"k", "v"} or not _is_json(text):
            continue
        if kind == "v" and jsontext.same(Raw(text.encode()), item):
            return child
        keys = jsontext.members(Raw(text.encode())) if kind == "k" else {}
        has = jsontext.members(item)
        if keys and all(jsontext.same(has.get(key, ABSENT), value) for key, value in keys.items()):
            return child
    return ABSENT


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
