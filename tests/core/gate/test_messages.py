"""What Rancher's answers mean: the whole catalogue, the errors of a chart's download, and whatever else may come."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.gate.answer import Answer, Cause, Handling
from app.core.gate.messages import TABLE, classify
from app.core.gate.wire_error import LONGEST, LONGEST_MESSAGE, WireError, parse

DATA = Path(__file__).parents[2] / "data" / "rancher"
CATALOGUE = json.loads((DATA / "errors-catalogue.json").read_text())
RETRY, FINAL, RECONCILE = Handling.RETRY, Handling.FINAL, Handling.RECONCILE
ARCHIVE = 'Get "https://charts.example.com/a/harvester-1.8.1.tgz": '
COPY = "unable to oras copy the remote oci artifact r/a:1: "
REFUSED = "response status code 401: unauthorized: authentication required"

ROWS: list[tuple[str, Cause, Handling, int]] = [
    ("failed to find chartName a version 1.0.0: NotFound 404", Cause.CHECKOUT, RETRY, 503),
    ("open management-state/git-repo/a/0f/a-1.tgz: no such file or directory", Cause.CHECKOUT, RETRY, 503),
    ('configmaps "" not found', Cause.INDEX_NAME, RETRY, 503),
    ('configmaps "a-0-6f0c2b1e-5a4d-4b0a-9d53-0a1d8b6b1c11" not found', Cause.INDEX_MISSING, RETRY, 503),
    ('configmaps "a-very-long-name-0-6f0c2b1e-5a4d-4b0a-9d5-f00ba" not found', Cause.INDEX_MISSING, RETRY, 503),
    ('configmaps "kube-root-ca.crt" not found', Cause.UNKNOWN, RECONCILE, 504),
    ("no chart name found", Cause.CHART_NAME, RETRY, 503),
    ("no chart version found for a-1.0.0", Cause.CHART_VERSION, RETRY, 503),
    ('clusterrepos.catalog.cattle.io "a" not found', Cause.REPOSITORY_CACHE, RETRY, 503),
    (ARCHIVE + "dial tcp: lookup charts.example.com on 10.43.0.10:53: no such host", Cause.DOWNLOAD, RETRY, 503),
    (ARCHIVE + "dial tcp 10.0.0.7:443: connect: connection refused", Cause.DOWNLOAD, RETRY, 503),
    (ARCHIVE + "tls: failed to verify certificate: x509: signed by unknown authority", Cause.DOWNLOAD, RETRY, 503),
    (ARCHIVE + "context deadline exceeded (Client.Timeout exceeded)", Cause.DOWNLOAD, RETRY, 503),
    ('Get "https://c/a-1.tgz?token=x": EOF', Cause.DOWNLOAD, RETRY, 503),
    ('Get "https://registry/v2/a/manifests/1": dial tcp: i/o timeout', Cause.DOWNLOAD, RETRY, 503),
    ("unexpected EOF", Cause.DOWNLOAD_CUT, RETRY, 503),
    ("gzip: invalid header", Cause.DOWNLOAD_CUT, RETRY, 503),
    ("read tcp 10.0.0.1:9->10.0.0.2:443: read: connection reset by peer", Cause.DOWNLOAD_CUT, RETRY, 503),
    (
        "context deadline exceeded (Client.Timeout or context cancellation while reading body)",
        Cause.DOWNLOAD_CUT,
        RETRY,
        503,
    ),
    ('GET "https://registry/v2/a/blobs/b": response status code 503: busy', Cause.REGISTRY_BUSY, RETRY, 503),
    ('GET "https://registry/v2/a/blobs/b": response status code 429: slow', Cause.REGISTRY_BUSY, RETRY, 503),
    (f'GET "https://registry/v2/a/manifests/1": {REFUSED}', Cause.REGISTRY_REFUSED, FINAL, 502),
    (f'{COPY}failed to perform "Resolve" on source: GET "https://t/": {REFUSED}', Cause.REGISTRY_REFUSED, FINAL, 502),
    ("the oci artifact r/a:1 has size more than 20971520 which is not supported", Cause.CHART_SIZE, FINAL, 502),
    ("http: response body too large", Cause.CHART_SIZE, FINAL, 502),
    ("chart a-1.tgz exceeds 5242880 bytes", Cause.CHART_SIZE, FINAL, 502),
    ("the oci artifact r/a:1 is not a helm chart. The OCI URL is wrong", Cause.CHART_KIND, FINAL, 502),
    ("EOF", Cause.BODY, FINAL, 400),
    ("invalid character 'x' looking for beginning of value", Cause.BODY, FINAL, 400),
    ('time: invalid duration "soon"', Cause.BODY, FINAL, 400),
    ("json: cannot unmarshal string into Go value", Cause.BODY, FINAL, 400),
    ("improper constraint: newest", Cause.VERSION, FINAL, 400),
    (
        'namespaces is forbidden: User "u-1" cannot create resource "namespaces" in API group "" at the cluster scope',
        Cause.NAMESPACE,
        FINAL,
        403,
    ),
    ("failed to wait for roles to be populated", Cause.PROJECT, FINAL, 502),
    # What follows comes when side effects may have begun, however much it resembles what stands above.
    ('Get "https://10.43.0.1:443/api/v1/namespaces/a": dial tcp: i/o timeout', Cause.UNKNOWN, RECONCILE, 504),
    ('Get "https://10.43.0.1/apis/a.io/v1/charts/a.tgz": EOF', Cause.UNKNOWN, RECONCILE, 504),
    ('Post "https://charts.example.com/a-1.tgz": EOF', Cause.UNKNOWN, RECONCILE, 504),
    ("unexpected error when reading response body. Please retry: unexpected EOF", Cause.UNKNOWN, RECONCILE, 504),
    ("context deadline exceeded", Cause.UNKNOWN, RECONCILE, 504),
    ("etcdserver: request timed out", Cause.UNKNOWN, RECONCILE, 504),
    ('pods "helm-operation-x" is forbidden: exceeded quota', Cause.UNKNOWN, RECONCILE, 504),
    ('namespaces "a" not found', Cause.UNKNOWN, RECONCILE, 504),
    (
        f'admission webhook "a" denied the request: GET "https://registry/v2/a": {REFUSED}',
        Cause.UNKNOWN,
        RECONCILE,
        504,
    ),
    ("Internal error occurred: no chart name found", Cause.UNKNOWN, RECONCILE, 504),
    ("no chart name found\nand more", Cause.UNKNOWN, RECONCILE, 504),
    ("", Cause.UNKNOWN, RECONCILE, 504),
]


def wire(status: int, code: str, message: str) -> bytes:
    """An error on Rancher's exact bytes, where the key ``type`` stands twice."""
    parts = {"type": "error", "links": {}, "code": code, "message": message, "status": status}
    return json.dumps(parts, separators=(",", ":")).removesuffix("}").encode() + b',"type":"error"}'


def catalogued() -> Iterator[Any]:
    """The catalogue's entries with their bytes; one with a status in a string has its type once, as the real one."""
    for entry in CATALOGUE:
        body = entry["body"]
        if body is None:
            raw = b""
        elif isinstance(body["status"], str):
            raw = json.dumps(body).encode()
        else:
            raw = wire(entry["status"], body["code"], body["message"])
        yield pytest.param(entry, raw, id=entry["id"])


WAITING = {"repo-missing", "schema-missing"}
"""Called not safe in the catalogue because nothing was there; it may be there soon, and nothing has happened."""


@pytest.mark.parametrize(("entry", "raw"), list(catalogued()))
def test_the_catalogue_is_covered(entry: dict[str, Any], raw: bytes) -> None:
    """Every entry is taken by a row of its own, and is sent again only where the catalogue calls that safe."""
    answer = classify(entry["status"], raw)
    assert (answer.handling is RETRY) == (entry["retrySafe"] or entry["id"] in WAITING)
    assert (answer.cause is Cause.UNKNOWN) == (entry["id"] == "pod-webhook")
    assert answer.words == ((entry["body"] or {}).get("message") or "")


def test_the_sample_bytes() -> None:
    """The sample with its double key is read as what it is."""
    answer = classify(500, (DATA / "error-500.json").read_bytes().rstrip())
    assert (answer.cause, answer.handling) == (Cause.CHECKOUT, RETRY)


@pytest.mark.parametrize(("message", "cause", "handling", "told"), ROWS, ids=[row[0][:50] for row in ROWS])
def test_a_server_errors_message_decides(message: str, cause: Cause, handling: Handling, told: int) -> None:
    """A 500 ServerError is known by its whole message, and only by that."""
    answer = classify(500, wire(500, "ServerError", message))
    assert (answer.cause, answer.handling, answer.told) == (cause, handling, told)


@pytest.mark.parametrize("row", [row for row in ROWS if row[2] is not RECONCILE], ids=lambda row: row[0][:50])
def test_a_message_is_anchored_at_both_ends(row: tuple[str, Cause, Handling, int]) -> None:
    """No message is taken for a known one because it contains one, and none by another status or code."""
    message = row[0]
    before = f'Internal error occurred: webhook "a" said: {message}'
    assert classify(500, wire(500, "ServerError", before)).handling is RECONCILE
    assert classify(500, wire(500, "Other", message)).handling is RECONCILE
    assert classify(502, wire(502, "ServerError", message)).handling is RECONCILE


MUST_AUTHENTICATE = b'{"type":"error","status":"401","message":"must authenticate"}'
OTHERS: list[tuple[int, bytes, Cause, Handling, int]] = [
    (401, MUST_AUTHENTICATE, Cause.AUTHENTICATION, Handling.AUTHENTICATION, 401),
    (401, wire(401, "Unauthorized", ""), Cause.INDEX_OWNER, RETRY, 503),
    (401, wire(401, "", ""), Cause.DOWNLOAD_REFUSED, FINAL, 502),
    (401, wire(401, "Unauthorized", "no"), Cause.FOREIGN_AUTHENTICATION, FINAL, 502),
    (401, b"<html>log in</html>", Cause.FOREIGN_AUTHENTICATION, FINAL, 502),
    (401, b'{"kind":"Status","code":401,"message":"Unauthorized"}', Cause.FOREIGN_AUTHENTICATION, FINAL, 502),
    (401, b"", Cause.FOREIGN_AUTHENTICATION, FINAL, 502),
    (401, b'{"status":"401","message":"must authenticate"}', Cause.FOREIGN_AUTHENTICATION, FINAL, 502),
    (401, b'{"type":"error","code":"Unauthorized","status":401}', Cause.FOREIGN_AUTHENTICATION, FINAL, 502),
    (503, b'{"code":"","message":"","status":503}', Cause.UNKNOWN, RECONCILE, 504),
    (300, b"", Cause.REDIRECTED, FINAL, 502),
    (399, b"", Cause.REDIRECTED, FINAL, 502),
    (400, b"", Cause.REFUSED, FINAL, 400),
    (498, b"", Cause.REFUSED, FINAL, 498),
    (500, wire(500, "ServerError", "time: ".ljust(LONGEST_MESSAGE, "x")), Cause.BODY, FINAL, 400),
    (403, wire(403, "", ""), Cause.DOWNLOAD_REFUSED, FINAL, 502),
    (404, wire(404, "", ""), Cause.DOWNLOAD_REFUSED, FINAL, 502),
    (429, wire(429, "", ""), Cause.DOWNLOAD_STATUS, RETRY, 503),
    (408, wire(408, "", ""), Cause.DOWNLOAD_STATUS, RETRY, 503),
    (500, wire(500, "", ""), Cause.DOWNLOAD_STATUS, RETRY, 503),
    (503, wire(503, "", ""), Cause.DOWNLOAD_STATUS, RETRY, 503),
    (503, wire(500, "", ""), Cause.UNKNOWN, RECONCILE, 504),
    (404, wire(404, "NotFound", 'clusterrepos.catalog.cattle.io "a" not found'), Cause.REPOSITORY, RETRY, 404),
    (404, b" \n", Cause.SCHEMA, RETRY, 404),
    (404, b"404 page not found", Cause.REFUSED, FINAL, 404),
    (403, wire(403, "PermissionDenied", "no such action instal"), Cause.ACTION, FINAL, 403),
    (422, wire(422, "InvalidCSRFToken", "Invalid CSRF token"), Cause.CSRF, FINAL, 422),
    (429, b"slow down", Cause.BUSY, RETRY, 429),
    (408, b"", Cause.REQUEST_LOST, RECONCILE, 504),
    (499, b"", Cause.REQUEST_LOST, RECONCILE, 504),
    (307, b"", Cause.REDIRECTED, FINAL, 502),
    (413, b"<html>", Cause.REFUSED, FINAL, 413),
    (500, b"", Cause.UNKNOWN, RECONCILE, 504),
    (502, b"<html><h1>502 Bad Gateway</h1></html>", Cause.UNKNOWN, RECONCILE, 504),
    (503, b"no healthy upstream", Cause.UNKNOWN, RECONCILE, 504),
    (500, b'{"message":"no chart name found","code":"ServerError"}', Cause.UNKNOWN, RECONCILE, 504),
    (500, wire(500, "ServerError", "invalid character " + "x" * LONGEST_MESSAGE), Cause.UNKNOWN, RECONCILE, 504),
    (500, wire(500, "ServerError", "EOF") + b" " * LONGEST, Cause.BODY, FINAL, 400),
    (500, b" " * LONGEST + wire(500, "ServerError", "EOF"), Cause.UNKNOWN, RECONCILE, 504),
    (200, b"{}", Cause.UNREADABLE_ACCEPTANCE, RECONCILE, 504),
    (201, b"<html>", Cause.UNREADABLE_ACCEPTANCE, RECONCILE, 504),
    (201, b'{"operationName":"a"}', Cause.UNREADABLE_ACCEPTANCE, RECONCILE, 504),
    (204, b"", Cause.UNREADABLE_ACCEPTANCE, RECONCILE, 504),
    (100, b"", Cause.UNKNOWN, RECONCILE, 504),
    (600, b"", Cause.UNKNOWN, RECONCILE, 504),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "cause", "handling", "told"), OTHERS)
def test_other_answers(status: int, body: bytes, cause: Cause, handling: Handling, told: int) -> None:
    """Statuses, codes and the forms of 401 are told apart, and what is not known is reconciled."""
    answer = classify(status, body)
    assert (answer.cause, answer.handling, answer.told) == (cause, handling, told)


def test_an_acceptance_names_its_operation() -> None:
    """A 201 with an Operation is an acceptance."""
    answer = classify(201, (DATA / "install-response.json").read_bytes())
    assert answer.handling is Handling.ACCEPTED
    assert answer.operation == ("cattle-ui-plugin-system", "helm-operation-6vz8d")
    assert answer.sentence.endswith("cattle-ui-plugin-system/helm-operation-6vz8d.")


def test_every_row_has_a_case() -> None:
    """Every cause is met in these tests, and each has one row or is one of the four without."""
    met = {row[1] for row in ROWS} | {other[2] for other in OTHERS}
    assert met | {Cause.ACCEPTED} == set(Cause)
    rows = [row.cause for _, rows in TABLE for row in rows]
    assert len(rows) == len(set(rows))
    assert set(Cause) - set(rows) == {Cause.ACCEPTED, Cause.UNREADABLE_ACCEPTANCE, Cause.UNKNOWN}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
ERRORS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["error", "x"]) | JSON,
        "status": st.sampled_from([401, "401", 500, True, None]) | JSON,
        "code": st.sampled_from(["", "ServerError", "Unauthorized", "NotFound"]) | JSON,
        "message": st.sampled_from(["", "EOF", "no chart name found", 'configmaps "" not found']) | JSON,
    },
).map(lambda parts: json.dumps(parts).encode())
BODIES = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()) | ERRORS


@settings(max_examples=500, deadline=None)
@given(status=st.integers(0, 999), body=BODIES)
def test_any_answer_has_a_meaning(status: int, body: bytes) -> None:
    """Whatever comes gets an answer that keeps the promises on 401 and on what is never sent again."""
    answer = classify(status, body)
    assert isinstance(answer, Answer)
    assert answer.sentence.endswith(".")
    assert (answer.told == 401) == (answer.handling is Handling.AUTHENTICATION)
    if answer.handling is Handling.AUTHENTICATION:
        assert status == 401
    if answer.handling in {RETRY, FINAL} and status >= 500:
        assert parse(body).is_rancher
    if answer.handling is RECONCILE:
        assert answer.told == 504
    if answer.handling is FINAL:
        assert 400 <= answer.told < 500 or answer.told == 502


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b"null", b"1", b'"a"', b"nan"])
def test_no_bytes_are_too_odd(body: bytes) -> None:
    """Depth, bytes that are no UTF-8 and values that are no object make an error that says nothing."""
    assert parse(body) == WireError()


def test_bytes_that_are_no_text_do_not_hide_the_rest() -> None:
    """A message with broken bytes keeps what is whole, and a missing part differs from an empty one."""
    assert parse(b'{"type":"error","message":"caf\xe9","status":true}') == WireError(
        is_rancher=True, message="caf\N{REPLACEMENT CHARACTER}"
    )
    assert parse(b"\n ") == WireError(empty=True)
    assert parse(b'{"status":[401]}') == WireError()
