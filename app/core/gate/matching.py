"""How a row of the message table takes an answer: by status, code and the whole message, never a part of it."""

import re
from collections.abc import Callable
from http import HTTPStatus

from app.core.gate.wire_error import LONGEST_MESSAGE, WireError

Takes = Callable[[int, WireError], object]

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
INDEX = f"[a-z0-9.-]+-(?:[0-9]+-{_UUID}|[0-9a-f]{{5}})"
"""The name of an index ConfigMap. Rancher's SafeConcatName ends a name that gets too long in a short hash."""
ARCHIVE = r'Get "https?://[^"/]+/(?!apis?/|k8s/)[^"?]*\.(?:tgz|tar\.gz)(?:\?[^"]*)?": .+'
"""A chart's own address. Rancher's calls to the Kubernetes API fail in the same words of Go's, but no path there ends
like an archive."""
_OCI = (
    r'(?:unable to (?:oras copy|fetch|pull)[^"]*: )?'
    r'(?:failed to (?:perform "\w+" on \w+|resolve|fetch|pull|do|copy)[^"]*: )*'
)
REGISTRY_DIAL = _OCI + r'(?:Get|Head) "https?://[^"/]+/v2/[^"]*": .+'
CHART_SIZE = (
    _OCI + r'the oci artifact [^"]* has size more than [0-9]+ which is not supported',
    r'(?:chart|archive|tarball)\b[^"]* (?:exceeds|exceeded|is larger than|is too large|is too big)\b[^"]*',
    r"http: (?:request|response) body too large",
)


def registry(statuses: str) -> str:
    """A registry's answer as the OCI client words it; ``statuses`` is a pattern.

    The words begin the message: an admission webhook that checks images may quote a registry too, but behind its own
    name, and when side effects have begun.
    """
    return _OCI + f'(?:GET|HEAD|POST) "https?://[^"]*": response status code (?:{statuses})\\b.*'


def answered(wanted: int, code: str, *patterns: str) -> Takes:
    """An error of Rancher's with this status and code whose whole message one of the patterns takes."""
    expression = re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.DOTALL)

    def takes(status: int, error: WireError) -> bool:
        message = error.message
        if status != wanted or not error.is_rancher or error.code != code or message is None:
            return False
        return len(message) <= LONGEST_MESSAGE and expression.fullmatch(message) is not None

    return takes


def server_error(*patterns: str) -> Takes:
    """The same for 500 ``ServerError``, which is what Rancher makes of nearly everything."""
    return answered(HTTPStatus.INTERNAL_SERVER_ERROR, "ServerError", *patterns)


def passed_on(*, repeat: bool) -> Takes:
    """The status of a chart's download, which http repositories pass on with empty code and message."""

    def takes(status: int, error: WireError) -> bool:
        passed = error.is_rancher and (error.code, error.message, error.status) == ("", "", status)
        return passed and (status in {408, 429} or status >= HTTPStatus.INTERNAL_SERVER_ERROR) is repeat

    return takes


def own_authentication(status: int, error: WireError) -> bool:
    """Rancher's authentication filter: the only writer of a status in a string (``pkg/auth/requests/filter.go``)."""
    return status == HTTPStatus.UNAUTHORIZED and error.is_rancher and isinstance(error.status, str)


def with_status(*wanted: int, empty: bool = False) -> Takes:
    """One of these statuses, whatever the body says, or with no body only."""
    return lambda status, error: status in wanted and (error.empty or not empty)


def between(lowest: int, highest: int) -> Takes:
    """A status from ``lowest`` up to ``highest``, whatever the body says."""
    return lambda status, _error: lowest <= status <= highest
