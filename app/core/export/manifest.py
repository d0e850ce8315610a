"""What the three forms have in common: how a manifest looks, what it is called, and which writes it is about."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from app.core.export.versions import ExportError, KubeVersion
from app.core.guard import Guard

Body: TypeAlias = dict[str, Any]
"""A Kubernetes object as YAML has it."""

API_VERSION: Final = "admissionregistration.k8s.io/v1"
LABELS: Final = {"app.kubernetes.io/name": "status-guard", "app.kubernetes.io/managed-by": "status-guard"}
DOMAIN: Final = "statusguard.io"

LONGEST_NAME: Final = 253
"""Characters of an object's name and of a webhook's (k8s.io/apimachinery, DNS1123SubdomainMaxLength)."""
LONGEST_EXPRESSION: Final = 100_000
"""Code points: what the API server's CEL parser reads (cel-go, expression size limit)."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object, and what a reader has to know of it."""

    comments: tuple[str, ...]
    body: Body


@dataclass(frozen=True, slots=True)
class Export:
    """The guards in one form. ``left_out`` says which guards are not in it, and why."""

    manifests: tuple[Manifest, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the API server finds the webhook: a Service (namespace and name) or a URL without path."""

    service: tuple[str, str] | None = None
    url: str = ""
    ca_bundle: str = ""
    """Base64 of PEM; empty where somebody else fills it in."""

    def client_config(self, path: str) -> Body:
        """The ``clientConfig`` for one path."""
        config: Body
        if self.service:
            namespace, name = self.service
            config = {"service": {"namespace": namespace, "name": name, "path": path, "port": 443}}
        else:
            config = {"url": self.url + path}
        return config | ({"caBundle": self.ca_bundle} if self.ca_bundle else {})


def in_order(guards: Iterable[Guard]) -> list[Guard]:
    """By name, so that the same rules give the same text."""
    return sorted(guards, key=lambda guard: guard.name)


def metadata(name: str) -> Body:
    """An object's metadata, with the labels by which everything of ours is found.

    Raises:
        ExportError: for a name longer than Kubernetes allows.
    """
    return {"name": checked_name(name), "labels": dict(LABELS)}


def checked_name(name: str) -> str:
    """The name, if it is not too long.

    Raises:
        ExportError: if it is.
    """
    if len(name) > LONGEST_NAME:
        raise ExportError(f"{name!r} has {len(name)} characters, Kubernetes allows {LONGEST_NAME}; rename the guard")
    return name


def rule(guard: Guard) -> Body:
    """The writes a guard looks at, as webhooks and policies write it."""
    target = guard.target
    return {
        "apiGroups": [target.group],
        "apiVersions": sorted(target.versions),
        "operations": ["UPDATE"],
        "resources": [f"{target.resource}/status" if target.status_subresource else target.resource],
        "scope": "*",
    }


def checked_expression(guard: Guard, expression: str) -> str:
    """The expression, if the API server can read it.

    Raises:
        ExportError: if it is too long.
    """
    if len(expression) > LONGEST_EXPRESSION:
        raise ExportError(
            f"guard {guard.name}: an expression has {len(expression)} characters, and the API server reads"
            f" {LONGEST_EXPRESSION}; protect fewer parts of the status, or their containers as maps"
        )
    return expression


def need(version: KubeVersion, least: KubeVersion, what: str, instead: str) -> None:
    """Refuse a form that a release has not.

    Raises:
        ExportError: with the form to use instead.
    """
    if version < least:
        raise ExportError(f"Kubernetes {version} has no {what} (it needs {least}); {instead}")
