"""How an install stands, and what became of it: values without secrets, which encode to JSON as they are.

Every word of Rancher's, helm's or a registry's in them has been through ``core.gate.redaction``. What is elapsed and
what remains is the reader's to compute, so that nothing changes while nothing happens.
"""

from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from app.core.gate.installation_call import Action
from app.core.gate.readiness import Check


class Phase(StrEnum):
    """How far an install has come. Nothing has been sent before ``SENDING``."""

    HELD = "held"  # it cannot succeed yet
    QUEUED = "queued"  # it can, as far as is known; it waits for its turn
    SENDING = "sending"  # it is on its way: too late to cancel
    SETTLING = "settling"  # the answer was lost, and traces of it are looked for
    FOLLOWING = "following"  # Rancher has accepted it, and it is followed to its end
    ENDED = "ended"

    @property
    def is_before_sending(self) -> bool:
        """Whether it can still be cancelled without a trace."""
        return self in {Phase.HELD, Phase.QUEUED}


class Answered(Struct, frozen=True, gc=False, tag="answered", tag_field="kind", rename="camel"):
    """Rancher accepted it.

    Attributes:
        status: of Rancher's answer, 201. The answer itself is ``Install.reply``; it is None where the answer was lost
            and the install was found afterwards.
        operation: namespace and name of the Operation; None where only the App shows the install.
        sentence: what is known beside the answer, where there is something to say.
    """

    status: int
    operation: tuple[str, str] | None = None
    sentence: str = ""


class Deployed(Struct, frozen=True, gc=False, tag="deployed", tag_field="kind", rename="camel"):
    """It was followed to its end: the release is deployed.

    Attributes:
        status: as in ``Answered``.
        operation: as in ``Answered``.
        sentence: the release, its version and revision.
    """

    status: int
    operation: tuple[str, str] | None = None
    sentence: str = ""


class InstallFailed(Struct, frozen=True, gc=False, tag="install-failed", tag_field="kind", rename="camel"):
    """It was followed to its end: helm failed.

    Attributes:
        operation: as in ``Answered``.
        sentence: what failed.
        words: of the controller or helm, redacted.
        log: the end of helm's log, redacted; empty where it could not be read.
    """

    operation: tuple[str, str] | None
    sentence: str
    words: str = ""
    log: str = ""


class NotReady(Struct, frozen=True, gc=False, tag="not-ready", tag_field="kind", rename="camel"):
    """The deadline passed, and nothing was installed. To be told as 503; asking again is safe.

    Attributes:
        sentence: what it waited for.
        words: Rancher's or the controller's own, redacted.
        retry_at: when the controller tries again, where that is known.
    """

    sentence: str
    words: str = ""
    retry_at: datetime | None = None


class Refused(Struct, frozen=True, gc=False, tag="refused", tag_field="kind", rename="camel"):
    """Nothing was installed, and waiting does not help.

    Attributes:
        cause: the id of the check, or of the row of the message table, that says so.
        told: the status to tell the client; 401 only where ``Install.reply`` is Rancher's own authentication answer.
        sentence: for people.
        words: Rancher's or the controller's own, redacted.
    """

    cause: str
    told: int
    sentence: str
    words: str = ""


class OutcomeUnknown(Struct, frozen=True, gc=False, tag="outcome-unknown", tag_field="kind", rename="camel"):
    """It was sent, and nobody can say what became of it. To be told as 504, without Retry-After.

    Attributes:
        sentence: what is known, and what to look at.
        words: Rancher's own, redacted.
    """

    sentence: str
    words: str = ""


class Cancelled(Struct, frozen=True, gc=False, tag="cancelled", tag_field="kind", rename="camel"):
    """It was cancelled, or everybody who waited for it left, before anything was sent."""


class Interrupted(Struct, frozen=True, gc=False, tag="interrupted", tag_field="kind", rename="camel"):
    """The gate stopped.

    Attributes:
        sent: whether the request may have reached Rancher. If not, asking again is safe.
        sentence: what to check.
    """

    sent: bool
    sentence: str = ""


Outcome: TypeAlias = Answered | Deployed | InstallFailed | NotReady | Refused | OutcomeUnknown | Cancelled | Interrupted


class ChartProgress(Struct, frozen=True, gc=False, rename="camel"):
    """One chart of a request; ``version`` is empty for the newest, ``release`` where helm makes up the name."""

    name: str
    version: str
    release: str


class Progress(Struct, frozen=True, gc=False, rename="camel"):
    """How an install stands at one moment.

    Attributes:
        id: 128 random bits; under it the owner finds the install.
        version: grows with each change, beginning at 1.
        phase: how far it has come.
        cluster: Rancher's cluster id.
        repo: the ClusterRepo's name.
        action: install or upgrade.
        namespace: where to.
        charts: what, in helm's order.
        user: the Rancher user's id.
        asynchronous: whether it goes on without anybody waiting for it.
        created: when the gate took it.
        deadline: when it gives up if nothing was sent by then. Callers that share an install may each have an earlier
            one of their own.
        checks: of the last look with the caller's own credential, in core's order; words redacted.
        attempts: how many times the POST was begun.
        waits_for: a sentence; empty where it waits for nothing.
        nudged: what became of asking Rancher to look again: empty, ``done``, ``forbidden`` or ``failed``.
        joined: how many callers wait for it now; a change of it alone makes no new version.
        operation: namespace and name of the Operation, once known.
        outcome: None until it has ended.
    """

    id: str
    version: int
    phase: Phase
    cluster: str
    repo: str
    action: Action
    namespace: str
    charts: tuple[ChartProgress, ...]
    user: str
    asynchronous: bool
    created: datetime
    deadline: datetime
    checks: tuple[Check, ...] = ()
    attempts: int = 0
    waits_for: str = ""
    nudged: str = ""
    joined: int = 1
    operation: tuple[str, str] | None = None
    outcome: Outcome | None = None
