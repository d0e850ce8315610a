"""One request of the keeper's to an API server and its answer, as bytes in both directions.

The ``kubernetes`` package's client finds the server, its trust and its credentials; the request itself leaves through
that client's session, because the package writes every body anew, and a status has to arrive in the digits it came in.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPMethod, HTTPStatus
from io import BytesIO
from typing import Any, Final, TypeVar
from urllib.parse import quote

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from kubernetes.aio.client import ApiClient
from kubernetes.aio.config import ConfigException
from msgspec import MsgspecError, Struct, json

from app.cluster.asking import Asked
from app.keeper.port import ChangedError, KeeperError, RefusedError

T = TypeVar("T")

LONGEST_WRITE: Final = 4.0
"""Seconds. A leader whose Lease was renewed less than 10 s ago begins no write that could end after its 15 s."""
_LONGEST_READ: Final = 60.0
"""Seconds for a page of large objects; the API server gives up after as many."""

_AT_ONCE: Final = 2**20
"""Bytes of a body that leaves together with its headers; aiohttp wants what is larger as a file, and sends it later."""

AS_IT_IS: Final = "application/json"
METADATA_ALONE: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

_METHODS: Final = {
    "get": HTTPMethod.GET,
    "list": HTTPMethod.GET,
    "watch": HTTPMethod.GET,
    "create": HTTPMethod.POST,
    "patch": HTTPMethod.PATCH,
    "update": HTTPMethod.PUT,
    "delete": HTTPMethod.DELETE,
}
_NEVER: Final = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
_TOO_LARGE: Final = ("request is too large", "larger than max")
"""How etcd's refusals of a large object are worded; they arrive as 500, as if trying again could help."""


class ExpiredError(KeeperError):
    """What was to be gone on with is no longer known (410): list again."""


class AbsentError(KeeperError):
    """There is no such object or kind (404)."""


_KINDS: Final[Mapping[int, type[KeeperError]]] = {
    HTTPStatus.CONFLICT: ChangedError,
    HTTPStatus.NOT_FOUND: AbsentError,
    HTTPStatus.GONE: ExpiredError,
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request.

    Attributes:
        asked: what is done to what.
        name: of the one object, where there is one.
        query: of the URL.
        body: to send.
        content_type: of the body.
        accept: the form of the answer.
    """

    asked: Asked
    name: str = ""
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    content_type: str = AS_IT_IS
    accept: str = AS_IT_IS

    @property
    def path(self) -> str:
        """Of the URL."""
        named = (
            [self.asked.path, quote(self.name), self.asked.subresource]
            if self.asked.verb != "create"
            else [self.asked.path]
        )
        return "/".join(filter(None, named))

    def __str__(self) -> str:
        asked = self.asked
        what = f"the {asked.subresource} of {asked.resource}" if asked.subresource else asked.resource
        where = f" in namespace {asked.namespace}" if asked.namespace else ""
        return " ".join(filter(None, (asked.verb, what, self.name))) + where

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return _METHODS[self.asked.verb] is not HTTPMethod.GET


class _Status(Struct):
    message: str = ""


class Exchange:
    """Sends calls.

    Args:
        api: a configured client.
        may_write: asked at the last moment before a write leaves.
    """

    def __init__(self, api: ApiClient, may_write: Callable[[], bool] = lambda: True) -> None:
        self._api, self._may_write = api, may_write

    async def send(self, call: Call, longest: float = 0.0) -> bytes:
        """The body of the answer.

        Args:
            call: what to send.
            longest: seconds until it is given up on; 0 for what its kind allows.

        Raises:
            ChangedError: an object is not as it was (409).
            AbsentError: there is none (404).
            ExpiredError: what was to be gone on with is no longer known (410).
            RefusedError: it will never be accepted as it is.
            KeeperError: there was no answer, or another refusal.
        """
        allowed = longest or (LONGEST_WRITE if call.writes else _LONGEST_READ)
        try:
            async with self.open(call, ClientTimeout(total=allowed)) as answer:
                return await answer.read()
        except (ClientError, OSError, TimeoutError) as error:
            raise unanswered(call, error) from None

    @asynccontextmanager
    async def open(
        self, call: Call, limits: ClientTimeout, begin: float | None = None
    ) -> AsyncIterator[ClientResponse]:
        """The answer as it begins; closed with its connection where it is left unread.

        Args:
            call: what to send.
            limits: of time, for all of it.
            begin: seconds until its first line has to be there.

        Raises:
            KeeperError: it is a refusal; as for ``send``.
        """
        async with asyncio.timeout(begin):
            answer = await self._begin(call, limits)
        try:
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise _refusal(call, answer.status, await answer.read())
            yield answer
        finally:
            answer.close()  # nothing happens where all of it was read

    async def _begin(self, call: Call, limits: ClientTimeout) -> ClientResponse:
        method, body = _METHODS[call.asked.verb], call.body
        try:
            _, url, headers, _, _ = await self._api.param_serialize(
                method,
                call.path,
                query_params=[(name, value) for name, value in call.query.items() if value != ""],
                header_params={"Accept": call.accept, "Content-Type": call.content_type},
                auth_settings=["BearerToken"],
            )
        except ConfigException as error:  # of a ServiceAccount's token, which is read anew each minute
            raise KeeperError(f"cannot {call}: {error} Look at what is mounted for the ServiceAccount") from None
        if call.writes and not self._may_write():
            raise KeeperError(f"did not {call}: this keeper no longer leads")
        large = body is not None and len(body) > _AT_ONCE
        data = BytesIO(body or b"") if large else body
        return await self._session().request(method, url, headers=headers, data=data, timeout=limits, **self._options())

    def _session(self) -> ClientSession:
        rest = self._api.rest_client
        if rest.pool_manager is None:  # the package makes it when first asked for, by this method
            rest.pool_manager = rest._create_pool_manager()  # noqa: SLF001 - see the module's docstring
        session: ClientSession = rest.pool_manager
        return session

    def _options(self) -> dict[str, Any]:
        """What the package's own requests carry beside."""
        configuration, rest = self._api.configuration, self._api.rest_client
        options = {
            "server_hostname": configuration.tls_server_name,
            "proxy": rest.proxy,
            "proxy_headers": rest.proxy_headers,
        }
        return {name: value for name, value in options.items() if value}


def unanswered(call: Call, error: BaseException) -> KeeperError:
    """What to say where nothing came back."""
    why = f"{type(error).__name__}: {error}".removesuffix(": ")
    return KeeperError(
        f"cannot {call}: the API server does not answer ({why}); look whether it can be reached from here"
    )


def decoded(body: bytes, kind: type[T], call: Call) -> T:
    """The answer as values.

    Raises:
        KeeperError: it is not what an API server sends.
    """
    try:
        return json.decode(body, type=kind)
    except (MsgspecError, UnicodeDecodeError) as error:
        # The error names a path and a type, never a value.
        raise KeeperError(f"cannot {call}: the answer is not what an API server sends ({error})") from None


def said(body: bytes) -> str:
    """The message of a Status."""
    try:
        return json.decode(body, type=_Status).message or "no reason given"
    except (MsgspecError, UnicodeDecodeError):
        return "no reason given"


def _refusal(call: Call, status: int, body: bytes) -> KeeperError:
    why = said(body)
    text = f"cannot {call}: {status}, {why}"
    if status == HTTPStatus.FORBIDDEN:
        return RefusedError(f"{text}; `{call.asked.right}` as this identity shows when it has the right")
    if status == HTTPStatus.UNAUTHORIZED:
        return KeeperError(
            f"{text}; the credentials are not, or no longer, accepted: look at the kubeconfig or the token"
        )
    if status == HTTPStatus.BAD_REQUEST and call.asked.verb == "watch":
        return ExpiredError(text)  # it does not know what to go on from
    if status in _NEVER or any(words in why for words in _TOO_LARGE):
        return RefusedError(text)
    return _KINDS.get(status, KeeperError)(text)
