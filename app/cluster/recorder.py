"""Events about guarded objects (core/v1): one that says the same again within minutes is counted on the first."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from msgspec import json

from app.cluster.asking import Asked
from app.cluster.changing import MANAGER, MERGE_PATCH
from app.cluster.exchange import AbsentError, Call, Exchange
from app.cluster.surroundings import Surroundings
from app.keeper.port import Importance, Observed, Watched

_AGAIN: Final = 600.0
"""Seconds within which the same is counted rather than told anew; client-go's recorder uses ten minutes too."""
_REMEMBERED: Final = 4096
"""Events that may be counted on; client-go's recorder remembers as many."""
_LONGEST: Final = 1024
"""Characters of a message; the newer of the two Event APIs takes no more, and shows both kinds."""
_LONGEST_NAME: Final = 253 - 17
"""Of the object's name in the Event's, which is a name as well and ends with sixteen more characters and a dot."""
UNNAMESPACED: Final = "default"
"""Where Events about objects without a namespace have to be."""


@dataclass(slots=True)
class _Told:
    name: str
    count: int
    at: float


class Recorder:
    """Records.

    Args:
        exchange: sends.
        surroundings: who tells, and clocks.
        component: the part of this program that tells.
    """

    def __init__(self, exchange: Exchange, surroundings: Surroundings, component: str = MANAGER) -> None:
        self._exchange, self._surroundings, self._component = exchange, surroundings, component
        self._told: OrderedDict[tuple[str, ...], _Told] = OrderedDict()

    async def say(self, kind: Watched, about: Observed, importance: Importance, reason: str, message: str) -> None:
        """See :class:`app.keeper.port.Cluster`."""
        key = (about.uid, importance, reason, message)
        told = self._told.get(key)
        if told and self._surroundings.elapsed() - told.at < _AGAIN:
            try:
                return await self._count(about, told)
            except AbsentError:
                pass  # somebody tidied up, or an hour went by: told anew
        name = f"{about.name[:_LONGEST_NAME]}.{self._surroundings.chance.getrandbits(64):016x}"
        await self._create(kind, about, name, importance, {"reason": reason, "message": _cut(message)})
        self._told[key] = _Told(name, 1, self._surroundings.elapsed())
        self._told.move_to_end(key)
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return None

    async def _count(self, about: Observed, told: _Told) -> None:
        body = {"count": told.count + 1, "lastTimestamp": self._now()}
        call = Call(_asked("patch", about), told.name, body=json.encode(body), content_type=MERGE_PATCH)
        await self._exchange.send(call)
        told.count, told.at = told.count + 1, self._surroundings.elapsed()

    async def _create(
        self, kind: Watched, about: Observed, name: str, importance: Importance, what: dict[str, str]
    ) -> None:
        now = self._now()
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": _where(about)},
            "involvedObject": {
                "apiVersion": kind.api_version,
                "kind": kind.kind,
                "namespace": about.namespace,
                "name": about.name,
                "uid": about.uid,
                "resourceVersion": about.resource_version,
            },
            "type": str(importance),
            **what,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": self._component},
            "reportingComponent": f"statusguard.io/{self._component}",
            "reportingInstance": self._surroundings.identity,
        }
        await self._exchange.send(Call(_asked("create", about), name, body=json.encode(body)))

    def _now(self) -> str:
        return self._surroundings.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _where(about: Observed) -> str:
    return about.namespace or UNNAMESPACED


def _asked(verb: str, about: Observed) -> Asked:
    namespace = _where(about)
    return Asked(verb, "events", f"/api/v1/namespaces/{namespace}/events", namespace)


def _cut(message: str) -> str:
    return message if len(message) <= _LONGEST else f"{message[: _LONGEST - 1]}…"
