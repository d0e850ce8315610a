"""What every endpoint of the gate begins with: who calls, verified, and how a call that goes wrong still ends."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from app.api.admission import ClientGoneError, Message, Receive, Scope, Send
from app.api.gate.arriving import Arrived, arrive
from app.api.gate.identity import Identities
from app.api.gate.outcomes import as_it_came
from app.api.gate.problems import problem, written
from app.api.gate.telemetry import GateTelemetry, log_fault
from app.api.gate.writing import Written, write
from app.core.gate.reading import Unread
from app.core.gate.refusal import Refusal
from app.gate.clock import Clock
from app.gate.limits import RETRY_AFTER
from app.gate.port import Reply

Endpoint = Callable[[Scope, Receive, Send], Awaitable[Written | None]]
"""Answers one call by a value, or has sent its answer itself."""


class Reception:
    """Who calls, and what is being answered.

    Attributes:
        in_flight: calls being answered.
        draining: whether connections end with their next answer.

    Args:
        identities: ask Rancher.
        key: this process's secret, under which credentials have fingerprints.
        clock: tells the time.
        telemetry: counts problems.
    """

    def __init__(self, identities: Identities, key: bytes, clock: Clock, telemetry: GateTelemetry) -> None:
        self.in_flight = 0
        self.draining = False
        self._identities = identities
        self._key = key
        self._clock = clock
        self._telemetry = telemetry

    def arrive(self, scope: Scope) -> Arrived | Refusal:
        """Read a request's headers."""
        return arrive(scope, self._key)

    async def user(self, arrived: Arrived, patience: float = 0.0) -> str | Written:
        """The id of the Rancher user, or the answer for somebody who is none.

        Args:
            arrived: the caller.
            patience: seconds in which to ask again while Rancher gives no answer.
        """
        found = await self._identities.of(arrived, patience)
        if isinstance(found, Reply):
            return as_it_came(found)
        return _UNVERIFIED if isinstance(found, Unread) else found

    def now(self) -> datetime:
        """The time."""
        return self._clock.now()

    async def attend(self, endpoint: Endpoint, scope: Scope, receive: Receive, send: Send) -> None:
        """Have one call answered, whatever happens; it never raises."""
        self.in_flight += 1
        watched = _Watched(send)
        try:
            answer = await endpoint(scope, receive, watched)
            if answer:
                if answer.problem:
                    self._telemetry.problem(answer.problem, answer.status)
                await write(watched, answer, last=self.draining)
        except ClientGoneError:
            return
        except Exception as error:  # noqa: BLE001 - whatever is wrong with us, the caller gets an answer and a log has it
            log_fault(error)
            if watched.begun:  # returning now has the HTTP server end the connection: what was sent is not the whole
                return
            detail = f"Internal error ({type(error).__name__}); the log has it. Nothing is known of the install."
            await write(watched, written(problem(500, "internal", detail), close=True))
        finally:
            self.in_flight -= 1


class _Watched:
    """``send``, and whether anything was sent."""

    __slots__ = ("_send", "begun")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        self.begun = True
        await self._send(message)


_UNVERIFIED: Final = written(
    problem(
        503,
        "rancher-unreachable",
        "Rancher does not say who you are: it does not answer, or not as Rancher does. Nothing was sent."
        " If this goes on, check --rancher-url and --rancher-ca of the gate, and Rancher itself.",
        retry_after=RETRY_AFTER,
    )
)
