"""Each check over observations that are made up: what it says, how bad it is, and which command it names."""

import base64
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.diagnosis.checkup import CHECKS, diagnose
from app.core.diagnosis.finding import Check, Finding, Level, exit_code
from app.core.diagnosis.observation import (
    Address,
    Commands,
    Lease,
    Observations,
    Outcome,
    Reach,
    Served,
    Side,
    Trial,
    Unseen,
    Webhook,
    labelled,
)
from app.core.export import webhook as form
from app.core.export.manifest import Endpoint
from app.core.export.versions import KubeVersion
from app.core.exposure.definition import Definition, Names, Spec, Subresources, Version
from app.core.guard import Guard, KeeperRules, Mode, OnLoss, Target

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
V136 = KubeVersion(1, 36)
WIDGETS = Guard("widgets", Target("example.io", frozenset({"*"}), "widgets", status_subresource=False))
ADDRESS = Address("guard.ns.svc", 443, ("ns", "guard"))
BUNDLE = base64.b64encode(b"a CA").decode()
GOOD = Served(Reach.REACHED, "guard.ns.svc:443", begins=NOW - timedelta(days=1), ends=NOW + timedelta(days=90))
POLICIES = frozenset({"validatingadmissionpolicies", "mutatingadmissionpolicies"})
OUTSIDE = Served(Reach.UNRESOLVED, "guard.ns.svc:443", said="Name or service not known")


def registered(*guards: Guard, version: KubeVersion = V136) -> tuple[Webhook, ...]:
    """The webhooks that these guards are exported as."""
    found = form.export(guards, version, Endpoint(service=("ns", "guard"), ca_bundle=BUNDLE))
    return tuple(
        Webhook(Side(manifest.body["kind"]), manifest.body["metadata"]["name"], True, one, ADDRESS)  # noqa: FBT003 - the label
        for manifest in found.manifests
        for one in manifest.body["webhooks"]
    )


def definition(subresource: bool = False, name: str = "v1") -> Definition:  # noqa: FBT001, FBT002 - a table's column
    """Widgets, with a status subresource or without."""
    versions = [Version(name, served=True, storage=True, subresources=Subresources({}) if subresource else None)]
    return Definition(Spec("example.io", Names("widgets", "Widget"), "Namespaced", versions))


HEALTHY = Observations(
    now=NOW,
    version=V136,
    guards=(WIDGETS,),
    ruled=True,
    webhooks=registered(WIDGETS),
    definitions={"widgets.example.io": definition()},
    served={(ADDRESS, BUNDLE): GOOD},
    trials=(Trial("widgets", Outcome.RESTORED, "ns/one", "status-guard:doctor"),),
    lease=Lease("keeper-1", NOW - timedelta(seconds=3), 15),
    native=POLICIES,
    commands=Commands(export="status-guard export webhook --rules rules", doctor="status-guard doctor --rules rules"),
)


def of(check: Check, **changes: Any) -> list[Finding]:
    """What one check says of the healthy cluster with something changed."""
    return [one for one in diagnose(replace(HEALTHY, **changes)) if one.check is check]


def the(check: Check, **changes: Any) -> Finding:
    """The one finding of a check."""
    [found] = of(check, **changes)
    return found


def changed(hooks: Iterable[Webhook], side: Side | None = None, **body: Any) -> tuple[Webhook, ...]:
    """Webhooks, with something else in their bodies."""
    return tuple(replace(one, body=one.body | body) if side in {None, one.side} else one for one in hooks)


def test_a_healthy_cluster_has_a_row_for_every_check() -> None:
    """Nothing is worse than information, and no row is missing."""
    found = diagnose(HEALTHY)
    assert {one.check for one in found} == set(Check)
    assert len(CHECKS) == len(Check)
    assert exit_code(found) == 0
    assert {one.level for one in found} == {Level.OK, Level.INFO}


def test_what_is_not_well_says_why_and_what_to_do() -> None:
    """Every warning and error there is, in any of these clusters, carries a reason and a command."""
    broken = [
        replace(HEALTHY, webhooks=Unseen("you may not", "kubectl auth can-i list x")),
        replace(HEALTHY, webhooks=(), served={}),
        replace(HEALTHY, webhooks=(), guards=(), served={}, trials=(), ruled=False),
        replace(HEALTHY, webhooks=changed(HEALTHY.ours, matchConditions=[])),
        replace(HEALTHY, served={(ADDRESS, BUNDLE): Served(Reach.FAILED, "x:1", "refused")}),
        replace(HEALTHY, served={(ADDRESS, BUNDLE): replace(GOOD, refused="self-signed certificate")}),
        replace(HEALTHY, served={(ADDRESS, ""): GOOD}),
        *(replace(HEALTHY, now=NOW + timedelta(days=days)) for days in (-2, 80, 91)),
        *(replace(HEALTHY, trials=(Trial("widgets", one, "ns/one", "u", "said"),)) for one in Outcome),
        replace(HEALTHY, definitions={"widgets.example.io": definition(subresource=True)}),
        replace(HEALTHY, definitions={"widgets.example.io": Unseen("you may not", "kubectl auth can-i get x")}),
        replace(HEALTHY, lease=Lease("", None, 0)),
    ]
    for seen in broken:
        bad = [one for one in diagnose(seen) if one.level in {Level.WARNING, Level.ERROR}]
        assert [one for one in bad if not one.why or not one.mend] == []


@pytest.mark.parametrize(
    ("levels", "code"),
    [
        ([], 0),
        ([Level.OK, Level.INFO], 0),
        ([Level.INFO, Level.WARNING], 1),
        ([Level.ERROR, Level.WARNING, Level.OK], 2),
    ],
)
def test_the_exit_code_is_that_of_the_worst(levels: list[Level], code: int) -> None:
    """Information is no reason to fail, a warning is 1, an error is 2."""
    assert exit_code(Finding(Check.ORDER, level, "x", "y") for level in levels) == code


@pytest.mark.parametrize(
    ("mode", "without", "level"),
    [
        (Mode.RESTORE, Side.MUTATING, Level.ERROR),
        (Mode.RESTORE, Side.VALIDATING, Level.WARNING),
        (Mode.DENY, Side.VALIDATING, Level.ERROR),
        (Mode.WARN, Side.MUTATING, Level.ERROR),
        (Mode.AUDIT, Side.MUTATING, Level.ERROR),
        (Mode.DENY, Side.MUTATING, Level.OK),
        (Mode.WARN, Side.VALIDATING, Level.OK),
    ],
)
def test_each_mode_needs_its_webhooks(mode: Mode, without: Side, level: Level) -> None:
    """Restore needs both, and the validating one less badly; Deny the validating, Warn and Audit the mutating one."""
    guard = replace(WIDGETS, mode=mode)
    hooks = tuple(one for one in registered(guard) if one.side is not without)
    found = the(Check.REGISTERED, guards=(guard,), webhooks=hooks, trials=())
    assert found.level is level
    if level is not Level.OK:
        assert "--service ns/guard" in found.mend or "--service status-guard/status-guard" in found.mend


def test_a_guard_that_a_policy_stands_for_is_no_error() -> None:
    """No webhook, but the loss came back: a native form is as good."""
    found = the(Check.REGISTERED, webhooks=(), served={})
    assert (found.level, "export map" in found.why) == (Level.INFO, True)


def test_a_webhook_that_is_not_called_for_the_kind_does_not_count() -> None:
    """A configuration with the guard's name and other rules registers nothing."""
    rules = [{"apiGroups": ["other.io"], "apiVersions": ["*"], "operations": ["UPDATE"], "resources": ["widgets"]}]
    assert the(Check.REGISTERED, webhooks=changed(HEALTHY.ours, rules=rules), trials=()).level is Level.ERROR


def test_what_differs_from_the_rules_is_a_warning_for_each_difference() -> None:
    """A selector that lets namespaces pass is named; a webhook of a rule that is gone is too."""
    narrowed = changed(HEALTHY.ours, Side.MUTATING, namespaceSelector={"matchLabels": {"a": "b"}})
    [found] = [one for one in of(Check.IN_STEP, webhooks=narrowed) if one.level is not Level.OK]
    assert (found.level, "namespaceSelector" in found.what) == (Level.WARNING, True)
    left = replace(WIDGETS, name="gone")
    left_over = [
        one for one in of(Check.IN_STEP, webhooks=registered(WIDGETS, left)) if "none of the rules" in one.what
    ]
    assert len(left_over) == 2


@pytest.mark.parametrize(
    ("policy", "version", "level"),
    [
        ("Fail", V136, Level.ERROR),
        ("Ignore", V136, Level.WARNING),
        ("Ignore", KubeVersion(1, 27), Level.INFO),
        ("Fail", KubeVersion(1, 27), Level.ERROR),
    ],
)
def test_conditions_that_are_gone_weigh_by_the_failure_policy(policy: str, version: KubeVersion, level: Level) -> None:
    """With Fail an outage of ours refuses every update; with Ignore every update waits; old releases have none."""
    hooks = changed(HEALTHY.ours, matchConditions=None, failurePolicy=policy)
    found = of(Check.CONDITIONS, webhooks=hooks, version=version)
    assert {one.level for one in found} == {level}
    assert len(found) == 2


@pytest.mark.parametrize(
    ("served", "trials", "reachable", "trust"),
    [
        (GOOD, (), Level.OK, Level.OK),
        (replace(GOOD, refused="self-signed"), (), Level.OK, Level.ERROR),
        (Served(Reach.FAILED, "10.0.0.1:443", "refused"), (), Level.ERROR, Level.INFO),
        (OUTSIDE, (), Level.INFO, Level.INFO),
        (OUTSIDE, HEALTHY.trials, Level.OK, Level.OK),
        (OUTSIDE, (Trial("widgets", Outcome.LOST, "ns/one"),), Level.INFO, Level.INFO),
    ],
)
def test_address_and_bundle_are_judged_by_connecting_or_by_a_loss_that_came_back(
    served: Served, trials: tuple[Trial, ...], reachable: Level, trust: Level
) -> None:
    """From outside only the API server's own call proves anything; without it nothing is claimed."""
    changes = {"served": {(ADDRESS, BUNDLE): served}, "trials": trials}
    assert the(Check.REACHABLE, **changes).level is reachable
    assert the(Check.TRUST, **changes).level is trust


def test_a_webhook_without_an_address_is_an_error() -> None:
    """A clientConfig that says nothing that can be understood is as good as none."""
    hooks = tuple(replace(one, address=None) for one in HEALTHY.ours)
    assert {one.level for one in of(Check.REACHABLE, webhooks=hooks, served={})} == {Level.ERROR}


@pytest.mark.parametrize(("reach", "command"), [(Reach.FAILED, "curl -kv"), (Reach.UNRESOLVED, "run look")])
def test_a_url_that_is_not_reached_is_looked_at_by_curl(reach: Reach, command: str) -> None:
    """From here where it fails, from the cluster where its name means nothing here."""
    url = Address("guard.example.com", 8443)
    found = the(Check.REACHABLE, served={(url, BUNDLE): Served(reach, str(url), "said")}, trials=())
    assert command in found.mend
    assert "https://guard.example.com:8443" in found.mend


def test_a_configuration_is_ours_by_its_label_or_its_webhooks_name() -> None:
    """One that was applied by hand without labels is found too; somebody else's is not."""
    assert labelled({"metadata": {"labels": {"app.kubernetes.io/managed-by": "status-guard"}}})
    assert not labelled({"metadata": {"labels": {"app.kubernetes.io/managed-by": "helm"}}})
    assert not labelled({"metadata": {}})
    named = Webhook(Side.MUTATING, "mine", False, {"name": "widgets.mutate.statusguard.io"})  # noqa: FBT003 - the label
    assert (named.ours, named.guard) == (True, "widgets")
    assert not replace(named, body={"name": "widgets.validate.statusguard.io"}).ours


def test_a_service_without_a_bundle_is_an_error_and_a_url_without_one_is_not() -> None:
    """No public CA signs the name of a Service; a URL may well have such a certificate."""
    url = Address("guard.example.com", 443)
    assert the(Check.TRUST, served={(ADDRESS, ""): GOOD}).level is Level.ERROR
    assert the(Check.TRUST, served={(url, ""): GOOD}).level is Level.OK


@pytest.mark.parametrize(
    ("days", "level", "said"),
    [
        (0, Level.OK, "ends on"),
        (61, Level.WARNING, "in 29 days"),
        (90, Level.ERROR, "ended"),
        (-2, Level.ERROR, "before"),
    ],
)
def test_the_end_of_a_certificate_is_told_in_time(days: int, level: Level, said: str) -> None:
    """A month before it ends is late enough to say so; over, or not begun, is an error."""
    found = the(Check.EXPIRY, now=NOW + timedelta(days=days))
    assert (found.level, said in found.what) == (level, True)


@pytest.mark.parametrize(("days", "levels"), [(31, set()), (29, {Level.WARNING}), (-1, {Level.ERROR})])
def test_a_ca_that_ends_is_told_though_nothing_was_reached(days: int, levels: set[Level]) -> None:
    """The caBundle can be read from anywhere; when its last CA ends, nothing is trusted any more."""
    served = replace(OUTSIDE, trusted_until=NOW + timedelta(days=days))
    assert {one.level for one in of(Check.EXPIRY, served={(ADDRESS, BUNDLE): served})} == levels


@pytest.mark.parametrize(
    ("mode", "outcome", "level"),
    [
        (Mode.RESTORE, Outcome.RESTORED, Level.OK),
        (Mode.RESTORE, Outcome.DENIED, Level.WARNING),
        (Mode.RESTORE, Outcome.LOST, Level.ERROR),
        (Mode.RESTORE, Outcome.WARNED, Level.ERROR),
        (Mode.RESTORE, Outcome.UNCALLED, Level.ERROR),
        (Mode.DENY, Outcome.DENIED, Level.OK),
        (Mode.DENY, Outcome.RESTORED, Level.WARNING),
        (Mode.DENY, Outcome.LOST, Level.ERROR),
        (Mode.WARN, Outcome.WARNED, Level.OK),
        (Mode.WARN, Outcome.LOST, Level.ERROR),
        (Mode.AUDIT, Outcome.LOST, Level.INFO),
        (Mode.RESTORE, Outcome.NO_OBJECT, Level.INFO),
        (Mode.RESTORE, Outcome.OTHERS, Level.WARNING),
        (Mode.RESTORE, Outcome.NO_IMPERSONATION, Level.WARNING),
        (Mode.RESTORE, Outcome.NO_RIGHT, Level.WARNING),
        (Mode.RESTORE, Outcome.EXEMPT, Level.WARNING),
        (Mode.RESTORE, Outcome.UNREADABLE, Level.WARNING),
    ],
)
def test_a_loss_is_judged_by_what_the_mode_means_to_do(mode: Mode, outcome: Outcome, level: Level) -> None:
    """Only what the mode means is well; what could not be tried is said to be unknown."""
    trial = Trial("widgets", outcome, "ns/one", "somebody", "words of the API server")
    found = the(Check.LOSS, guards=(replace(WIDGETS, mode=mode),), trials=(trial,))
    assert found.level is level


def test_without_rules_a_loss_that_passes_may_be_mode_audit() -> None:
    """A mutating webhook alone is Audit or Warn; nothing tells which, so nothing is claimed."""
    trial = Trial("widgets", Outcome.LOST, "ns/one")
    found = the(Check.LOSS, guards=(replace(WIDGETS, mode=Mode.WARN),), trials=(trial,), ruled=False)
    assert found.level is Level.INFO


def test_a_loss_that_nobody_is_asked_about_is_mended_by_registering() -> None:
    """Logs of the webhook say nothing of what it was never asked."""
    trial = Trial("widgets", Outcome.LOST, "ns/one")
    found = the(Check.LOSS, webhooks=(), served={}, trials=(trial,))
    assert (found.level, "export webhook" in found.mend) == (Level.ERROR, True)
    assert "logs deploy/status-guard-webhook" in the(Check.LOSS, trials=(trial,)).mend


@pytest.mark.parametrize(
    ("said", "mend"),
    [
        ("failed calling webhook: x509: certificate signed by unknown authority", "certs ensure"),
        ('failed calling webhook: no endpoints available for service "guard"', "get service/guard endpointslices"),
    ],
)
def test_what_the_api_server_says_of_its_call_decides_the_remedy(said: str, mend: str) -> None:
    """A certificate that it refuses is for `certs ensure`; anything else is for a look at Service and pods."""
    assert mend in the(Check.LOSS, trials=(Trial("widgets", Outcome.UNCALLED, "ns/one", said=said),)).mend


@pytest.mark.parametrize(
    ("guarded", "has", "level"),
    [(False, False, Level.OK), (True, True, Level.OK), (False, True, Level.ERROR), (True, False, Level.ERROR)],
)
def test_a_guard_has_to_be_where_status_can_be_lost(guarded: bool, has: bool, level: Level) -> None:  # noqa: FBT001
    """On the wrong side of a status subresource it sees no loss."""
    guard = replace(WIDGETS, target=replace(WIDGETS.target, status_subresource=guarded))
    found = the(Check.SUBRESOURCE, guards=(guard,), definitions={"widgets.example.io": definition(subresource=has)})
    assert found.level is level


def test_versions_that_are_not_served_and_kinds_that_are_not_there_are_told() -> None:
    """A guard for v2 alone of a kind that has v1 sees nothing; a kind that is not installed may come."""
    guard = replace(WIDGETS, target=replace(WIDGETS.target, versions=frozenset({"v2"})))
    assert the(Check.SUBRESOURCE, guards=(guard,)).level is Level.ERROR
    assert the(Check.SUBRESOURCE, definitions={}).level is Level.INFO


@pytest.mark.parametrize(
    ("name", "resources", "side", "late"),
    [
        ("zzz", ["widgets"], Side.MUTATING, True),
        ("zzz", ["*"], Side.MUTATING, True),
        ("zzz", ["*/*"], Side.MUTATING, True),
        ("zzz", ["widgets/status"], Side.MUTATING, False),
        ("zzz", ["gadgets"], Side.MUTATING, False),
        ("aaa", ["widgets"], Side.MUTATING, False),
        ("zzz", ["widgets"], Side.VALIDATING, False),
    ],
)
def test_only_what_runs_later_for_the_same_kinds_is_in_the_way(
    name: str,
    resources: list[str],
    side: Side,
    late: bool,  # noqa: FBT001
) -> None:
    """Wildcards count; other kinds, the subresource beside it, earlier names and validating webhooks do not."""
    rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": resources}
    other = Webhook(side, name, False, {"name": "other.example.com", "rules": [rule]})  # noqa: FBT003 - the label
    found = the(Check.ORDER, webhooks=(*registered(WIDGETS), other))
    assert (found.level is Level.WARNING) is late


@pytest.mark.parametrize(
    ("lease", "level"),
    [
        (Lease("keeper-1", NOW - timedelta(seconds=15), 15), Level.OK),
        (Lease("keeper-1", NOW - timedelta(seconds=16), 15), Level.ERROR),
        (Lease("keeper-1", None, 15), Level.ERROR),
        (Lease("keeper-1", NOW - timedelta(hours=1), 15, moved=True), Level.OK),
        (Lease("", NOW, 15), Level.ERROR),
        (None, Level.INFO),
        (Unseen("you may not", "kubectl auth can-i get leases"), Level.WARNING),
    ],
)
def test_a_lease_that_is_held_and_fresh_is_a_keeper(lease: Lease | Unseen | None, level: Level) -> None:
    """Stale or let go means that nobody watches; that there never was one may be meant."""
    assert the(Check.KEEPER, lease=lease).level is level


def test_a_missing_keeper_is_a_warning_where_a_guard_relies_on_it() -> None:
    """With onLoss Repair somebody expects repairs."""
    guard = replace(WIDGETS, keeper=KeeperRules(on_loss=OnLoss.REPAIR))
    assert the(Check.KEEPER, guards=(guard,), lease=None).level is Level.WARNING


@pytest.mark.parametrize(
    ("served", "said"),
    [
        (POLICIES, "--kube-version 1.36"),
        (frozenset({"validatingadmissionpolicies"}), "export vap"),
        (frozenset({"validatingwebhookconfigurations"}), ""),
    ],
)
def test_the_best_native_form_that_is_served_is_offered(served: frozenset[str], said: str) -> None:
    """Mutating policies put back, so they come first; without any nothing is offered."""
    found = the(Check.NATIVE, native=served)
    assert (found.level, said in found.mend) == (Level.INFO, True)
    assert bool(found.mend) is bool(said)


def test_a_list_of_resources_that_cannot_be_read_is_no_reason_to_fail() -> None:
    """Native forms are an offer; that nobody knows is information."""
    found = the(Check.NATIVE, native=Unseen("you may not", "kubectl auth can-i"))
    assert (found.level, found.mend) == (Level.INFO, "kubectl auth can-i")


def test_a_url_is_named_in_the_command_that_registers_again() -> None:
    """Where the webhook is outside of the cluster, the command says its URL."""
    url = Address("guard.example.com", 8443)
    hooks = tuple(replace(one, address=url) for one in registered(WIDGETS))
    alone = tuple(one for one in hooks if one.side is Side.VALIDATING)
    found = the(Check.REGISTERED, webhooks=alone, trials=())
    assert "--url https://guard.example.com:8443 --ca CA_FILE | kubectl apply --server-side" in found.mend
