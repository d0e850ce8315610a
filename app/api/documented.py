"""The FastAPI application: the admission endpoints with their OpenAPI document, and problem+json for everything else.

The schemas come from the very types that decode and encode (app/core/review.py, app/api/wire.py), so that document and
behaviour cannot drift apart.
"""

from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from app import __version__
from app.api.admission import ENDPOINTS, Admission
from app.api.examples import DENIED, LOSSY_REVIEW, RESTORED
from app.api.faults import PROBLEM_JSON, Problem, problem
from app.api.wire import LARGEST_REVIEW, ReviewAnswer
from app.core.review import AdmissionReview
from app.core.verdict import Endpoint

_SCHEMAS: Final = "#/components/schemas/{name}"
_SUMMARIES: Final = {
    Endpoint.MUTATE: "Restore what a write leaves out of a guarded object",
    Endpoint.VALIDATE: "Deny a write that leaves something out of a guarded object",
}
_ANSWERS: Final = {
    Endpoint.MUTATE: {"restored": {"value": RESTORED}},
    Endpoint.VALIDATE: {"denied": {"value": DENIED}},
}
_FAULTS: Final = {
    HTTPStatus.BAD_REQUEST: "Not a v1 AdmissionReview, or its parts disagree",
    HTTPStatus.METHOD_NOT_ALLOWED: "Not POST",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not arrive within the timeout",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"More than {LARGEST_REVIEW} bytes",
    HTTPStatus.REQUEST_URI_TOO_LONG: "A query of more than 256 bytes",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "Not application/json",
    HTTPStatus.INTERNAL_SERVER_ERROR: "An error of ours",
    HTTPStatus.SERVICE_UNAVAILABLE: "Too many large requests at once",
}


class _Delegated(Response):
    """Lets the admission application answer by itself, so that both ways in give the same bytes."""

    def __init__(self, admission: Admission) -> None:
        super().__init__()
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._admission(scope, receive, send)


def create_api(admission: Admission) -> FastAPI:
    """The application whose ``/openapi.json`` describes the endpoints; ``admission`` answers them."""
    api = FastAPI(
        title="status-guard",
        version=__version__,
        description="Answers admission reviews so that no write takes a guarded object's status away.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,  # the pages load their scripts from a CDN; the document itself is at /openapi.json
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat the request's Host to the caller
    )
    for path, endpoint in ENDPOINTS.items():
        api.add_api_route(
            path,
            _endpoint(admission),
            methods=["POST"],
            name=endpoint.value,
            summary=_SUMMARIES[endpoint],
            response_class=Response,
            openapi_extra=_operation(_ANSWERS[endpoint]),
        )
    api.add_exception_handler(HTTPException, _http_error)
    _add_schemas(api)
    return api


def _endpoint(admission: Admission) -> Any:  # noqa: ANN401 - FastAPI reads the inner function's own signature
    async def answer(request: Request) -> Response:  # noqa: ARG001 - declared raw, so that FastAPI reads no body
        return _Delegated(admission)

    return answer


def _http_error(_: Request, error: Exception) -> Response:
    status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    body = problem(status, "Here are POST /mutate and POST /validate, described by GET /openapi.json.")
    headers = getattr(error, "headers", None)
    return Response(body, status.value, headers=headers, media_type=PROBLEM_JSON)


def _reference(kind: type) -> dict[str, str]:
    return {"$ref": _SCHEMAS.format(name=kind.__name__)}


def _operation(answers: dict[str, Any]) -> dict[str, Any]:
    faults = {
        str(status.value): {
            "description": description,
            "content": {PROBLEM_JSON: {"schema": _reference(Problem)}},
        }
        for status, description in _FAULTS.items()
    }
    answer = {"schema": _reference(ReviewAnswer), "examples": answers}
    return {
        "parameters": [
            {
                "name": "timeout",
                "in": "query",
                "description": "How long the caller waits, as Go writes durations; the API server always sends it.",
                "schema": {"type": "string", "pattern": r"^[1-9][0-9]?s$"},
                "example": "3s",
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": _reference(AdmissionReview),
                    "examples": {"status-left-out": {"value": LOSSY_REVIEW}},
                }
            },
        },
        "responses": {
            "200": {"description": "A verdict, denial included", "content": {"application/json": answer}},
            **faults,
        },
    }


def _add_schemas(api: FastAPI) -> None:
    document = api.openapi()  # FastAPI keeps it and serves this very object
    _, schemas = msgspec.json.schema_components((AdmissionReview, ReviewAnswer, Problem), ref_template=_SCHEMAS)
    document.setdefault("components", {}).setdefault("schemas", {}).update(schemas)
