"""The leader's controller for ClusterRepos: fetch, write the index, and say so in the status."""

from dataclasses import dataclass
from typing import Any

from .cluster import BEFORE_FOLLOWERS_WENT, Cluster, Member
from .index import NAMESPACE, store_index
from .repositories import (
    Status,
    drop_condition,
    duration,
    interval_of,
    kind_of,
    patience_of,
    set_condition,
    source_of,
)
from .store import Object
from .upstreams import Trouble, Upstream

TOO_MANY = 429
FINAL = {401, 403, 404}
"""What an OCI registry may answer so that it is never asked again for this spec."""

INDEX = ("indexConfigMapName", "indexConfigMapNamespace", "indexConfigMapResourceVersion")
CHECKOUT = "management-state/git-repo/{name}/1aeeca3a1c6ac79667415828144ecaa2e31563d554f6eddd65e323e784f081ce"
CLONE = (
    "head failure: git clone --depth=1 -n{branch} -- {url} {path} error: exit status 128, "
    "detail: Cloning into '{path}'...\nfatal: unable to access '{url}/': {words}\n"
)
FETCH = (
    "git -C {path} fetch origin -- {branch} error: exit status 128, detail: fatal: unable to access '{url}/': {words}\n"
)


@dataclass
class History:
    """What the leader knows of a repository beside its status; survives a change of leader, as the status does."""

    generation: int = 0
    """The last one that a pass was finished for; the status may be raised by hasty followers."""

    attempted: float | None = None
    retry_at: float | None = None
    hopeless: bool = False
    """A registry's answer was final."""


class Reconciler:
    """The controller of one cluster's repositories."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.world = cluster.world
        self._tended: set[str] = set()
        self._histories: dict[str, History] = {}

    async def run(self) -> None:
        """Look after every repository that there is."""
        while True:
            changed = self.cluster.store.changed
            for repo in self.cluster.store.list("clusterrepos"):
                uid = repo["metadata"]["uid"]
                if uid not in self._tended:
                    self._tended.add(uid)
                    self.world.background.start(self._tend(repo["metadata"]["name"], uid))
            await changed.wait()

    def _current(self, name: str, uid: str) -> Object | None:
        repo = self.cluster.store.get("clusterrepos", name)
        return repo if repo and repo["metadata"]["uid"] == uid else None

    async def _tend(self, name: str, uid: str) -> None:
        history = self._histories.setdefault(uid, History())
        while repo := self._current(name, uid):
            leader = await self.cluster.led_by()
            changed = self.cluster.store.changed
            due = self._due(repo, history)
            if due is None or due > self.world.clock.seconds():
                await self.world.clock.wait(changed, due)
                continue
            await self.world.clock.sleep(self.world.timing.watch)
            if (repo := self._current(name, uid)) and self.cluster.leader is leader:
                await self._pass(repo, leader, history)

    def _due(self, repo: Object, history: History) -> float | None:
        """The moment of the next pass; none if only a change of the spec can bring one."""
        status = repo.get("status", {})
        if status.get("shouldNotSkip") or history.generation < repo["metadata"]["generation"]:
            return 0.0
        if kind_of(repo["spec"]) is None or repo["spec"].get("enabled") is False:
            return None
        if self._index_gone(status):
            return 0.0
        if history.hopeless:
            return None
        if history.retry_at is not None:
            return history.retry_at
        interval = interval_of(repo["spec"])
        return None if interval is None else (history.attempted or 0.0) + interval

    def _index_gone(self, status: Status) -> bool:
        name = status.get("indexConfigMapName")
        return name is not None and self.cluster.store.get("configmaps", name, NAMESPACE) is None

    async def _pass(self, repo: Object, leader: Member, history: History) -> None:
        spec, name = repo["spec"], repo["metadata"]["name"]
        generation = repo["metadata"]["generation"]
        again = history.generation == generation
        retries = repo.get("status", {}).get("numberOfRetries", 0) if again else 0
        kind = kind_of(spec)
        self.world.record.add("pass", cluster=self.cluster.id, repo=name, leader=leader.name, generation=generation)
        if kind is None or spec.get("enabled") is False:
            self._write(repo, self._skip)
            return
        upstream = self.world.upstream(source_of(spec))
        fresh = not repo.get("status", {}).get("indexConfigMapName")
        if kind == "git":
            fresh = (repo["metadata"]["uid"], upstream.url) not in leader.checkouts
        self.world.record.add("download", file="index", url=upstream.url, replica=leader.name)
        await self.world.clock.sleep(upstream.clone_seconds if fresh else upstream.fetch_seconds)
        if self.cluster.leader is not leader:
            return  # it died or was deposed meanwhile; the next leader begins anew
        history.attempted = self.world.clock.seconds()
        trouble = upstream.index_outage and upstream.index_outage.strikes()
        if trouble:
            words = self._plan_retry(spec, kind, trouble, retries, history)
            self._fail(repo, kind, self._words(repo, kind, trouble, fresh=fresh) + words, retries, history)
        else:
            history.retry_at, history.hopeless = None, False
            self._succeed(repo, kind, upstream, leader)

    def _plan_retry(self, spec: Any, kind: str, trouble: Trouble, retries: int, history: History) -> str:
        """Decide when to try again, and say it as Rancher does."""
        history.retry_at, history.hopeless = None, kind == "oci" and trouble.status in FINAL
        if kind == "oci" and trouble.status != TOO_MANY:
            return ""
        shortest, longest, tries = patience_of(spec, "oci" if kind == "oci" else "git")
        interval = interval_of(spec)
        if retries >= tries or (interval is None and kind != "oci"):
            return ""
        wait = min(shortest * 2**retries, longest)
        history.retry_at = self.world.clock.seconds() + wait
        return f". Will retry after {duration(wait)}"

    def _words(self, repo: Object, kind: str, trouble: Trouble, *, fresh: bool) -> str:
        spec, name = repo["spec"], repo["metadata"]["name"]
        url = source_of(spec)
        host = url.split("://")[-1].split("/")[0]
        said = trouble.words.format(host=host) or f"unexpected status code {trouble.status}"
        if kind != "git":
            index = url if kind == "oci" else f"{url.rstrip('/')}/index.yaml"
            return f'Get "{index}": {said}'
        branch = spec.get("gitBranch", "")
        parts = {"url": url, "path": CHECKOUT.format(name=name)}
        if said.endswith("no such host"):
            said = f"Could not resolve host: {host}"
        if fresh:
            return CLONE.format(branch=f" --branch={branch}" if branch else "", words=said, **parts)
        return FETCH.format(branch=branch, words=said, **parts)

    def _fail(self, repo: Object, kind: str, message: str, retries: int, history: History) -> None:
        def change(status: Status) -> None:
            set_condition(status, self.world.clock, "OCIDownloaded" if kind == "oci" else "Downloaded", message)
            gone = ("shouldNotSkip", "numberOfRetries", "nextRetryAt")
            for name in (*gone, *(INDEX if self._index_gone(status) else ())):
                status.pop(name, None)
            if history.retry_at is not None:
                status["numberOfRetries"] = retries + 1
                status["nextRetryAt"] = self.world.clock.stamp(history.retry_at)

        self._write(repo, change)

    def _succeed(self, repo: Object, kind: str, upstream: Upstream, leader: Member) -> None:
        old, commit = repo.get("status", {}), upstream.commit
        index = {}
        if kind != "git" or old.get("commit") != commit or self._index_gone(old):
            stored = store_index(self.cluster, repo, upstream.charts, "" if kind == "git" else upstream.url)["metadata"]
            index = {
                "indexConfigMapName": stored["name"],
                "indexConfigMapNamespace": NAMESPACE,
                "indexConfigMapResourceVersion": stored["resourceVersion"],
            }
        branch = repo["spec"].get("gitBranch")
        git = {"commit": commit} | ({"branch": branch} if branch else {})
        new_line = self.world.line > BEFORE_FOLLOWERS_WENT

        def change(status: Status) -> None:
            for gone in ("numberOfRetries", "nextRetryAt", "shouldNotSkip", "branch", "commit"):
                status.pop(gone, None)
            status |= {"url": upstream.url, "downloadTime": self.world.clock.stamp()} | index
            set_condition(status, self.world.clock, "OCIDownloaded" if kind == "oci" else "Downloaded")
            if kind == "git":
                status |= git
            if new_line:
                drop_condition(status, "FollowerDownloaded")
            if new_line and kind == "git" and "commit" not in old:
                status["shouldNotSkip"] = True

        if kind == "git":
            leader.checkouts[repo["metadata"]["uid"], upstream.url] = commit
        self._write(repo, change)

    def _skip(self, status: Status) -> None:
        """A repository that is not to be fetched counts as downloaded."""
        set_condition(status, self.world.clock, "Downloaded")
        if self.world.line <= BEFORE_FOLLOWERS_WENT:
            set_condition(status, self.world.clock, "OCIDownloaded")

    def _write(self, repo: Object, change: Any) -> None:
        """Write the status, unless the spec has changed since it was read: then another pass does."""
        name, generation = repo["metadata"]["name"], repo["metadata"]["generation"]
        now = self._current(name, repo["metadata"]["uid"])
        if now is None or now["metadata"]["generation"] != generation:
            return

        self._histories[repo["metadata"]["uid"]].generation = generation

        def whole(status: Status) -> None:
            change(status)
            status["observedGeneration"] = generation

        self.cluster.store.write_status("clusterrepos", name, whole)
