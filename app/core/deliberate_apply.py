"""SG011: a server-side apply whose manager gives up what it owned.

An applier that owned status by Apply and now leaves it out means to remove it; restoring would make it unremovable
(KEP-555). Two things prove it, both from managedFields, which the API server computes before admission: the manager
owned every lost path by Apply, and the time of that Apply entry moved with this request. A PUT that names the same
field manager leaves the entry's time as it was. Times have seconds: an apply within the same second as the one before
it cannot be told from a PUT, and is not forgiven.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Raw, Struct

from app.core import jsontext
from app.core.jsontext import ABSENT, Identity
from app.core.losses import Loss, Tree
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
_any = msgspec.json.Decoder(Raw)
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
        owned = FieldSet(before.fields)
        return all(owned.owns(loss.path, loss.value) for loss in losses)
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


class FieldSet:
    """What one manager owns: a FieldsV1 trie, each of its levels read once."""

    def __init__(self, root: Raw) -> None:
        self._tree = Tree(root)
        self._lists: dict[Tokens, ListItems] = {}

    def owns(self, path: Tokens, value: Raw) -> bool:
        """Whether the set names the value at a path, or every leaf of it. A list item can only come last."""
        at: Tokens = ()
        node = ABSENT
        for token in path:
            here, at = at, (*at, f"f:{token}")
            node = self._tree.get(at)
            if node == ABSENT and len(at) == len(path):
                node = self._items(here).entry(value)
            if not jsontext.is_object(node):
                return False
            if jsontext.is_empty_object(node):
                return True  # a leaf: owned as one value, with all that is in it
        return _owns_all(node, value)

    def _items(self, path: Tokens) -> "ListItems":
        if path not in self._lists:
            self._lists[path] = ListItems(self._tree.members(path))
        return self._lists[path]


class ListItems:
    """The items of one list in a field set: by their keys (``k:``) or, in a set, by their value (``v:``)."""

    def __init__(self, fields: dict[str, Raw]) -> None:
        self._values: dict[Identity, Raw] = {}
        self._keyed: dict[tuple[Identity | None, ...], Raw] = {}
        self._keys: tuple[str, ...] = ()
        for name, entry in fields.items():
            kind, _, text = name.partition(":")
            if kind == "v":
                self._add_value(jsontext.identity(_json(text)), entry)
            elif kind == "k":
                self._add_keyed(jsontext.members(_json(text)), entry)

    def _add_value(self, value: Identity | None, entry: Raw) -> None:
        if value is not None:
            self._values[value] = entry

    def _add_keyed(self, keys: dict[str, Raw], entry: Raw) -> None:
        # a list has one set of keys; looking for more would let crafted managedFields take time without bounds
        self._keys = self._keys or tuple(keys)
        if keys.keys() == set(self._keys):
            self._keyed[_identities(keys, self._keys)] = entry

    def entry(self, item: Raw) -> Raw:
        """What the set says of this item; empty if it does not name it."""
        if self._keys:
            found = self._keyed.get(_identities(jsontext.members(item), self._keys))
            if found is not None:
                return found
        value = jsontext.identity(item)
        return ABSENT if value is None else self._values.get(value, ABSENT)


def _identities(members: dict[str, Raw], keys: Iterable[str]) -> tuple[Identity | None, ...]:
    return tuple(jsontext.identity(members.get(key, ABSENT)) for key in keys)


def _owns_all(node: Raw, value: Raw) -> bool:
    """Whether a field set names every leaf of a value."""
    todo = [(node, value)]
    while todo:
        node, value = todo.pop()
        if not jsontext.is_object(node):
            return False
        if jsontext.is_empty_object(node):
            continue
        fields = jsontext.members(node)
        todo += [(fields.get(f"f:{key}", ABSENT), member) for key, member in jsontext.members(value).items()]
        if items := jsontext.items(value):
            known = ListItems(fields)
            todo += [(known.entry(item), item) for item in items]
    return True


def _json(text: str) -> Raw:
    """The value a ``k:`` or ``v:`` stands for; nothing where the text is no JSON."""
    try:
        return _any.decode(text)
    except msgspec.DecodeError:
        return ABSENT
