"""One call to an API server: how long it may take, what may go wrong, and what to say then.

Answers are read as the JSON they are, a few fields of them, instead of through the ``kubernetes`` package's models:
what a model of another version does not know, it drops. Writes are JSON Patches, which name what they change and leave
the rest.
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeVar

from aiohttp import ClientError
from msgspec import MsgspecError, Struct, json

from app.cluster.port import ClusterError, ConflictError

JSON_PATCH: Final = "application/json-patch+json"

_TIMEOUT: Final = 10.0
"""Seconds for one call. An API server that takes longer for a single small object is not well; the next run retries."""

_HINTS: Final = {
    HTTPStatus.UNAUTHORIZED: "the credentials are not accepted: look at the kubeconfig or the ServiceAccount's token",
    HTTPStatus.FORBIDDEN: "grant that right (manifests/base has the Roles), or name another object",
    HTTPStatus.NOT_FOUND: "apply the manifests first: this command creates no objects",
}

T = TypeVar("T")


class _Status(Struct):
    message: str = ""


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def absent(self) -> bool:
        """Whether there is no such object."""
        return self.status == HTTPStatus.NOT_FOUND


async def call(
    what: str, function: Callable[..., Awaitable[Any]], *arguments: object, or_absent: bool = False, **options: object
) -> Answer:
    """Make one call of the package's ``…_without_preload_content`` kind.

    Args:
        what: what it does, in words that follow "cannot".
        function: the call.
        arguments: its arguments.
        or_absent: that there is no such object is an answer, not an error.
        options: its further arguments.

    Raises:
        ConflictError: the object is no longer as it was.
        ClusterError: there is no answer, or it is a refusal.
    """
    try:
        response = await function(*arguments, _request_timeout=_TIMEOUT, **options)
        answer = Answer(response.status, await response.read(), response.headers)
    except (ClientError, OSError, TimeoutError) as error:
        raise ClusterError(
            f"cannot {what}: the API server does not answer ({type(error).__name__}: {error}); run this again"
        ) from None
    if answer.status < HTTPStatus.BAD_REQUEST or (or_absent and answer.absent):
        return answer
    if answer.status == HTTPStatus.CONFLICT:
        raise ConflictError(f"cannot {what}: it was changed meanwhile; run this again")
    hint = _HINTS.get(HTTPStatus(answer.status), "the API server's log may say more; run this again")
    raise ClusterError(f"cannot {what}: {answer.status}, {_reason(answer)}; {hint}")


def decoded(answer: Answer, kind: type[T], what: str) -> T:
    """The answer as values.

    Raises:
        ClusterError: it is not what an API server sends.
    """
    try:
        return json.decode(answer.body, type=kind)
    except (MsgspecError, UnicodeDecodeError) as error:
        # The error names a path and a type, never a value.
        raise ClusterError(f"cannot read {what}: the answer is not what an API server sends ({error})") from None


def only_at(version: str) -> dict[str, str]:
    """Makes a patch fail with 409 Conflict unless the object still has this version; a failed `test` would be a 422."""
    return {"op": "replace", "path": "/metadata/resourceVersion", "value": version}


def _reason(answer: Answer) -> str:
    try:
        return json.decode(answer.body, type=_Status).message or "no reason given"
    except (MsgspecError, UnicodeDecodeError):
        return "no reason given"
