"""Looking at everything that the doctor asks about, with the user's own rights; nothing here is stored anywhere.

What cannot be read is an observation too, so that one missing right leaves the other checks as they are.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import ClientError
from kubernetes.aio.client import ApiClient
from msgspec import Struct, field

from app.cluster import served, trial
from app.cluster.asking import Asked, ForbiddenError, NotServedError, decoded, get
from app.cluster.port import ClusterError
from app.cluster.trial import Person
from app.core.diagnosis.keeper import LEASE
from app.core.diagnosis.observation import (
    Address,
    Commands,
    Lease,
    Observations,
    Outcome,
    Served,
    Side,
    Trial,
    Unseen,
    Webhook,
    labelled,
)
from app.core.export import versions
from app.core.export.manifest import Body
from app.core.export.versions import ExportError, KubeVersion
from app.core.exposure.definition import Definition
from app.core.guard import Guard, Mode, Target

_ADMISSION: Final = "admissionregistration.k8s.io"
_HTTPS: Final = 443
_TIMEOUT: Final = 10.0
"""Seconds for one small answer."""
_RENEWAL: Final = 4.0
"""Seconds: twice client-go's period for renewing a Lease, which the keeper's is."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be looked at.

    Attributes:
        guards: by the rules; ``None`` where the live webhooks have to tell.
        places: where each guard's document is.
        person: in whose name losses are tried.
        endpoint: what to connect to in place of a Service.
        commands: how commands that mend begin.
    """

    guards: tuple[Guard, ...] | None
    places: dict[str, str]
    person: Person
    endpoint: tuple[str, int] | None
    commands: Commands


class _Version(Struct, rename="camel"):
    git_version: str


class _Configurations(Struct):
    items: list[Body]


class _Resource(Struct):
    name: str


class _Resources(Struct):
    resources: list[_Resource]


class _LeaseSpec(Struct, rename="camel"):
    holder_identity: str | None = None
    renew_time: datetime | None = None
    lease_duration_seconds: int | None = None


class _Lease(Struct):
    spec: _LeaseSpec = field(default_factory=_LeaseSpec)


async def examine(api: ApiClient, request: Request) -> Observations:
    """Look at everything.

    Raises:
        ClusterError: the API server cannot be asked at all.
    """
    version, now = await _release(api)
    webhooks = await _webhooks(api)
    live = () if isinstance(webhooks, Unseen) else webhooks
    guards = _told_by(live) if request.guards is None else request.guards
    definitions = {name: await _definition(api, name) for name in dict.fromkeys(map(_name, guards))}
    return Observations(
        now=now,
        version=version,
        guards=guards,
        ruled=request.guards is not None,
        webhooks=webhooks,
        definitions=definitions,
        served=await _served([one for one in live if one.ours], request.endpoint),
        trials=tuple([await _trial(api, guard, definitions[_name(guard)], request.person) for guard in guards]),
        lease=await _lease(api, request.commands.namespace, now),
        native=await _native(api),
        places=request.places,
        commands=request.commands,
    )


async def _release(api: ApiClient) -> tuple[KubeVersion, datetime]:
    """The release, and the API server's clock, by which Leases and certificates are judged."""
    asked = Asked("get", "the API server's version", "/version")
    body = await get(api, asked)
    try:
        version = versions.parse(decoded(body, _Version, asked).git_version)
    except ExportError as error:
        raise ClusterError(f"cannot tell the API server's release: {error}") from None
    return version, await _clock(api)


async def _clock(api: ApiClient) -> datetime:
    try:
        _, url, headers, _, _ = await api.param_serialize("GET", "/version", auth_settings=["BearerToken"])
        answer = await api.call_api("GET", url, headers, _request_timeout=_TIMEOUT)
        return parsedate_to_datetime(answer.response.headers["Date"])
    except (ClientError, OSError, TimeoutError, KeyError, ValueError):
        return datetime.now(UTC)  # noqa: TID251 - a proxy has taken the header; this machine's clock is the next best


async def _webhooks(api: ApiClient) -> tuple[Webhook, ...] | Unseen:
    found: list[Webhook] = []
    for side in Side:
        plural = f"{side.lower()}s"
        asked = Asked("list", f"{plural}.{_ADMISSION}", f"/apis/{_ADMISSION}/v1/{plural}")
        try:
            bodies = decoded(await get(api, asked), _Configurations, asked).items
        except ClusterError as error:
            return _unseen(error, asked)
        for body in bodies:
            name, ours = body["metadata"]["name"], labelled(body)
            found += [Webhook(side, name, ours, one, _address(one)) for one in body.get("webhooks") or ()]
    return tuple(found)


def _address(webhook: Body) -> Address | None:
    config: dict[str, Any] = webhook.get("clientConfig") or {}
    service = config.get("service")
    if service:
        namespace, name = service["namespace"], service["name"]
        return Address(f"{name}.{namespace}.svc", service.get("port") or _HTTPS, (namespace, name))
    try:
        parts = urlsplit(str(config.get("url") or ""))
        return Address(parts.hostname, parts.port or _HTTPS) if parts.hostname else None
    except ValueError:
        return None


def _told_by(webhooks: Sequence[Webhook]) -> tuple[Guard, ...]:
    """A guard for each that has webhooks; which of the two there are tells its mode, as ``export webhook`` makes them.

    Audit and Warn look the same from here; Warn is taken, for the warning that a dry run can show.
    """
    sides: dict[str, set[Side]] = {}
    targets: dict[str, Target] = {}
    for one in webhooks:
        for rule in one.body.get("rules") or () if one.guard else ():
            resource, _, subresource = str(rule["resources"][0]).partition("/")
            group, covered = rule["apiGroups"][0], frozenset(rule["apiVersions"])
            targets[one.guard] = Target(group, covered, resource, status_subresource=subresource == "status")
            sides.setdefault(one.guard, set()).add(one.side)
    modes = {frozenset(Side): Mode.RESTORE, frozenset({Side.VALIDATING}): Mode.DENY}
    return tuple(
        Guard(name, target, mode=modes.get(frozenset(sides[name]), Mode.WARN))
        for name, target in sorted(targets.items())
    )


def _name(guard: Guard) -> str:
    return f"{guard.target.resource}.{guard.target.group}"


async def _definition(api: ApiClient, name: str) -> Definition | Unseen | None:
    group = "apiextensions.k8s.io"
    plural = f"customresourcedefinitions.{group}"
    asked = Asked("get", plural, f"/apis/{group}/v1/customresourcedefinitions/{name}")
    try:
        return decoded(await get(api, asked), Definition, asked)
    except NotServedError:
        return None
    except ClusterError as error:
        return _unseen(error, asked)


async def _served(ours: Sequence[Webhook], endpoint: tuple[str, int] | None) -> dict[tuple[Address, str], Served]:
    wanted = dict.fromkeys((one.address, one.bundle) for one in ours if one.address)
    return {
        (address, bundle): await served.look(address, bundle, endpoint if address.service else None)
        for address, bundle in wanted
    }


async def _trial(api: ApiClient, guard: Guard, definition: Definition | Unseen | None, person: Person) -> Trial:
    if definition is None:
        return Trial(guard.name, Outcome.NO_OBJECT, user=person.name)
    if isinstance(definition, Unseen):
        return Trial(guard.name, Outcome.UNREADABLE, user=person.name, said=definition.why)
    covered = [one for one in definition.served if guard.target.covers(one.name)]
    if not covered:
        return Trial(guard.name, Outcome.NO_OBJECT, user=person.name)
    version = next((one.name for one in covered if one.storage), covered[0].name)
    return await trial.lose(api, guard, version, person)


async def _lease(api: ApiClient, namespace: str, now: datetime) -> Lease | Unseen | None:
    """The Lease; if it looks stale it is looked at again, since the holder's clock may be behind the API server's."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{LEASE}"
    asked = Asked("get", f"leases.coordination.k8s.io/{LEASE}", path, namespace)
    try:
        found = await _read_lease(api, asked)
        if not found.holder or not found.stale(now):
            return found
        await asyncio.sleep(_RENEWAL)
        again = await _read_lease(api, asked)
    except NotServedError:
        return None
    except ClusterError as error:
        return _unseen(error, asked)
    return replace(again, moved=again.renewed != found.renewed)


async def _read_lease(api: ApiClient, asked: Asked) -> Lease:
    spec = decoded(await get(api, asked), _Lease, asked).spec
    return Lease(spec.holder_identity or "", spec.renew_time, spec.lease_duration_seconds or 0)


async def _native(api: ApiClient) -> frozenset[str] | Unseen:
    asked = Asked("get", "the list of admission resources", f"/apis/{_ADMISSION}/v1")
    try:
        return frozenset(one.name for one in decoded(await get(api, asked), _Resources, asked).resources)
    except ClusterError as error:
        return _unseen(error, asked)


def _unseen(error: ClusterError, asked: Asked) -> Unseen:
    return Unseen(str(error), asked.right if isinstance(error, ForbiddenError) else "")
