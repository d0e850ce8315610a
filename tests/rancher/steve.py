"""Steve, Rancher's API under ``/v1``: objects are read live, lists are cached and leave out what may not be seen."""

import json
from typing import Any

from .cluster import Cluster
from .errors import Answer, api_error, go_json, no_schema, not_found, repo_missing, server_error
from .faults import Step
from .install import Installs
from .links import serve_link
from .operations import Operations
from .rendering import steve_form, type_of
from .request import Request
from .store import CORE, GROUP, Conflict, Exists, Object
from .users import SEE

CREATED = 201
TYPES = {type_of(name) + "s": name for name in ("clusterrepos", "operations", "apps", "uiplugins", "configmaps")}
CHANGED = "the object has been modified; please apply your changes to the latest version and try again"


class Steve:
    """The API of one cluster."""

    def __init__(self, cluster: Cluster, operations: Operations) -> None:
        self.cluster = cluster
        self.operations = operations
        self.installs = Installs(cluster, operations)

    async def serve(self, request: Request, parts: list[str]) -> Answer:
        """Answer a request for ``/v1/<type>[/namespace][/name]``.

        Raises:
            Refusal: it is refused.
            Ended: it ends without an answer.
        """
        if parts[0] == "schemas" and len(parts) == 2:
            return self._schema(request, parts[1])
        resource = TYPES.get(parts[0])
        if resource is None or (resource == "clusterrepos" and not request.caller.may(SEE, self.cluster.id)):
            raise no_schema()
        request.sort = self._sort(request, single=len(parts) > 1)
        if request.method != "GET":
            await request.read()
        namespaced = resource != "clusterrepos"
        single = len(parts) == (3 if namespaced else 2)
        if single:
            return await self._one(request, resource, parts[1] if namespaced else "", parts[-1])
        if request.method == "POST":
            return await self._create(request, resource)
        await request.reach(Step.LOOKUP)
        return self._list(request, resource, parts[1] if len(parts) > 1 else None)

    def _schema(self, request: Request, name: str) -> Answer:
        resource = TYPES.get(f"{name}s")
        if resource is None or (resource == "clusterrepos" and not request.caller.may(SEE, self.cluster.id)):
            raise no_schema()
        return Answer(200, go_json({"id": name, "type": "schema", "pluralName": f"{name}s"}).encode())

    def _sort(self, request: Request, *, single: bool) -> str:
        if request.method == "POST":
            return request.query.get("action", "create")
        if request.method == "GET" and single:
            return request.query.get("link", "get")
        return {"GET": "list", "PUT": "put"}.get(request.method, "other")

    async def _one(self, request: Request, resource: str, namespace: str, name: str) -> Answer:
        stored = self._get(request, resource, namespace, name)
        await request.reach(Step.LOOKUP)
        if request.method == "PUT":
            return self._put(request, resource, stored)
        if request.method == "DELETE":
            self._authorise(request, "delete", resource, name, namespace)
            self.cluster.store.delete(resource, name, namespace)
            return Answer(204, b"", ())
        if request.method == "POST":
            return await self._act(request, resource, namespace, name)
        if link := request.query.get("link"):
            return await serve_link(request, self.cluster, self.operations, stored, link)
        return self._show(request, resource, stored)

    def _get(self, request: Request, resource: str, namespace: str, name: str) -> Object:
        self._authorise(request, "get", resource, name, namespace)
        stored = self.cluster.store.get(resource, name, namespace)
        if stored is None:
            raise repo_missing(name) if resource == "clusterrepos" else not_found(f"{resource}.{GROUP}", name)
        return stored

    def _authorise(self, request: Request, verb: str, resource: str, name: str = "", namespace: str = "") -> None:
        if not self.cluster.allows(request.caller, verb, resource, name, namespace):
            raise api_error(403, "Forbidden", request.caller.forbidden(verb, resource, name, namespace))

    async def _act(self, request: Request, resource: str, namespace: str, name: str) -> Answer:
        action = request.query.get("action", "")
        if resource == "clusterrepos" and action in ("install", "upgrade"):
            return await self.installs.handle(request, name, action)
        if resource == "apps" and action == "uninstall":
            return await self.installs.uninstall(request, namespace, name)
        raise api_error(403, "PermissionDenied", f"no such action {action}")

    def _put(self, request: Request, resource: str, stored: Object) -> Answer:
        metadata = stored["metadata"]
        name, namespace = metadata["name"], metadata.get("namespace", "")
        self._authorise(request, "update", resource, name, namespace)
        changed = self._decode(request)
        if not changed.get("metadata", {}).get("resourceVersion"):
            raise server_error("metadata.resourceVersion is required for update")
        changed["metadata"] |= {"name": name} | ({"namespace": namespace} if namespace else {})
        try:
            return self._show(request, resource, self.cluster.store.update(resource, changed))
        except Conflict:
            full = resource if resource in CORE else f"{resource}.{GROUP}"
            words = f'Operation cannot be fulfilled on {full} "{name}": {CHANGED}'
            raise api_error(409, "Conflict", words) from None

    async def _create(self, request: Request, resource: str) -> Answer:
        self._authorise(request, "create", resource)
        await request.reach(Step.LOOKUP)
        made = self._decode(request)
        metadata = {name: value for name, value in made.get("metadata", {}).items() if name != "resourceVersion"}
        try:
            stored = self.cluster.store.create(resource, {"metadata": metadata, "spec": made.get("spec", {})})
        except Exists:
            words = f'{resource}.{GROUP} "{metadata["name"]}" already exists'
            raise api_error(409, "AlreadyExists", words) from None
        return self._show(request, resource, stored, CREATED)

    def _decode(self, request: Request) -> Object:
        try:
            decoded = json.loads(request.body)
        except ValueError:
            decoded = None
        if not isinstance(decoded, dict):
            raise api_error(422, "InvalidBodyContent", "Failed to parse body: invalid JSON")
        return decoded

    def _show(self, request: Request, resource: str, stored: Object, status: int = 200) -> Answer:
        shown = steve_form(resource, stored, request.base, may_update=self._may_update(request, resource))
        return Answer(status, go_json(shown).encode())

    def _may_update(self, request: Request, resource: str) -> bool:
        return request.caller.may(f"{resource}.update", self.cluster.id)

    def _list(self, request: Request, resource: str, namespace: str | None) -> Answer:
        """A list as the replica's cache has it; without the right to list it is empty, which is no refusal."""
        timing = self.cluster.world.timing
        found: list[Object] = []
        if request.caller.may(f"{resource}.list", self.cluster.id):
            found = self.cluster.store.list(resource, namespace, timing.list_lag)
        may_update = self._may_update(request, resource)
        data = [steve_form(resource, one, request.base, may_update=may_update) for one in found]
        data, more = _page(data, request.query)
        shown: dict[str, Any] = {
            "type": "collection",
            "links": {"self": f"{request.base}{request.path}"},
            "createTypes": {type_of(resource): f"{request.base}/v1/{type_of(resource)}s"},
            "actions": {},
            "resourceType": type_of(resource),
            "revision": str(self.cluster.store.version),
            "count": len(found),
            "data": data,
        }
        return Answer(200, go_json(shown | ({"continue": more} if more else {})).encode())


def _page(data: list[Object], query: dict[str, str]) -> tuple[list[Object], str]:
    """One page of a list, and where the next one begins."""
    start = int(query["continue"]) if query.get("continue", "").isdigit() else 0
    limit = int(query["limit"]) if query.get("limit", "").isdigit() else len(data)
    following = start + limit
    return data[start:following], str(following) if following < len(data) else ""
