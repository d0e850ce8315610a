"""The OpenAPI document: valid, true, and what generated requests find out about it."""

import json
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
import schemathesis
from raw_client import Connection, Reply, make_request
from schemathesis import GenerationMode
from server_process import Pki, Process

from app.core.verdict import Endpoint

Post = Callable[..., Reply]

PATHS = [f"/{endpoint.value}" for endpoint in Endpoint]
FAULTS = {"400", "405", "408", "413", "414", "415", "500", "503"}


@pytest.fixture(scope="session")
def harvester(starter: Callable[..., Process]) -> Process:
    """A server with the rules of this repository."""
    return starter(rules="manifests/rules")


@pytest.fixture(scope="session")
def document(harvester: Process) -> Any:
    """The document it serves."""
    connection = Connection(harvester.port, harvester.context)
    reply = connection.send(make_request(b"", "/openapi.json", "GET")).reply()
    connection.close()
    assert reply.status == 200
    return reply.json


@pytest.fixture(scope="session")
def api(document: Any, harvester: Process, pki: Pki) -> Any:
    """The document as schemathesis reads it, which is strict about what it reads."""
    bundle = pki.directory / "ca.crt"
    bundle.write_bytes(pki.authority.certificate)
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=harvester.url, tls_verify=str(bundle))
    schema.validate()
    return schema


def test_it_describes_both_endpoints_and_nothing_else(document: Any) -> None:
    """The document has POST /mutate and POST /validate, each with a review, an answer, and every fault."""
    assert document["openapi"].startswith("3.1")
    assert {path: list(item) for path, item in document["paths"].items()} == {path: ["post"] for path in PATHS}
    for path in PATHS:
        operation = document["paths"][path]["post"]
        request = operation["requestBody"]["content"]["application/json"]
        answer = operation["responses"]["200"]["content"]["application/json"]
        assert request["schema"] == {"$ref": "#/components/schemas/AdmissionReview"}
        assert answer["schema"] == {"$ref": "#/components/schemas/ReviewAnswer"}
        assert set(operation["responses"]) == {"200"} | FAULTS
        for status in FAULTS:
            assert list(operation["responses"][status]["content"]) == ["application/problem+json"]


@pytest.mark.parametrize("path", PATHS)
def test_its_examples_are_true(path: str, document: Any, harvester: Process, post: Post) -> None:
    """The example of a review, posted, gets the example of an answer."""
    operation = document["paths"][path]["post"]
    review = operation["requestBody"]["content"]["application/json"]["examples"]["status-left-out"]["value"]
    (answer,) = operation["responses"]["200"]["content"]["application/json"]["examples"].values()
    reply = post(json.dumps(review, separators=(",", ":")).encode(), path, to=harvester)
    assert (reply.status, reply.json) == (200, answer["value"])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_generated_requests_find_nothing_undocumented(path: str, mode: GenerationMode, api: Any) -> None:
    """Requests made from the schema, or to break it, get what the document says: no 5xx, no other status or form."""
    seen: set[int] = set()

    @hypothesis.settings(max_examples=60, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(case=api[path]["POST"].as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        response = case.call()
        seen.add(response.status_code)
        # that a query has parameters of somebody else's is no reason to refuse it
        case.validate_response(response, excluded_checks=[schemathesis.checks.negative_data_rejection])

    check()
    assert seen == {200} if mode is GenerationMode.POSITIVE else 400 in seen
