"""The match conditions: whether a write needs looking at, as webhooks and MutatingAdmissionPolicies ask it.

They mirror app/core/judge.py up to what CEL cannot know (overrides, server-side apply): those writes match.
"""

from typing import Final

from app.core.export import cel, loss
from app.core.export.loss import Bounds, Names
from app.core.export.manifest import Body, checked_expression
from app.core.guard import Guard

NAMES: Final = Names(old="old", new="new", before="before", after="after")


def match_conditions(guard: Guard, limits: Bounds) -> list[Body]:
    """All have to hold. The cheap one stands first: the API server asks in order and stops at the first no."""
    return [
        {"name": "not-being-deleted", "expression": loss.not_being_deleted()},
        {"name": "something-is-gone", "expression": checked_expression(guard, something_is_gone(guard, limits))},
    ]


def something_is_gone(guard: Guard, limits: Bounds) -> str:
    """A finished object changes, whoever writes; or something is lost and the writer may not do that."""
    branches = [
        f"({entry.when} && (\n{cel.indented(cel.either(f'({undone.expression})' for undone in entry.undone))}))"
        for entry in loss.finals(guard, NAMES, limits)
    ]
    losses = cel.indented(cel.either(f"({part})" for part in parts(guard, NAMES, limits)))
    exempt = loss.listed_writer(guard.writers)
    branches.append(f"({f'!({exempt}) && ' if exempt != cel.FALSE else ''}(\n{losses}))")
    return _bound(guard, cel.either(branches))


def parts(guard: Guard, names: Names, limits: Bounds) -> list[str]:
    """What can be lost, each as a question. Finalizers and owner references count with the whole status only."""
    protect = guard.protect
    return [
        loss.whole_status(guard, names),
        *(loss.field(path, names) for path in protect.fields),
        *(loss.map_keys(path, names, limits) for path in protect.maps),
        *(loss.list_items(rule, names, limits) for rule in protect.lists),
        *(loss.label(key, names) for key in protected_labels(guard)),
    ]


def protected_labels(guard: Guard) -> tuple[str, ...]:
    """The labels that a write can lose: one to /status loses none, the API server drops what it says of labels."""
    return () if guard.target.status_subresource else guard.protect.labels


def _bound(guard: Guard, body: str) -> str:
    if guard.final or protected_labels(guard):
        body = cel.bind(NAMES.after, loss.labels("object"), body)
        body = cel.bind(NAMES.before, loss.labels("oldObject"), body)
    body = cel.bind(NAMES.new, loss.status("object"), body)
    return cel.bind(NAMES.old, loss.status("oldObject"), body)
