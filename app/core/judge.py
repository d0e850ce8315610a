"""The decision, whole: a review and the guards go in, a verdict comes out.

The same function answers the webhook, ``status-guard review``, the keeper and the case table (tests/data/cases). Read
top to bottom it is the order in which rules apply; each rule is a function of its own, found by its id in rule_ids.py.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from msgspec import Struct

from app.core import deliberate_apply, final, jsontext, losses, override, patch, pointer, wording
from app.core.guard import Guard, Guards, Mode, WhenSpecAlsoChanges, Writers
from app.core.losses import Loss
from app.core.override import Override, Unusable
from app.core.review import AdmissionRequest, KubernetesObject, UserInfo
from app.core.rule_ids import RuleId
from app.core.verdict import Action, Endpoint, Finding, Verdict

_NOT_GUARDED: Final = Verdict(Action.ALLOWED, (RuleId.NOT_GUARDED,))


def judge(request: AdmissionRequest, guards: Guards, *, endpoint: Endpoint, now: datetime) -> Verdict:
    """Decide about one write. Pure, and total up to the depth of nesting that Python reads.

    Args:
        request: the review's request.
        guards: the rule set in force.
        endpoint: which webhook asks; ``VALIDATE`` never returns a patch.
        now: the current time with its zone, for overrides.

    Raises:
        RecursionError: for values nested within a few levels of Python's limit; app/api makes a 400 of it.
    """
    guard = applicable(request, guards)
    old, new = request.old_object, request.object
    if guard is None or old is None or new is None:
        return _NOT_GUARDED
    if being_deleted(old):
        return Verdict(Action.ALLOWED, (RuleId.DELETING,), guard.name)
    found = losses.find(old, new, guard)
    if not found and not final.finished(old, guard):
        return Verdict(Action.ALLOWED, (RuleId.INTACT,), guard.name)
    return _weigh(Case(request, guard, old, new, found, endpoint, now))


class Case(Struct, frozen=True, gc=False):
    """A guarded write with what it loses."""

    request: AdmissionRequest
    guard: Guard
    old: KubernetesObject
    new: KubernetesObject
    losses: list[Loss]
    endpoint: Endpoint
    now: datetime


def applicable(request: AdmissionRequest, guards: Guards) -> Guard | None:
    """SG001: only an UPDATE of a guarded group, version, resource and subresource concerns us."""
    if request.operation != "UPDATE":
        return None
    resource = request.resource
    return guards.find(resource.group, resource.version, resource.resource, request.sub_resource or "")


def being_deleted(old: KubernetesObject) -> bool:
    """SG002: an object on its way out is left alone; a hook that gives it finalizers again wedges it.

    Read from the old object: a client may write any deletionTimestamp into the new one.
    """
    return jsontext.present(old.metadata.deletion_timestamp)


def listed_writer(user: UserInfo, writers: Writers) -> bool:
    """SG010: the controllers named in the guard may shrink status. Rights in the cluster exempt nobody."""
    return user.username in writers.usernames or not writers.groups.isdisjoint(user.groups or ())


def _forgiven(case: Case, annotation: Override | Unusable | None) -> RuleId | Unusable | None:
    """The first reason to let these losses pass, in the order of SG010, SG011, SG012."""
    if listed_writer(case.request.user_info, case.guard.writers):
        return RuleId.LISTED_WRITER
    if deliberate_apply.is_deliberate(case.request, case.losses):
        return RuleId.DELIBERATE_APPLY
    if isinstance(annotation, Override):
        return override.uncovered(annotation, case.losses) or RuleId.OVERRIDE
    return annotation


def _weigh(case: Case) -> Verdict:
    annotation = override.read(case.new, case.guard.override_max_duration, case.now)
    forgiven = _forgiven(case, annotation) if case.losses else None
    kept = [] if isinstance(forgiven, RuleId) else case.losses
    undone = final.find(case.old, case.new, case.guard, [loss.remedy for loss in kept])
    lifted = undone if isinstance(annotation, Override) and annotation.everything else []
    opposed = [] if lifted else undone
    if kept or opposed:
        ignored = forgiven if isinstance(forgiven, Unusable) else None
        return _act(case, kept, opposed, ignored)
    reasons = [forgiven] if isinstance(forgiven, RuleId) else []
    if lifted and RuleId.OVERRIDE not in reasons:
        reasons.append(RuleId.OVERRIDE)
    if not reasons:
        return Verdict(Action.ALLOWED, (RuleId.INTACT,), case.guard.name)
    found = _findings([*case.losses, *lifted])
    said = {Action.EXEMPTED.value: wording.annotation(case.guard, reasons, wording.listed(found))}
    return Verdict(Action.EXEMPTED, (*reasons, *_distinct(found)), case.guard.name, found, audit_annotations=said)


def _act(case: Case, kept: list[Loss], undone: list[final.Unfinished], ignored: Unusable | None) -> Verdict:
    """The guard's mode, applied to what stands against the write: losses to keep from happening, ends to keep."""
    standing: list[Loss | final.Unfinished] = [*kept, *undone]
    spec_changed = bool(kept) and spec_also_changed(case)
    action = _action(case, spec_changed=spec_changed)
    found = _findings(standing)
    listed = wording.listed(found)
    reasons = [RuleId.UNUSABLE_OVERRIDE] if ignored else []
    warnings = [wording.override_warning(ignored)] if ignored else []
    if action in {Action.WARNED, Action.RESTORED}:
        warnings.insert(0, wording.warning(action, listed))
    hints: tuple[Finding, ...] = ()
    if action is Action.DENIED:
        hints = _hints(case, spec_changed=spec_changed, undone=bool(undone))
        reasons += [hint.rule for hint in hints[:-1]]
    remedies = [item.remedy for item in standing]
    return Verdict(
        action,
        (*_distinct(found), *reasons),
        case.guard.name,
        found,
        patch=patch.text(remedies, case.new) if action is Action.RESTORED else b"",
        warnings=tuple(warnings),
        audit_annotations={action.value: wording.annotation(case.guard, reasons, listed)},
        message=wording.denial(case.request, listed) if action is Action.DENIED else "",
        hints=hints,
    )


def _action(case: Case, *, spec_changed: bool) -> Action:
    if case.guard.mode is Mode.AUDIT:
        return Action.AUDITED
    if case.guard.mode is Mode.WARN:
        return Action.WARNED
    if case.guard.mode is Mode.DENY or case.endpoint is Endpoint.VALIDATE or spec_changed:
        return Action.DENIED
    return Action.RESTORED


def spec_also_changed(case: Case) -> bool:
    """SG017: where the guard says so, a lossy write that changes spec too is denied, not mended."""
    if case.guard.when_spec_also_changes is WhenSpecAlsoChanges.RESTORE:
        return False
    if case.guard.target.status_subresource:  # the API server drops what a write to /status says of spec
        return False
    return not jsontext.same(case.old.spec, case.new.spec)


def _hints(case: Case, *, spec_changed: bool, undone: bool) -> tuple[Finding, ...]:
    restores = case.guard.mode is Mode.RESTORE
    spec_changed = spec_changed and restores
    # SG018: the validating webhook sees the object after all mutation; a loss seen there was never mended or came back
    not_restored = restores and case.endpoint is Endpoint.VALIDATE and not spec_changed
    return wording.hints(case.guard, spec_changed=spec_changed, not_restored=not_restored, everything=undone)


def _findings(standing: Iterable[Loss | final.Unfinished]) -> tuple[Finding, ...]:
    return tuple([wording.finding(item.rule, pointer.render(item.path)) for item in standing])


def _distinct(findings: Iterable[Finding]) -> tuple[RuleId, ...]:
    return tuple(dict.fromkeys([finding.rule for finding in findings]))
