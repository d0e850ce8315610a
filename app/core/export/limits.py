"""What a policy in CEL cannot do that the webhook does, in words for the comments above it.

docs/export.md has the same as one table; tests/core/export holds the two together.
"""

from typing import Final

from app.core.guard import Guard, Mode, WhenSpecAlsoChanges
from app.core.override import ANNOTATION
from app.core.rule_ids import RuleId

APPLY: Final = (
    f"A server-side apply that gives up what its manager owned ({RuleId.DELIBERATE_APPLY}) is taken for a loss: CEL"
    " cannot weigh managedFields."
)
OVERRIDE: Final = (
    f"The annotation {ANNOTATION} ({RuleId.OVERRIDE}) has no effect: CEL has no clock. To remove status on purpose,"
    " delete the binding, write, and apply it again."
)
REFUSING: Final = (
    "Mode Restore: this form can only refuse. A client that always leaves status out can then write nothing;"
    " `status-guard export map` (Kubernetes 1.36) or the webhook put back."
)
REFUSING_FINAL: Final = (
    f"A controller that starts a finished object again is refused as well ({RuleId.FINAL_LABEL},"
    f" {RuleId.FINAL_CONDITION}) and will retry, where the webhook or a MutatingAdmissionPolicy would let its write"
    " succeed with the kept values."
)
NUMBERS: Final = (
    "Integers from 2^53 on come back as strings, and 1.0 as 1: the API server carries what a policy adds as doubles. If"
    " this status holds such integers, use the webhook, which puts back the bytes that were there."
)
SILENT: Final = (
    "Nobody is told: no warning to the caller and no audit annotation. Apply the validating policy of `status-guard"
    f" export vap` beside it; what this one could not put back is refused there ({RuleId.NOT_RESTORED})."
)
SPEC: Final = (
    f"A loss beside a changed spec ({RuleId.SPEC_ALSO_CHANGED}) is not put back, and not refused either: the validating"
    " policy does that."
)
RECORD: Final = "No decision log, no metrics per guard, no list of what would be gone: messages name what is protected."


def override(guard: Guard) -> list[str]:
    """CEL has no clock, so nothing can expire."""
    return [OVERRIDE] if guard.override_max_duration else []


def bounded(guard: Guard, items: int, entries: int) -> list[str]:
    """What is too large is not walked."""
    found = []
    if guard.protect.lists:
        found.append(f"A single item lost from a list of more than {items} is not noticed ({RuleId.LIST_ITEM}).")
    if guard.protect.maps:
        found.append(f"A single key lost from a map of more than {entries} is not noticed ({RuleId.MAP_KEY}).")
    if any(rule.keep_conditions for rule in guard.final):
        found.append(f"Among more than {entries} conditions none is kept ({RuleId.FINAL_CONDITION}).")
    return found


def refusing(guard: Guard) -> list[str]:
    """What a policy that can only refuse makes of mode Restore."""
    if guard.mode is not Mode.RESTORE:
        return []
    return [REFUSING, *([REFUSING_FINAL] if guard.final else [])]


def restoring(guard: Guard) -> list[str]:
    """What a policy that can only put back leaves out."""
    return [NUMBERS, SILENT, *([SPEC] if guard.when_spec_also_changes is WhenSpecAlsoChanges.DENY else [])]
