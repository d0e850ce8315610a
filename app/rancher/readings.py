"""Where things are read in Rancher, and what an answer says of them: the object, or why there is none."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import msgspec

from app.core.gate.installation_call import COLLECTION, is_subdomain
from app.core.gate.reading import Unread, items, member, text
from app.gate.port import JSON, Place, Reply

API: Final = "apis/catalog.cattle.io/v1"
"""Operations, Apps, UIPlugins and ClusterRepos on the raw Kubernetes path."""


class Version(msgspec.Struct):
    """One entry of an index, as far as anybody looks at it."""

    version: str = ""


class Index(msgspec.Struct):
    """An index. What else an entry says makes up most of its megabytes and is not built."""

    entries: dict[str, list[Version] | None] | None = None


_ANY: Final = msgspec.json.Decoder()
_INDEX: Final = msgspec.json.Decoder(Index)


def repository(place: Place, query: str = "") -> bytes:
    """A ClusterRepo in Rancher's own API, where installs look it up, too."""
    return f"{place.prefix}/v1/{COLLECTION}/{place.repo}{query}".encode()


def probe(place: Place, chart: str, version: str) -> bytes:
    """What runs the code of an install without its side effects. Chart and version come from a client's body."""
    query = f"?link=info&chartName={quote(chart, safe='')}&version={quote(version, safe='')}"
    return repository(place, query)


def raw(place: Place, namespace: str, kind: str, name: str | None = None) -> bytes | None:
    """Objects of a namespace on the raw Kubernetes path; None where no object can have such a name."""
    if not is_subdomain(namespace) or not (name is None or is_subdomain(name)):
        return None
    rest = "" if name is None else f"/{name}"
    return f"/k8s/clusters/{place.cluster}/{API}/namespaces/{namespace}/{kind}{rest}".encode()


def log(place: Place, namespace: str, operation: str, lines: int) -> bytes | None:
    """The log of an Operation's pod; the query goes to the kubelet. None where no Operation can have such a name."""
    if not is_subdomain(namespace) or not is_subdomain(operation):
        return None
    path = f"{place.prefix}/v1/catalog.cattle.io.operations/{namespace}/{operation}"
    return f"{path}?link=logs&tailLines={lines}".encode()


def read(reply: Reply, name: str = "") -> JSON | Unread:
    """The object in an answer.

    Args:
        reply: the answer.
        name: of the object that was asked for; empty for a list.
    """
    if reply.status != HTTPStatus.OK:
        return unread(reply.status, reply.body, name)
    found = _decoded(reply.body)
    return found if isinstance(found, dict) else Unread.FAILED


def read_list(reply: Reply) -> JSON | Unread:
    """The list in an answer, if it is whole: what is not in it is taken as not being there."""
    found = read(reply)
    whole = isinstance(member(found, "items"), list) and not text(found, "metadata", "continue")
    return found if whole or isinstance(found, Unread) else Unread.FAILED


def read_index(reply: Reply, name: str) -> JSON | Unread:
    """The index in an answer; of its entries the versions."""
    if reply.status != HTTPStatus.OK:
        return unread(reply.status, reply.body, name)
    try:
        found = _INDEX.decode(reply.body)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return Unread.FAILED
    entries = found.entries or {}
    return {"entries": {chart: [{"version": one.version} for one in held or ()] for chart, held in entries.items()}}


def user_id(reply: Reply) -> str | None:
    """The id of the one user in the answer to ``/v3/users?me=true``; None if that is not what it says."""
    found = read(reply)
    users = items(found, "data")
    identity = text(users[0], "id") if len(users) == 1 else ""
    return identity if is_subdomain(identity) else None


def with_force_update(repository: JSON, now: datetime) -> bytes:
    """The ClusterRepo as it was read, its resourceVersion with it, and with another ``forceUpdate``."""
    spec = member(repository, "spec")
    moved = {"forceUpdate": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    return msgspec.json.encode(repository | {"spec": (spec if isinstance(spec, dict) else {}) | moved})


def unread(status: int, body: bytes = b"", name: str = "") -> Unread:
    """Why there is no object.

    A 401 is FAILED: it may be the cluster's or a proxy's own trouble, and whether it is the caller's credential is
    known by asking for the user.
    """
    if status == HTTPStatus.FORBIDDEN:
        return Unread.FORBIDDEN
    if status == HTTPStatus.NOT_FOUND:
        return Unread.ABSENT if name and _says_absent(_decoded(body), name) else Unread.NOT_SERVED
    return Unread.FAILED


def _says_absent(said: object, name: str) -> bool:
    """Whether a 404 is about the object itself, in Rancher's form or in Kubernetes' own.

    Without the kind the 404 is empty or about something else, and the object may well be there.
    """
    if text(said, "reason") == "NotFound":
        return text(said, "details", "name") == name
    return text(said, "code") == "NotFound" and f'"{name}" not found' in text(said, "message")


def _decoded(body: bytes) -> object:
    try:
        found: object = _ANY.decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    return found
