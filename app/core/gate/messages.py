"""What Rancher's answer to an install means: by status, code and anchored message, never by status alone.

Rancher turns every error it wraps, and every error of Kubernetes, into 500 ``ServerError``, NotFound and Forbidden
included (apiserver's ``pkg/handlers/error.go`` looks at the outermost type only). So the message decides, and only a
message that nothing but the steps before the first side effect can produce lets a request be sent again. Their order:
authentication, CSRF, the repository read as the caller, the action's name, the body, **the chart**; then namespace,
secrets, service account, roles, pod, Operation. A 5xx that is not in the table is reconciled, never sent again.
"""

from http import HTTPStatus
from typing import Final, NamedTuple

from app.core.gate.answer import Answer, Cause, Handling
from app.core.gate.matching import (
    ARCHIVE,
    CHART_SIZE,
    INDEX,
    REGISTRY_DIAL,
    Takes,
    answered,
    between,
    own_authentication,
    passed_on,
    registry,
    server_error,
    with_status,
)
from app.core.gate.reading import text
from app.core.gate.wire_error import decoded, parse

_AS_ANSWERED = 0
_UNKNOWN_OUTCOME: Final = HTTPStatus.GATEWAY_TIMEOUT
"""What is told where reconciling finds nothing either (design: 504 ``outcome-unknown``)."""


class Row(NamedTuple):
    """One row: which answers it takes, and what they mean."""

    cause: Cause
    takes: Takes
    sentence: str
    told: int = HTTPStatus.SERVICE_UNAVAILABLE


TABLE: Final[tuple[tuple[Handling, tuple[Row, ...]], ...]] = (
    (
        Handling.AUTHENTICATION,
        (Row(Cause.AUTHENTICATION, own_authentication, "Rancher does not accept this login; log in again.", 401),),
    ),
    (
        Handling.RETRY,
        (
            Row(
                Cause.CHECKOUT,
                server_error(
                    r"failed to find chartName .+ version .*: NotFound 404",
                    r'(?:open|stat|lstat) [^"]*/git-repo/[^"]*: no such file or directory',
                ),
                "This replica of Rancher does not have the chart's files yet: its Git checkout lags behind.",
            ),
            Row(
                Cause.INDEX_NAME,
                server_error(r'configmaps "" not found'),
                "This replica of Rancher has not seen that the repository was downloaded.",
            ),
            Row(
                Cause.INDEX_MISSING,
                server_error(rf'configmaps "{INDEX}" not found'),
                "This replica of Rancher has not seen the repository's index yet, or the index was deleted.",
            ),
            Row(
                Cause.CHART_NAME,
                server_error(r"no chart name found"),
                "The index that this replica of Rancher sees does not have the chart.",
            ),
            Row(
                Cause.CHART_VERSION,
                server_error(r"no chart version found for .+"),
                "The index that this replica of Rancher sees does not have the chart's version.",
            ),
            Row(
                Cause.REPOSITORY_CACHE,
                server_error(r'clusterrepos\.catalog\.cattle\.io "[^"]*" not found'),
                "This replica of Rancher has not seen the repository yet.",
            ),
            Row(
                Cause.INDEX_OWNER,
                answered(401, "Unauthorized", r""),
                "The repository was created anew, and its index still belongs to the one before.",
            ),
            Row(
                Cause.DOWNLOAD_STATUS,
                passed_on(repeat=True),
                "The server that holds the chart could not give it just now.",
            ),
            Row(
                Cause.DOWNLOAD,
                server_error(ARCHIVE, REGISTRY_DIAL),
                "Rancher could not download the chart from where the repository keeps it.",
            ),
            Row(
                Cause.DOWNLOAD_CUT,
                server_error(
                    r"unexpected EOF",
                    r"gzip: invalid (?:header|checksum)",
                    r'read tcp [^"]*: (?:read: connection reset by peer|i/o timeout)',
                    r"(?:context deadline exceeded|net/http: request canceled)"
                    r" \(Client\.Timeout or context cancellation while reading body\)",
                ),
                "The download of the chart broke off.",
            ),
            Row(
                Cause.REGISTRY_BUSY,
                server_error(registry("408|429|5[0-9]{2}")),
                "The registry that holds the chart could not give it just now.",
            ),
            Row(
                Cause.REPOSITORY,
                answered(404, "NotFound", r'clusterrepos\.catalog\.cattle\.io "[^"]*" not found'),
                "There is no such repository; create it, or check its name.",
                404,
            ),
            Row(
                Cause.SCHEMA,
                with_status(404, empty=True),
                "Rancher does not serve repositories here yet, or this user may not see them.",
                404,
            ),
            Row(Cause.BUSY, with_status(429), "Rancher, or a proxy before it, has too many requests.", 429),
        ),
    ),
    (
        Handling.FINAL,
        (
            Row(
                Cause.DOWNLOAD_REFUSED,
                passed_on(repeat=False),
                "The server that holds the chart refuses it; check the repository's address and its credentials.",
                502,
            ),
            Row(
                Cause.REGISTRY_REFUSED,
                server_error(registry("[0-9]{3}")),
                "The registry refuses the chart; check the repository's address and its credentials.",
                502,
            ),
            Row(
                Cause.CHART_SIZE,
                server_error(*CHART_SIZE),
                "The chart is larger than Rancher takes (5 MB over http); use a smaller one or another repository.",
                502,
            ),
            Row(
                Cause.CHART_KIND,
                server_error(r"the oci artifact .* is not a helm chart\. .*"),
                "What the registry holds at this address is no chart.",
                502,
            ),
            Row(
                Cause.BODY,
                server_error(
                    r"EOF", r"unexpected end of JSON input", r"invalid character .*", r"json: .*", r"time: .*"
                ),
                "Rancher could not read the request's body; check its JSON and the form of its timeout.",
                400,
            ),
            Row(
                Cause.VERSION,
                server_error(r"improper constraint: .*", r"[Ii]nvalid [Ss]emantic [Vv]ersion"),
                "Rancher could not read the chart's version; give it as the index has it.",
                400,
            ),
            Row(
                Cause.NAMESPACE,
                server_error(r'namespaces (?:"[^"]*" )?is forbidden: User ".*" cannot \w+ resource "namespaces" .*'),
                "This user may not read or create the target namespace; ask for the right, or have it created.",
                403,
            ),
            Row(
                Cause.PROJECT,
                server_error(r"failed to wait for roles to be populated"),
                "Rancher made the namespace but not the project's roles in it; send the request without projectId.",
                502,
            ),
            Row(
                Cause.ACTION,
                answered(403, "PermissionDenied", r"no such action .*"),
                "Rancher does not offer this action on the repository.",
                403,
            ),
            Row(
                Cause.CSRF,
                answered(422, "InvalidCSRFToken", r".*"),
                "The browser's CSRF token is missing or old; reload the page and try again.",
                422,
            ),
            Row(
                Cause.FOREIGN_AUTHENTICATION,
                with_status(401),
                "Something between here and Rancher refuses the request, not Rancher's own login.",
                502,
            ),
            Row(
                Cause.REDIRECTED,
                between(300, 399),
                "Rancher's address answers with a redirect; check --rancher-url.",
                502,
            ),
        ),
    ),
    (
        Handling.RECONCILE,
        (
            # 408 and 499 come from a proxy that gave up on one side; 460 is the same from AWS. Rancher may have it all.
            Row(Cause.REQUEST_LOST, with_status(408, 460, 499), "A proxy gave the request up half-way.", 504),
        ),
    ),
    (
        Handling.FINAL,
        (Row(Cause.REFUSED, between(400, 499), "Rancher refuses the request.", _AS_ANSWERED),),
    ),
)
"""In the order in which they are tried; the first row that takes an answer decides."""


def classify(status: int, body: bytes) -> Answer:
    """What an answer to an install means. Never raises, whatever the bytes.

    Args:
        status: the HTTP status.
        body: as it came; Rancher's carries the key ``type`` twice.
    """
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return _accepted(status, body)
    error = parse(body)
    for handling, rows in TABLE:
        for row in rows:
            if row.takes(status, error):
                return Answer(row.cause, handling, row.told or status, row.sentence, error.message or "")
    return Answer(
        Cause.UNKNOWN,
        Handling.RECONCILE,
        _UNKNOWN_OUTCOME,
        "Rancher's answer does not tell whether the install has begun.",
        error.message or "",
    )


def _accepted(status: int, body: bytes) -> Answer:
    found = decoded(body)
    name, namespace = text(found, "operationName"), text(found, "operationNamespace")
    if status == HTTPStatus.CREATED and name and namespace:
        sentence = f"Rancher runs the install as Operation {namespace}/{name}."
        return Answer(Cause.ACCEPTED, Handling.ACCEPTED, status, sentence, operation=(namespace, name))
    sentence = "The answer says that the install was accepted, but not as which Operation."
    return Answer(Cause.UNREADABLE_ACCEPTANCE, Handling.RECONCILE, _UNKNOWN_OUTCOME, sentence)
