"""What the leading keeper looks after beside objects: the registration in step with the rules, and certificates."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from kubernetes.aio.client import ApiClient

from app.cluster.certificates import KubernetesCluster
from app.cluster.ensure import Wanted, ensure, service_names
from app.cluster.port import ClusterError, Kind
from app.cluster.registering import OUR_NAMES, Registrar
from app.core.export.manifest import Endpoint
from app.core.guard import Guards
from app.telemetry import Telemetry, log

ROUND: Final = 60.0
"""Seconds between two looks: half a dozen reads of single objects. A weakened or deleted configuration is back within
as long, which is also how long a changed rule may take to reach the webhook's pods through the kubelet."""

NOTICE: Final = 2.0
"""Seconds within which rules that were taken over are registered; asking whether they were costs nothing."""

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Installation:
    """What is looked after.

    Attributes:
        namespace: of the webhook's Service and the Secret.
        service: the Service's name.
        secret: the Secret that holds the webhook's certificates; empty where others look after them (cert-manager, or
            the operator).
    """

    namespace: str
    service: str
    secret: str = ""


class Upkeep:
    """Keeps configurations and certificates as they have to be, while this keeper leads.

    Args:
        api: a configured client.
        installation: what is looked after.
        guards: the rules in force when it is called.
        telemetry: counts.
        sleep: waits some seconds.
    """

    def __init__(
        self,
        api: ApiClient,
        installation: Installation,
        guards: Callable[[], Guards],
        telemetry: Telemetry,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        place = (installation.namespace, installation.service)
        self._registrar = Registrar(api, Endpoint(service=place))
        names = [(Kind(kind), name) for kind, name in OUR_NAMES]
        secret = installation.secret
        self._certificates = KubernetesCluster(api, installation.namespace, secret, names) if secret else None
        self._wanted = Wanted(service_names(*place))
        self._guards, self._sleep = guards, sleep
        self._told: tuple[str, ...] = ()
        self._said: set[str] = set()
        self.in_step = False
        self.failures = 0
        telemetry.gauge(
            "status_guard_keeper_registration_in_step",
            "Whether the webhook configurations were as the rules say at the last look; 0 also while not leading.",
            lambda: float(self.in_step),
        )
        telemetry.gauge(
            "status_guard_keeper_upkeep_failures",
            "Looks at registration and certificates that failed since the start.",
            lambda: self.failures,
        )

    async def run(self) -> None:
        """Look again and again; until cancelled, which may happen at any point."""
        try:
            while True:
                guards = self._guards()
                await self.look()
                for _ in range(round(ROUND / NOTICE)):
                    await self._sleep(NOTICE)
                    if self._guards() is not guards:
                        break
        finally:
            self.in_step = False

    async def look(self) -> None:
        """One look, with all the writes that come of it; what cannot be done is logged and left to the next."""
        try:
            standing = await self._registrar.settle(self._guards(), _say)
            if self._certificates:
                said = self._said
                self._said = set()
                await ensure(
                    self._certificates, self._wanted, lambda sentence: self._pass_on(sentence, said), self._sleep
                )
                # A caBundle may just have been published, without which nothing fails closed.
                standing = await self._registrar.settle(self._guards(), _say)
        except ClusterError as error:
            self.in_step = False
            self.failures += 1
            log.error("registration and certificates could not be looked after", reason=str(error))
            return
        self.in_step = standing.in_step
        if standing.remarks != self._told:
            for remark in standing.remarks:
                log.warning("the registration is not as the rules say", reason=remark)
            if not standing.remarks:
                log.info("the registration is as the rules say")
        self._told = standing.remarks

    def _pass_on(self, sentence: str, before: set[str]) -> None:
        """Log what certificates have to say, unless they said the same at the last look: that all is well, mostly."""
        self._said.add(sentence)
        if sentence not in before:
            log.info("certificates", done=sentence)


def _say(sentence: str) -> None:
    log.info("registration", done=sentence)
