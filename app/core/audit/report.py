"""What a replay comes to, as values."""

from collections import Counter
from enum import StrEnum

from msgspec import Struct, field

from app.core.verdict import Finding


class Unknown(StrEnum):
    """Why nobody can say whether a write lost something."""

    FIRST_SEEN = "first-seen"  # nothing before it in the log shows the object
    OTHER_VERSION = "other-version"  # it was seen last in another version of the API, which may lack fields
    OUT_OF_ORDER = "out-of-order"  # something later has been seen already
    NO_OBJECT = "no-object"  # the answer is not in the log: cut off, or a table


class Doubt(StrEnum):
    """Why a loss may be somebody else's: something happened between what was seen last and this write."""

    NONE = ""
    UNSEEN_WRITE = "a write in between is in the log without its content"
    GAP = "by its generation, a write in between is not in the log"


class Loss(Struct, frozen=True):
    """One write that lost something, or was forgiven for it.

    Attributes:
        place: file and line.
        time: when the API server took it, as the event says.
        audit_id: the event's own id.
        guard: whose rules found it.
        resource: plural and group.
        version: of the API, in which it was written.
        object: namespace and name.
        uid: of the object.
        verb: update, patch, or create for an object made anew without the status that it had.
        user: who wrote, as admission saw it.
        impersonated_by: who asked in that user's name; empty where nobody did.
        client: the user agent.
        source: addresses that it came from, the client's first.
        would_have: what the webhook would have done: an action of app/core/verdict.py, or ``not-asked`` for a create.
        rules: why.
        findings: what was lost, the first ones.
        more: how many findings are left out.
        doubt: why it may have been somebody else's.
    """

    place: str
    time: str
    audit_id: str
    guard: str
    resource: str
    version: str
    object: str
    uid: str
    verb: str
    user: str
    impersonated_by: str
    client: str
    source: tuple[str, ...]
    would_have: str
    rules: tuple[str, ...]
    findings: tuple[Finding, ...]
    more: int
    doubt: Doubt


class Malformed(Struct, frozen=True):
    """A line that is no audit event."""

    place: str
    why: str


class Client(Struct, frozen=True):
    """Who lost status with what, for the sums."""

    user: str
    client: str


class Report(Struct):
    """All of it. Lists are bounded, counts are not.

    Attributes:
        lines: read, empty ones excepted.
        malformed: lines that are no audit event.
        mistakes: the first of them.
        outside: writes to guarded kinds outside --since and --until; they are remembered, not judged.
        judged: writes to guarded kinds whose past is known.
        intact: of those, the ones that lost nothing.
        losses_by_action: the others, by what the webhook would have done.
        losses: the first of those.
        by_client: the others, by user and client.
        recreated: objects made anew without the status that they had.
        unknown: writes whose past is not known, by reason.
        too_little: writes logged at a level without the object.
        dry_runs: writes that were to store nothing.
        failed: writes that stored nothing.
        restored_then: writes that the guard put something back into at that time, by the log's own annotations.
        objects_let_go: that were forgotten for the bound on memory.
        most_bytes: of objects held at once.
    """

    lines: int = 0
    malformed: int = 0
    mistakes: list[Malformed] = []
    outside: int = 0
    judged: int = 0
    intact: int = 0
    losses_by_action: Counter[str] = field(default_factory=Counter)
    losses: list[Loss] = []
    by_client: Counter[Client] = field(default_factory=Counter)
    recreated: int = 0
    unknown: Counter[Unknown] = field(default_factory=Counter)
    too_little: int = 0
    dry_runs: int = 0
    failed: int = 0
    restored_then: int = 0
    objects_let_go: int = 0
    most_bytes: int = 0

    @property
    def lost(self) -> int:
        """How many writes lost something that nothing forgives."""
        return sum(self.losses_by_action.values()) - self.losses_by_action["exempted"]
