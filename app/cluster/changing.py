"""Changing an object of a guarded kind, only as long as it is what it was when it was looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import MsgspecError, Raw, json

from app.cluster import observing
from app.cluster.asking import Asked
from app.cluster.calls import JSON_PATCH, only_at
from app.cluster.exchange import AbsentError, Call, Exchange
from app.keeper.port import ChangedError, KeeperError, Observed, RefusedError, Watched

MERGE_PATCH: Final = "application/merge-patch+json"
MANAGER: Final = "status-guard-keeper"
"""The field manager: ``kubectl get --show-managed-fields`` tells what the keeper wrote."""
AS_KEEPER: Final[Mapping[str, str]] = {"fieldManager": MANAGER}
LONGEST_SINGLE_READ: Final = 10.0
"""Seconds for one object. An API server that takes longer is not well; whoever asks tries again."""


@dataclass(frozen=True, slots=True)
class _Patch:
    body: bytes
    content_type: str
    query: Mapping[str, str] = field(default_factory=lambda: AS_KEEPER)
    subresource: str = ""


async def read(exchange: Exchange, kind: Watched, namespace: str, name: str) -> Observed | None:
    """See :class:`app.keeper.port.Cluster`. A read that names no version is answered from storage, past every cache."""
    asked = Asked("get", observing.resource(kind), observing.path(kind, namespace), namespace)
    try:
        return observing.observed(await exchange.send(Call(asked, name), LONGEST_SINGLE_READ))
    except AbsentError:
        return None


async def repair(
    exchange: Exchange, kind: Watched, before: Observed, operations: bytes, query: Mapping[str, str] = AS_KEEPER
) -> Observed:
    """See :class:`app.keeper.port.Cluster`.

    Args:
        exchange: sends.
        kind: see there.
        before: see there.
        operations: see there.
        query: in whose name as field manager, and whether only to try.
    """
    try:
        parts = json.decode(operations, type=list[Raw])
    except (MsgspecError, UnicodeDecodeError) as error:
        raise RefusedError(f"cannot repair {before}: the operations are no JSON Patch ({error})") from None
    guards = [{"op": "test", "path": "/metadata/uid", "value": before.uid}, only_at(before.resource_version)]
    body = json.encode([*guards, *parts])
    subresource = "status" if kind.status_subresource else ""
    return await _send(exchange, kind, before, _Patch(body, JSON_PATCH, query, subresource))


async def annotate(
    exchange: Exchange, kind: Watched, before: Observed, annotations: Mapping[str, str | None]
) -> Observed:
    """See :class:`app.keeper.port.Cluster`."""
    metadata: dict[str, Any] = {"uid": before.uid, "resourceVersion": before.resource_version}
    body = json.encode({"metadata": {**metadata, "annotations": dict(annotations)}})
    return await _send(exchange, kind, before, _Patch(body, MERGE_PATCH))


async def _send(exchange: Exchange, kind: Watched, before: Observed, patch: _Patch) -> Observed:
    where = observing.path(kind, before.namespace)
    asked = Asked("patch", observing.resource(kind), where, before.namespace, patch.subresource)
    call = Call(asked, before.name, patch.query, patch.body, patch.content_type)
    try:
        return observing.observed(await exchange.send(call))
    except AbsentError as error:
        raise ChangedError(f"{error}: it is gone") from None
    except RefusedError as error:
        # A patch may not fit because the object is another one by now: then nobody refused what was meant.
        if await _is_still(exchange, kind, before):
            raise
        raise ChangedError(f"{error}: it was changed meanwhile") from None


async def _is_still(exchange: Exchange, kind: Watched, before: Observed) -> bool:
    try:
        now = await read(exchange, kind, before.namespace, before.name)
    except KeeperError:
        return True
    return now is not None and (now.uid, now.resource_version) == (before.uid, before.resource_version)
