"""``export vap``: a ValidatingAdmissionPolicy and its binding for each guard."""

from collections.abc import Iterable, Iterator
from typing import Final

from app.core import pointer, wording
from app.core.export import cel, limits, loss
from app.core.export.loss import Bounds, Names
from app.core.export.manifest import (
    API_VERSION,
    DOMAIN,
    Body,
    Export,
    Manifest,
    checked_expression,
    in_order,
    metadata,
    need,
    rule,
)
from app.core.export.matching import protected_labels
from app.core.export.versions import VALIDATING_POLICIES, KubeVersion
from app.core.guard import Guard, Mode
from app.core.losses import METADATA, STATUS
from app.core.pointer import Tokens
from app.core.rule_ids import RuleId

NAMES: Final = Names(old="variables.old", new="variables.new", before="variables.before", after="variables.after")

_ACTIONS: Final = {
    Mode.AUDIT: ["Audit"],
    Mode.WARN: ["Warn", "Audit"],
    Mode.RESTORE: ["Deny"],
    Mode.DENY: ["Deny"],
}

_EXPRESSIONS: Final = 5
"""All expressions of a policy together may cost ten times what one may (k8s.io/apiserver, RuntimeCELCostBudget); half
of that is left for the many small ones."""

_HINT: Final = "send the object with its status, or patch only what you change"


def export(guards: Iterable[Guard], version: KubeVersion) -> Export:
    """The policies for a release.

    Raises:
        ExportError: for a release without such policies, or a guard that does not fit into one.
    """
    need(
        version,
        VALIDATING_POLICIES,
        "ValidatingAdmissionPolicy that is on by default",
        "use `status-guard export webhook`, which works on every release",
    )
    return Export(tuple(manifest for guard in in_order(guards) for manifest in (_policy(guard), _binding(guard))))


def name(guard: Guard) -> str:
    """The name of policy and binding."""
    return f"{guard.name}.validate.{DOMAIN}"


def variables() -> list[Body]:
    """What the expressions of a policy are about; the API server computes each once, when it is first asked for."""
    return [
        {"name": "old", "expression": loss.status("oldObject")},
        {"name": "new", "expression": loss.status("object")},
        {"name": "before", "expression": loss.labels("oldObject")},
        {"name": "after", "expression": loss.labels("object")},
    ]


def bounds(guard: Guard) -> Bounds:
    """What is walked: each list and map by an expression of its own, but all of them within the policy's budget."""
    parts = len(guard.protect.lists) + len(guard.protect.maps)
    spread = max(1.0, parts / _EXPRESSIONS)
    return Bounds(int(loss.MOST_ITEMS / spread**0.5), int(loss.MOST_ENTRIES / spread), asks=False)


def _policy(guard: Guard) -> Manifest:
    walked = bounds(guard)
    exempt = {"name": "exempt", "expression": loss.listed_writer(guard.writers)}
    body = {
        "apiVersion": API_VERSION,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata(name(guard)),
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"matchPolicy": "Equivalent", "resourceRules": [rule(guard)]},
            "matchConditions": [{"name": "not-being-deleted", "expression": loss.not_being_deleted()}],
            "variables": [*variables(), exempt],
            "validations": list(_validations(guard, walked)),
        },
    }
    comments = [
        *limits.refusing(guard),
        limits.APPLY,
        *limits.override(guard),
        *limits.bounded(guard, walked.items, walked.entries),
        limits.RECORD,
    ]
    return Manifest(tuple(comments), body)


def _binding(guard: Guard) -> Manifest:
    body = {
        "apiVersion": API_VERSION,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": metadata(name(guard)),
        "spec": {"policyName": name(guard), "validationActions": list(_ACTIONS[guard.mode])},
    }
    return Manifest((), body)


def _validations(guard: Guard, walked: Bounds) -> Iterator[Body]:
    protect = guard.protect
    yield _loss(guard, RuleId.WHOLE_STATUS, (STATUS,), loss.whole_status(guard, NAMES))
    for path in protect.fields:
        yield _loss(guard, RuleId.FIELD, (STATUS, *path), loss.field(path, NAMES))
    for path in protect.maps:
        yield _loss(guard, RuleId.MAP_KEY, (STATUS, *path), loss.map_keys(path, NAMES, walked))
    for known in protect.lists:
        yield _loss(guard, RuleId.LIST_ITEM, (STATUS, *known.path), loss.list_items(known, NAMES, walked))
    for key in protected_labels(guard):
        yield _loss(guard, RuleId.LABEL, (METADATA, "labels", key), loss.label(key, NAMES))
    for entry in loss.finals(guard, NAMES, walked):
        for undone in entry.undone:
            expression = f"!({entry.when} && (\n{cel.indented(undone.expression)}))"
            yield _validation(guard, undone.rule, undone.path, expression, "write the kept value")


def _loss(guard: Guard, rule_id: RuleId, path: Tokens, lost: str) -> Body:
    return _validation(guard, rule_id, path, f"variables.exempt || !(\n{cel.indented(lost)})", _HINT)


def _validation(guard: Guard, rule_id: RuleId, path: Tokens, expression: str, hint: str) -> Body:
    at = pointer.render(path)
    message = f"{wording.finding(rule_id, at).message}: {at} (guard {guard.name}); {hint}"
    return {"expression": checked_expression(guard, expression), "message": message, "reason": "Invalid"}
