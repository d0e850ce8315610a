"""What is in the three forms, beside their CEL."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.core.export import limits, loss, vap, webhook
from app.core.export import map as mutating
from app.core.export.manifest import Endpoint, Export
from app.core.export.versions import ExportError, KubeVersion
from app.core.guard import Final, Guard, Mode, Protect, ProtectedList, Target, WhenSpecAlsoChanges, Writers

V1_36 = KubeVersion(1, 36)
ENDPOINT = Endpoint(service=("ns", "guard"), ca_bundle="Q0E=")
DOCUMENT = (Path(__file__).parents[3] / "docs/export.md").read_text()


def make(name: str, mode: Mode = Mode.RESTORE, *, subresource: bool = False, **more: Any) -> Guard:
    """A guard for things."""
    target = Target("example.io", frozenset({"v2", "v1"}), "things", status_subresource=subresource)
    return Guard(name, target, mode, **more)


EVERY_MODE = [make(mode.lower(), mode) for mode in Mode]


def hooks(export: Export) -> Iterator[dict[str, Any]]:
    """Every webhook of an export."""
    for manifest in export.manifests:
        yield from manifest.body["webhooks"]


def test_a_guard_is_registered_where_it_can_act() -> None:
    """Audit and Warn are asked at mutation only, Deny at validation only, Restore at both; in order of name."""
    mutating_hooks, validating = webhook.export(EVERY_MODE, V1_36, ENDPOINT).manifests
    names = [hook["name"] for hook in mutating_hooks.body["webhooks"]]
    assert names == [f"{name}.mutate.statusguard.io" for name in ("audit", "restore", "warn")]
    names = [hook["name"] for hook in validating.body["webhooks"]]
    assert names == [f"{name}.validate.statusguard.io" for name in ("deny", "restore")]


def test_a_registration_is_what_kubernetes_advises() -> None:
    """Each webhook sees updates of its kind in every equivalent version, has no side effects and a small timeout."""
    for hook in hooks(webhook.export([make("a", subresource=True)], V1_36, ENDPOINT)):
        [rule] = hook["rules"]
        assert rule == {
            "apiGroups": ["example.io"],
            "apiVersions": ["v1", "v2"],
            "operations": ["UPDATE"],
            "resources": ["things/status"],
            "scope": "*",
        }
        assert (hook["matchPolicy"], hook["sideEffects"]) == ("Equivalent", "None")
        assert hook["admissionReviewVersions"] == ["v1"]
        assert hook["timeoutSeconds"] <= 5
        assert hook["clientConfig"]["service"]["port"] == 443
        assert hook["clientConfig"]["caBundle"] == "Q0E="


def test_the_mutating_webhook_sorts_last_and_fails_open() -> None:
    """Its configuration's name comes after usual ones, and it is called again when others changed the object."""
    manifest, _ = webhook.export([make("a")], V1_36, ENDPOINT).manifests
    assert manifest.body["metadata"]["name"] > "status-guard"
    [hook] = manifest.body["webhooks"]
    assert (hook["failurePolicy"], hook["reinvocationPolicy"]) == ("Ignore", "IfNeeded")


@pytest.mark.parametrize(("minor", "policy"), [(27, "Ignore"), (28, "Fail")])
def test_only_a_webhook_with_match_conditions_fails_closed(minor: int, policy: str) -> None:
    """Without matchConditions a webhook that is down would stop every write, so it fails open there."""
    export = webhook.export([make("a", Mode.DENY)], KubeVersion(1, minor), ENDPOINT)
    [hook] = hooks(export)
    assert hook["failurePolicy"] == policy
    assert ("matchConditions" in hook) == (policy == "Fail")
    assert ("has no matchConditions" in " ".join(export.manifests[0].comments)) == (policy == "Ignore")


def test_no_guard_is_nothing_to_register() -> None:
    """Without guards there is no configuration, which would be an error of the API server's."""
    with pytest.raises(ExportError, match="no guard"):
        webhook.export([], V1_36, ENDPOINT)


def test_a_name_too_long_for_kubernetes_is_refused() -> None:
    """A guard's name may fill 253 characters, and the webhook's is longer."""
    with pytest.raises(ExportError, match="rename the guard"):
        webhook.export([make("a" * 250)], V1_36, ENDPOINT)


def test_an_expression_that_the_api_server_cannot_read_is_refused() -> None:
    """More parts than fit into one expression are said to be too many, with the guard's name."""
    fields = tuple((f"field-{number}",) for number in range(2000))
    with pytest.raises(ExportError, match="guard many: an expression has"):
        webhook.export([make("many", protect=Protect(fields=fields))], V1_36, ENDPOINT)


@pytest.mark.parametrize(
    ("mode", "actions"),
    [
        (Mode.AUDIT, ["Audit"]),
        (Mode.WARN, ["Warn", "Audit"]),
        (Mode.RESTORE, ["Deny"]),
        (Mode.DENY, ["Deny"]),
    ],
)
def test_a_binding_does_what_the_mode_says(mode: Mode, actions: list[str]) -> None:
    """The mode becomes the binding's validationActions; what cannot be put back is refused."""
    policy, binding = vap.export([make("a", mode)], V1_36).manifests
    assert binding.body["spec"] == {"policyName": policy.body["metadata"]["name"], "validationActions": actions}
    assert (limits.REFUSING in policy.comments) == (mode is Mode.RESTORE)


def test_a_mutating_policy_is_made_for_restoring_guards_only() -> None:
    """The others are named, with the form that has them."""
    export = mutating.export(EVERY_MODE, V1_36)
    assert [manifest.body["metadata"]["name"] for manifest in export.manifests] == ["restore.mutate.statusguard.io"] * 2
    assert [line.split(".")[0] for line in export.left_out] == [
        f"Not here: guard {name}" for name in ("audit", "deny", "warn")
    ]


def test_a_write_to_the_status_subresource_keeps_its_hands_off_metadata() -> None:
    """The API server drops what such a write says of metadata, so nothing of it is looked at or put back."""
    done = {"done": frozenset({"true"})}
    guard = make(
        "a",
        subresource=True,
        protect=Protect(labels=("tenant",), finalizers=("hold",), owner_references=True),
        final=(Final(done, ("result",)), Final(done, ("result",), {"Ready": "True"})),
    )
    text = str([manifest.body["spec"] for manifest in mutating.export([guard], V1_36).manifests])
    assert "'/status/conditions/'" in text
    assert not any(word in text for word in ("tenant", "hold", "ownerReferences", "result"))


def test_what_costs_more_is_bounded_closer() -> None:
    """Several lists and maps share the bounds of one, and a policy that makes patches has smaller ones."""
    many = make("a", protect=Protect(maps=(("m",),) * 10, lists=(ProtectedList(("l",), "k"),) * 6))
    one = make("a", protect=Protect(lists=(ProtectedList(("l",), "k"),)))
    assert (loss.bounds(one, asks=True).items, loss.bounds(many, asks=True).items) == (500, 125)
    assert (loss.bounds(one, asks=True).entries, loss.bounds(many, asks=True).entries) == (40_000, 2_500)
    assert vap.bounds(one).items == 500
    assert vap.bounds(many).items < 500
    assert mutating.bounds(one).items < 500


def test_every_limit_is_in_the_comments_and_in_the_document() -> None:
    """What a form cannot do is said above the policy, and each rule named there is in the table of docs/export.md."""
    final = Final({"done": frozenset({"true"})}, ("result",), {"Completed": "True"})
    guard = make(
        "a",
        protect=Protect(maps=(("m",),), lists=(ProtectedList(("l",), "k"),)),
        writers=Writers(groups=frozenset({"g"})),
        final=(final,),
        when_spec_also_changes=WhenSpecAlsoChanges.DENY,
        override_max_duration=timedelta(hours=1),
    )
    refusing = vap.export([guard], V1_36).manifests[0].comments
    restoring = mutating.export([guard], V1_36).manifests[0].comments
    assert {limits.REFUSING, limits.REFUSING_FINAL, limits.APPLY, limits.OVERRIDE, limits.RECORD} <= set(refusing)
    assert {limits.NUMBERS, limits.SILENT, limits.SPEC, limits.APPLY, limits.OVERRIDE} <= set(restoring)
    table = DOCUMENT.partition("## What each form cannot express")[2].partition("\n## ")[0]
    said = " ".join([*refusing, *restoring])
    for rule in ("SG005", "SG006", "SG011", "SG012", "SG014", "SG015", "SG017", "SG018"):
        assert rule in said
        assert rule in table
    for bound in ("500 items", "300 items", "40,000 keys", "10,000 keys"):
        assert bound in table


def test_limits_that_do_not_concern_a_guard_are_not_mentioned() -> None:
    """A guard without override, lists, maps and finished objects has no comment about them."""
    said = " ".join(vap.export([make("a", Mode.DENY)], V1_36).manifests[0].comments)
    assert "SG011" in said
    assert not any(rule in said for rule in ("SG005", "SG006", "SG012", "SG015"))
