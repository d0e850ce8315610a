"""A ClusterRepo in virtual time: a leader that reconciles it, and replicas that each see it, and have it, later."""

import asyncio
import random
from dataclasses import dataclass, field, replace
from typing import Any

from virtual_time import seconds, stamp


def api_error(status: int, code: str, message: str) -> tuple[int, bytes]:
    """An error of Rancher's, with its key that is there twice."""
    text = message.replace("\\", "\\\\").replace('"', '\\"')
    body = f'{{"type":"error","links":{{}},"code":"{code}","message":"{text}","status":{status},"type":"error"}}'
    return status, body.encode()


def server_error(message: str) -> tuple[int, bytes]:
    """What Rancher makes of nearly everything."""
    return api_error(500, "ServerError", message)


@dataclass
class Replica:
    """One of Rancher's processes.

    Attributes:
        informer_lag: seconds by which it sees objects late.
        checkout_lag: seconds from a commit in the status until it has the files.
        down_until: before that nobody reaches it.
        since: when it started; its checkouts began then.
    """

    informer_lag: float = 0.0
    checkout_lag: float = 0.0
    down_until: float = 0.0
    since: float = 0.0


@dataclass(frozen=True)
class State:
    """What is stored of the repository at one time."""

    generation: int = 1
    observed: int = 0
    commit: str = ""
    versions: frozenset[str] = frozenset()
    downloaded_at: float | None = None
    condition: str = ""
    words: str = ""
    retry_at: float | None = None
    force_update: float | None = None


@dataclass
class Course:
    """What will become of the repository.

    Attributes:
        created: when it is created.
        clone: seconds that a download takes.
        failures: downloads that fail first.
        back_off: seconds until the next try after a failure.
        published: the moment at which the source has the wanted version.
        refresh: seconds between two downloads.
    """

    created: float = 0.0
    clone: float = 1.0
    failures: int = 0
    back_off: float = 300.0
    published: float = 0.0
    refresh: float = 3600.0


@dataclass
class Repository:
    """The repository, its leader and its replicas."""

    name: str = "charts"
    kind: str = "git"
    chart: str = "demo"
    version: str = "1.0.0"
    course: Course = field(default_factory=Course)
    replicas: list[Replica] = field(default_factory=lambda: [Replica()])
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    uid: str = "6f0c2b1e-5a4d-4b0a-9d53-0a1d8b6b1c11"
    history: list[tuple[float, State]] = field(default_factory=list)
    committed: dict[str, float] = field(default_factory=dict)
    nudges: list[float] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def state(self) -> State:
        """What is stored now."""
        return self.history[-1][1]

    def store(self, state: State) -> None:
        """Write."""
        self.history.append((seconds(), state))

    def nudge(self) -> None:
        """Move forceUpdate."""
        self.nudges.append(seconds())
        self.store(replace(self.state, generation=self.state.generation + 1, force_update=seconds()))
        self.changed.set()

    async def lead(self) -> None:
        """Reconcile, as the leader does, for ever; a leader that follows another one begins with a download."""
        if not self.history:
            await asyncio.sleep(self.course.created)
            self.store(State())
        while True:
            self.changed.clear()
            generation = self.state.generation
            await asyncio.sleep(self.course.clone)
            self.course.failures -= 1
            if self.course.failures >= 0:
                self._failed(generation)
                wait = self.course.back_off
            else:
                self._succeeded(generation)
                wait = self.course.refresh
            if self.state.generation == generation:
                try:
                    async with asyncio.timeout(wait):
                        await self.changed.wait()
                except TimeoutError:
                    pass

    def _failed(self, generation: int) -> None:
        words = "failed to fetch https://user:hunter2secret@git.example.com: connection refused"
        retry = seconds() + self.course.back_off
        self.store(replace(self.state, observed=generation, condition="False", words=words, retry_at=retry))

    def _succeeded(self, generation: int) -> None:
        has = seconds() - self.course.clone >= self.course.published
        versions = frozenset({"0.9.0", self.version}) if has else frozenset({"0.9.0"})
        commit = "commit-with" if has else "commit-before"
        self.committed.setdefault(commit, seconds())
        fresh = {"observed": generation, "commit": commit, "versions": versions, "downloaded_at": seconds()}
        self.store(replace(self.state, condition="True", words="", retry_at=None, **fresh))

    def seen_by(self, replica: Replica) -> State | None:
        """What a replica sees of it now."""
        seen = seconds() - replica.informer_lag
        return next((state for at, state in reversed(self.history) if at <= seen), None)

    def has_checkout(self, replica: Replica, commit: str) -> bool:
        """Whether a replica has the files of a commit."""
        if self.kind != "git":
            return True
        begun = max(self.committed[commit], replica.since)
        return seconds() >= begun + replica.checkout_lag

    def lookup(self, replica: Replica, chart: str, version: str) -> tuple[int, bytes] | None:
        """Why a replica cannot find a chart, as it says so; None if it can."""
        state = self.seen_by(replica)
        if state is None:
            return server_error(f'clusterrepos.catalog.cattle.io "{self.name}" not found')
        if not state.commit:
            return server_error('configmaps "" not found')
        if chart != self.chart:
            return server_error("no chart name found")
        if version not in state.versions:
            return server_error(f"no chart version found for {chart}-{version}")
        if not self.has_checkout(replica, state.commit):
            return server_error(f"failed to find chartName {chart} version {version}: NotFound 404")
        return None

    def object_for(self, replica: Replica) -> dict[str, Any] | None:
        """The object, as a replica shows it."""
        state = self.seen_by(replica)
        if state is None:
            return None
        source = {"git": "gitRepo", "http": "url", "oci": "url"}[self.kind]
        url = {
            "git": "https://git.example.com/charts",
            "http": "https://charts.example.com",
            "oci": "oci://r.example.com/c",
        }
        spec: dict[str, Any] = {source: url[self.kind]}
        if state.force_update is not None:
            spec["forceUpdate"] = stamp(state.force_update)
        metadata = {"name": self.name, "uid": self.uid, "generation": state.generation}
        shown: dict[str, Any] = {"metadata": metadata, "spec": spec}
        if state.observed:
            shown["status"] = self._status(state, url[self.kind])
        return shown

    def _status(self, state: State, url: str) -> dict[str, Any]:
        kind = "OCIDownloaded" if self.kind == "oci" else "Downloaded"
        condition = {"type": kind, "status": state.condition, "message": state.words}
        status: dict[str, Any] = {"observedGeneration": state.observed, "conditions": [condition]}
        if state.commit:
            status |= {"indexConfigMapName": f"{self.name}-0-{self.uid}", "url": url, "downloadTime": ""}
            status["downloadTime"] = stamp(state.downloaded_at or 0.0)
            status["indexConfigMapResourceVersion"] = str(len(state.versions))
            if self.kind == "git":
                status["commit"] = state.commit
        if state.retry_at is not None:
            status["nextRetryAt"] = stamp(state.retry_at)
        return status

    def ready_everywhere_at(self) -> float | None:
        """Since when every replica can install; None if one cannot by now."""
        good = [
            self.lookup(replica, self.chart, self.version) is None and replica.down_until <= seconds()
            for replica in self.replicas
        ]
        return seconds() if all(good) else None
