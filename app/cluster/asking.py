"""Reading from the API server by path, and what to say where it refuses.

For commands that run with their user's own rights: a refusal names the right that is missing.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeVar

from aiohttp import ClientError
from kubernetes.aio.client import ApiClient
from msgspec import MsgspecError, Struct, field, json

from app.cluster.port import ClusterError

T = TypeVar("T")

_TIMEOUT: Final = 60.0
"""Seconds for one call: a page of large objects over a slow line. The API server itself gives up after 60 s."""

_HINTS: Final = {
    HTTPStatus.UNAUTHORIZED: "the credentials are not accepted: look at the kubeconfig or the token in it",
    HTTPStatus.NOT_FOUND: "the API server does not serve it",
    HTTPStatus.TOO_MANY_REQUESTS: "the API server is busy: run this again in a minute",
}


class ForbiddenError(ClusterError):
    """The user has no right to it; the text names the right, and how to see who has it."""


class NotServedError(ClusterError):
    """The API server serves no such thing, or no longer."""


class ExpiredError(ClusterError):
    """A list took so long that the rest of it is no longer to be had as it was (410).

    Attributes:
        token: goes on with the list as it is now; empty where one has to begin again.
    """

    token = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for.

    Attributes:
        verb: as RBAC has it, ``get`` or ``list``.
        resource: plural with group, like ``upgrades.harvesterhci.io``.
        path: of the URL.
        namespace: where it is, empty for all or none.
        subresource: of the one object, like ``status``.
    """

    verb: str
    resource: str
    path: str
    namespace: str = ""
    subresource: str = ""

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.resource}{where}"

    @property
    def right(self) -> str:
        """How to see whether one has it."""
        everywhere = " --all-namespaces" if self.verb in {"list", "watch"} else ""
        where = f" -n {self.namespace}" if self.namespace else everywhere
        part = f" --subresource={self.subresource}" if self.subresource else ""
        return f"kubectl auth can-i {self.verb} {self.resource}{part}{where}"


class _ListMeta(Struct):
    continue_: str = field(default="", name="continue")


class _Status(Struct):
    message: str = ""
    metadata: _ListMeta = field(default_factory=_ListMeta)


async def get(api: ApiClient, asked: Asked, **query: str | int) -> bytes:
    """The body of the answer.

    Raises:
        ForbiddenError: the user has not the right.
        NotServedError: there is no such thing.
        ExpiredError: a ``continue`` is too old.
        ClusterError: there was no answer, or another refusal.
    """
    try:
        _, url, headers, _, _ = await api.param_serialize(
            "GET",
            asked.path,
            query_params=[(name, value) for name, value in query.items() if value != ""],
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        answer = await api.call_api("GET", url, headers, _request_timeout=_TIMEOUT)
        status, body = HTTPStatus(answer.response.status), bytes(await answer.response.read())
    except (ClientError, OSError, TimeoutError) as error:
        raise ClusterError(
            f"cannot {asked}: the API server does not answer ({type(error).__name__}: {error}); look at the server's"
            " address in the kubeconfig (kubectl cluster-info), then run this again"
        ) from None
    if status == HTTPStatus.OK:
        return body
    raise _refusal(asked, status, body)


def decoded(body: bytes, kind: type[T], asked: Asked) -> T:
    """The answer as values.

    Raises:
        ClusterError: it is not what an API server sends.
    """
    try:
        return json.decode(body, type=kind)
    except (MsgspecError, UnicodeDecodeError) as error:
        # The error names a path and a type, never a value.
        raise ClusterError(f"cannot {asked}: the answer is not what an API server sends ({error})") from None


def _refusal(asked: Asked, status: HTTPStatus, body: bytes) -> ClusterError:
    try:
        answer = json.decode(body, type=_Status)
    except (MsgspecError, UnicodeDecodeError):
        answer = _Status()
    said = answer.message or "no reason given"
    if status == HTTPStatus.FORBIDDEN:
        return ForbiddenError(
            f"you may not {asked}: {said}; ask for that right, `{asked.right}` shows when you have it"
        )
    hint = _HINTS.get(status, "the API server's log may say more; run this again")
    text = f"cannot {asked}: {status}, {said}; {hint}"
    if status == HTTPStatus.GONE:
        expired = ExpiredError(text)
        expired.token = answer.metadata.continue_
        return expired
    return (NotServedError if status == HTTPStatus.NOT_FOUND else ClusterError)(text)
