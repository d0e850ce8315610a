"""Does the API server's version allow a native form?"""

from collections.abc import Iterator

from app.core.diagnosis.finding import Check, Finding, Level
from app.core.diagnosis.observation import Observations, Unseen
from app.core.export.versions import MUTATING_POLICIES, VALIDATING_POLICIES

_VALIDATING = "validatingadmissionpolicies"
_MUTATING = "mutatingadmissionpolicies"


def allowed(seen: Observations) -> Iterator[Finding]:
    """One row."""
    subject = f"API server {seen.version}"
    if isinstance(seen.native, Unseen):
        what = f"not looked at: {seen.native.why}"
        yield Finding(Check.NATIVE, Level.INFO, subject, what, "", seen.native.right)
        return
    forms = [
        (form, what)
        for resource, form, what in (
            (_MUTATING, "map", "MutatingAdmissionPolicies (they put back)"),
            (_VALIDATING, "vap", "ValidatingAdmissionPolicies (they refuse)"),
        )
        if resource in seen.native
    ]
    if not forms:
        what = (
            f"it serves no admission policies: validating ones need {VALIDATING_POLICIES}, mutating ones"
            f" {MUTATING_POLICIES}, so the webhook is the only form"
        )
        yield Finding(Check.NATIVE, Level.INFO, subject, what)
        return
    what = f"it serves {' and '.join(words for _, words in forms)}, which need no pod"
    why = "where they can express all that the rules say (docs/export.md), nothing can be down"
    export = seen.commands.export.replace("export webhook", f"export {forms[0][0]}")
    yield Finding(Check.NATIVE, Level.INFO, subject, what, why, f"{export} --kube-version {seen.version}")
