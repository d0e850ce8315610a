"""What became of an install that ``status-guard install`` asked for, and the exit code that says so."""

from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

import msgspec

from app.cli.install_order import Order
from app.core.gate.installation_call import Action
from app.core.gate.readiness import Check
from app.gate.progress import Answered, Progress

_SUCCESS: Final = range(200, 300)

PROBLEM: Final = "urn:status-guard:problem:"
"""What the type of a gate's own problem begins with (app/api/gate/problems.py, which would load the server)."""


class Outcome(StrEnum):
    """What became of it; stable words, for programs."""

    DEPLOYED = "deployed"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    FAILED = "install-failed"
    UNUSABLE = "unusable"
    NOT_READY = "not-ready"
    UNKNOWN = "outcome-unknown"
    INTERRUPTED = "interrupted"


EXIT_CODES: Final = {
    Outcome.DEPLOYED: 0,
    Outcome.ACCEPTED: 0,
    Outcome.REFUSED: 1,
    Outcome.FAILED: 1,
    Outcome.UNUSABLE: 2,
    Outcome.NOT_READY: 3,
    Outcome.UNKNOWN: 4,
    Outcome.INTERRUPTED: 130,
}


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How it ended.

    Attributes:
        outcome: in a word.
        sentence: for people: what is known, and what to do.
        sent: whether Rancher got the request; None where nobody can say.
        status: of the answer, as it would have been without a stream; 0 where there was none.
        problem: the slug of the gate's problem; empty where Rancher itself answered.
        words: Rancher's, a registry's or helm's own.
        log: the end of helm's log.
        checks: of the last look at the repository.
        operation: namespace and name of the Operation.
        signal: that interrupted it.
    """

    outcome: Outcome
    sentence: str
    sent: bool | None
    status: int = 0
    problem: str = ""
    words: str = ""
    log: str = ""
    checks: tuple[Check, ...] = ()
    operation: tuple[str, str] | None = None
    signal: int = 0

    @property
    def exit_code(self) -> int:
        """0 only where what was asked for is known to have come about."""
        return 128 + self.signal if self.signal else EXIT_CODES[self.outcome]


@dataclass(frozen=True)
class Later:
    """Nothing was sent, and asking again later may help.

    Attributes:
        seconds: when to.
        ending: what to say if there is no time left for it.
    """

    seconds: float
    ending: Ending


class Body(msgspec.Struct, rename="camel"):
    """What is read of an answer: a problem of the gate's, an error of Rancher's, or the Operation that was begun."""

    type: str = ""
    code: str | int = ""
    message: str = ""
    detail: str = ""
    words: str = ""
    log: str = ""
    checks: tuple[Check, ...] = ()
    retry_after: float | None = None
    operation_name: str = ""
    operation_namespace: str = ""

    @property
    def slug(self) -> str:
        """Of a problem of the gate's; empty for anything else."""
        return self.type.removeprefix(PROBLEM) if self.type.startswith(PROBLEM) else ""


@dataclass(frozen=True)
class Told:
    """An answer, as it was told on a stream or without one."""

    status: int
    body: Body = field(default_factory=Body)
    streamed: bool = False


class _Result(msgspec.Struct):
    status: int
    body: Any = None


def told_by_stream(data: bytes) -> Told | None:
    """The last event of a stream; None if it is none."""
    try:
        result = msgspec.json.decode(data, type=_Result)
    except msgspec.MsgspecError:
        return None
    return Told(result.status, read_body(msgspec.json.encode(result.body)), streamed=True)


def read_body(data: bytes) -> Body:
    """What is known of an answer's body; nothing, where it is something else."""
    try:
        return msgspec.json.decode(data, type=Body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:  # a gate of another version, with checks that are unknown here
        return msgspec.json.decode(data, type=_Bare).known
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Body()


class _Bare(msgspec.Struct):
    type: str = ""
    detail: str = ""
    message: str = ""

    @property
    def known(self) -> Body:
        return Body(type=self.type, detail=self.detail, message=self.message)


def concluded(told: Told, progress: Progress | None, order: Order) -> Ending | Later:
    """What an answer to the install means."""
    if told.status in _SUCCESS:
        return _accepted(told, progress, order)
    body, slug = told.body, told.body.slug
    sentence = body.detail or body.message or f"HTTP {told.status}, without a word of explanation."
    if told.status == HTTPStatus.UNAUTHORIZED:
        sentence = f"Rancher does not accept the token ({sentence.rstrip('.')}). Has it expired?"
    elif not slug and body.code:
        sentence = f"Rancher refused it: {told.status} {body.code}: {sentence}"
    details: dict[str, Any] = {"sentence": sentence, "status": told.status, "problem": slug}
    details |= {"words": body.words, "log": body.log}
    details |= {"checks": body.checks or (progress.checks if progress else ())}
    if slug == "outcome-unknown":
        return Ending(outcome=Outcome.UNKNOWN, sent=None, **details)
    if slug == "not-ready":
        return Ending(outcome=Outcome.NOT_READY, sent=False, **details)
    if slug == "install-failed":
        operation = progress.operation if progress else None
        return Ending(outcome=Outcome.FAILED, sent=True, operation=operation, **details)
    if slug and told.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        return Later(body.retry_after or 1.0, Ending(outcome=Outcome.NOT_READY, sent=False, **details))
    return Ending(outcome=Outcome.REFUSED, sent=False, **details)


def _accepted(told: Told, progress: Progress | None, order: Order) -> Ending:
    body, outcome = told.body, progress.outcome if progress else None
    operation = (body.operation_namespace, body.operation_name) if body.operation_name else None
    details: dict[str, Any] = {"sent": True, "status": told.status, "operation": operation}
    what = f"{order} as release {order.release} in namespace {order.namespace}"
    by = f" Operation: {'/'.join(operation)}." if operation else ""
    if not order.until_deployed:
        return Ending(outcome=Outcome.ACCEPTED, sentence=f"Rancher accepted {what}.{by}", **details)
    if outcome is None or isinstance(outcome, Answered):
        why = outcome.sentence if isinstance(outcome, Answered) else ""
        sentence = f"Rancher accepted {what}, and nobody saw its end. {why or body.message}".rstrip()
        sentence = f"{sentence}{by} Look at the release in Rancher."
        return Ending(outcome=Outcome.UNKNOWN, sentence=sentence, **details)
    done = "Upgraded" if order.action is Action.UPGRADE else "Installed"
    return Ending(outcome=Outcome.DEPLOYED, sentence=f"{done} {what}.{by}", **details)
