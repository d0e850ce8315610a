"""One Rancher server: a TLS listener of its own, and a disk that a restart empties."""

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

from .cluster import Cluster, Member
from .faults import Step
from .listener import Listener
from .request import Ended, Request
from .routes import answer

if TYPE_CHECKING:
    from .standin import Rancher

HEADERS = ((b"x-api-cattle-auth", b"true"), (b"expires", b"Wed 24 Feb 1982 18:42:00 GMT"))


class Replica:
    """A server process of Rancher, in all but the process."""

    def __init__(self, rancher: "Rancher", member: Member) -> None:
        self.rancher = rancher
        self.world = rancher.world
        self.member = member
        self.name = member.name
        self._listener = Listener(self._serve)
        self._work: set[asyncio.Task[None]] = set()
        self._turns = 0

    @property
    def cancels(self) -> bool:
        """Whether an install ends at its next step when its caller has gone, as in Rancher."""
        return self.rancher.on_disconnect == "cancel"

    @property
    def port(self) -> int:
        """Where it listens without the balancer; the same after a restart."""
        return self._listener.port

    @property
    def work(self) -> set[asyncio.Task[None]]:
        """Handlers that are not at their end."""
        return set(self._work)

    @property
    def connections(self) -> int:
        """Open connections."""
        return self._listener.connections

    async def start(self, context: ssl.SSLContext) -> None:
        """Listen; after a restart on the same port."""
        self._context = context
        await self._listener.start(context)
        self.member.alive = True

    async def stop(self) -> None:
        """End as a killed process does: connections are reset, handlers end where they are."""
        self.member.alive = False
        self._listener.close()
        for task in list(self._work):
            task.cancel()
        await self._listener.abort()

    async def restart(self, seconds: float | None = None) -> None:
        """Be gone for some seconds, and come back without checkouts."""
        if not self.member.alive:
            return
        self.world.record.add("restart", replica=self.name)
        await self.stop()
        self.member.forget()
        self.rancher.clusters["local"].bereave(self.member)
        await self.world.clock.sleep(self.world.timing.restart if seconds is None else seconds)
        await self.start(self._context)
        self.rancher.wake()

    def member_for(self, cluster: Cluster, request: Request) -> Member:
        """Whose catalog answers: this replica's, or one of a downstream cluster's agents."""
        if self.member in cluster.members:
            return self.member
        if self.rancher.tunnels == "connection":
            return cluster.members[hash(request.scope["client"]) % len(cluster.members)]
        self._turns += 1
        return cluster.members[self._turns % len(cluster.members)]

    async def _serve(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        try:
            await self._handle(Request(self, scope, receive), send)
        except Exception as failure:  # noqa: BLE001 - told when the stand-in ends
            self.rancher.failures.append(failure)
            scope["state"]["transport"].abort()

    async def _handle(self, request: Request, send: Any) -> None:
        request.number = self.rancher.next_number()
        about = {"number": request.number, "replica": self.name}
        parts = {"method": request.method, "path": request.path, "query": dict(request.query)}
        self.world.record.add("arrived", **about, **parts)
        work = asyncio.get_running_loop().create_task(self._answer(request, send, about | parts))
        self._work.add(work)
        work.add_done_callback(self._work.discard)
        await asyncio.wait([work])
        transport = request.scope["state"]["transport"]
        failure = None if work.cancelled() else work.exception()
        if failure and not isinstance(failure, Ended):
            self.rancher.failures.append(failure)
            transport.abort()
        if work.cancelled() or failure:
            self.world.record.add("lost", **about, sort=request.sort)
        if transport.is_closing():
            await request.gone_for_good()

    async def _answer(self, request: Request, send: Any, about: dict[str, Any]) -> None:
        """Find the answer and send it; whatever ends the handler ends this.

        Raises:
            Ended: the caller gets no answer, or half of one.
        """
        found = await answer(self, request)
        self.world.record.add(
            "request",
            **about,
            member=request.member.name if request.member else self.name,
            sort=request.sort,
            user=request.user.id if request.user else None,
            status=found.status,
        )
        await request.reach(Step.ANSWER)
        if request.scope["state"]["transport"].is_closing():
            raise Ended
        length = (b"content-length", str(len(found.body)).encode())
        schemas = (b"x-api-schemas", f"{request.base}/v1/schemas".encode())
        headers = [*found.headers, *HEADERS, schemas, length]
        await send({"type": "http.response.start", "status": found.status, "headers": headers})
        half = len(found.body) // 2
        if half:
            await send({"type": "http.response.body", "body": found.body[:half], "more_body": True})
            await request.reach(Step.MID_ANSWER)
        await send({"type": "http.response.body", "body": found.body[half:], "more_body": False})
        self.world.record.add("answer", number=request.number, replica=self.name, status=found.status)
