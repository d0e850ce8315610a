"""``export webhook``: the two webhook configurations."""

from collections.abc import Iterable
from typing import Final

from app.core.export import loss
from app.core.export.manifest import (
    API_VERSION,
    DOMAIN,
    Body,
    Endpoint,
    Export,
    Manifest,
    checked_name,
    in_order,
    metadata,
    rule,
)
from app.core.export.matching import match_conditions
from app.core.export.versions import MATCH_CONDITIONS, ExportError, KubeVersion
from app.core.guard import Guard, Mode

MUTATING: Final = "zz-status-guard"
"""Webhooks run in the order of their configurations' names; a webhook that strips status after us is not mended."""
VALIDATING: Final = "status-guard"
"""Validating webhooks have no order: all see the object as it will be stored."""

TIMEOUT_SECONDS: Final = 3
"""Verdicts take milliseconds; this is what a write waits while the webhook hangs, twice at most."""

_PUTS_BACK: Final = (
    "Puts back what a write lost. Its name makes it run after other mutating webhooks. failurePolicy Ignore: while it"
    " is down, the validating one below still refuses to store a loss."
)
_REFUSES: Final = (
    "Refuses what still loses something after all mutation. failurePolicy Fail touches only writes that match: while"
    " the webhook is down, healthy writes pass and lossy ones get a 500. Before you rely on that, read back that the"
    " API server kept the matchConditions: one with the feature gate off drops them, and then Fail stops every UPDATE"
    " of the guarded kinds."
)
_IGNORING: Final = (
    "failurePolicy is Ignore, or every UPDATE of a guarded kind would fail while the webhook is down. A loss at that"
    " time is not stopped."
)


def export(guards: Iterable[Guard], version: KubeVersion, endpoint: Endpoint) -> Export:
    """The configurations for a release.

    Raises:
        ExportError: if a guard cannot be registered as it is.
    """
    ordered = in_order(guards)
    mending = [guard for guard in ordered if guard.mode is not Mode.DENY]
    denying = [guard for guard in ordered if guard.mode in {Mode.RESTORE, Mode.DENY}]
    manifests = []
    if mending:
        manifests.append(_mutating(mending, version, endpoint))
    if denying:
        manifests.append(_validating(denying, version, endpoint))
    if not manifests:
        raise ExportError("there is no guard to register")
    return Export(tuple(manifests))


def _mutating(guards: list[Guard], version: KubeVersion, endpoint: Endpoint) -> Manifest:
    webhooks = [
        _webhook(guard, version, endpoint, "mutate") | {"failurePolicy": "Ignore", "reinvocationPolicy": "IfNeeded"}
        for guard in guards
    ]
    body = {
        "apiVersion": API_VERSION,
        "kind": "MutatingWebhookConfiguration",
        "metadata": metadata(MUTATING),
        "webhooks": webhooks,
    }
    comments = [_PUTS_BACK]
    told = [guard.name for guard in guards if guard.mode in {Mode.AUDIT, Mode.WARN}]
    if told:
        comments.append(f"Only here, because they never refuse a write (mode Audit or Warn): {', '.join(told)}.")
    if version < MATCH_CONDITIONS:
        comments.append(_without_conditions(version, "every UPDATE of a guarded kind calls the webhook."))
    return Manifest(tuple(comments), body)


def _validating(guards: list[Guard], version: KubeVersion, endpoint: Endpoint) -> Manifest:
    conditions = version >= MATCH_CONDITIONS
    policy = {"failurePolicy": "Fail" if conditions else "Ignore"}
    body = {
        "apiVersion": API_VERSION,
        "kind": "ValidatingWebhookConfiguration",
        "metadata": metadata(VALIDATING),
        "webhooks": [_webhook(guard, version, endpoint, "validate") | policy for guard in guards],
    }
    comments = [_REFUSES if conditions else _without_conditions(version, _IGNORING)]
    denied = [guard.name for guard in guards if guard.mode is Mode.DENY]
    if denied:
        comments.append(f"Only here, because they put nothing back (mode Deny): {', '.join(denied)}.")
    return Manifest(tuple(comments), body)


def _without_conditions(version: KubeVersion, consequence: str) -> str:
    return f"Kubernetes {version} has no matchConditions by default (they need {MATCH_CONDITIONS}): {consequence}"


def _webhook(guard: Guard, version: KubeVersion, endpoint: Endpoint, name: str) -> Body:
    webhook: Body = {
        "name": checked_name(f"{guard.name}.{name}.{DOMAIN}"),
        "clientConfig": endpoint.client_config(f"/{name}"),
        "rules": [rule(guard)],
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": TIMEOUT_SECONDS,
    }
    if version >= MATCH_CONDITIONS:
        webhook["matchConditions"] = match_conditions(guard, loss.bounds(guard, asks=True))
    return webhook
