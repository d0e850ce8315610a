"""The Kubernetes API, which Rancher passes through under ``/k8s/clusters/<id>``: live, and plain about rights."""

import json
from typing import Any

from .cluster import Cluster
from .errors import Answer, Refusal, go_json
from .faults import Step
from .request import Request
from .store import CORE, GROUP, KINDS, Conflict, Object
from .users import User

LEASE = ["apis", "coordination.k8s.io", "v1", "namespaces", "kube-system", "leases", "cattle-controllers"]
REASONS = {403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed", 409: "Conflict", 422: "Invalid"}


def status_error(code: int, message: str, resource: str = "", name: str = "") -> Refusal:
    """An error as the API server words it."""
    details = {"name": name, "group": "" if resource in CORE else GROUP, "kind": resource}
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": REASONS[code],
        "details": {key: value for key, value in details.items() if value},
        "code": code,
    }
    return Refusal(Answer(code, go_json(status).encode() + b"\n"))


async def serve_kube(request: Request, cluster: Cluster, parts: list[str]) -> Answer:
    """Answer a request for ``/api/v1/...`` or ``/apis/<group>/<version>/...``; ``parts`` begin with api or apis.

    Raises:
        Refusal: it is refused.
        Ended: it ends without an answer.
    """
    request.sort = "raw"
    if parts[:2] == ["apis", "authorization.k8s.io"]:
        return await _review(request, cluster)
    if parts == LEASE and cluster.id == "local":
        return _lease(cluster)
    head, rest = (parts[:2], parts[2:]) if parts[0] == "api" else (parts[:3], parts[3:])
    namespace = None
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    resource = rest[0] if rest else ""
    known = head == ["api", "v1"] if resource in CORE else head == ["apis", GROUP, "v1"]
    if resource not in KINDS or not known or len(rest) > 2:
        raise status_error(404, "the server could not find the requested resource")
    name = rest[1] if len(rest) == 2 else ""
    if request.method in ("PUT", "POST"):
        await request.read()
    await request.reach(Step.LOOKUP)
    verb = {"GET": "get" if name else "list", "PUT": "update"}.get(request.method)
    if verb is None:
        raise status_error(405, "the server does not allow this method on the requested resource")
    _authorise(request.caller, cluster, verb, resource, name=name, namespace=namespace or "")
    if not name:
        return _list(cluster, resource, namespace)
    if cluster.store.get(resource, name, namespace or "") is None:
        full = resource if resource in CORE else f"{resource}.{GROUP}"
        raise status_error(404, f'{full} "{name}" not found', resource, name)
    if verb == "update":
        return _put(request, cluster, resource, name)
    return Answer(200, go_json(_raw(cluster.store.get(resource, name, namespace or "") or {})).encode() + b"\n")


def _lease(cluster: Cluster) -> Answer:
    """Who leads; without a leader the lease is the last one's, and old."""
    clock = cluster.world.clock
    holder = cluster.leader.name if cluster.leader else cluster.last_leader
    renewed = clock.stamp() if cluster.leader else clock.stamp(cluster.bereaved_at)
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 45, "renewTime": renewed.replace("Z", ".000000Z")}
    metadata = {"name": LEASE[-1], "namespace": "kube-system"}
    shown = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
    return Answer(200, go_json(shown).encode() + b"\n")


def _authorise(user: User, cluster: Cluster, verb: str, resource: str, *, name: str, namespace: str) -> None:
    if not cluster.allows(user, verb, resource, name, namespace):
        raise status_error(403, user.forbidden(verb, resource, name, namespace), resource, name)


def _raw(stored: Object) -> Object:
    """An object as the API server has it; ConfigMaps keep their data in no spec."""
    if stored.get("kind") != "ConfigMap":
        return stored
    plain = {key: value for key, value in stored.items() if key != "spec"}
    return plain | {"binaryData": stored["spec"]}


def _list(cluster: Cluster, resource: str, namespace: str | None) -> Answer:
    version = "v1" if resource in CORE else f"{GROUP}/v1"
    items = [_raw(one) for one in cluster.store.list(resource, namespace)]
    metadata = {"resourceVersion": str(cluster.store.version), "continue": ""}
    shown = {"apiVersion": version, "kind": f"{KINDS[resource]}List", "metadata": metadata, "items": items}
    return Answer(200, go_json(shown).encode() + b"\n")


def _put(request: Request, cluster: Cluster, resource: str, name: str) -> Answer:
    try:
        changed: Any = json.loads(request.body)
        changed["metadata"]["name"] = name
        return Answer(200, go_json(_raw(cluster.store.update(resource, changed))).encode() + b"\n")
    except Conflict:
        words = "the object has been modified; please apply your changes to the latest version and try again"
        full = resource if resource in CORE else f"{resource}.{GROUP}"
        raise status_error(409, f'Operation cannot be fulfilled on {full} "{name}": {words}', resource, name) from None
    except (ValueError, TypeError, KeyError):
        raise status_error(422, "the body is not an object of this kind", resource, name) from None


async def _review(request: Request, cluster: Cluster) -> Answer:
    """A SelfSubjectAccessReview; rights on kinds that only helm touches are those of helm."""
    asked = json.loads(await request.read())
    wanted = asked["spec"]["resourceAttributes"]
    right = f"{wanted.get('resource')}.{wanted.get('verb')}"
    helm = wanted.get("resource") not in KINDS or wanted.get("verb") == "create"
    allowed = request.caller.may("helm" if helm else right, cluster.id)
    return Answer(201, go_json(asked | {"status": {"allowed": allowed}}).encode())
