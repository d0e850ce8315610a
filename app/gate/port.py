"""What the gate asks of Rancher, and what may become of it; app/rancher answers over HTTP.

Everything is asked with a caller's own credential: the gate holds no right of its own. Reads never raise for what
Rancher says: what could not be read is an ``Unread`` value, because the decisions take it as an observation. The one
call with side effects raises, and the exception's type says the only thing that matters: whether a byte was sent.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from app.core.gate.installation_call import Action
from app.core.gate.reading import Unread

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

JSON: TypeAlias = Any
"""A parsed JSON value."""


@dataclass(frozen=True, slots=True)
class Credential:
    """The headers by which Rancher knows a caller (Authorization or Cookie, with User-Agent and X-Api-Csrf).

    They live as long as the install that came with them and are in no log, journal or page; hence no ``repr``.
    """

    headers: Headers = field(repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """A ClusterRepo in one of Rancher's clusters.

    Attributes:
        cluster: Rancher's cluster id, ``local`` for its own.
        repo: the ClusterRepo's name.
        prefix: what stands before ``/v1`` in URLs of this cluster: empty, or ``/k8s/clusters/{id}``.
    """

    cluster: str
    repo: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """An install or upgrade as it goes to Rancher: the client's own bytes."""

    place: Place
    action: Action
    target: bytes = field(repr=False)
    """Raw path and query; a query may hold a CSRF token."""
    headers: Headers = field(repr=False)
    """End-to-end headers as ``core.gate.forwarding`` gave them, the caller's credential among them."""
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of Rancher's, whole. Its body may carry a repository's credentials, so it has no ``repr``."""

    status: int
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)


class NotSentError(Exception):
    """Nothing of the request reached Rancher: it can be sent again. The text says why, and names no secret."""


class AnswerLostError(Exception):
    """Bytes were sent, and there was no whole answer: Rancher may have acted. The text says why."""


class Nudged(StrEnum):
    """What became of moving ``forceUpdate``."""

    DONE = "done"
    FORBIDDEN = "forbidden"
    FAILED = "failed"


class Connection(Protocol):
    """One TCP connection to Rancher: where its Service balances connections, one replica for all calls on it."""

    async def repository(self, place: Place, credential: Credential) -> JSON | Unread:
        """The ClusterRepo, as this replica has it."""

    async def probe(self, place: Place, chart: str, version: str, credential: Credential) -> Reply | Unread:
        """``link=info``: the install's own code path without side effects. ``FAILED`` where no answer came."""

    async def send(self, post: Post) -> Reply:
        """The one call with side effects, never cut short and never on another connection than this one.

        Raises:
            NotSentError: the connection was gone before a byte of it was written.
            AnswerLostError: bytes were written, and no whole answer came.
        """


class Rancher(Protocol):
    """Rancher, by connections that are shared for reads."""

    def connect(self) -> AbstractAsyncContextManager[Connection]:
        """A connection of one's own, freshly made; entering raises ``NotSentError`` if none can be had."""

    async def user(self, credential: Credential) -> str | Reply | Unread:
        """The id of the Rancher user; Rancher's own refusal as it came (401), or ``FAILED``."""

    async def repository(self, place: Place, credential: Credential) -> JSON | Unread:
        """The ClusterRepo as one of the replicas has it."""

    async def index(self, place: Place, credential: Credential) -> JSON | Unread:
        """The whole index (``link=index&skipFilter=true``), parsed."""

    async def operations(self, place: Place, namespace: str, credential: Credential) -> JSON | Unread:
        """The namespace's Operations as a raw Kubernetes list, where "no right to" is ``FORBIDDEN`` and not empty."""

    async def operation(self, place: Place, namespace: str, name: str, credential: Credential) -> JSON | Unread:
        """One Operation, raw."""

    async def app(self, place: Place, namespace: str, release: str, credential: Credential) -> JSON | Unread:
        """The App of a release, raw."""

    async def ui_plugin(self, place: Place, namespace: str, name: str, credential: Credential) -> JSON | Unread:
        """A UIPlugin, raw."""

    async def helm_log(self, place: Place, namespace: str, operation: str, credential: Credential) -> str | Unread:
        """What helm printed, its last 64 KiB; it can carry secrets: redact before showing."""

    async def nudge(self, place: Place, credential: Credential, now: datetime) -> Nudged:
        """Have the controller look again: PUT the ClusterRepo with another ``forceUpdate``, read anew after a 409."""
