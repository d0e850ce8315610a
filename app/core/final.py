"""SG014 and SG015: a finished object stays finished, whoever writes, its controller included.

The second line of defence for an upgrade whose status was lost before anybody guarded it: its controller starts it
again, and putting label and condition back in that very write ends the controller's loop, where a denial would make it
retry (Harvester's upgrade_controller.go strips ``latestUpgrade`` from other upgrades on each retry).
"""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Raw, Struct

from app.core import jsontext
from app.core.guard import Final, Guard
from app.core.jsontext import ABSENT
from app.core.losses import APPEND, METADATA, STATUS, Addition
from app.core.pointer import Tokens
from app.core.review import KubernetesObject
from app.core.rule_ids import RuleId


class Unfinished(Struct, frozen=True, gc=False):
    """One thing a finished object would not keep, and the addition that keeps it."""

    rule: RuleId
    path: Tokens
    remedy: Addition


def find(old: KubernetesObject, new: KubernetesObject, guard: Guard, restored: Iterable[Addition]) -> list[Unfinished]:
    """What this write would undo of a finished object, seen on the new object with ``restored`` applied."""
    entries = finished(old, guard)
    if not entries:
        return []
    had = jsontext.members(old.metadata.labels)
    restored = list(restored)
    labels = jsontext.members(new.metadata.labels) | {
        addition.path[-1]: addition.value for addition in restored if addition.path[:2] == (METADATA, "labels")
    }
    conditions = _conditions(new, restored)
    keep_labels: dict[str, None] = {}
    keep_conditions: dict[str, str] = {}
    for entry in entries:  # two entries may keep the same thing; where they disagree the first one counts
        keep_labels |= dict.fromkeys(entry.keep_labels)
        keep_conditions = {**entry.keep_conditions, **keep_conditions}
    if guard.target.status_subresource:  # the API server drops what a write to /status says of labels
        keep_labels = {}
    return [*changed_labels(keep_labels, had, labels), *changed_conditions(keep_conditions, conditions)]


def finished(old: KubernetesObject, guard: Guard) -> list[Final]:
    """The guard's ``final`` entries that the old object matches."""
    if not guard.final:
        return []
    labels = jsontext.members(old.metadata.labels)
    return [
        entry
        for entry in guard.final
        if all(jsontext.text(labels.get(key, ABSENT)) in values for key, values in entry.when_labels.items())
    ]


def changed_labels(keep: Iterable[str], had: dict[str, Raw], has: dict[str, Raw]) -> Iterator[Unfinished]:
    """SG014: a label to keep has another value, or is gone."""
    for key in keep:
        value = had.get(key, ABSENT)
        if jsontext.present(value) and not jsontext.same(value, has.get(key, ABSENT)):
            path = (METADATA, "labels", key)
            yield Unfinished(RuleId.FINAL_LABEL, path, Addition(path, value))


def changed_conditions(keep: Mapping[str, str], conditions: list[Raw]) -> Iterator[Unfinished]:
    """SG015: a condition to keep is there with another status. One that is not there has no value to differ."""
    for kind, kept in keep.items():
        for index, condition in enumerate(conditions):
            members = jsontext.members(condition)
            if jsontext.text(members.get("type", ABSENT)) != kind:
                continue
            if jsontext.text(members.get("status", ABSENT)) != kept:
                remedy = Addition((STATUS, "conditions", str(index), "status"), jsontext.encode(kept))
                yield Unfinished(RuleId.FINAL_CONDITION, (STATUS, "conditions", f"type={kind}"), remedy)


def _conditions(new: KubernetesObject, restored: list[Addition]) -> list[Raw]:
    """The conditions as they will stand, in their order, once the additions are applied."""
    whole = new.status
    conditions = None
    appended: list[Raw] = []
    for addition in restored:
        if addition.path == (STATUS,):
            whole = addition.value
        elif addition.path == (STATUS, "conditions"):
            conditions = addition.value
        elif addition.path == (STATUS, "conditions", APPEND):
            appended.append(addition.value)
    if conditions is None:
        conditions = jsontext.members(whole).get("conditions", ABSENT)
    return jsontext.items(conditions) + appended
