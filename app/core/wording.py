"""What people read of a verdict: warnings, causes, audit annotations. Paths and rule ids only, never values."""

from collections.abc import Sequence
from typing import Final

from app.core.guard import Guard
from app.core.override import ANNOTATION, Unusable
from app.core.pointer import escape
from app.core.printing import printable
from app.core.review import AdmissionRequest
from app.core.rule_ids import RuleId
from app.core.verdict import Action, Finding

LONGEST_WARNING: Final = 200
"""The API server may cut warnings of more than 256 characters (KEP-1693); stay well below."""
LONGEST_ANNOTATION: Final = 4096
"""Audit annotations have no limit of their own, but audit backends limit the event they are part of."""

_GONE: Final = {
    RuleId.WHOLE_STATUS: "the whole status would be gone",
    RuleId.FIELD: "this status field would be gone",
    RuleId.MAP_KEY: "this entry of the status would be gone",
    RuleId.LIST_ITEM: "this list item of the status would be gone",
    RuleId.LABEL: "this label would be gone",
    RuleId.FINALIZER: "this finalizer would be gone together with the status",
    RuleId.OWNER_REFERENCE: "this owner reference would be gone together with the status",
    RuleId.FINAL_LABEL: "this object is finished and has to keep this label's value",
    RuleId.FINAL_CONDITION: "this object is finished and has to keep this condition's status",
}
_MANY: Final = 50
"""As many paths are named at once; nobody reads more, and a wiped map may have 60,000."""


_WARNINGS: Final = {
    Action.RESTORED: "status-guard put back what this write left out or undid",
    Action.WARNED: "status-guard: this write removes protected state; send all of it, or patch what you change",
}
_MESSAGES: Final = {rule: f"{rule}: {words}" for rule, words in _GONE.items()}


def finding(rule: RuleId, path: str) -> Finding:
    """What a rule found, in words."""
    return Finding(rule, path, _MESSAGES[rule])


def warning(action: Action, found: str) -> str:
    """The warning a caller sees when something was put back, or would have been."""
    return printable(f"{_WARNINGS[action]}: {found}", LONGEST_WARNING)


def override_warning(unusable: Unusable) -> str:
    """Why an override annotation was taken as absent."""
    return printable(
        f"status-guard took no notice of the annotation {ANNOTATION} ({RuleId.UNUSABLE_OVERRIDE}): {unusable.why}",
        LONGEST_WARNING,
    )


def annotation(guard: Guard, reasons: Sequence[RuleId], found: str) -> str:
    """The value of the audit annotation: guard, reasons beyond the findings' own rules, and what was found."""
    because = f" {' '.join(reasons)}" if reasons else ""
    return printable(f"{guard.name}{because}: {found}", LONGEST_ANNOTATION)


def denial(request: AdmissionRequest, found: str) -> str:
    """The message of a denied write. kubectl shows the causes in its place."""
    name = request.name or "?"
    where = f"{request.namespace}/{name}" if request.namespace else name
    what = f"{request.resource.resource}.{request.resource.group} {where}".replace(". ", " ")
    return printable(f"status-guard keeps {what} as it is: {found}", LONGEST_ANNOTATION)


def hints(guard: Guard, *, spec_changed: bool, not_restored: bool, everything: bool) -> tuple[Finding, ...]:
    """What stands behind a denial and, last, what to do.

    Args:
        guard: the guard that denies.
        spec_changed: the write changes spec as well, which this guard does not restore across (SG017).
        not_restored: mode is Restore, and still the validating webhook saw the loss (SG018).
        everything: only an override for ``*`` would do, because a finished object is concerned.
    """
    found = []
    if spec_changed:
        rule = RuleId.SPEC_ALSO_CHANGED
        found.append(Finding(rule, "/spec", f"{rule}: this write changes spec too, so it is not mended but denied"))
    if not_restored:
        rule = RuleId.NOT_RESTORED
        message = (
            "status-guard's mutating webhook did not put it back: it was not called, or a webhook that runs after it"
            " removed it again (kubectl get mutatingwebhookconfigurations)"
        )
        found.append(Finding(rule, "/status", f"{rule}: {message}"))
    what_to_do = "send the object with its status, or change only what you mean to (kubectl label, annotate, patch)"
    path = "/status"
    if guard.override_max_duration:
        path = f"/metadata/annotations/{escape(ANNOTATION)}"
        paths = "*" if everything else "<paths or *>"
        what_to_do += f'; to remove it on purpose, set {ANNOTATION}: "<RFC 3339 end>; {paths}; <reason>"'
    found.append(Finding(RuleId.OVERRIDE, path, what_to_do))
    return tuple(found)


def listed(findings: Sequence[Finding]) -> str:
    """``/status (SG003), /metadata/labels/a (SG007)``."""
    named = ", ".join([f"{finding.path} ({finding.rule})" for finding in findings[:_MANY]])
    return named if len(findings) <= _MANY else f"{named} and {len(findings) - _MANY} more"
