"""The FastAPI application behind the gate's front: ``/installs``, the OpenAPI document, and a 404 with words.

The schemas come from the very types that the endpoints encode. The install call itself never gets here (the front
answers it), so it is written into the document by hand.
"""

from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from app import __version__
from app.api.admission import Admission
from app.api.documented import create_api
from app.api.faults import PROBLEM_JSON
from app.api.gate.installs import Installs
from app.api.gate.outcomes import FoundAgain
from app.api.gate.problems import GateProblem, problem, written
from app.core.gate.installation_call import COLLECTION
from app.core.gate.preferences import EVENT_STREAM, JSON
from app.gate.progress import Progress

_SCHEMAS: Final = "#/components/schemas/{name}"
_HERE: Final = written(
    problem(
        HTTPStatus.NOT_FOUND,
        "not-here",
        f"Here are GET /installs and /installs/ID, GET /openapi.json, and Rancher's /v1/{COLLECTION}. Everything else"
        " of Rancher's has to be routed to Rancher itself.",
    )
)
_PROBLEMS: Final = {
    HTTPStatus.BAD_REQUEST: "Something that Rancher and a proxy could read differently, or that Rancher would fail on",
    HTTPStatus.UNAUTHORIZED: "Rancher's own answer to this login, as it came",
    HTTPStatus.FORBIDDEN: "Sent by a page of another site, Impersonate-*, or refused by Rancher",
    HTTPStatus.CONFLICT: "Cancelled, or too late to cancel",
    HTTPStatus.TOO_MANY_REQUESTS: "More installs than the gate holds, in total or for this credential",
    HTTPStatus.BAD_GATEWAY: "It cannot succeed as it is (a registry refuses, the chart is too large), or helm failed",
    HTTPStatus.SERVICE_UNAVAILABLE: "The time is over and nothing was installed: each check, and when to ask again",
    HTTPStatus.GATEWAY_TIMEOUT: "It was sent, and nobody can say what became of it: look before sending it again",
}


class _Delegated(Response):
    """Lets the endpoints answer by themselves, so that streams and connections are theirs."""

    def __init__(self, installs: Installs) -> None:
        super().__init__()
        self._installs = installs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._installs(scope, receive, send)


def create_gate_api(installs: Installs, admission: Admission | None = None) -> FastAPI:
    """The application; with ``admission`` it has the webhook's endpoints, too."""
    api = create_api(admission) if admission else _bare()
    answer = _endpoint(installs)
    progress = _answers(Progress, EVENT_STREAM)
    routes = (
        ("/installs", "GET", "The caller's installs in a cluster", _answers(None)),
        ("/installs/{id}", "GET", "How an install stands, or its events", progress),
        ("/installs/{id}", "DELETE", "Cancel an install of which nothing was sent yet", progress),
    )
    for path, method, summary, operation in routes:
        name = f"{method.lower()}-{path.strip('/').replace('/', '-')}"
        api.add_api_route(path, answer, methods=[method], name=name, summary=summary, openapi_extra=operation)
    for path in ("/installs{rest:path}",):  # other methods, assets: answered by the same endpoints, and not described
        api.add_route(path, answer, methods=[*_METHODS], include_in_schema=False)
    api.add_exception_handler(HTTPException, _http_error)
    _describe(api)
    return api


_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def _bare() -> FastAPI:
    return FastAPI(
        title="status-guard",
        version=__version__,
        description="Holds chart installs until Rancher can carry them out, and sends each of them once.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,  # as in app/api/documented.py
        redoc_url=None,
        redirect_slashes=False,
    )


def _endpoint(installs: Installs) -> Any:  # noqa: ANN401 - FastAPI reads the inner function's own signature
    async def answer(request: Request) -> Response:  # noqa: ARG001 - declared raw, so that FastAPI reads no body
        return _Delegated(installs)

    return answer


def _http_error(_: Request, error: Exception) -> Response:
    status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    if status is not HTTPStatus.NOT_FOUND:
        said = written(problem(status, "bad-method", "This path takes other methods; see Allow."))
        return Response(said.body, status.value, getattr(error, "headers", None), PROBLEM_JSON)
    return Response(_HERE.body, status.value, {name.decode(): value.decode() for name, value in _HERE.headers})


def _reference(kind: type) -> dict[str, Any]:
    return {"schema": {"$ref": _SCHEMAS.format(name=kind.__name__)}}


def _parameter(name: str, where: str, description: str, **schema: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON Schema
    kind = {"type": "string"} | schema
    return {"name": name, "in": where, "description": description, "schema": kind, "required": where == "path"}


_CLUSTER: Final = _parameter("cluster", "query", "Rancher's cluster id", default="local")


def _answers(kind: type | None, *others: str) -> dict[str, Any]:
    listed = {
        "schema": {
            "type": "object",
            "properties": {"installs": {"type": "array", "items": _reference(Progress)["schema"]}},
        }
    }
    content = {JSON: _reference(kind) if kind else listed} | {other: {} for other in others}
    parameters = [_CLUSTER] if kind is None else [_parameter("id", "path", "The install's id"), _CLUSTER]
    return {"parameters": parameters, "responses": {"200": {"description": "What is known", "content": content}}}


def _describe(api: FastAPI) -> None:
    """Write what FastAPI cannot know into the document that it serves."""
    before = api.openapi_schema or {}
    api.openapi_schema = None  # made before the gate's routes were there, where there is a webhook as well
    document = api.openapi()
    kinds = (Progress, GateProblem, FoundAgain)
    _, schemas = msgspec.json.schema_components(kinds, ref_template=_SCHEMAS)
    components = document.setdefault("components", {}).setdefault("schemas", {})
    components.update(before.get("components", {}).get("schemas", {}) | schemas)
    for prefix, name in (("", "install"), ("/k8s/clusters/{cluster}", "install-downstream")):
        document["paths"][f"{prefix}/v1/{COLLECTION}/{{name}}"] = {"post": _install(prefix, name)}


def _install(prefix: str, name: str) -> dict[str, Any]:
    prefer = "wait=SECONDS, respond-async (with ;deadline=SECONDS), until=deployed, nudge (RFC 7240)"
    parameters = [
        *([_parameter("cluster", "path", "Rancher's id of a downstream cluster")] if prefix else []),
        _parameter("name", "path", "The ClusterRepo's name"),
        _parameter("action", "query", "What Rancher is to do", enum=["install", "upgrade"]) | {"required": True},
        _parameter("Prefer", "header", prefer, examples=["wait=50, until=deployed"]),
    ]
    accepted = {"description": "It goes on; Location says where", "content": {JSON: _reference(Progress)}}
    created = {"description": "Rancher's own answer, as it came", "content": {JSON: _reference(FoundAgain)}}
    problems = {
        str(status.value): {"description": words, "content": {PROBLEM_JSON: _reference(GateProblem)}}
        for status, words in _PROBLEMS.items()
    }
    return {
        "operationId": name,
        "summary": "Install or upgrade charts as soon as Rancher can",
        "description": "Rancher's own call on Rancher's own path, held until it can succeed and sent once.",
        "parameters": parameters,
        "requestBody": {"required": True, "content": {JSON: {"schema": {"type": "object"}}}},
        "responses": {"201": created, "202": accepted, **problems},
    }
