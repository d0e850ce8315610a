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
    costs about n * n, a map's key about 10; both limits are shared by all lists and maps of one expression.
    """

    items: int
    entries: int
    asks: bool
    """Whether somebody who has no bounds is asked beyond them (the webhook) or nobody is (a policy)."""

    def beyond(self, old: str, new: str) -> str:
        """The answer for what is too large."""
        return f"{old} != {new}" if self.asks else cel.FALSE


_MOST_ITEMS: Final = 500
_ENTRIES_OF_ONE: Final = 40_000


def bounds(guard: Guard, *, asks: bool, expressions: int = 1) -> Bounds:
    """The bounds for a guard's lists and maps, spread over as many expressions of full cost."""
    parts = max(1.0, (len(guard.protect.lists) + len(guard.protect.maps)) / expressions)
    return Bounds(items=int(_MOST_ITEMS / parts**0.5), entries=int(_ENTRIES_OF_ONE / parts), asks=asks)


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
    old, new = cel.at(names.old, path), cel.at(names.new, path)
    kept = f"{old}.all(k, {old}[k] == null || (k in {new} && {new}[k] != null))"
    return (
        f"{cel.is_a('map', names.old, path)} && ({cel.is_a('map', names.new, path)}"
        f" ? (size({old}) > {limits.entries} ? {limits.beyond(old, new)} : !{kept})"
        f" : (size({old}) > {limits.entries} || {old}.exists(k, {old}[k] != null)))"
    )


def has_key(item: str, key: str) -> str:
    """Whether a list item is known by a key."""
    return cel.present(item, (key,))


def list_items(rule: ProtectedList, names: Names, limits: Bounds) -> str:
    """SG006: an item, known by its key, is gone, or the list is."""
    old, new = cel.at(names.old, rule.path), cel.at(names.new, rule.path)
    key = cel.quote(rule.key)
    keys = f"{new}.map(i, {has_key('i', rule.key)}, i[{key}])"
    kept = f"[{keys}].all(keys, {old}.all(i, !({has_key('i', rule.key)}) || i[{key}] in keys))"
    too_long = f"size({old}) > {limits.items} || size({new}) > {limits.items}"
    return (
        f"{cel.is_a('list', names.old, rule.path)} && ({cel.is_a('list', names.new, rule.path)}"
        f" ? ({too_long} ? {limits.beyond(old, new)} : !{kept})"
        f" : (size({old}) > {limits.entries} || {old}.exists(i, {has_key('i', rule.key)})))"
    )


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
