"""What app/core/losses.py and app/core/final.py put back, as JSON Patch operations that CEL makes.

Only ``add``, as everywhere: it also overwrites, and what is added twice is there once. The library of
MutatingAdmissionPolicies is that of Kubernetes 1.36, so comprehensions over index and item may be used here.
"""

from typing import Final

from app.core import pointer
from app.core.export import cel, loss
from app.core.export.loss import Bounds, Names
from app.core.guard import Guard, ProtectedList
from app.core.losses import APPEND, METADATA, STATUS
from app.core.pointer import Tokens

NOTHING: Final = "[]"

_FINALIZERS: Final[Tokens] = (METADATA, "finalizers")
_OWNERS: Final[Tokens] = (METADATA, "ownerReferences")
_LABELS: Final[Tokens] = (METADATA, "labels")


def add(path: str, value: str) -> str:
    """One operation; both arguments are expressions."""
    return f"JSONPatch{{op: 'add', path: {path}, value: {value}}}"


def when(condition: str, operations: str) -> str:
    """The operations, under a condition."""
    return f"{condition}\n? {_inner(operations)}\n: {NOTHING}"


def _inner(operations: str) -> str:
    return f"(\n{cel.indented(operations)})" if "\n" in operations else operations


def whole_status(guard: Guard, names: Names) -> str:
    """The status as it was, with the finalizers and owner references that went with it."""
    operations = []
    if not guard.target.status_subresource:
        operations += [_finalizers(guard)] if guard.protect.finalizers else []
        operations += [_owner_references()] if guard.protect.owner_references else []
    return "\n+ ".join([*map(_inner, operations), f"[{add(_text((STATUS,)), names.old)}]"])


def _finalizers(guard: Guard) -> str:
    old, new = cel.at("oldObject", _FINALIZERS), cel.at("object", _FINALIZERS)
    there = cel.is_a("list", "object", _FINALIZERS)
    protected = cel.strings(guard.protect.finalizers)
    lost = f"{protected}.filter(f, f in {old} && !({there} && f in {new}))"
    appended = f"{lost}.map(f, {add(_text((*_FINALIZERS, APPEND)), 'f')})"
    return _container(_FINALIZERS, there, lost, appended)


def _owner_references() -> str:
    old, new = cel.at("oldObject", _OWNERS), cel.at("object", _OWNERS)
    there = cel.is_a("list", "object", _OWNERS)
    has_uid = loss.has_key("o", "uid")
    found = f"{new}.exists(n, {loss.has_key('n', 'uid')} && n['uid'] == o['uid'])"
    lost = f"{old}.filter(o, {has_uid} && !({there} && {found}))"
    appended = f"{lost}.map(o, {add(_text((*_OWNERS, APPEND)), 'o')})"
    return _container(_OWNERS, there, lost, appended)


def _container(path: Tokens, there: str, lost: str, appended: str) -> str:
    """A list of metadata: what is lost, behind what is there or as a new list."""
    alone = when(f"size({lost}) > 0", f"[{add(_text(path), lost)}]")
    return when(cel.is_a("list", "oldObject", path), _which(there, appended, alone))


def _which(there: str, parts: str, container: str) -> str:
    return f"{there}\n? {parts}\n: {_inner(container)}"


def field(path: Tokens, names: Names) -> str:
    """A field that is lost."""
    return when(loss.field(path, names), _put_back(path, names))


def map_keys(path: Tokens, names: Names, limits: Bounds) -> str:
    """The keys of a map that are lost, or the map."""
    old, new = cel.at(names.old, path), cel.at(names.new, path)
    lost = f"{old}[k] != null && !(k in {new} && {new}[k] != null)"
    key_path = f"{_text((STATUS, *path, ''))} + jsonpatch.escapeKey(k)"
    keys = f"{old}.map(k, {lost}, {add(key_path, f'{old}[k]')})"
    there = cel.is_a("map", names.new, path)
    return when(loss.map_keys(path, names, limits), _which(there, keys, _put_back(path, names)))


def list_items(rule: ProtectedList, names: Names, limits: Bounds) -> str:
    """The items of a list that are lost, each key once, or the list."""
    path, key = rule.path, cel.quote(rule.key)
    old, new = cel.at(names.old, path), cel.at(names.new, path)
    keys = [f"{value}.map(i, {loss.has_key('i', rule.key)} ? i[{key}] : null)" for value in (old, new)]
    first = f"i[{key}] != null && !(i[{key}] in left) && had.indexOf(i[{key}]) == n"
    known = f"type(i) == map && {key} in i && {first}"
    added = f"{old}.transformList(n, i, {known}, {add(_text((STATUS, *path, APPEND)), 'i')})"
    items = f"[{keys[0]}].map(had, [{keys[1]}].map(left,\n  {added})[0])[0]"
    there = cel.is_a("list", names.new, path)
    return when(loss.list_items(rule, names, limits), _which(there, items, _put_back(path, names)))


def lost_label(key: str, names: Names) -> str:
    """A label that is lost."""
    return when(loss.label(key, names), label(key, names))


def label(key: str, names: Names) -> str:
    """A label as it was; where there are no labels at all, something for it to go into."""
    container = when(f"!({cel.is_a('map', 'object', _LABELS)})", f"[{add(_text(_LABELS), '{}')}]")
    return f"{_inner(container)}\n+ [{add(_text((*_LABELS, key)), cel.at(names.before, (key,)))}]"


def condition(kind: str, kept: str, names: Names) -> str:
    """The kept status of each condition of a kind that has another one."""
    conditions = cel.at(names.new, loss.CONDITIONS)
    path = "'/status/conditions/' + string(n) + '/status'"
    return f"{conditions}.transformList(n, i, {loss.unkept('i', kind, kept)}, {add(path, cel.quote(kept))})"


def _put_back(path: Tokens, names: Names) -> str:
    """The value, or the first container above it that the new status has not, or has as something else."""
    expression = f"[{add(_text((STATUS, *path)), cel.at(names.old, path))}]"
    for depth in reversed(range(len(path))):
        above = path[:depth]
        missing = f"!({cel.is_a('map', names.new, above)})"
        container = f"[{add(_text((STATUS, *above)), cel.at(names.old, above))}]"
        expression = f"({missing} ? {container} : {expression})"
    return expression


def _text(path: Tokens) -> str:
    return cel.quote(pointer.render(path))
