"""What a write would lose: the things a guard protects that the old object has and the new one has not.

A changed value is never a loss, nor is a new order or an added key: Harvester's own documentation has admins edit node
states by hand. Each function is one rule and knows how to put back what it found missing.
"""

from collections.abc import Iterator

from msgspec import Raw, Struct

from app.core import jsontext
from app.core.guard import Guard, ProtectedList
from app.core.jsontext import ABSENT
from app.core.pointer import Tokens
from app.core.review import KubernetesObject
from app.core.rule_ids import RuleId

STATUS = "status"
METADATA = "metadata"
APPEND = "-"
"""RFC 6901's name for the place after a list's last item."""


class Addition(Struct, frozen=True, gc=False):
    """One ``add`` operation of a JSON Patch; ``add`` also overwrites, so no other operation is ever needed."""

    path: Tokens
    value: Raw


class Loss(Struct, frozen=True, gc=False):
    """One protected thing that would be gone. A list item's last token reads ``key=value``."""

    rule: RuleId
    path: Tokens
    value: Raw
    remedy: Addition


class Tree:
    """A status read level by level, each level once."""

    def __init__(self, root: Raw) -> None:
        self._root = root
        self._levels: dict[Tokens, dict[str, Raw]] = {}

    def get(self, path: Tokens) -> Raw:
        """The value at a path through objects; empty where there is none."""
        return self.members(path[:-1]).get(path[-1], ABSENT) if path else self._root

    def members(self, path: Tokens) -> dict[str, Raw]:
        """The members of the object at a path; none where there is no object."""
        level = self._levels.get(path)
        if level is None:
            level = self._levels[path] = jsontext.members(self.get(path))
        return level


def find(old: KubernetesObject, new: KubernetesObject, guard: Guard) -> list[Loss]:
    """Every loss of this write, as the guard sees it."""
    protect = guard.protect
    # what a write to /status says of metadata is dropped by the API server, so it loses nothing there
    has_metadata = not guard.target.status_subresource
    found: list[Loss] = []
    if whole := whole_status(old.status, new.status, guard.empty_status):
        found.append(whole)
        if has_metadata:
            found += finalizers(old, new, protect.finalizers)
            found += owner_references(old, new) if protect.owner_references else []
    elif protect.parts_of_status and old.status != new.status:
        before, after = Tree(old.status), Tree(new.status)
        found += fields(before, after, protect.fields)
        found += map_keys(before, after, protect.maps)
        found += list_items(before, after, protect.lists)
    if protect.labels and has_metadata:
        found += labels(old, new, protect.labels)
    return found


def whole_status(old: Raw, new: Raw, empty: tuple[Raw, ...]) -> Loss | None:
    """SG003: there was a status, and now it is absent, null, ``{}``, no object, or what CRD defaults make of none.

    A status that was no object to begin with is lost when it is gone or empty; another non-object is a changed value.
    """
    gone = (jsontext.is_object(old) and not jsontext.is_object(new)) or is_empty(new, empty)
    if not gone or is_empty(old, empty):
        return None
    return Loss(RuleId.WHOLE_STATUS, (STATUS,), old, Addition((STATUS,), old))


def is_empty(status: Raw, empty: tuple[Raw, ...]) -> bool:
    """Whether a status is as good as none: absent, null, ``{}``, or one of ``emptyStatus``."""
    return (
        not jsontext.present(status)
        or jsontext.is_empty_object(status)
        or any(jsontext.same(status, default) for default in empty)
    )


def fields(old: Tree, new: Tree, protected: tuple[Tokens, ...]) -> Iterator[Loss]:
    """SG004: a field that had a value is gone or null."""
    for path in protected:
        if jsontext.present(old.get(path)) and not jsontext.present(new.get(path)):
            yield Loss(RuleId.FIELD, (STATUS, *path), old.get(path), _put_back(old, new, path))


def map_keys(old: Tree, new: Tree, protected: tuple[Tokens, ...]) -> Iterator[Loss]:
    """SG005: a key of a map is gone or null, or the map itself is gone or no map any more."""
    for path in protected:
        had = {key: value for key, value in old.members(path).items() if jsontext.present(value)}
        if not had:
            continue
        if not jsontext.is_object(new.get(path)):
            yield Loss(RuleId.MAP_KEY, (STATUS, *path), old.get(path), _put_back(old, new, path))
            continue
        has = new.members(path)
        for key, value in had.items():
            if not jsontext.present(has.get(key, ABSENT)):
                at = (STATUS, *path, key)
                yield Loss(RuleId.MAP_KEY, at, value, Addition(at, value))


def list_items(old: Tree, new: Tree, protected: tuple[ProtectedList, ...]) -> Iterator[Loss]:
    """SG006: no item with this key is left, or the list itself is gone or no list any more.

    Items are known by their key, compared with its type; the same key twice is there once, and items without the key
    are nobody's.
    """
    put_back: set[tuple[Tokens, bytes]] = set()  # two rules may know the items of one list by different keys
    for rule in protected:
        had = _by_key(old.get(rule.path), rule.key)
        if not had:
            continue
        if not jsontext.is_list(new.get(rule.path)):
            remedy = _put_back(old, new, rule.path)
            yield Loss(RuleId.LIST_ITEM, (STATUS, *rule.path), old.get(rule.path), remedy)
            continue
        has = _by_key(new.get(rule.path), rule.key)
        for identity, item in had.items():
            at = (STATUS, *rule.path)
            if identity not in has and (at, bytes(item)) not in put_back:
                put_back.add((at, bytes(item)))
                path = (*at, f"{rule.key}={identity[1]}")
                yield Loss(RuleId.LIST_ITEM, path, item, Addition((*at, APPEND), item))


def _by_key(raw: Raw, key: str) -> dict[jsontext.Identity, Raw]:
    """The items of a list by the identity of their key; the first of a kind counts, as wrangler reads conditions."""
    found: dict[jsontext.Identity, Raw] = {}
    for identity, item in zip(jsontext.identities(raw, key), jsontext.items(raw), strict=True):
        if identity is not None:
            found.setdefault(identity, item)
    return found


def _put_back(old: Tree, new: Tree, path: Tokens) -> Addition:
    """Add the value, or the first container above it that the new status has not (or has as something else).

    That may be the status itself: one that only repeats an ``emptyStatus`` has no loss as a whole, but its parts count.
    """
    for depth in range(len(path)):
        if not jsontext.is_object(new.get(path[:depth])):
            path = path[:depth]
            break
    return Addition((STATUS, *path), old.get(path))


def labels(old: KubernetesObject, new: KubernetesObject, protected: tuple[str, ...]) -> Iterator[Loss]:
    """SG007: a protected label is gone."""
    had, has = jsontext.members(old.metadata.labels), jsontext.members(new.metadata.labels)
    for key in protected:
        value = had.get(key, ABSENT)
        if jsontext.present(value) and not jsontext.present(has.get(key, ABSENT)):
            path = (METADATA, "labels", key)
            yield Loss(RuleId.LABEL, path, value, Addition(path, value))


def finalizers(old: KubernetesObject, new: KubernetesObject, protected: tuple[str, ...]) -> list[Loss]:
    """SG008: a protected finalizer went together with the whole status, as the write behind harvester#7791 does it."""
    if not protected or old.metadata.finalizers == new.metadata.finalizers:
        return []
    has = {jsontext.text(item) for item in jsontext.items(new.metadata.finalizers)}
    had = {name: item for item in jsontext.items(old.metadata.finalizers) if (name := jsontext.text(item))}
    lost = [(name, item) for name, item in had.items() if name in protected and name not in has]
    at = (METADATA, "finalizers")
    container = None
    if not jsontext.is_list(new.metadata.finalizers):
        container = Addition(at, jsontext.join_list(item for _, item in lost))
    return [
        Loss(RuleId.FINALIZER, (*at, name), item, container or Addition((*at, APPEND), item)) for name, item in lost
    ]


def owner_references(old: KubernetesObject, new: KubernetesObject) -> list[Loss]:
    """SG009: an owner reference, known by its uid, went together with the whole status."""
    if old.metadata.owner_references == new.metadata.owner_references:
        return []
    had, has = _by_key(old.metadata.owner_references, "uid"), _by_key(new.metadata.owner_references, "uid")
    lost = [(identity, item) for identity, item in had.items() if identity not in has]
    at = (METADATA, "ownerReferences")
    container = None
    if not jsontext.is_list(new.metadata.owner_references):
        container = Addition(at, jsontext.join_list(item for _, item in lost))
    return [
        Loss(
            RuleId.OWNER_REFERENCE,
            (*at, f"uid={identity[1]}"),
            item,
            container or Addition((*at, APPEND), item),
        )
        for identity, item in lost
    ]
