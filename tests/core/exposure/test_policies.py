"""Whether live admission policies are what the rules say."""

import copy
from typing import Any

import pytest

from app.core.export import map as mutating
from app.core.export import vap
from app.core.export.versions import KubeVersion
from app.core.exposure.policies import Policy, compare, guarding
from app.core.exposure.registered import Live, Registered
from app.core.guard import Guard, Mode, Protect, ProtectedList, Target

NOW = KubeVersion(1, 36)
GUARD = Guard(
    "upgrades",
    Target("harvesterhci.io", frozenset({"*"}), "upgrades", status_subresource=False),
    mode=Mode.RESTORE,
    protect=Protect(lists=(ProtectedList(("conditions",), "type"),)),
)
MISSING = Registered(Live.MISSING)


def live(form: Any = vap, *guards: Guard) -> list[Policy]:
    """Policies and bindings as an API server has them after what was rendered has been applied."""
    bodies = copy.deepcopy([one.body for one in form.export(guards or (GUARD,), NOW).manifests])
    for body in bodies:
        body["metadata"] |= {"uid": "1", "resourceVersion": "2"}
        if constraints := body["spec"].get("matchConstraints"):
            constraints |= {"namespaceSelector": {}, "objectSelector": {}}
    return [Policy(body["kind"], body) for body in bodies]


def changed(policies: list[Policy], kind: str, **spec: Any) -> list[Policy]:
    """The same, after somebody edited one."""
    for one in policies:
        if one.kind == kind:
            one.body["spec"] |= spec
    return policies


@pytest.mark.parametrize("forms", [(vap,), (mutating,), (vap, mutating)], ids=["vap", "map", "both"])
def test_what_was_rendered_from_the_rules_is_in_step(forms: tuple[Any, ...]) -> None:
    """In one form or in both; the API server's defaults make no difference."""
    policies = [one for form in forms for one in live(form)]
    assert compare([GUARD], policies, NOW) == ({"upgrades": Registered(Live.IN_STEP)}, ())
    assert guarding(policies, "harvesterhci.io", "upgrades", ["v1beta1"]) == ("upgrades",)


def test_a_guard_without_policies_is_not_spoken_of() -> None:
    """It may have webhooks; nothing is missed, on a release that has no policies either."""
    assert compare([GUARD], (), NOW) == ({}, ())
    assert compare([GUARD], live(), KubeVersion(1, 29)) == (
        {},
        tuple(f"ValidatingAdmissionPolicy{end} upgrades.validate.statusguard.io" for end in ("", "Binding")),
    )


@pytest.mark.parametrize(
    ("kind", "spec", "said"),
    [
        (
            "ValidatingAdmissionPolicy",
            {"failurePolicy": "Ignore"},
            "failurePolicy differs from the rules (Ignore instead",
        ),
        ("ValidatingAdmissionPolicy", {"matchConditions": []}, "matchConditions differ from the rules, so it is asked"),
        (
            "ValidatingAdmissionPolicy",
            {"validations": []},
            "validations differ from the rules, so it decides otherwise",
        ),
        ("ValidatingAdmissionPolicy", {"matchConstraints": {}}, "matchConstraints differ from the rules"),
        ("ValidatingAdmissionPolicy", {"paramKind": {"kind": "A"}}, "paramKind differs from the rules"),
        (
            "ValidatingAdmissionPolicyBinding",
            {"validationActions": ["Audit"]},
            "is refused, told or recorded otherwise",
        ),
        ("ValidatingAdmissionPolicyBinding", {"policyName": "other"}, "(other instead of upgrades.validate."),
        ("ValidatingAdmissionPolicyBinding", {"matchResources": {"a": "b"}}, "matchResources differ from the rules"),
    ],
)
def test_each_difference_is_said(kind: str, spec: dict[str, Any], said: str) -> None:
    """What is different, and what that means; what somebody added counts as what they took away."""
    found, _ = compare([GUARD], changed(live(), kind, **spec), NOW)
    assert found["upgrades"].live is Live.DIFFERS
    [difference] = found["upgrades"].differences
    assert difference.startswith(f"{kind} upgrades.validate.statusguard.io: ")
    assert said in difference


@pytest.mark.parametrize(("form", "command"), [(vap, "export vap"), (mutating, "export map")])
def test_half_a_form_does_nothing(form: Any, command: str) -> None:
    """A policy without its binding guards nothing, and the command that makes the other half is named."""
    policy, binding = live(form)
    for half, other in ((policy, binding), (binding, policy)):
        found, _ = compare([GUARD], [half], NOW)
        assert found["upgrades"].live is Live.DIFFERS
        [said] = found["upgrades"].differences
        assert said == f"there is no {other.kind} {other.name}, so it does nothing: apply what `{command}` prints"
        assert guarding([half], "harvesterhci.io", "upgrades", ["v1beta1"]) == ()


def test_what_no_rule_asks_for_is_left_over() -> None:
    """Policies of a guard that is gone, or of a form that its mode does not have any more."""
    denying = Guard(GUARD.name, GUARD.target, mode=Mode.DENY, protect=GUARD.protect)
    found, left_over = compare([denying], live(mutating), NOW)
    names = tuple(f"MutatingAdmissionPolicy{end} upgrades.mutate.statusguard.io" for end in ("", "Binding"))
    assert (found, left_over) == ({}, names)
    assert compare([], live(mutating), NOW) == ({}, names)


def test_a_policy_guards_what_its_rules_name() -> None:
    """Another kind's is none for this one."""
    assert guarding(live(), "harvesterhci.io", "settings", ["v1beta1"]) == ()
    assert guarding(changed(live(), "ValidatingAdmissionPolicy", matchConstraints={}), "a", "b", ["v1"]) == ()


@pytest.mark.parametrize(
    ("webhooks", "policies", "both"),
    [
        (MISSING, None, MISSING),
        (MISSING, Registered(Live.IN_STEP), Registered(Live.IN_STEP)),
        (MISSING, Registered(Live.DIFFERS, ("b",)), Registered(Live.DIFFERS, ("b",))),
        (Registered(Live.IN_STEP), None, Registered(Live.IN_STEP)),
        (Registered(Live.IN_STEP), Registered(Live.IN_STEP), Registered(Live.IN_STEP)),
        (Registered(Live.IN_STEP), Registered(Live.DIFFERS, ("b",)), Registered(Live.DIFFERS, ("b",))),
        (Registered(Live.DIFFERS, ("a",)), Registered(Live.DIFFERS, ("b",)), Registered(Live.DIFFERS, ("a", "b"))),
    ],
)
def test_either_form_is_enough_and_neither_may_differ(
    webhooks: Registered, policies: Registered | None, both: Registered
) -> None:
    """Who has policies needs no webhook; who has both is told what differs in either."""
    assert webhooks.beside(policies) == both
