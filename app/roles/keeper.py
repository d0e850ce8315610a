"""The keeper role: watches guarded objects, keeps their status, and sees to losses that got past admission."""

import asyncio
import secrets
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from kubernetes.aio.client import ApiClient

from app.api.gate.telemetry import log_fault
from app.api.health import Check, Health
from app.cluster.context import pod_namespace
from app.cluster.keeper import KubernetesKeeperCluster
from app.cluster.kubeconfig import connected
from app.cluster.leadership import LeaseLeadership
from app.cluster.surroundings import Surroundings
from app.gate.clock import LoopClock
from app.keeper.engine import Engine
from app.keeper.keeper import Keeper as Watching
from app.keeper.port import Leadership
from app.roles.keeper_telemetry import KeeperTelemetry
from app.roles.ruling import Ruling
from app.roles.upkeep import Installation, Upkeep
from app.rules import RuleSource
from app.settings import Settings, SettingsError
from app.telemetry import Telemetry, log

NAMESPACE: Final = "status-guard"
"""Where nothing says which namespace: the one that the manifests install into."""

AGAIN: Final = 30.0
"""Seconds after which a duty that failed is begun again."""

Duty = Callable[[], Coroutine[Any, Any, None]]
"""What the leading keeper does beside objects, until it is cancelled."""


class Keeper:
    """The parts of the keeper role, made once; it gets to the cluster when it runs.

    Args:
        settings: where the rules and the cluster are.
        telemetry: counts and logs.
        rules: those of the webhook, if that runs here as well; it then looks after them.

    Raises:
        SettingsError: something it needs is not set.
        RulesError: the rule documents cannot be used.
    """

    def __init__(self, settings: Settings, telemetry: Telemetry, rules: RuleSource | None) -> None:
        if not settings.rules or settings.incomplete():
            raise SettingsError(settings.incomplete())
        self._settings, self._telemetry = settings, telemetry
        self._own: Ruling | None = None
        if rules is None:
            self._own = Ruling(settings.rules, telemetry)
            rules = self._own.source
        self.rules = rules
        self._observer = KeeperTelemetry(telemetry)
        self._watching: Watching | None = None
        self._stop, self._ended = asyncio.Event(), asyncio.Event()
        self.draining = False

    @property
    def checks(self) -> dict[str, Check]:
        """What readiness asks, by name."""
        own: dict[str, Check] = {"rules": self._own.check} if self._own else {}
        return own | {"keeper": self._check}

    async def _check(self) -> Health:
        """Ready is who has seen all there is to watch, leader or not; a watch that broke since is said and tried."""
        watching = self._watching
        if self.draining:
            return Health(ok=False, detail="shutting down")
        if watching is None or not watching.asked:
            return Health(ok=False, detail=watching.trouble if watching and watching.trouble else "starting")
        kinds = watching.kinds
        unseen = [name for name, kind in kinds.items() if not kind.synced]
        said = [
            "leading" if watching.leads else "standing by",
            f"{len(kinds)} kinds, {sum(kind.objects for kind in kinds.values())} objects",
            *(f"not in this cluster: {name}" for name in sorted(watching.missing)),
            *(f"not seen yet: {name}" for name in unseen if not kinds[name].broken),
            *(f"{name}: {kind.broken}" for name, kind in kinds.items() if kind.broken),
        ]
        return Health(ok=not unseen, detail="; ".join(said))

    def poll(self) -> None:
        """Look at the rules once, if nobody else does; log what came of it."""
        if self._own:
            self._own.poll()

    async def run(self) -> None:
        """Watch, and lead if nobody else does; until drained.

        Raises:
            ClusterError: there is no usable configuration for a cluster.
        """
        settings = self._settings
        try:
            async with connected(str(settings.kubeconfig) if settings.kubeconfig else None, settings.context) as api:
                await self._run(api, settings.namespace or pod_namespace() or NAMESPACE)
        finally:
            self._watching = None
            self._ended.set()

    async def drain(self) -> None:
        """Write what is pending, if this one leads, and give up the lease; returns when that is done."""
        self._stop.set()
        await self._ended.wait()

    async def _run(self, api: ApiClient, namespace: str) -> None:
        surroundings = Surroundings(f"{socket.gethostname()}_{secrets.token_hex(4)}", _now)
        leadership = LeaseLeadership(api, namespace, surroundings, _say)
        cluster = KubernetesKeeperCluster(
            api, namespace, surroundings, self._settings.history_namespace or "", leadership.leading
        )
        engine = Engine(cluster, leadership, LoopClock(_now), self._observer)
        watching = self._watching = Watching(engine, lambda: self.rules.current.guards)
        log.info("keeper started", namespace=namespace, identity=surroundings.identity)
        standing = asyncio.create_task(leadership.run())
        duties = [while_leading(leadership, duty) for duty in self._duties(api, namespace)]
        working = asyncio.create_task(_together(watching.run(), *duties))
        stop = asyncio.ensure_future(self._stop.wait())
        try:
            waited: tuple[asyncio.Future[Any], ...] = (standing, working, stop)
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if self._stop.is_set():
                await watching.flush()
        finally:
            try:
                await _ended(working)
            finally:  # the lease goes last, when nothing writes any more
                await _ended(standing)
                await _ended(stop)

    def _duties(self, api: ApiClient, namespace: str) -> Sequence[Duty]:
        """What there is to do beside objects."""
        settings = self._settings
        if not settings.webhook_service:
            return ()
        installation = Installation(namespace, settings.webhook_service, settings.certs_secret or "")
        return (Upkeep(api, installation, lambda: self.rules.current.guards, self._telemetry).run,)


async def while_leading(leadership: Leadership, duty: Duty) -> None:
    """Do a duty for as long as this keeper leads, and begin it again when it leads again; until cancelled.

    A duty that fails is begun again after a while: objects have to be kept whatever becomes of it.
    """
    while True:
        await leadership.gained()
        doing = asyncio.ensure_future(duty())
        lost = asyncio.ensure_future(leadership.lost())
        try:
            await asyncio.wait({doing, lost}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _ended(lost)
            try:
                await _ended(doing)
            except Exception as error:  # noqa: BLE001 - see above; it is reported
                log_fault(error)
                await asyncio.sleep(AGAIN)


async def _together(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all of them; when one fails the others end, too, before the error goes on."""
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part)


async def _ended(task: asyncio.Future[Any]) -> None:
    """Have it end, and see how it did: what went wrong in it is raised, that it was cancelled is not."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _say(sentence: str) -> None:
    log.info("lease", said=sentence)


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - this is the edge: the engine gets its clock as an argument
