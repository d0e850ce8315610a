"""GET …?link=index, held while there is no index yet: dashboards give up before their POST where they get none.

Only what the operator opts into (``--hold-index``), and only for callers that a page of another site did not send. The
read then passes as it is: whatever Rancher says to it is the answer.
"""

from typing import Final

from app.api.admission import Message, Receive, Scope, Send
from app.api.gate.arriving import values
from app.api.gate.attending import Attending
from app.api.gate.passing import Passing
from app.api.gate.reception import Reception
from app.api.gate.writing import Written
from app.core.gate.installation_call import IndexRead
from app.core.gate.origin import Kind
from app.core.gate.refusal import Refusal
from app.gate.gate import Gate
from app.gate.port import Place

_FRAMING: Final = (b"content-length", b"transfer-encoding")


class HeldIndex:
    """Holds reads of an index.

    Args:
        engine: knows when a repository has an index.
        reception: says who calls.
        passing: sends the read on.
        seconds: at most; 0 for not at all.
        most: reads held at once; more of them pass at once.
    """

    def __init__(self, engine: Gate, reception: Reception, passing: Passing, seconds: float, most: int) -> None:
        self.held = 0
        self._engine = engine
        self._reception = reception
        self._passing = passing
        self._seconds = seconds
        self._most = most

    async def answer(self, call: IndexRead, scope: Scope, receive: Receive, send: Send) -> Written | None:
        """Answer one read; None where the answer is sent."""
        if self._seconds and self.held < self._most and not _has_body(scope):
            self.held += 1
            try:
                with Attending(receive):
                    await self._hold(call, scope)
            finally:
                self.held -= 1
            receive = _after_nothing(receive)
        return await self._passing.answer(scope, receive, send)

    async def _hold(self, call: IndexRead, scope: Scope) -> None:
        arrived = self._reception.arrive(scope)
        if isinstance(arrived, Refusal) or arrived.crossing or arrived.caller.kind is Kind.NONE:
            return
        if not isinstance(await self._reception.user(arrived), str):
            return  # strangers would take the places, and the looks, of those whom Rancher knows
        place = Place(call.cluster, call.repo, call.prefix)
        await self._engine.held_index(place, arrived.credential, self._seconds)


def _has_body(scope: Scope) -> bool:
    return any(values(scope["headers"], name) not in ([], [b"0"]) for name in _FRAMING)


def _after_nothing(receive: Receive) -> Receive:
    """``receive`` once more from the start of a request without a body."""
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return again
