"""``export map``: a MutatingAdmissionPolicy and its binding for each guard in mode Restore."""

from collections.abc import Iterable
from typing import Final

from app.core.export import cel, limits, loss, restoring, vap
from app.core.export.loss import Bounds
from app.core.export.manifest import (
    API_VERSION,
    DOMAIN,
    Export,
    Manifest,
    checked_expression,
    in_order,
    metadata,
    need,
    rule,
)
from app.core.export.matching import match_conditions, protected_labels
from app.core.export.versions import MUTATING_POLICIES, ExportError, KubeVersion
from app.core.guard import Guard, Mode, WhenSpecAlsoChanges
from app.core.rule_ids import RuleId

NAMES: Final = vap.NAMES

_MOST_ITEMS: Final = 300
"""On Kubernetes 1.36, restoring 600 at once is within the cost limit of one expression."""
_MOST_ENTRIES: Final = 10_000
"""Restoring 30,000 at once is not within that limit."""


def export(guards: Iterable[Guard], version: KubeVersion) -> Export:
    """The policies for a release.

    Raises:
        ExportError: for a release without such policies, or if no guard is in mode Restore.
    """
    need(
        version,
        MUTATING_POLICIES,
        "MutatingAdmissionPolicy that is on by default",
        "use `status-guard export webhook`, or `status-guard export vap` from 1.30 on, which refuses and puts nothing"
        " back",
    )
    ordered = in_order(guards)
    restoring_ones = [guard for guard in ordered if guard.mode is Mode.RESTORE]
    if not restoring_ones:
        raise ExportError(
            "no guard is in mode Restore, and a MutatingAdmissionPolicy can do nothing but put back; use"
            " `status-guard export vap`, which has the other modes"
        )
    left_out = [
        f"Not here: guard {guard.name}. Its mode is {guard.mode}, and a MutatingAdmissionPolicy can neither refuse nor"
        " warn nor audit; `status-guard export vap` can."
        for guard in ordered
        if guard.mode is not Mode.RESTORE
    ]
    manifests = (manifest for guard in restoring_ones for manifest in (_policy(guard), _binding(guard)))
    return Export(tuple(manifests), tuple(left_out))


def name(guard: Guard) -> str:
    """The name of policy and binding."""
    return f"{guard.name}.mutate.{DOMAIN}"


def bounds(guard: Guard) -> Bounds:
    """What is walked: less than a question alone could, because the answer makes an operation of each part."""
    return loss.bounds(guard, asks=False, items=_MOST_ITEMS, entries=_MOST_ENTRIES)


def _policy(guard: Guard) -> Manifest:
    walked = bounds(guard)
    body = {
        "apiVersion": API_VERSION,
        "kind": "MutatingAdmissionPolicy",
        "metadata": metadata(name(guard)),
        "spec": {
            "failurePolicy": "Ignore",
            "reinvocationPolicy": "IfNeeded",
            "matchConstraints": {"matchPolicy": "Equivalent", "resourceRules": [rule(guard)]},
            "matchConditions": match_conditions(guard, walked),
            "variables": [*vap.variables(), {"name": "mayMend", "expression": _may_mend(guard)}],
            "mutations": [
                {"patchType": "JSONPatch", "jsonPatch": {"expression": checked_expression(guard, expression)}}
                for expression in _mutations(guard, walked)
            ],
        },
    }
    comments = [
        *limits.restoring(guard),
        limits.APPLY,
        *limits.override(guard),
        *limits.bounded(guard, walked.items, walked.entries),
    ]
    return Manifest(tuple(comments), body)


def _binding(guard: Guard) -> Manifest:
    body = {
        "apiVersion": API_VERSION,
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": metadata(name(guard)),
        "spec": {"policyName": name(guard)},
    }
    return Manifest((), body)


def _may_mend(guard: Guard) -> str:
    """Whether losses are put back: not a listed writer's, and where the guard says so none beside a changed spec."""
    exempt = f"!({loss.listed_writer(guard.writers)})"
    if guard.when_spec_also_changes is WhenSpecAlsoChanges.RESTORE or guard.target.status_subresource:
        return exempt
    old, new = (f"('spec' in {root} ? {root}.spec : null)" for root in ("oldObject", "object"))
    return f"{exempt} && {old} == {new}"


def _mutations(guard: Guard, walked: Bounds) -> list[str]:
    """One for each thing, in the order of the decision; each sees the object as the one before left it."""
    protect = guard.protect
    mended = [restoring.when(loss.whole_status(guard, NAMES), restoring.whole_status(guard, NAMES))]
    mended += [restoring.field(path, NAMES) for path in protect.fields]
    mended += [restoring.map_keys(path, NAMES, walked) for path in protect.maps]
    mended += [restoring.list_items(known, NAMES, walked) for known in protect.lists]
    mended += [restoring.lost_label(key, NAMES) for key in protected_labels(guard)]
    return [*(restoring.when("variables.mayMend", expression) for expression in mended), *_kept(guard, walked)]


def _kept(guard: Guard, walked: Bounds) -> list[str]:
    """What keeps a finished object as it is, whoever writes."""
    found = []
    for entry in loss.finals(guard, NAMES, walked):
        for undone in entry.undone:
            if undone.rule is RuleId.FINAL_LABEL:
                put_back = restoring.label(undone.subject, NAMES)
            else:
                put_back = restoring.condition(undone.subject, undone.kept, NAMES)
            condition = f"{entry.when} && (\n{cel.indented(undone.expression)})"
            found.append(restoring.when(condition, put_back))
    return found
