"""``export rbac``: the rights that the keeper needs for exactly these guards."""

from collections.abc import Iterable
from typing import Final

from app.core.export.manifest import LABELS, Body, Export, Manifest, in_order
from app.core.guard import Guard, OnLoss

_RBAC: Final = "rbac.authorization.k8s.io"
_VERSION: Final = f"{_RBAC}/v1"
NAME: Final = "status-guard-keeper"
"""The ClusterRole, its binding and the ServiceAccount, as manifests/base/keeper has it."""

_WATCHES: Final = (
    "What the keeper may do, for exactly the guards above: it lists and watches guarded kinds, and changes objects only"
    " of those with onLoss: Repair. Apply it again when a guard is added: no right lets it widen its own."
)


def export(guards: Iterable[Guard], namespace: str, history: str = "") -> Export:
    """The ClusterRole with its binding and, where histories have a namespace of their own, a Role there.

    Args:
        guards: what is watched.
        namespace: of the keeper's ServiceAccount.
        history: the namespace of all histories; empty where each lies beside its object.
    """
    ordered = in_order(guards)
    rules = [*_definitions(ordered), *_watching(ordered), *_repairing(ordered), _EVENTS]
    if not history:
        rules.append(_HISTORY)
    bodies = [_role("ClusterRole", rules), _binding("ClusterRole", namespace)]
    if history:
        where = {"namespace": history}
        bodies += [_role("Role", [_HISTORY], where), _binding("Role", namespace, where)]
    return Export((Manifest((_WATCHES,), bodies[0]), *(Manifest((), body) for body in bodies[1:])))


_HISTORY: Final[Body] = {
    "apiGroups": ["apps"],
    "resources": ["controllerrevisions"],
    "verbs": ["get", "list", "create", "patch", "delete"],
}
_EVENTS: Final[Body] = {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]}


def _definitions(guards: list[Guard]) -> list[Body]:
    """By name: storage version, scope and subresources stand in the CRD alone."""
    names = sorted({f"{guard.target.resource}.{guard.target.group}" for guard in guards})
    group = "apiextensions.k8s.io"
    return [
        {"apiGroups": [group], "resources": ["customresourcedefinitions"], "resourceNames": names, "verbs": ["get"]}
    ]


def _watching(guards: list[Guard]) -> list[Body]:
    by_group: dict[str, set[str]] = {}
    for guard in guards:
        by_group.setdefault(guard.target.group, set()).add(guard.target.resource)
    return [
        {"apiGroups": [group], "resources": sorted(resources), "verbs": ["get", "list", "watch"]}
        for group, resources in sorted(by_group.items())
    ]


def _repairing(guards: list[Guard]) -> list[Body]:
    """``patch`` on the object, for the status or for the annotation that says a repair was stopped."""
    by_group: dict[str, set[str]] = {}
    for guard in guards:
        if guard.keeper.on_loss is OnLoss.REPAIR:
            subresource = [f"{guard.target.resource}/status"] if guard.target.status_subresource else []
            by_group.setdefault(guard.target.group, set()).update([guard.target.resource, *subresource])
    return [
        {"apiGroups": [group], "resources": sorted(resources), "verbs": ["patch"]}
        for group, resources in sorted(by_group.items())
    ]


def _role(kind: str, rules: list[Body], where: Body | None = None) -> Body:
    return {"apiVersion": _VERSION, "kind": kind, "metadata": _metadata(where), "rules": rules}


def _binding(kind: str, namespace: str, where: Body | None = None) -> Body:
    return {
        "apiVersion": _VERSION,
        "kind": f"{kind}Binding",
        "metadata": _metadata(where),
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": namespace}],
    }


def _metadata(where: Body | None) -> Body:
    return {"name": NAME, **(where or {}), "labels": dict(LABELS)}
