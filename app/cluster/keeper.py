"""The cluster as the keeper asks for it, each subject in a file of its own."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from kubernetes.aio.client import ApiClient
from msgspec import Raw

from app.cluster import changing, observing
from app.cluster.exchange import Exchange
from app.cluster.recorder import Recorder
from app.cluster.reflecting import Pace, Reflector
from app.cluster.revisions import Revisions
from app.cluster.surroundings import Surroundings
from app.core.guard import Guard
from app.keeper.port import Draft, Happening, Importance, Kept, Observed, Watched


class KubernetesKeeperCluster:
    """Implements :class:`app.keeper.port.Cluster`.

    Args:
        api: a configured client; it stays open for as long as this is used, and is closed by whoever opened it.
        namespace: the keeper's own: histories of cluster-scoped objects are there.
        surroundings: who this is, clocks and chance.
        history_namespace: for all histories; empty where each lies beside its object.
        may_write: asked once more at the last moment before each write leaves; the leadership's ``leading``.
        pace: of watches.
    """

    def __init__(  # noqa: PLR0913 - three that everybody gives, three with a default
        self,
        api: ApiClient,
        namespace: str,
        surroundings: Surroundings,
        history_namespace: str = "",
        may_write: Callable[[], bool] = lambda: True,
        *,
        pace: Pace | None = None,
    ) -> None:
        self._exchange = Exchange(api, may_write)
        self._surroundings, self._pace = surroundings, pace or Pace()
        self._recorder = Recorder(self._exchange, surroundings)
        self._revisions = Revisions(self._exchange, surroundings, namespace, history_namespace)

    async def watched(self, guards: Sequence[Guard]) -> Mapping[str, Watched]:
        """See :class:`app.keeper.port.Cluster`."""
        return await observing.watched(self._exchange, guards)

    def watch(self, kind: Watched) -> AsyncIterator[Happening]:
        """See :class:`app.keeper.port.Cluster`."""
        return Reflector(self._exchange, kind, self._surroundings, self._pace).happenings()

    async def read(self, kind: Watched, namespace: str, name: str) -> Observed | None:
        """See :class:`app.keeper.port.Cluster`."""
        return await changing.read(self._exchange, kind, namespace, name)

    async def repair(self, kind: Watched, before: Observed, operations: bytes) -> Observed:
        """See :class:`app.keeper.port.Cluster`."""
        return await changing.repair(self._exchange, kind, before, operations)

    async def annotate(self, kind: Watched, before: Observed, annotations: Mapping[str, str | None]) -> Observed:
        """See :class:`app.keeper.port.Cluster`."""
        return await changing.annotate(self._exchange, kind, before, annotations)

    async def say(self, kind: Watched, about: Observed, importance: Importance, reason: str, message: str) -> None:
        """See :class:`app.keeper.port.Cluster`."""
        await self._recorder.say(kind, about, importance, reason, message)

    async def kept(self, kind: Watched) -> tuple[Kept, ...]:
        """See :class:`app.keeper.port.Cluster`."""
        return await self._revisions.kept(kind)

    async def recall(self, kept: Kept) -> Raw | None:
        """See :class:`app.keeper.port.Cluster`."""
        return await self._revisions.recall(kept)

    async def keep(self, kind: Watched, owner: Observed, draft: Draft, status: Raw) -> Kept:
        """See :class:`app.keeper.port.Cluster`."""
        return await self._revisions.keep(kind, owner, draft, status)

    async def renew(self, kept: Kept, revision: int, annotations: Mapping[str, str | None]) -> Kept:
        """See :class:`app.keeper.port.Cluster`."""
        return await self._revisions.renew(kept, revision, annotations)

    async def forget(self, kept: Kept) -> None:
        """See :class:`app.keeper.port.Cluster`."""
        await self._revisions.forget(kept)
