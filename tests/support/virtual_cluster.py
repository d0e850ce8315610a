"""A cluster in memory, as the keeper's port shows one: versions, conflicts, watches that lag and break, failures."""

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import jsonpatch
import msgspec
from msgspec import Raw
from virtual_time import moment, seconds

from app.core.guard import Guard
from app.core.review import KubernetesObject
from app.keeper import marks
from app.keeper.port import (
    Broken,
    ChangedError,
    Draft,
    Gone,
    Happening,
    Importance,
    KeeperError,
    Kept,
    Observed,
    RefusedError,
    Seen,
    Synced,
    Watched,
)

Key = tuple[str, str, str]
"""The guard's name, the namespace, and the name."""

_KEPT_IN_MIND = 12
"""Versions that a watch may resume from; before these it is 410 and everything is listed again."""


@dataclass(frozen=True)
class Stored:
    """One version of an object."""

    uid: str
    version: int
    at: float
    metadata: dict[str, Any]
    status: str | None
    """The text of the status; None where there is none."""
    deleted: bool = False


@dataclass
class Weather:
    """How well the cluster works at the moment.

    Attributes:
        lag: seconds after which a watch shows a change, at most.
        slow: seconds that a call takes, at most.
        fails: the chance that a call does nothing.
        unknown: the chance that it does what it should and nobody is told.
    """

    lag: float = 0.0
    slow: float = 0.0
    fails: float = 0.0
    unknown: float = 0.0


@dataclass
class Said:
    """An Event."""

    at: float
    key: Key
    uid: str
    importance: Importance
    reason: str
    message: str


@dataclass
class VirtualCluster:
    """Objects, revisions and Events.

    Attributes:
        largest: bytes of a status that a revision may hold.
        apart: the namespace of all revisions; empty where each is beside its object.
        absent: resources that have no CRD.
        gone: revisions that a list still names and that cannot be read any more.
        refused: calls that the API server never takes.
        unheard: calls that do nothing, as when the API server does not answer.
        unanswered: calls that do what they should, and whose answer is lost.
        faulty: calls in which the keeper's own client has a fault.
        written: what keepers changed in objects: when, who, which, and the versions before and after.
    """

    rng: random.Random = field(default_factory=lambda: random.Random(1))
    weather: Weather = field(default_factory=Weather)
    largest: int = 1_000_000
    apart: str = ""
    absent: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    unheard: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    faulty: set[str] = field(default_factory=set)
    objects: dict[Key, Stored] = field(default_factory=dict)
    log: list[tuple[Key, Stored]] = field(default_factory=list)
    kept: dict[str, Kept] = field(default_factory=dict)
    data: dict[str, tuple[str, str]] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    written: list[tuple[float, str, Key, Stored, Stored]] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    broken: set["VirtualClient"] = field(default_factory=set)
    _versions: Any = field(default_factory=lambda: itertools.count(100))
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def create(self, key: Key, status: str | None, **metadata: Any) -> Stored:
        """A new object under a name that is free."""
        assert key not in self.objects
        uid = f"uid-{next(self._versions)}"
        return self._store(key, Stored(uid, 0, 0.0, metadata, status))

    def write(self, key: Key, status: str | None, **metadata: Any) -> Stored:
        """A PUT, whoever did it."""
        before = self.objects[key]
        return self._store(key, replace(before, status=status, metadata=before.metadata | metadata))

    def delete(self, key: Key) -> None:
        """An object goes, and nobody collects its revisions."""
        gone = self.objects.pop(key)
        self._append(key, replace(gone, version=next(self._versions), deleted=True, at=seconds()))

    def collect(self, uid: str) -> None:
        """The garbage collector removes the revisions of an owner that is gone."""
        for name in [name for name, kept in self.kept.items() if kept.uid == uid]:
            del self.kept[name]

    def annotation(self, key: Key, name: str) -> str | None:
        """An annotation of an object."""
        found: str | None = self.objects[key].metadata.get("annotations", {}).get(name)
        return found

    def status(self, key: Key) -> Any:
        """The status, decoded."""
        text = self.objects[key].status
        return None if text is None else json.loads(text)

    def latest(self, key: Key) -> Kept:
        """The last-known-good revision of an object."""
        uid = self.objects[key].uid
        return max((kept for kept in self.kept.values() if kept.uid == uid), key=lambda kept: kept.revision)

    def history(self, key: Key) -> list[Any]:
        """What is kept of an object, the oldest first."""
        uid = self.objects[key].uid
        mine = sorted((kept for kept in self.kept.values() if kept.uid == uid), key=lambda kept: kept.revision)
        return [json.loads(self.data[kept.name][1]) for kept in mine]

    def events(self, reason: str) -> list[Said]:
        """The Events with a reason."""
        return [said for said in self.said if said.reason == reason]

    def _store(self, key: Key, stored: Stored) -> Stored:
        stored = replace(stored, version=next(self._versions), at=seconds())
        self.objects[key] = stored
        self._append(key, stored)
        return stored

    def _append(self, key: Key, stored: Stored) -> None:
        self.log.append((key, stored))
        self._changed.set()
        self._changed = asyncio.Event()

    async def news(self) -> None:
        """Return when something is stored."""
        await self._changed.wait()


@dataclass(eq=False)
class VirtualClient:
    """What one keeper sees and does of the cluster; see ``app.keeper.port.Cluster``.

    Attributes:
        cluster: it.
        name: the keeper's.
        behind: seconds by which its watch is behind, beside what the weather does.
        tells_of_ends: whether the watch shows that an object is gone; without that its successor comes as a change.
    """

    cluster: VirtualCluster
    name: str = "keeper"
    behind: float = 0.0
    tells_of_ends: bool = True

    async def watched(self, guards: Sequence[Guard]) -> Mapping[str, Watched]:
        """See the port."""
        await self._call("watched")
        there = [guard for guard in guards if guard.target.resource not in self.cluster.absent]
        return {guard.name: watched(guard) for guard in there}

    async def watch(self, kind: Watched) -> AsyncIterator[Happening]:
        """See the port: relists where it fell too far behind; shows again only what has changed."""
        known: dict[Key, Stored] = {}
        while True:
            await self._pause()
            if "watch" in self.cluster.faulty:
                raise ValueError("watch")
            at = len(self.cluster.log)
            there = {key: one for key, one in self.cluster.objects.items() if key[0] == kind.guard.name}
            for key, gone in list(known.items()):
                if key not in there or there[key].uid != gone.uid:
                    yield Gone(key[1], key[2], gone.uid)
            for key, one in there.items():
                if known.get(key) != one:
                    yield Seen(observed(key, one))
            known = there
            yield Synced(len(there))
            async for happening in self._changes(kind, known, at):
                yield happening
            yield Broken("the connection was lost")
            await asyncio.sleep(1)

    async def _changes(self, kind: Watched, known: dict[Key, Stored], at: int) -> AsyncIterator[Happening]:
        while True:
            if self in self.cluster.broken:
                self.cluster.broken.discard(self)
                if len(self.cluster.log) - at > _KEPT_IN_MIND or self.cluster.rng.random() < 0.5:
                    return
                yield Broken("the watch ended")
                await asyncio.sleep(1)
            if at == len(self.cluster.log):
                await self.cluster.news()
                continue
            key, one = self.cluster.log[at]
            at += 1
            if key[0] != kind.guard.name:
                continue
            lag = self.behind + self.cluster.rng.random() * self.cluster.weather.lag
            await asyncio.sleep(max(0.0, one.at + lag - seconds()))
            if one.deleted and not self.tells_of_ends:
                continue
            if one.deleted:
                known.pop(key, None)
                yield Gone(key[1], key[2], one.uid)
            else:
                known[key] = one
                yield Seen(observed(key, one))

    async def read(self, kind: Watched, namespace: str, name: str) -> Observed | None:
        """See the port."""
        await self._call("read")
        key = (kind.guard.name, namespace, name)
        one = self.cluster.objects.get(key)
        return observed(key, one) if one else None

    async def repair(self, kind: Watched, before: Observed, operations: bytes) -> Observed:
        """See the port."""
        lost = await self._call("repair")
        key, one = self._current(kind, before)
        document: dict[str, Any] = {"metadata": one.metadata}
        if one.status is not None:
            document["status"] = json.loads(one.status)
        made = jsonpatch.apply_patch(document, json.loads(operations))
        status = json.dumps(made["status"]) if "status" in made else None
        return await self._written(key, one, replace(one, status=status, metadata=made["metadata"]), lost)

    async def annotate(self, kind: Watched, before: Observed, annotations: Mapping[str, str | None]) -> Observed:
        """See the port."""
        lost = await self._call("annotate")
        key, one = self._current(kind, before)
        merged = one.metadata.get("annotations", {}) | annotations
        metadata = one.metadata | {"annotations": {name: text for name, text in merged.items() if text is not None}}
        return await self._written(key, one, replace(one, metadata=metadata), lost)

    async def say(self, kind: Watched, about: Observed, importance: Importance, reason: str, message: str) -> None:
        """See the port."""
        lost = await self._call("say")
        key = (kind.guard.name, about.namespace, about.name)
        self.cluster.said.append(Said(seconds(), key, about.uid, importance, reason, message))
        await self._pause()
        if lost:
            raise KeeperError("no answer")

    async def kept(self, kind: Watched) -> tuple[Kept, ...]:
        """See the port."""
        await self._call("kept")
        return tuple(kept for kept in self.cluster.kept.values() if self.cluster.data[kept.name][0] == kind.guard.name)

    async def recall(self, kept: Kept) -> Raw | None:
        """See the port."""
        await self._call("recall")
        if kept.name not in self.cluster.kept or kept.name in self.cluster.gone:
            return None
        return Raw(self.cluster.data[kept.name][1].encode())

    async def keep(self, kind: Watched, owner: Observed, draft: Draft, status: Raw) -> Kept:
        """See the port."""
        lost = await self._call("keep")
        if draft.name in self.cluster.kept:
            raise ChangedError("it is there")
        if len(bytes(status)) > self.cluster.largest:
            raise RefusedError("it is too large")
        version = str(next(self.cluster._versions))
        now = moment(seconds())
        made = Kept(
            self.cluster.apart or owner.namespace,
            draft.name,
            owner.uid,
            draft.digest,
            draft.revision,
            version,
            now,
            {**draft.annotations, marks.OBJECT: marks.subject(kind, owner), marks.VERSION: owner.resource_version},
        )
        self.cluster.kept[draft.name] = made
        self.cluster.data[draft.name] = (kind.guard.name, bytes(status).decode())
        await self._pause()
        if lost:
            raise KeeperError("no answer")
        return made

    async def renew(self, kept: Kept, revision: int, annotations: Mapping[str, str | None]) -> Kept:
        """See the port."""
        lost = await self._call("renew")
        found = self.cluster.kept.get(kept.name)
        if found is None or found.resource_version != kept.resource_version:
            raise ChangedError("it is not as it was")
        merged = {**found.annotations, **annotations}
        made = replace(
            found,
            revision=revision,
            resource_version=str(next(self.cluster._versions)),
            kept_at=moment(seconds()) if revision != found.revision else found.kept_at,
            annotations={name: text for name, text in merged.items() if text is not None},
        )
        self.cluster.kept[kept.name] = made
        await self._pause()
        if lost:
            raise KeeperError("no answer")
        return made

    async def forget(self, kept: Kept) -> None:
        """See the port."""
        await self._call("forget")
        self.cluster.kept.pop(kept.name, None)

    async def _call(self, name: str) -> bool:
        """Take some time, and fail sometimes; whether the answer is to be lost."""
        self.cluster.calls[name] += 1
        await self._pause()
        if name in self.cluster.faulty:
            raise ValueError(name)
        if name in self.cluster.refused:
            raise RefusedError(f"no right to {name}")
        weather, chance = self.cluster.weather, self.cluster.rng.random()
        if chance < weather.fails or name in self.cluster.unheard:
            raise KeeperError("the API server does not answer")
        return chance > 1 - weather.unknown or name in self.cluster.unanswered

    async def _pause(self) -> None:
        await asyncio.sleep(self.cluster.rng.random() * self.cluster.weather.slow)

    def _current(self, kind: Watched, before: Observed) -> tuple[Key, Stored]:
        key = (kind.guard.name, before.namespace, before.name)
        one = self.cluster.objects.get(key)
        if one is None or (one.uid, str(one.version)) != (before.uid, before.resource_version):
            raise ChangedError("it is not as it was")
        return key, one

    async def _written(self, key: Key, before: Stored, after: Stored, lost: bool) -> Observed:  # noqa: FBT001
        after = self.cluster._store(key, after)
        self.cluster.written.append((seconds(), self.name, key, before, after))
        await self._pause()
        if lost:
            raise KeeperError("no answer")
        return observed(key, after)


@dataclass
class VirtualLeadership:
    """Whether one keeper leads; the test says."""

    leads: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def set(self, *, leads: bool) -> None:
        """Have it lead, or not."""
        self.leads = leads
        self._changed.set()
        self._changed = asyncio.Event()

    def leading(self) -> bool:
        """See the port."""
        return self.leads

    async def gained(self) -> None:
        """See the port."""
        while not self.leads:
            await self._changed.wait()

    async def lost(self) -> None:
        """See the port."""
        while self.leads:
            await self._changed.wait()


def watched(guard: Guard) -> Watched:
    """How a kind of a guard is watched."""
    kind = guard.target.resource[:-1].capitalize()
    return Watched(guard, "v1", kind, namespaced=True, status_subresource=guard.target.status_subresource)


def observed(key: Key, one: Stored) -> Observed:
    """An object as a list or a watch shows it."""
    metadata = one.metadata | {"name": key[2], "namespace": key[1], "uid": one.uid}
    text = json.dumps({"metadata": metadata})
    if one.status is not None:
        text = f'{text[:-1]}, "status": {one.status}}}'
    content = msgspec.json.decode(text, type=KubernetesObject)
    created = datetime(2026, 1, 1, tzinfo=UTC)
    return Observed(key[1], key[2], one.uid, str(one.version), created, content)
