"""One request on its way through a replica: its parts, its caller, and the faults that it runs into."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from .errors import catalogue
from .faults import Act, Fault, Step
from .users import User

if TYPE_CHECKING:
    from .cluster import Cluster, Member
    from .replica import Replica

Scope = dict[str, Any]


class Ended(Exception):
    """The handler ends without an answer."""


@dataclass(eq=False)
class Request:
    """A request.

    Args:
        replica: who serves it.
        scope: what ASGI says of it.
        receive: ASGI's source of its body, and of the news that the caller has gone.
    """

    replica: "Replica"
    scope: Scope
    receive: Any
    headers: dict[str, str] = field(init=False)
    query: dict[str, str] = field(init=False)
    sort: str = "other"
    """What faults call it; see ``Fault.on``."""

    user: User | None = None
    cluster: "Cluster | None" = None
    member: "Member | None" = None
    body: bytes = b""
    number: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the caller has hung up."""

    rival: Any = None
    """What ``Act.RIVAL`` calls."""

    committed: bool = False
    """Whether the handler goes on without its caller."""

    def __post_init__(self) -> None:
        lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.scope["headers"]]
        self.headers = dict(reversed(lines))  # Go reads the first of several
        pairs = parse_qsl(self.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        self.query = dict(reversed(pairs))

    @property
    def method(self) -> str:
        """The method; Rancher lets the query override it."""
        return self.query.get("_method") or str(self.scope["method"])

    @property
    def path(self) -> str:
        """The decoded path."""
        return str(self.scope["path"])

    @property
    def caller(self) -> User:
        """Who it is from; asked for only after authentication."""
        assert self.user is not None
        return self.user

    @property
    def base(self) -> str:
        """What links begin with: the host that the client used, if proxies say it."""
        scheme = self.headers.get("x-forwarded-proto", "https")
        named = [self.headers.get(name) for name in ("x-api-host", "x-forwarded-host", "host")]
        host = next((one for one in named if one), "")
        prefix = "" if self.cluster is None or self.cluster.id == "local" else f"/k8s/clusters/{self.cluster.id}"
        return f"{scheme}://{host}{prefix}"

    async def read(self) -> bytes:
        """The whole body, past the fault that may strike in it."""
        parts: list[bytes] = []
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                self.gone.set()
                raise Ended
            if message["body"] and not parts:
                await self.reach(Step.BODY)
            parts.append(message["body"])
            if not message["more_body"]:
                break
        self.body = b"".join(parts)
        self.replica.world.background.start(self._watch())
        return self.body

    async def _watch(self) -> None:
        """Notice that the caller hangs up; ends with the answer as well."""
        while (await self.receive())["type"] != "http.disconnect":
            pass
        self.gone.set()

    async def reach(self, step: Step) -> None:
        """Come to a step, with whatever strikes there.

        Raises:
            Refusal: the fault answers.
            Ended: the handler ends here, by a fault or because its caller has gone.
        """
        fault = self.replica.world.faults.strike(step, self.sort, self.replica.name)
        if fault:
            await self._suffer(fault)
        if self.gone.is_set() and self.replica.cancels and not self.committed:
            self.replica.world.record.add("abandoned", step=str(step), request=self.number)
            raise Ended

    async def _suffer(self, fault: Fault) -> None:
        world = self.replica.world
        match fault.do:
            case Act.REFUSE:
                raise catalogue()[fault.error]
            case Act.RESET | Act.HANG_UP:
                self._end_connection(orderly=fault.do == Act.HANG_UP)
                raise Ended
            case Act.LOSE:
                self.committed = True
                self._end_connection()
            case Act.SLOW:
                await world.clock.sleep(fault.seconds)
            case Act.STALL:
                await (self.gone.wait() if self.replica.cancels else asyncio.Event().wait())
            case Act.RESTART:
                world.background.start(self.replica.restart(), passing=True)
                await asyncio.Event().wait()  # it ends with its replica
            case Act.DEPOSE if self.cluster:
                self.cluster.depose()
            case Act.RIVAL if self.rival:
                self.rival()

    async def gone_for_good(self) -> None:
        """Wait until the connection has ended, so that nobody answers on it."""
        while not self.gone.is_set() and (await self.receive())["type"] != "http.disconnect":
            pass

    def _end_connection(self, *, orderly: bool = False) -> None:
        transport = self.scope["state"]["transport"]
        if orderly:
            transport.close()
        else:
            transport.abort()
