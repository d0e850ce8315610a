"""Which endpoint answers a call: by the raw path and query, as Rancher would read them."""

from app.api.admission import Application, Receive, Scope, Send
from app.api.gate.holding import Holding
from app.api.gate.index import HeldIndex
from app.api.gate.passing import Passing
from app.api.gate.problems import refused
from app.api.gate.reception import Reception
from app.api.gate.writing import Written
from app.core.gate.forwarding import looping
from app.core.gate.installation_call import IndexRead, InstallCall, PassThrough, read
from app.core.gate.refusal import Refusal


class GateFront:
    """The gate's part of the HTTPS endpoint.

    Args:
        reception: sees to it that each call ends.
        holding: for installs and upgrades.
        index: for reads of an index.
        passing: for every other call on Rancher's path.
        rest: for the gate's own paths, and those of other roles.
    """

    def __init__(
        self, reception: Reception, holding: Holding, index: HeldIndex, passing: Passing, rest: Application
    ) -> None:
        self._reception = reception
        self._holding = holding
        self._index = index
        self._passing = passing
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Route one ASGI scope."""
        call = read(scope["method"].encode(), scope["raw_path"], scope["query_string"])
        elsewhere = isinstance(call, PassThrough) and not call.on_collection
        loop = looping(scope["headers"]) if elsewhere else None  # on Rancher's path it is looked for with all else
        if elsewhere and not loop:
            await self._rest(scope, receive, send)
            return

        async def answer(scope: Scope, receive: Receive, send: Send) -> Written | None:
            if loop:
                return refused(loop)
            match call:
                case InstallCall():
                    return await self._holding.answer(call, scope, receive, send)
                case IndexRead():
                    return await self._index.answer(call, scope, receive, send)
                case Refusal():
                    return refused(call)
            return await self._passing.answer(scope, receive, send)

        await self._reception.attend(answer, scope, receive, send)
