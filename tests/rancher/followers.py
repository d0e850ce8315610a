"""Every replica's own controller: bring the checkout of a git repository to the commit that the leader wrote."""

from collections.abc import Coroutine
from typing import Any

from .cluster import BEFORE_FOLLOWERS_WENT, Cluster, Member
from .repositories import Status, condition, set_condition
from .store import Object


class Follower:
    """The controller of one member."""

    def __init__(self, cluster: Cluster, member: Member) -> None:
        self.cluster = cluster
        self.member = member
        self.world = cluster.world
        self._busy: set[str] = set()

    async def run(self) -> None:
        """Follow every repository."""
        while True:
            changed = self.cluster.store.changed
            for repo in self.cluster.store.list("clusterrepos"):
                self._look_at(repo)
            await changed.wait()

    def _look_at(self, repo: Object) -> None:
        uid = repo["metadata"]["uid"]
        if uid in self._busy or not self.member.alive:
            return
        if self.world.hasty_followers:
            self._hurry(repo)
        if self.world.line <= BEFORE_FOLLOWERS_WENT and not condition(repo, "FollowerDownloaded"):
            self._begin(uid, self._say_so(repo))
        elif self._behind(repo):
            self._begin(uid, self._ensure(repo))

    def _hurry(self, repo: Object) -> None:
        """Say that the generation was observed, which the leader has not done: only a commit has to be there."""
        generation = repo["metadata"]["generation"]
        if repo.get("status", {}).get("commit"):
            name = repo["metadata"]["name"]
            self.cluster.store.write_status(
                "clusterrepos", name, lambda seen: seen.update(observedGeneration=generation)
            )

    def _behind(self, repo: Object) -> bool:
        status = repo.get("status", {})
        commit = status.get("commit")
        return bool(commit) and self.member.checkouts.get((repo["metadata"]["uid"], status["url"])) != commit

    def _begin(self, uid: str, work: Coroutine[Any, Any, None]) -> None:
        self._busy.add(uid)
        task = self.world.background.start(work)
        task.add_done_callback(lambda _: self._end(uid))

    def _end(self, uid: str) -> None:
        """Look again: the commit may have moved on meanwhile."""
        self._busy.discard(uid)
        for repo in self.cluster.store.list("clusterrepos"):
            if repo["metadata"]["uid"] == uid:
                self._look_at(repo)

    async def _ensure(self, repo: Object) -> None:
        """Clone the default branch and fetch the commit: slow, since that is the branch's whole history."""
        lag = self.world.timing.follower_lag if self.member.lag is None else self.member.lag
        await self.world.clock.sleep(lag)
        if not self.member.alive:
            return
        metadata, status = repo["metadata"], repo["status"]
        self.member.checkouts[metadata["uid"], status["url"]] = status["commit"]
        self.world.record.add("checkout", cluster=self.cluster.id, repo=metadata["name"], replica=self.member.name)
        self.cluster.store.touch()  # a disk is none of its objects; those who wait for this checkout look again
        if self.world.line <= BEFORE_FOLLOWERS_WENT:
            await self._say_so(repo)

    async def _say_so(self, repo: Object) -> None:
        """Up to 2.14: write FollowerDownloaded, which is True without any checkout as well."""
        await self.world.clock.sleep(self.world.timing.watch)

        def change(status: Status) -> None:
            status.setdefault("observedGeneration", 0)
            set_condition(status, self.world.clock, "FollowerDownloaded")

        self.cluster.store.write_status("clusterrepos", repo["metadata"]["name"], change)
