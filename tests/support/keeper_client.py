"""What the tests of the keeper's client share: objects of a guarded kind, and somebody who follows a watch."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from guarded_cluster import NAMESPACE, Cluster

from app.cluster.keeper import KubernetesKeeperCluster
from app.cluster.kubeconfig import connected
from app.cluster.reflecting import Pace
from app.cluster.surroundings import Surroundings
from app.core.guard import Guard, Target
from app.keeper.port import Happening, Observed, Seen, Watched

T = TypeVar("T", bound=Happening)

PATIENCE = 30.0
"""Seconds until what has to happen is given up on."""
SURROUNDINGS = Surroundings("tester", lambda: datetime.now(UTC))  # noqa: TID251 - written, never compared
QUICK = Pace(page=3, first=0.05, most=0.2)


def guard(plural: str, group: str = "harvesterhci.io", *, subresource: bool = False) -> Guard:
    """A guard for a kind."""
    return Guard(f"{plural}.{group}", Target(group, frozenset({"*"}), plural, status_subresource=subresource))


@asynccontextmanager
async def keeper_cluster(
    kubeconfig: Path, history: str = "", pace: Pace = QUICK
) -> AsyncIterator[KubernetesKeeperCluster]:
    """A cluster as the keeper has it."""
    async with connected(str(kubeconfig), None) as api:
        yield KubernetesKeeperCluster(api, "keeper", SURROUNDINGS, history, pace=pace)


async def the_only(cluster: KubernetesKeeperCluster, one: Guard) -> Watched:
    """How to watch a guard's kind."""
    return (await cluster.watched([one]))[one.name]


@dataclass
class Objects:
    """Objects of a kind, as others than the keeper write them."""

    cluster: Cluster
    plural: str = "upgrades"
    group: str = "harvesterhci.io"
    namespaced: bool = True

    @property
    def path(self) -> str:
        """The URL of all."""
        within = f"/namespaces/{NAMESPACE}" if self.namespaced else ""
        return f"/apis/{self.group}/v1beta1{within}/{self.plural}"

    def create(self, name: str, status: Any = None, **more: Any) -> dict[str, Any]:
        """Store one."""
        kind = self.plural[:-1].capitalize()
        body = {"apiVersion": f"{self.group}/v1beta1", "kind": kind, "metadata": {"name": name}, "status": status or {}}
        made = self.cluster.send("POST", self.path, body | more, who="controller")
        assert made.code == 201, made
        return made.body

    def set_status(self, name: str, status: Any) -> dict[str, Any]:
        """Give one another status."""
        patch = [{"op": "add", "path": "/status", "value": status}]
        return self.patch(name, patch)

    def patch(self, name: str, patch: list[dict[str, Any]]) -> dict[str, Any]:
        """Change one by JSON Patch."""
        json_patch = "application/json-patch+json"
        made = self.cluster.send("PATCH", f"{self.path}/{name}", patch, "controller", content_type=json_patch)
        assert made.code == 200, made
        return made.body

    def get(self, name: str) -> dict[str, Any]:
        """One as it is stored."""
        return self.cluster.get(name, self.path)

    def delete(self, name: str) -> None:
        """Remove one."""
        assert self.cluster.send("DELETE", f"{self.path}/{name}", who="controller").code == 200

    def clear(self) -> None:
        """Remove all."""
        assert self.cluster.send("DELETE", self.path, who="admin").code == 200


@dataclass
class Follower:
    """Follows a watch, and remembers what it showed."""

    happenings: AsyncIterator[Happening]
    seen: list[Happening] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await cast("AsyncGenerator[Happening, None]", self.happenings).aclose()

    async def _follow(self) -> None:
        async for happening in self.happenings:
            async with self._news:
                self.seen.append(happening)
                self._news.notify_all()

    async def until(self, state: Callable[[list[Happening]], bool]) -> None:
        """Wait until what was seen satisfies something."""
        async with self._news, asyncio.timeout(PATIENCE):
            await self._news.wait_for(lambda: state(self.seen) or self._task.done())
        assert state(self.seen), (self.seen, self._task)

    async def first(self, kind: type[T], since: int = 0, **parts: Any) -> T:
        """Wait for the first happening of a kind, with these parts, after so many."""

        def found() -> list[T]:
            return [
                one
                for one in self.seen[since:]
                if isinstance(one, kind) and all(getattr(one, name, None) == value for name, value in parts.items())
            ]

        await self.until(lambda _: bool(found()))
        return found()[0]

    async def shown(self, version: str, since: int = 0) -> Observed:
        """Wait until an object's version is shown."""

        def found() -> list[Observed]:
            objects = [one.object for one in self.seen[since:] if isinstance(one, Seen)]
            return [one for one in objects if one.resource_version == version]

        await self.until(lambda _: bool(found()))
        return found()[0]

    def names(self, since: int = 0) -> list[str]:
        """Of the objects shown."""
        return [one.object.name for one in self.seen[since:] if isinstance(one, Seen)]


@asynccontextmanager
async def following(kubeconfig: Path, one: Guard, pace: Pace = QUICK) -> AsyncIterator[Follower]:
    """Somebody who follows a guard's kind."""
    async with keeper_cluster(kubeconfig, pace=pace) as cluster:
        kind = await the_only(cluster, one)
        async with Follower(cluster.watch(kind)) as follower:
            yield follower
