"""What the gate knows about a repository: checks, each with an id, a sentence and the controller's own words."""

from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from math import inf
from typing import Final

from msgspec import Struct


class CheckId(StrEnum):
    """One question about the repository. An id is never reused and never changes its meaning."""

    EXISTS = "repository-exists"
    NOT_DELETING = "repository-stays"
    ENABLED = "repository-enabled"
    SOURCE = "repository-source"
    DOWNLOADED = "repository-downloaded"
    INDEX = "repository-index"
    INDEX_OWNER = "repository-index-owner"
    URL = "repository-url"
    BRANCH = "repository-branch"
    COMMIT = "repository-commit"
    GENERATION = "repository-generation"
    CHART = "chart-in-index"


class Outcome(StrEnum):
    """How a check came out."""

    PASSED = "passed"
    WAITING = "waiting"
    FINAL = "final"  # waiting does not help: somebody has to change something
    NOT_APPLICABLE = "not applicable"


class Standing(StrEnum):
    """How all checks came out together."""

    READY = "ready"
    WAITING = "waiting"
    NEVER = "never"


TOLD: Final = {
    CheckId.EXISTS: HTTPStatus.FORBIDDEN,
    CheckId.ENABLED: HTTPStatus.CONFLICT,
    CheckId.SOURCE: HTTPStatus.CONFLICT,
    CheckId.DOWNLOADED: HTTPStatus.BAD_GATEWAY,
    CheckId.CHART: HTTPStatus.NOT_FOUND,
}
"""The status to tell a client where a check is final; the others never are."""


class Check(Struct, frozen=True, gc=False):
    """One check.

    Attributes:
        id: which one.
        outcome: how it came out.
        sentence: for people: what holds, or what it waits for and what to do.
        words: the controller's own, untouched. They can carry credentials of the repository: redact before showing.
        subject: the chart, where there is one check a chart.
    """

    id: CheckId
    outcome: Outcome
    sentence: str
    words: str = ""
    subject: str = ""


class Readiness(Struct, frozen=True, gc=False):
    """Whether an install can succeed, as far as the repository's object tells; only a probe tells the rest.

    Attributes:
        checks: all of them, always in the order of ``CheckId``.
        retry_at: when the controller tries a failed download again, if it will and is known.
        nudge_helps: the controller would look again if ``forceUpdate`` moved, and that could change the verdict.
    """

    checks: tuple[Check, ...]
    retry_at: datetime | None = None
    nudge_helps: bool = False

    @property
    def standing(self) -> Standing:
        """All checks in one word; one final check outweighs any number of waiting ones."""
        outcomes = {check.outcome for check in self.checks}
        if Outcome.FINAL in outcomes:
            return Standing.NEVER
        return Standing.WAITING if Outcome.WAITING in outcomes else Standing.READY

    @property
    def final(self) -> Check | None:
        """The first final check: the cause to name."""
        return next((check for check in self.checks if check.outcome is Outcome.FINAL), None)

    @property
    def told(self) -> int:
        """The status to tell the client if this is the end."""
        return TOLD[self.final.id] if self.final else HTTPStatus.SERVICE_UNAVAILABLE

    @property
    def waiting(self) -> tuple[Check, ...]:
        """The checks that wait."""
        return tuple(check for check in self.checks if check.outcome is Outcome.WAITING)

    def worth_nudging(self, deadline: datetime) -> bool:
        """Whether only a nudge can bring a change before the deadline.

        True where the controller's next try lies beyond the deadline or will never come by itself.
        """
        return self.nudge_helps and (self.retry_at is None or self.retry_at > deadline)

    def retry_in(self, now: datetime) -> float | None:
        """Seconds until the controller tries again by itself, for ``schedule.nudge_due``; ``inf`` if it never will.

        None where a nudge would not help.
        """
        if not self.nudge_helps:
            return None
        return (self.retry_at - now).total_seconds() if self.retry_at else inf
