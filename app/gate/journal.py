"""What is written down of asynchronous installs, so that a restart can say what was interrupted and what to check.

Ids, names and outcomes; never a credential, a value of a chart, or a word of Rancher's or helm's.
"""

from datetime import datetime
from typing import Protocol, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from app.core.gate.installation_call import Action
from app.gate.progress import (
    Answered,
    ChartProgress,
    Deployed,
    InstallFailed,
    Interrupted,
    NotReady,
    Outcome,
    OutcomeUnknown,
    Phase,
    Progress,
    Refused,
)


class JournalError(Exception):
    """It could not be written; the text says why and what to do."""


class Accepted(Struct, frozen=True, gc=False, tag="accepted", tag_field="what"):
    """An install was taken on."""

    id: str
    cluster: str
    repo: str
    action: Action
    namespace: str
    charts: tuple[ChartProgress, ...]
    user: str
    created: datetime
    deadline: datetime


class Sending(Struct, frozen=True, gc=False, tag="sending", tag_field="what"):
    """It is about to be sent: from here on it may have reached Rancher."""

    id: str


class Unsent(Struct, frozen=True, gc=False, tag="unsent", tag_field="what"):
    """It did not reach Rancher, or Rancher said that nothing came of it."""

    id: str


class Ended(Struct, frozen=True, gc=False, tag="ended", tag_field="what"):
    """It has ended."""

    id: str
    at: datetime
    outcome: Outcome


Line: TypeAlias = Accepted | Sending | Unsent | Ended


class Journal(Protocol):
    """Where lines go. Each method raises ``JournalError`` if it cannot be done."""

    async def accepted(self, line: Accepted) -> None:
        """Write it down so that it outlives the process and the machine."""

    async def sending(self, identity: str) -> None:
        """The same; nothing may be sent before this has returned."""

    async def unsent(self, identity: str) -> None:
        """Write it down some time soon."""

    async def ended(self, line: Ended) -> None:
        """Write it down some time soon."""


class NoJournal:
    """Remembers nothing: a restart forgets asynchronous installs."""

    async def accepted(self, line: Accepted) -> None:
        """Nothing."""

    async def sending(self, identity: str) -> None:
        """Nothing."""

    async def unsent(self, identity: str) -> None:
        """Nothing."""

    async def ended(self, line: Ended) -> None:
        """Nothing."""


def acceptance(progress: Progress) -> Accepted:
    """What is written down when an install is taken on."""
    fields = {name: getattr(progress, name) for name in Accepted.__struct_fields__}
    return msgspec.convert(fields, Accepted)


def ending(progress: Progress, at: datetime) -> Ended:
    """What is written down when it has ended: the outcome, without anybody's words."""
    assert progress.outcome is not None
    return Ended(progress.id, at, _bare(progress.outcome))


def _bare(outcome: Outcome) -> Outcome:
    match outcome:
        case Answered() | Deployed():
            return replace(outcome, sentence="")
        case InstallFailed():
            return replace(outcome, sentence="Helm failed.", words="", log="")
        case NotReady():
            return NotReady("The deadline passed, and nothing was installed.")
        case Refused():
            return replace(outcome, sentence="Nothing was installed.", words="")
        case OutcomeUnknown():
            return OutcomeUnknown(_CHECK)
        case _:
            return outcome


_CHECK = "It was sent, and what became of it is not known: look at the release and its Operations in Rancher."
_CUT_SHORT = (
    "The gate stopped while it was being sent, so it may have reached Rancher or not: look at the release and its"
    " Operations in Rancher."
)
_NOT_SENT = "The gate stopped before anything was installed; ask again."


def replayed(lines: list[Line]) -> list[tuple[Progress, datetime | None]]:
    """What lines come to after a restart: each install as it ended, and when; whatever had not ended was interrupted.

    The order is that in which they were accepted.
    """
    accepted: dict[str, Accepted] = {}
    sent: set[str] = set()
    ended: dict[str, Ended] = {}
    for line in lines:
        match line:
            case Accepted():
                accepted[line.id] = line
            case Sending():
                sent.add(line.id)
            case Unsent():
                sent.discard(line.id)
            case Ended():
                ended[line.id] = line
    return [(_progress(one, ended.get(one.id), one.id in sent), _at(ended.get(one.id))) for one in accepted.values()]


def _at(ended: Ended | None) -> datetime | None:
    return ended.at if ended else None


def _progress(accepted: Accepted, ended: Ended | None, sent: bool) -> Progress:  # noqa: FBT001 - what was read
    outcome = ended.outcome if ended else Interrupted(sent, _CUT_SHORT if sent else _NOT_SENT)
    fields = {name: getattr(accepted, name) for name in Accepted.__struct_fields__}
    return Progress(
        version=1,
        phase=Phase.ENDED,
        asynchronous=True,
        operation=outcome.operation if isinstance(outcome, Answered | Deployed | InstallFailed) else None,
        outcome=outcome,
        joined=0,
        **fields,
    )
