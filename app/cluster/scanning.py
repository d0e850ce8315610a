"""A look through a whole cluster with its user's own rights: what cannot be read is said, and the rest is shown."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from kubernetes.aio.client import ApiClient

from app.cluster import kinds
from app.cluster.port import ClusterError
from app.core.export.versions import KubeVersion
from app.core.exposure import exposed, policies, registered
from app.core.exposure.exposed import Exposure, Kind
from app.core.exposure.findings import Findings, Row
from app.core.exposure.policies import Policy
from app.core.exposure.registered import Hook, Live, Registered
from app.core.exposure.seen import Seen
from app.core.guard import Guard

SERIOUS: tuple[Live, ...] = (Live.MISSING, Live.DIFFERS, Live.UNKNOWN, Live.PRESENT, Live.IN_STEP)
"""Of several guards of one kind, the first of these is how the kind stands."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is.

    Attributes:
        kinds: how many are looked through in all.
        done: how many have been.
        name: of the one that is being looked through; empty at the end.
        objects: seen of it so far.
        remaining: of it still to come, as far as the API server says.
    """

    kinds: int
    done: int
    name: str = ""
    objects: int = 0
    remaining: int = 0


Tell: TypeAlias = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class _Registration:
    """What is known of the live configurations.

    Attributes:
        hooks: every webhook of ours; nothing where they could not be read.
        policies: every admission policy and binding of ours; the same.
        compared: how each guard stands; nothing where rules or webhooks are missing.
        left_over: webhooks and policies that no rule asks for.
        unanswered: what could not be read.
    """

    hooks: tuple[Hook, ...] | None = None
    policies: tuple[Policy, ...] | None = None
    compared: dict[str, Registered] | None = None
    left_over: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()


async def scan(api: ApiClient, guards: Sequence[Guard] | None, namespace: str, tell: Tell) -> Findings:
    """Look at every kind.

    Args:
        api: a configured client.
        guards: the rules; nothing where the live configurations are all there is to go by.
        namespace: count the objects of this one only; empty for all.
        tell: is told how far it is.

    Raises:
        ClusterError: the definitions cannot be listed, without which nothing can be said.
    """
    found = await kinds.definitions(api)
    with_status = [kind for one in found if (kind := exposed.kind(one))]
    registration = await _registration(api, guards)
    rows = [_row(kind, guards, registration) for kind in with_status]
    looked, unanswered = await _looked(api, rows, namespace, tell)
    standing = {name: one.live for name, one in (registration.compared or {}).items()}
    return Findings(
        rows=tuple(sorted(looked, key=lambda row: row.order)),
        without_status=len(found) - len(with_status),
        left_over=registration.left_over,
        unanswered=(*registration.unanswered, *unanswered),
        guards_known=guards is not None or not any(row.unguarded and row.live is Live.UNKNOWN for row in rows),
        drift_known=registration.compared is not None and Live.UNKNOWN not in standing.values(),
        drifted=tuple(name for name, live in standing.items() if live not in {Live.IN_STEP, Live.UNKNOWN}),
        apart=_apart(with_status, guards or (), registration),
    )


async def _registration(api: ApiClient, guards: Sequence[Guard] | None) -> _Registration:
    unanswered: list[str] = []
    hooks, bound = None, None
    try:
        hooks = registered.hooks(await kinds.configurations(api))
    except ClusterError as error:
        unanswered.append(str(error))
    try:
        bound = await kinds.policies(api)
    except ClusterError as error:
        unanswered.append(str(error))
    found = _Registration(hooks, bound, unanswered=tuple(unanswered))
    if guards is None or hooks is None:
        return found
    try:
        return _compared(found, guards, await kinds.version(api))
    except ClusterError as error:
        return replace(found, unanswered=(*unanswered, str(error)))


def _compared(found: _Registration, guards: Sequence[Guard], version: KubeVersion) -> _Registration:
    """Webhooks and policies, each compared with the rules; what has no webhook may have a policy that nobody saw."""
    by_webhook, left_over = registered.compare(guards, found.hooks or (), version)
    by_policy, more = policies.compare(guards, found.policies or (), version)
    compared = {name: one.beside(by_policy.get(name)) for name, one in by_webhook.items()}
    if found.policies is None:
        unknown = Registered(Live.UNKNOWN)
        compared = {name: unknown if one.live is Live.MISSING else one for name, one in compared.items()}
    return replace(found, compared=compared, left_over=(*left_over, *more))


def _row(kind: Kind, guards: Sequence[Guard] | None, registration: _Registration) -> Row:
    if guards is None:
        return _by_registration(kind, registration)
    guarding = exposed.guarding(kind, guards)
    names = tuple(guard.name for guard in guarding.guards)
    if not names or registration.compared is None:
        return Row(kind, names, Live.UNKNOWN if names else None, remarks=guarding.remarks)
    standing = [registration.compared[name] for name in names]
    differences = tuple(said for one in standing for said in one.differences)
    return Row(kind, names, _worst(one.live for one in standing), remarks=(*guarding.remarks, *differences))


def _by_registration(kind: Kind, registration: _Registration) -> Row:
    spec = kind.definition.spec
    resource = spec.names.plural + ("/status" if kind.exposure is Exposure.SAFE else "")
    served = [one.name for one in kind.definition.served]
    seeing = [hook for hook in registration.hooks or () if hook.sees(spec.group, resource, served)]
    asked = policies.guarding(registration.policies or (), spec.group, resource, served)
    names = tuple(dict.fromkeys([*(hook.guard or hook.name for hook in seeing), *asked]))
    if not names and (registration.hooks is None or registration.policies is None):
        return Row(kind, live=Live.UNKNOWN)
    return Row(kind, names, Live.PRESENT if names else None)


def _apart(found: Iterable[Kind], guards: Iterable[Guard], registration: _Registration) -> dict[str, tuple[str, ...]]:
    """Guards of kinds that are not among these, with what differs of their registration."""
    known = {(kind.definition.spec.group, kind.definition.spec.names.plural) for kind in found}
    compared = registration.compared or {}
    return {
        guard.name: compared[guard.name].differences if guard.name in compared else ()
        for guard in guards
        if (guard.target.group, guard.target.resource) not in known
    }


def _worst(standing: Iterable[Live]) -> Live:
    return min(standing, key=SERIOUS.index)


async def _looked(api: ApiClient, rows: Sequence[Row], namespace: str, tell: Tell) -> tuple[list[Row], list[str]]:
    """The rows with their objects, where these can be lost; and what could not be read."""
    looked, unanswered = [row for row in rows if not row.exposed], []
    at_risk = [row for row in rows if row.exposed]
    for done, row in enumerate(at_risk):
        seen = Seen()
        try:
            async for page, remaining in kinds.objects(api, row.kind, namespace):
                for one in page:
                    seen.add(one)
                tell(Progress(len(at_risk), done, row.kind.definition.name, seen.objects, remaining))
        except ClusterError as error:
            unanswered.append(f"{row.kind.definition.name}: {error}")
            looked.append(row)
        else:
            looked.append(replace(row, seen=seen))
    tell(Progress(len(at_risk), len(at_risk)))
    return looked, unanswered
