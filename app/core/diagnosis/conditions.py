"""Did the matchConditions survive on the server?"""

from collections.abc import Iterator

from app.core.diagnosis.finding import Check, Finding, Level
from app.core.diagnosis.observation import Observations
from app.core.export.versions import MATCH_CONDITIONS


def kept(seen: Observations) -> Iterator[Finding]:
    """A row for each webhook of ours without them, or one for all."""
    without = [one for one in seen.ours if not one.conditions]
    for one in without:
        subject = f"{one.side} {one.configuration}"
        what = f"webhook {one.name} has no matchConditions on the server"
        if one.fails_closed:
            why = "every UPDATE of the kind needs the webhook, and with failurePolicy Fail its outage refuses them all"
            mend = (
                f"{seen.commands.kubectl} get {one.side.lower()} {one.configuration} -o yaml"
                " | sed 's/failurePolicy: Fail/failurePolicy: Ignore/'"
                f" | {seen.commands.kubectl} replace -f -"
            )
            yield Finding(Check.CONDITIONS, Level.ERROR, subject, what, why, mend)
        elif seen.version >= MATCH_CONDITIONS:
            why = "every UPDATE of the kind calls the webhook and waits for it, healthy ones too"
            yield Finding(Check.CONDITIONS, Level.WARNING, subject, what, why, seen.register)
        else:
            why = f"Kubernetes {seen.version} has none by default (they need {MATCH_CONDITIONS}); it fails open"
            yield Finding(Check.CONDITIONS, Level.INFO, subject, what, why)
    if seen.ours and not without:
        what = f"the server kept the matchConditions of all {len(seen.ours)} webhooks"
        yield Finding(Check.CONDITIONS, Level.OK, "webhook configurations", what)
