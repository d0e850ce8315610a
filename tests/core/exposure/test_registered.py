"""Whether live configurations are what the rules say."""

import copy
from typing import Any

import pytest

from app.core.export import webhook
from app.core.export.manifest import Endpoint
from app.core.export.versions import KubeVersion
from app.core.exposure.registered import Hook, Live, compare, hooks
from app.core.guard import Guard, Mode, Protect, ProtectedList, Target

NOW = KubeVersion(1, 31)
GUARD = Guard(
    "upgrades",
    Target("harvesterhci.io", frozenset({"*"}), "upgrades", status_subresource=False),
    protect=Protect(lists=(ProtectedList(("conditions",), "type"),)),
)


def live(*guards: Guard, version: KubeVersion = NOW) -> list[dict[str, Any]]:
    """Configurations as an API server has them after what was rendered has been applied."""
    found = webhook.export(guards, version, Endpoint(service=("status-guard", "status-guard"))).manifests
    bodies = copy.deepcopy([one.body for one in found])
    for body in bodies:
        for one in body["webhooks"]:
            one |= {"namespaceSelector": {}, "objectSelector": {}}
            one["clientConfig"]["caBundle"] = "Q0E="
    return bodies


def test_what_was_rendered_from_the_rules_is_in_step() -> None:
    """The API server's defaults, the endpoint and its CA make no difference."""
    found, left_over = compare([GUARD], hooks(live(GUARD)), NOW)
    assert found["upgrades"].live is Live.IN_STEP
    assert (found["upgrades"].differences, left_over) == ((), ())


def test_what_is_not_there_is_missing() -> None:
    """All of it, about which there is no more to say, or one of the two, which is a difference and named."""
    nothing, _ = compare([GUARD], (), NOW)
    assert nothing["upgrades"].live is Live.MISSING
    assert nothing["upgrades"].differences == ()
    half, _ = compare([GUARD], hooks(live(GUARD)[:1]), NOW)
    assert half["upgrades"].live is Live.DIFFERS
    assert ["upgrades.validate.statusguard.io" in said for said in half["upgrades"].differences] == [True]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"failurePolicy": "Ignore"}, "failurePolicy differs from the rules (Ignore instead of Fail)"),
        ({"matchConditions": []}, "matchConditions differ from the rules (there are none)"),
        ({"matchConditions": [{"name": "a", "expression": "true"}]}, "for another release, or edited"),
        ({"rules": []}, "rules differ from the rules (none instead of"),
        (
            {"rules": [{"apiGroups": ["harvesterhci.io"], "apiVersions": ["*"], "operations": ["CREATE"]}]},
            "operations=CREATE",
        ),
        ({"namespaceSelector": {"matchLabels": {"a": "b"}}}, "(matchLabels=a=b instead of {})"),
        ({"objectSelector": {"matchLabels": {"a": "b"}}}, "writes to some objects pass it by"),
        ({"matchPolicy": "Exact"}, "(Exact instead of Equivalent)"),
        ({"timeoutSeconds": 30}, "(30 instead of 3)"),
    ],
)
def test_each_difference_is_said(change: dict[str, Any], said: str) -> None:
    """What is different, what it is and should be, and what that means."""
    bodies = live(GUARD)
    bodies[1]["webhooks"][0] |= change
    found, _ = compare([GUARD], hooks(bodies), NOW)
    assert found["upgrades"].live is Live.DIFFERS
    [difference] = found["upgrades"].differences
    assert difference.startswith("ValidatingWebhookConfiguration webhook upgrades.validate.statusguard.io: ")
    assert said in difference


def test_an_older_release_is_compared_with_what_it_can_do() -> None:
    """Without matchConditions, a configuration that has none and fails open is as it should be."""
    old = KubeVersion(1, 27)
    assert compare([GUARD], hooks(live(GUARD, version=old)), old)[0]["upgrades"].live is Live.IN_STEP
    assert compare([GUARD], hooks(live(GUARD, version=old)), NOW)[0]["upgrades"].live is Live.DIFFERS


def test_what_no_rule_asks_for_is_left_over() -> None:
    """A webhook of a guard that is gone, or of one whose mode no longer needs it."""
    denying = Guard(GUARD.name, GUARD.target, mode=Mode.DENY, protect=GUARD.protect)
    found, left_over = compare([denying], hooks(live(GUARD)), NOW)
    assert found["upgrades"].live is Live.IN_STEP
    assert left_over == ("MutatingWebhookConfiguration webhook upgrades.mutate.statusguard.io",)


def test_a_guard_that_cannot_be_registered_is_missing_and_says_why() -> None:
    """A name that is too long for a webhook, for one; the others are compared all the same."""
    named = Guard("x" * 250, GUARD.target)
    found, _ = compare([named, GUARD], hooks(live(GUARD)), NOW)
    assert "rename the guard" in found["x" * 250].differences[0]
    assert (found["x" * 250].live, found["upgrades"].live) == (Live.MISSING, Live.IN_STEP)


@pytest.mark.parametrize(
    ("rule", "sees"),
    [
        ({}, True),
        ({"apiGroups": ["*"], "apiVersions": ["v1beta1"], "resources": ["*/*"], "operations": ["*"]}, True),
        ({"apiGroups": ["example.io"]}, False),
        ({"apiVersions": ["v1"]}, False),
        ({"resources": ["upgrades/status"]}, False),
        ({"resources": ["*"]}, True),
        ({"resources": ["upgrades/*"]}, False),
        ({"operations": ["CREATE"]}, False),
    ],
)
def test_a_webhook_sees_what_its_rules_name(rule: dict[str, Any], *, sees: bool) -> None:
    """Group, version, resource and operation, or a star."""
    [body] = webhook.export([GUARD], NOW, Endpoint(url="https://x")).manifests[0].body["webhooks"]
    hook = Hook("MutatingWebhookConfiguration", {**body, "rules": [body["rules"][0] | rule]})
    assert hook.sees("harvesterhci.io", "upgrades", ["v1beta1"]) is sees
    assert not Hook("MutatingWebhookConfiguration", {"name": "x"}).sees("harvesterhci.io", "upgrades", ["v1beta1"])


@pytest.mark.parametrize(
    ("resources", "sees"),
    [
        (["upgrades/status"], True),
        (["upgrades/*"], True),
        (["*/status"], True),
        (["*/*"], True),
        (["*"], False),
        (["upgrades"], False),
    ],
)
def test_a_subresource_is_named_for_itself(resources: list[str], *, sees: bool) -> None:
    """As the API server matches it: a star alone is every resource and none of their subresources."""
    rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": resources}
    hook = Hook("MutatingWebhookConfiguration", {"name": "x", "rules": [rule]})
    assert hook.sees("harvesterhci.io", "upgrades/status", ["v1"]) is sees


def test_a_webhook_of_ours_tells_its_guard() -> None:
    """By its name; another's tells none."""
    found = hooks(live(GUARD))
    assert [hook.guard for hook in found] == ["upgrades", "upgrades"]
    assert Hook("MutatingWebhookConfiguration", {"name": "other.example.io"}).guard == ""
    assert hooks([{"kind": "MutatingWebhookConfiguration"}]) == ()
