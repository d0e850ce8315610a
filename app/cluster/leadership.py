"""One keeper writes at a time: a Lease (coordination.k8s.io/v1), with client-go's timings and its observed time."""

from collections.abc import Callable

from kubernetes.aio.client import ApiClient

from app.cluster.surroundings import Surroundings


class LeaseLeadership:
    """Stands for the Lease; implements :class:`app.keeper.port.Leadership` while :meth:`run` runs.

    Args:
        api: a configured client.
        namespace: where the Lease is, the keeper's own.
        surroundings: who stands, and its clocks.
        say: is told, in words, what goes wrong with the Lease, and who holds it.
    """

    def __init__(
        self,
        api: ApiClient,
        namespace: str,
        surroundings: Surroundings,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        del api, namespace, surroundings, say

    async def run(self) -> None:
        """Stand for the Lease for ever. When it is cancelled it lets the Lease go: cancel it when nothing writes."""
        raise NotImplementedError

    def leading(self) -> bool:
        """See :class:`app.keeper.port.Leadership`."""
        raise NotImplementedError

    async def gained(self) -> None:
        """See :class:`app.keeper.port.Leadership`."""
        raise NotImplementedError

    async def lost(self) -> None:
        """See :class:`app.keeper.port.Leadership`; returns too when it was lost and has been gained anew since."""
        raise NotImplementedError
