"""What app/core/losses.py and app/core/final.py find, asked in CEL.

Where a list or map is too large to be walked within the cost the API server allows, the answer is the caller's choice
(``Bounds.beyond``): a webhook is then called and looks itself, a policy lets the write pass.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.core import jsontext
from app.core.export import cel
from app.core.guard import Final as FinalRule
from app.core.guard import Guard, ProtectedList, Writers
from app.core.losses import METADATA, STATUS
from app.core.pointer import Tokens
from app.core.rule_ids import RuleId

CONDITIONS: Final[Tokens] = ("conditions",)


@dataclass(frozen=True, slots=True)
class Names:
    """How an expression calls what it looks at."""

    old: str
    """The old object's status, null where there is none."""
    new: str
    before: str
    """The old object's labels, an empty map where there are none."""
    after: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """The largest list and map that are walked, so that the API server's cost limit is never met.

    One expression may cost 1,000,000 units (k8s.io/apiserver, PerCallLimit). Comparing two lists of n items by key
    costs about n * n, a map's key some 15; both limits are shared by all lists and maps of one expression.
    tests/cluster/test_export_limits.py holds the largest of both against a real API server.
    """

    items: int
    entries: int
    asks: bool
    """Whether somebody who has no bounds is asked beyond them (the webhook) or nobody is (a policy)."""

    @property
    def beyond(self) -> str:
        """The answer for what is too large, once it is bound to ``o`` and ``n``."""
        return "o != n" if self.asks else cel.FALSE


MOST_ITEMS: Final = 500
"""On Kubernetes 1.36, two lists of 800 are compared within the limit and two of 1000 are not."""
MOST_ENTRIES: Final = 40_000
"""Of two maps, 70,000 entries are within the limit; an object with more does not fit into etcd."""


def bounds(guard: Guard, *, asks: bool, items: int = MOST_ITEMS, entries: int = MOST_ENTRIES) -> Bounds:
    """The bounds for a guard whose lists and maps are all walked by one expression.

    Args:
        guard: the guard.
        asks: see ``Bounds``.
        items: the bound if there were a single list.
        entries: the bound if there were a single map.
    """
    parts = max(1, len(guard.protect.lists) + len(guard.protect.maps))
    return Bounds(items=int(items / parts**0.5), entries=entries // parts, asks=asks)


def status(root: str) -> str:
    """The status of an object, null where there is none."""
    return f"'status' in {root} ? {root}.status : null"


def labels(root: str) -> str:
    """The labels of an object, an empty map where there are none."""
    return f"{cel.is_a('map', root, ('metadata', 'labels'))} ? {root}.metadata.labels : {{}}"


def not_being_deleted() -> str:
    """SG002, turned round: the old object is not on its way out."""
    return f"!({cel.present('oldObject', ('metadata', 'deletionTimestamp'))})"


def listed_writer(writers: Writers) -> str:
    """SG010: whoever writes is listed."""
    user, groups = "request.userInfo.username", "request.userInfo.groups"
    branches = []
    if writers.usernames:
        branches.append(f"(has({user}) && {user} in {cel.strings(writers.usernames)})")
    if writers.groups:
        branches.append(f"(has({groups}) && {groups}.exists(g, g in {cel.strings(writers.groups)}))")
    return " || ".join(branches) or cel.FALSE


def empty(guard: Guard, status_name: str) -> str:
    """Whether a status says nothing: null, ``{}``, or what CRD defaults make of none."""
    said = ["null", "{}", *(cel.literal(jsontext.decode(raw)) for raw in guard.empty_status)]
    return " || ".join(f"{status_name} == {value}" for value in said)


def whole_status(guard: Guard, names: Names) -> str:
    """SG003: there was a status, and now there is none."""
    return (
        f"!({empty(guard, names.old)})"
        f" && ((type({names.old}) == map && type({names.new}) != map) || {empty(guard, names.new)})"
    )


def field(path: Tokens, names: Names) -> str:
    """SG004: a field that had a value is gone or null."""
    return f"{cel.present(names.old, path)} && !({cel.present(names.new, path)})"


def map_keys(path: Tokens, names: Names, limits: Bounds) -> str:
    """SG005: a key of a map is gone or null, or the map is."""
    kept = "o.all(k, o[k] == null || (k in n && n[k] != null))"
    return _both(
        "map",
        path,
        names,
        f"type(n) != map ? (size(o) > {limits.entries} || o.exists(k, o[k] != null))\n"
        f": size(o) > {limits.entries} ? {limits.beyond}\n"
        f": !{kept}",
    )


def has_key(item: str, key: str) -> str:
    """Whether a list item is known by a key."""
    return cel.present(item, (key,))


def list_items(rule: ProtectedList, names: Names, limits: Bounds) -> str:
    """SG006: an item, known by its key, is gone, or the list is."""
    known, key = has_key("i", rule.key), cel.quote(rule.key)
    kept = f"[n.map(i, {known}, i[{key}])].all(keys, o.all(i, !({known}) || i[{key}] in keys))"
    return _both(
        "list",
        rule.path,
        names,
        f"type(n) != list ? (size(o) > {limits.entries} || o.exists(i, {known}))\n"
        f": size(o) > {limits.items} || size(n) > {limits.items} ? {limits.beyond}\n"
        f": !{kept}",
    )


def _both(kind: str, path: Tokens, names: Names, body: str) -> str:
    """``body`` over the old value as ``o``, where it is of a kind, and the new one as ``n``, null where it is not.

    Bound once, so that what walking costs does not depend on how deep the path leads.
    """
    new = f"{cel.is_a(kind, names.new, path)} ? {cel.at(names.new, path)} : null"
    inner = cel.bind("o", cel.at(names.old, path), cel.bind("n", new, body))
    return f"{cel.is_a(kind, names.old, path)} && {inner}"


def label(key: str, names: Names) -> str:
    """SG007: a label is gone."""
    return f"{cel.present(names.before, (key,))} && !({cel.present(names.after, (key,))})"


def finished(rule: FinalRule, names: Names) -> str:
    """Whether the old object's labels make it a finished one."""
    return " && ".join(
        f"{cel.quote(key)} in {names.before} && {cel.at(names.before, (key,))} in {cel.strings(values)}"
        for key, values in sorted(rule.when_labels.items())
    )


def final_label(key: str, names: Names) -> str:
    """SG014: a label to keep has another value, or is gone."""
    kept = f"{cel.reachable(names.after, (key,))} && {cel.at(names.after, (key,))} == {cel.at(names.before, (key,))}"
    return f"{cel.present(names.before, (key,))} && !({kept})"


def unkept(item: str, kind: str, kept: str) -> str:
    """Whether a condition is of a kind, and does not have the status to keep."""
    return (
        f"type({item}) == map && 'type' in {item} && {item}['type'] == {cel.quote(kind)}"
        f" && !('status' in {item} && {item}['status'] == {cel.quote(kept)})"
    )


def final_condition(kind: str, kept: str, names: Names, limits: Bounds) -> str:
    """SG015: a condition to keep is there with another status."""
    conditions = cel.at(names.new, CONDITIONS)
    beyond = str(limits.asks).lower()
    return (
        f"{cel.is_a('list', names.new, CONDITIONS)} && (size({conditions}) > {limits.entries}"
        f" ? {beyond} : {conditions}.exists(i, {unkept('i', kind, kept)}))"
    )


@dataclass(frozen=True, slots=True)
class Undone:
    """One thing a finished object would not keep."""

    rule: RuleId
    path: Tokens
    subject: str
    """The label's key, or the condition's type."""
    kept: str
    """The status a condition has to keep; empty for a label, which keeps what it was."""
    expression: str


@dataclass(frozen=True, slots=True)
class Finished:
    """One ``final`` entry: the question when it applies, and what would undo it."""

    when: str
    undone: tuple[Undone, ...]


def finals(guard: Guard, names: Names, limits: Bounds) -> Iterator[Finished]:
    """The guard's ``final`` entries that keep something here: one write to /status changes no label.

    Where two entries keep one condition in different ways the first that applies counts, so the later one adds that the
    earlier one does not apply.
    """
    for number, rule in enumerate(guard.final):
        undone = []
        if not guard.target.status_subresource:
            for key in rule.keep_labels:
                path: Tokens = (METADATA, "labels", key)
                undone.append(Undone(RuleId.FINAL_LABEL, path, key, "", final_label(key, names)))
        for kind, kept in rule.keep_conditions.items():
            others = [other for other in guard.final[:number] if other.keep_conditions.get(kind, kept) != kept]
            first = "".join(f"!({finished(other, names)}) && " for other in others)
            path = (STATUS, *CONDITIONS, f"type={kind}")
            expression = first + final_condition(kind, kept, names, limits)
            undone.append(Undone(RuleId.FINAL_CONDITION, path, kind, kept, expression))
        if undone:
            yield Finished(finished(rule, names), tuple(undone))
