"""The cluster as the keeper asks for it, each subject in a file of its own."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from kubernetes.aio.client import ApiClient
from msgspec import Raw

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
    """

    def __init__(
        self,
        api: ApiClient,
        namespace: str,
        surroundings: Surroundings,
        history_namespace: str = "",
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        del api, namespace, surroundings, history_namespace, may_write

    async def watched(self, guards: Sequence[Guard]) -> Mapping[str, Watched]:
        """See :class:`app.keeper.port.Cluster`."""
        raise NotImplementedError

    def watch(self, kind: Watched) -> AsyncIterator[Happening]:
        """See :class:`app.keeper.port.Cluster`."""
        raise NotImplementedError

    async def read(self, kind: Watched, namespace: str, name: str) -> Observed | None:
        """See :class:`app.keeper.port.Cluster`."""
        raise NotImplementedError

    async def repair(self, kind: Watched, before: Observed, operations: bytes) -> Observed:
        """See :class:`app.keeper.port.Cluster`."""
        raise NotImplementedError

    async def annotate(self, kind: Watched, before: Observed, annotations: Mapping[str, str | None]) -> Observed:
        """See :class:`app.keeper.port.Cluster`."""
        raise NotImplementedError

    async def say(self, kind: Watched, about: Observed, importance: Importance, reason: str, message: str) -> None:
        """See :class:`app.keeper.port.Cluster`."""
        raise NotImplementedError

    async def kept(self, kind: Watched) -> tuple[Kept, ...]:
        """See :class:`app.keeper.port.Cluster`."""
        raise NotImplementedError

    async def recall(self, kept: Kept) -> Raw | None:
        """See :class:`app.keeper.port.Cluster`."""
        raise NotImplementedError

    async def keep(self, kind: Watched, owner: Observed, draft: Draft, status: Raw) -> Kept:
        """See :class:`app.keeper.port.Cluster`."""
        raise NotImplementedError

    async def renew(self, kept: Kept, revision: int, annotations: Mapping[str, str | None]) -> Kept:
        """See :class:`app.keeper.port.Cluster`."""
        raise NotImplementedError

    async def forget(self, kept: Kept) -> None:
        """See :class:`app.keeper.port.Cluster`."""
        raise NotImplementedError
