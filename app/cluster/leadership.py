"""One keeper writes at a time: a Lease (coordination.k8s.io/v1), with client-go's timings and its observed time.

No two machines' clocks are compared. Who waits measures, by their own clock, how long the Lease has not changed since
they saw it change; who leads measures from before they asked for it. The times in the Lease are for people.
"""

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from kubernetes.aio.client import ApiClient
from msgspec import json

from app.cluster.asking import Asked
from app.cluster.exchange import LONGEST_WRITE, AbsentError, Call, Exchange, decoded
from app.cluster.port import OURS
from app.cluster.surroundings import Surroundings
from app.keeper.port import ChangedError, KeeperError

LEASE: Final = "status-guard-keeper"
_NEVER: Final = -math.inf
_APART: Final = 0.2
"""Seconds in which those who wait for the same Lease to run out ask for it, so that one finds it taken."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds, as client-go has them.

    Attributes:
        duration: how long nobody else may lead after the Lease was renewed.
        deadline: how long who leads does so without renewing it. A write that begins just before may take
            ``LONGEST_WRITE`` and still ends before anybody else can lead.
        retry: between two renewals, and between two looks of those who wait.
    """

    duration: float = 15.0
    deadline: float = 10.0
    retry: float = 2.0

    def __post_init__(self) -> None:
        """Refuse what would let two lead.

        Raises:
            ValueError: a write could end after the Lease.
        """
        if not 0 < self.retry < self.deadline <= self.duration - LONGEST_WRITE:
            raise ValueError(
                f"a write may take {LONGEST_WRITE:g} s: retry < deadline <= duration - {LONGEST_WRITE:g} does not hold"
            )


class LeaseLeadership:
    """Stands for the Lease; implements :class:`app.keeper.port.Leadership` while :meth:`run` runs.

    Args:
        api: a configured client.
        namespace: where the Lease is, the keeper's own.
        surroundings: who stands, and its clocks.
        say: is told, in words, what goes wrong with the Lease, and who holds it.
        timings: the same for all who stand.
    """

    def __init__(
        self,
        api: ApiClient,
        namespace: str,
        surroundings: Surroundings,
        say: Callable[[str], None] = lambda _: None,
        timings: Timings = Timings(),
    ) -> None:
        self._exchange, self._namespace, self._surroundings = Exchange(api), namespace, surroundings
        self._say, self._timings = say, timings
        self._until = _NEVER
        self._terms = 0
        self._news = asyncio.Event()
        self._lease: dict[str, Any] | None = None
        self._observed: dict[str, Any] = {}
        self._observed_at = _NEVER
        self._said = ""

    async def run(self) -> None:
        """Stand for the Lease for ever. When it is cancelled it lets the Lease go: cancel it when nothing writes."""
        timings, sleep = self._timings, self._surroundings.sleep
        try:
            while True:
                try:
                    await self._stand()
                    pause = self._pause()
                except KeeperError as error:
                    self._tell(str(error))
                    pause = timings.retry / 2
                await sleep(pause)
        finally:
            with suppress(KeeperError):  # it runs out by itself
                await self._let_go()

    def leading(self) -> bool:
        """See :class:`app.keeper.port.Leadership`."""
        return self._surroundings.elapsed() < self._until

    async def gained(self) -> None:
        """See :class:`app.keeper.port.Leadership`."""
        while not self.leading():
            await self._news.wait()

    async def lost(self) -> None:
        """See :class:`app.keeper.port.Leadership`; returns too when it was lost and has been gained anew since."""
        term = self._terms
        while self.leading() and self._terms == term:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(self._until - self._surroundings.elapsed(), self._timings.retry)):
                    await self._news.wait()

    async def _stand(self) -> None:
        """Renew the Lease, or look at it and take it if it is free."""
        if self.leading() and self._lease:
            try:
                return await self._take()
            except (ChangedError, AbsentError):
                pass  # somebody touched it: whoever holds it now stands in it
        await self._look()
        if not self._held_by_another():
            await self._take()
        return None

    async def _look(self) -> None:
        call = Call(self._asked("get"), LEASE)
        try:
            self._lease = decoded(await self._exchange.send(call, LONGEST_WRITE), dict[str, Any], call)
        except AbsentError:
            self._lease = None
            self._stop()  # anybody may make it anew at any moment
            return
        record = self._lease.get("spec") or {}
        if record != self._observed:
            self._observed, self._observed_at = record, self._surroundings.elapsed()
        if self._holder != self._surroundings.identity:
            self._stop()
            self._tell(f"{self._holder} leads" if self._holder else "nobody leads")

    @property
    def _holder(self) -> str:
        return str(self._observed.get("holderIdentity") or "")

    @property
    def _expires(self) -> float:
        """When the Lease that was observed has not changed for as long as it is for."""
        return self._observed_at + float(self._observed.get("leaseDurationSeconds") or self._timings.duration)

    def _held_by_another(self) -> bool:
        """Whether somebody may lead. Where the Lease was deleted, who was seen to hold it may not know that yet."""
        another = self._holder not in {"", self._surroundings.identity}
        return another and self._surroundings.elapsed() < self._expires

    async def _take(self) -> None:
        """Make or write the Lease as ours; only what it was when it was looked at is replaced."""
        lease = self._lease
        before = dict((lease or {}).get("spec") or {})
        now = self._moment()
        spec = before | {
            "holderIdentity": self._surroundings.identity,
            "leaseDurationSeconds": math.ceil(self._timings.duration),
            "renewTime": now,
        }
        if before.get("holderIdentity") != self._surroundings.identity or lease is None:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = int(before.get("leaseTransitions") or 0) + 1 if lease else 0
        began = self._surroundings.elapsed()
        await self._write(spec)
        if not self.leading():
            self._terms += 1
            self._tell(f"{self._surroundings.identity}, this one, leads")
        self._until = began + self._timings.deadline
        self._wake()

    async def _write(self, spec: dict[str, Any]) -> None:
        lease, self._lease = self._lease, None  # whatever goes wrong now, it may have been written
        metadata = {"name": LEASE, "namespace": self._namespace, "labels": dict([OURS])}
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, **(lease or {})}
        verb = "update" if lease else "create"
        call = Call(self._asked(verb), LEASE, body=json.encode(body | {"spec": spec}))
        self._lease = decoded(await self._exchange.send(call), dict[str, Any], call)
        self._observed, self._observed_at = self._lease.get("spec") or {}, self._surroundings.elapsed()

    async def _let_go(self) -> None:
        if not self.leading():
            return
        self._stop()
        for _ in range(2):  # a renewal that was under way may have come first
            try:
                if self._lease is None:
                    await self._look()
                if self._lease and self._holder == self._surroundings.identity:
                    now = self._moment()
                    spec = self._observed | {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": now}
                    await self._write(spec)
            except ChangedError:
                continue
            return

    def _stop(self) -> None:
        if self._until != _NEVER:
            self._until = _NEVER
            self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _pause(self) -> float:
        """Seconds until the next try: those who wait are there when the Lease runs out, but not at the same moment."""
        timings, chance = self._timings, self._surroundings.chance
        if self.leading():
            return timings.retry
        left = max(self._expires - self._surroundings.elapsed(), 0.0)
        return min(timings.retry * chance.uniform(0.8, 1.2), left + chance.uniform(0.0, _APART))

    def _tell(self, what: str) -> None:
        if what != self._said:
            self._said = what
            self._say(what)

    def _moment(self) -> str:
        return self._surroundings.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _asked(self, verb: str) -> Asked:
        group = "coordination.k8s.io"
        return Asked(verb, f"leases.{group}", f"/apis/{group}/v1/namespaces/{self._namespace}/leases", self._namespace)
