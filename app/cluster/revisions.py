"""Histories as ControllerRevisions (apps/v1): one for each status that was kept, owned by the object it is of.

The status stands in ``data`` as the text that the API server had sent. An API server keeps that text: it changes a
number or a key there only for whoever sends a strategic merge patch, which nothing here does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from msgspec import MsgspecError, Raw, Struct, field, json

from app.cluster.asking import Asked
from app.cluster.changing import LONGEST_SINGLE_READ, MANAGER, MERGE_PATCH
from app.cluster.exchange import METADATA_ALONE, AbsentError, Call, Exchange, ExpiredError, decoded
from app.cluster.observing import resource
from app.cluster.port import OURS
from app.cluster.surroundings import Surroundings
from app.keeper.port import ChangedError, Draft, Kept, Observed, RefusedError, Watched

DOMAIN: Final = "statusguard.io/"
GUARD: Final = f"{DOMAIN}guard"
KIND: Final = f"{DOMAIN}kind"
UID: Final = f"{DOMAIN}uid"
DIGEST: Final = f"{DOMAIN}digest"
OBJECT: Final = f"{DOMAIN}object"
KEPT_AT: Final = f"{DOMAIN}kept-at"
VERSION: Final = f"{DOMAIN}resource-version"
REVISION: Final = f"{DOMAIN}revision"
"""The revision's number once more, because a list of metadata alone has it nowhere else, and one of everything may be
gigabytes."""

LARGEST: Final = 2**20
"""Bytes of a status. etcd takes requests of 1.5 MiB (1.5 million bytes of status were taken, 1.6 refused); the rest is
left for metadata, and for clusters whose etcd takes less."""
_PAGE: Final = 500
"""On one page of metadata: about a megabyte."""
_LISTS: Final = 3
"""Lists that may become too old while they are read before it is said."""
_DIGITS: Final = 18
"""Those of a number that 64 bits hold and can count up from; anything else was written by somebody."""
_LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
"""What the value of a label may be."""


class _Metadata(Struct, rename="camel"):
    name: str
    resource_version: str
    creation_timestamp: datetime
    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


class _Item(Struct):
    metadata: _Metadata


class _ListMeta(Struct, rename="camel"):
    continue_: str = field(default="", name="continue")


class _Page(Struct):
    metadata: _ListMeta
    items: list[_Item] | None = None


class _Data(Struct):
    status: Raw


class _Revision(Struct):
    metadata: _Metadata
    revision: int = 0
    data: Raw = field(default_factory=Raw)


@dataclass(frozen=True, slots=True)
class Revisions:
    """All histories.

    Attributes:
        exchange: sends.
        surroundings: clocks.
        namespace: for histories of objects that have none.
        apart: the namespace of all histories; empty where each lies beside its object.
    """

    exchange: Exchange
    surroundings: Surroundings
    namespace: str
    apart: str = ""

    async def kept(self, kind: Watched, namespace: str = "") -> tuple[Kept, ...]:
        """See :class:`app.keeper.port.Cluster`.

        Args:
            kind: whose.
            namespace: of the objects, where those of one namespace are enough; whoever may not list all uses this.
        """
        where = self.apart or (namespace if kind.namespaced else self.namespace)
        selector = f"{'='.join(OURS)},{KIND}={label(resource(kind))}"
        for _ in range(_LISTS - 1):
            try:
                return await self._list(where, selector)
            except ExpiredError:
                continue
        return await self._list(where, selector)

    async def recall(self, kept: Kept) -> Raw | None:
        """See :class:`app.keeper.port.Cluster`."""
        call = Call(_asked("get", kept.namespace), kept.name)
        try:
            text = await self.exchange.send(call, LONGEST_SINGLE_READ)
        except AbsentError:
            return None
        found = decoded(text, _Revision, call)
        try:
            return json.decode(found.data, type=_Data).status.copy()
        except MsgspecError:
            raise RefusedError(
                f"ControllerRevision {kept.namespace}/{kept.name} holds no status: somebody changed it; delete it"
            ) from None

    async def keep(self, kind: Watched, owner: Observed, draft: Draft, status: Raw) -> Kept:
        """See :class:`app.keeper.port.Cluster`."""
        text = as_served(bytes(status))
        if len(text) > LARGEST:
            raise RefusedError(
                f"the status of {resource(kind)} {owner} has {len(text)} bytes, more than the {LARGEST} that a revision"
                " may have: its history has a gap here"
            )
        namespace = self.apart or owner.namespace or self.namespace
        body = {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {
                "name": draft.name,
                "namespace": namespace,
                "labels": self._labels(kind, owner, draft),
                "annotations": {
                    **draft.annotations,
                    OBJECT: f"{kind.guard.target.group}/{kind.guard.target.resource}/{owner.namespace}/{owner.name}",
                    VERSION: owner.resource_version,
                    **self._number(draft.revision),
                },
                "ownerReferences": _owners(kind, owner, namespace),
            },
            "revision": draft.revision,
            "data": {"status": Raw(text)},
        }
        call = Call(_asked("create", namespace), draft.name, {"fieldManager": MANAGER}, json.encode(body))
        return _whole(decoded(await self.exchange.send(call), _Revision, call))

    async def renew(self, kept: Kept, revision: int, annotations: Mapping[str, str | None]) -> Kept:
        """See :class:`app.keeper.port.Cluster`."""
        metadata: dict[str, Any] = {"resourceVersion": kept.resource_version, "annotations": dict(annotations)}
        body: dict[str, Any] = {"metadata": metadata}
        if revision != kept.revision:
            metadata["annotations"] |= self._number(revision)
            body["revision"] = revision
        call = Call(
            _asked("patch", kept.namespace), kept.name, {"fieldManager": MANAGER}, json.encode(body), MERGE_PATCH
        )
        try:
            return _whole(decoded(await self.exchange.send(call), _Revision, call))
        except AbsentError as error:
            raise ChangedError(f"{error}: it is gone") from None

    async def forget(self, kept: Kept) -> None:
        """See :class:`app.keeper.port.Cluster`. One that was renewed meanwhile stays, and is a ChangedError."""
        options = {"preconditions": {"resourceVersion": kept.resource_version}}
        call = Call(_asked("delete", kept.namespace), kept.name, body=json.encode(options))
        try:
            await self.exchange.send(call)
        except AbsentError:
            return

    async def _list(self, namespace: str, selector: str) -> tuple[Kept, ...]:
        found: list[Kept] = []
        token, more = "", True
        while more:
            query: dict[str, str | int] = {"labelSelector": selector, "limit": _PAGE, "continue": token}
            call = Call(_asked("list", namespace), query=query, accept=METADATA_ALONE)
            page = decoded(await self.exchange.send(call), _Page, call)
            for item in page.items or ():
                kept = _kept(item.metadata, _number(item.metadata))
                found.append(kept if kept.revision else await self._counted(kept))
            token = page.metadata.continue_
            more = bool(token)
        return tuple(found)

    async def _counted(self, kept: Kept) -> Kept:
        """The same with its number, read from the whole: somebody removed what the list shows."""
        call = Call(_asked("get", kept.namespace), kept.name)
        try:
            found = decoded(await self.exchange.send(call, LONGEST_SINGLE_READ), _Revision, call)
        except AbsentError:
            return kept
        return replace(kept, revision=found.revision)

    def _labels(self, kind: Watched, owner: Observed, draft: Draft) -> dict[str, str]:
        ours, value = OURS
        return {
            ours: value,
            GUARD: label(kind.guard.name),
            KIND: label(resource(kind)),
            UID: label(owner.uid),
            DIGEST: label(draft.digest),
        }

    def _number(self, revision: int) -> dict[str, str]:
        now = self.surroundings.now().astimezone(UTC)
        return {REVISION: str(revision), KEPT_AT: now.strftime("%Y-%m-%dT%H:%M:%SZ")}


def as_served(text: bytes) -> bytes:
    """The same JSON with the five characters escaped that an API server escapes in all that it serves.

    What it served is that way already. Were it not, the first change of a revision's number would rewrite its data by
    the escapes, and data may not change.
    """
    for character in "<>&\u2028\u2029":
        text = text.replace(character.encode(), f"\\u{ord(character):04x}".encode())
    return text


def label(value: str) -> str:
    """A text as a label's value: itself, or where that cannot be its beginning and its digest."""
    if _LABEL.fullmatch(value):
        return value
    beginning = re.sub(r"[^A-Za-z0-9._-]", "-", value)[:46].strip("._-")
    return f"{beginning}-{sha256(value.encode()).hexdigest()[:16]}".lstrip("-")


def _owners(kind: Watched, owner: Observed, namespace: str) -> list[dict[str, Any]]:
    """The object as owner, where one may own across: a namespaced object owns in its own namespace only."""
    if owner.namespace not in {"", namespace}:
        return []
    reference = {"apiVersion": kind.api_version, "kind": kind.kind, "name": owner.name, "uid": owner.uid}
    return [{**reference, "controller": True, "blockOwnerDeletion": False}]


def _asked(verb: str, namespace: str) -> Asked:
    within = f"/namespaces/{namespace}" if namespace else ""
    return Asked(verb, "controllerrevisions.apps", f"/apis/apps/v1{within}/controllerrevisions", namespace)


def _whole(found: _Revision) -> Kept:
    return _kept(found.metadata, found.revision)


def _number(metadata: _Metadata) -> int:
    text = metadata.annotations.get(REVISION, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0


def _kept(metadata: _Metadata, revision: int) -> Kept:
    ours = {name: value for name, value in metadata.annotations.items() if name.startswith(DOMAIN)}
    labels = metadata.labels
    return Kept(
        namespace=metadata.namespace,
        name=metadata.name,
        uid=labels.get(UID, ""),
        digest=labels.get(DIGEST, ""),
        revision=revision,
        resource_version=metadata.resource_version,
        kept_at=_moment(ours.get(KEPT_AT, "")) or metadata.creation_timestamp,
        annotations=ours,
    )


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
