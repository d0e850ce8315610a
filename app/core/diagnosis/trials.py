"""Does a dry-run loss on a guarded object really come back restored? The decisive check: the API server does it all."""

from collections.abc import Iterator
from typing import Final

from app.core.diagnosis.finding import Check, Finding, Level
from app.core.diagnosis.observation import Observations, Outcome, Trial, expected
from app.core.diagnosis.registration import named
from app.core.guard import Guard, Mode

DEPLOYMENT: Final = "status-guard-webhook"
"""What runs the webhook, as manifests/base/webhook has it."""

_AS_MEANT: Final = {
    Mode.RESTORE: {Outcome.RESTORED},
    Mode.DENY: {Outcome.DENIED},
    Mode.WARN: {Outcome.WARNED},
    Mode.AUDIT: {Outcome.LOST},
}
_WORDS: Final = {
    Outcome.RESTORED: "came back restored",
    Outcome.DENIED: "was denied",
    Outcome.WARNED: "passed with our warning",
    Outcome.LOST: "passed",
}
_NOT_TRIED: Final = {
    Outcome.NO_OBJECT: "not tried: there is no object with a status",
    Outcome.UNREADABLE: "not tried: {said}",
    Outcome.NO_IMPERSONATION: "not tried: {said}",
    Outcome.NO_RIGHT: "not tried: {user} may not write it: {said}",
    Outcome.EXEMPT: "not tried: {user} is a listed writer of this guard, who may drop status",
    Outcome.OTHERS: "nothing learnt: somebody else refused the write to {object}: {said}",
}
_UNTRIED: Final = "only a write through the API server shows that all parts work together"
_LOST: Final = "whoever writes this object without its status removes it"


def losses(seen: Observations) -> Iterator[Finding]:
    """A row for each guard that was tried."""
    guards = {guard.name: guard for guard in seen.guards}
    for trial in seen.trials:
        yield _of(guards[trial.guard], trial, seen)


def _of(guard: Guard, trial: Trial, seen: Observations) -> Finding:
    if trial.outcome in _NOT_TRIED:
        return _not_tried(guard, trial, seen)
    write = f"a dry-run write to {named(guard)} {trial.object} without its status"
    if trial.outcome is Outcome.UNCALLED:
        what = f"{write} failed: {trial.said}"
        why = "the API server cannot call the webhook, and says why; lossy writes fail or pass, as failurePolicy says"
        return Finding(Check.LOSS, Level.ERROR, guard.name, what, why, _uncalled(trial, seen))
    said = f"{write} {_WORDS[trial.outcome]}"
    # without rules, Audit and Warn look alike: a mutating webhook alone
    perhaps_audit = not seen.ruled and guard.mode is Mode.WARN and trial.outcome is Outcome.LOST
    if trial.outcome in _AS_MEANT[guard.mode] or perhaps_audit:
        if guard.mode is Mode.AUDIT or perhaps_audit:
            why = "mode Audit changes nothing and tells only the audit log, so this proves nothing either way"
            return Finding(Check.LOSS, Level.INFO, guard.name, f"{said}, as it may in mode Audit", why)
        return Finding(Check.LOSS, Level.OK, guard.name, f"{said}, as mode {guard.mode} means it")
    return _otherwise(guard, trial, said, seen)


def _otherwise(guard: Guard, trial: Trial, said: str, seen: Observations) -> Finding:
    logs = f"{seen.commands.kubectl} -n {seen.commands.namespace} logs deploy/{DEPLOYMENT} --tail=50"
    if trial.outcome is Outcome.DENIED:
        what = f"{said} instead of being mended: {trial.said}"
        why = "the mutating webhook was not called, or another one undid it; a client that always drops status is stuck"
        return Finding(Check.LOSS, Level.WARNING, guard.name, what, why, logs)
    if trial.outcome is Outcome.RESTORED:
        what = f"{said}, though the mode is {guard.mode}"
        why = "something else puts status back, or the webhook has other rules than these"
        return Finding(Check.LOSS, Level.WARNING, guard.name, what, why, logs)
    what = f"{said}, and its status would be gone"
    if not expected(guard, seen.ours):
        return Finding(Check.LOSS, Level.ERROR, guard.name, f"{what}: no webhook is asked", _LOST, seen.register)
    failed_open = f"{seen.commands.kubectl} get --raw /metrics | grep apiserver_admission_webhook_fail_open_count"
    return Finding(Check.LOSS, Level.ERROR, guard.name, what, _LOST, f"{failed_open}; {logs}")


def _not_tried(guard: Guard, trial: Trial, seen: Observations) -> Finding:
    user = trial.user or "you"
    what = f"{named(guard)}: " + _NOT_TRIED[trial.outcome].format(said=trial.said, user=user, object=trial.object)
    if trial.outcome is Outcome.NO_OBJECT:
        return Finding(Check.LOSS, Level.INFO, guard.name, what, _UNTRIED)
    can = f"{seen.commands.kubectl} auth can-i"
    mends = {
        Outcome.NO_IMPERSONATION: f"{can} impersonate users/{user}; {can} impersonate groups/system:masters",
        Outcome.NO_RIGHT: f"{can} patch {named(guard)} --as {user}; {seen.commands.doctor} --as-group GROUP",
        Outcome.EXEMPT: f"{seen.commands.doctor} --as ANOTHER_NAME",
        Outcome.UNREADABLE: f"{can} list {named(guard).removesuffix('/status')} --all-namespaces",
    }
    mend = mends.get(trial.outcome, f"{seen.commands.doctor} --as ANOTHER_NAME")
    return Finding(Check.LOSS, Level.WARNING, guard.name, what, _UNTRIED, mend)


def _uncalled(trial: Trial, seen: Observations) -> str:
    address = next((one.address for one in seen.ours if one.address and one.address.service), None)
    namespace, service = (address.service if address else None) or (seen.commands.namespace, "status-guard")
    if "x509" in trial.said or "certificate" in trial.said:
        return f"{seen.commands.ensure} --namespace {namespace} --service {service}"
    return f"{seen.commands.kubectl} -n {namespace} get service/{service} endpointslices,pods"
