"""How an install stands, as a page says it: a state with its words, facts and times."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.api.gate.pages.language import Words
from app.core.gate.readiness import CheckId
from app.core.gate.readiness import Outcome as Result
from app.gate.progress import (
    InstallFailed,
    Interrupted,
    NotReady,
    Phase,
    Progress,
    Refused,
)

TONES: Final = {
    "held": "waits",
    "queued": "waits",
    "sending": "works",
    "settling": "unsure",
    "following": "works",
    "answered": "good",
    "deployed": "good",
    "install-failed": "bad",
    "not-ready": "bad",
    "refused": "bad",
    "outcome-unknown": "unsure",
    "cancelled": "over",
    "interrupted": "over",
    "interrupted-sent": "unsure",
}
"""Each state, and how it is coloured. Sign and word say the same without the colour."""

SIGNS: Final = {"waits": "…", "works": "→", "good": "✓", "bad": "✕", "unsure": "?", "over": "○"}

_HAS_DEADLINE: Final = frozenset({Phase.HELD, Phase.QUEUED, Phase.FOLLOWING})
"""Once it is being sent, the deadline cuts nothing short."""


@dataclass(frozen=True, slots=True)
class State:
    """How it stands.

    Attributes:
        key: one of ``TONES``.
        word: for it, in the viewer's language.
        sentence: the same, longer.
        original: the gate's own sentence in English, where ``sentence`` does not say it word by word.
        words: of Rancher, the controller or helm.
        next: what to do.
    """

    key: str
    word: str
    sentence: str
    original: str
    words: str
    next: str

    @property
    def tone(self) -> str:
        """How it is coloured."""
        return TONES[self.key]

    @property
    def sign(self) -> str:
        """A sign for those who see no colours; screen readers read the word."""
        return SIGNS[self.tone]


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds, whole; None where there is nothing to count."""

    elapsed: int | None
    remaining: int | None


def key(progress: Progress) -> str:
    """The state's key."""
    outcome = progress.outcome
    if outcome is None:
        return progress.phase.value
    if isinstance(outcome, Interrupted):
        return "interrupted-sent" if outcome.sent else "interrupted"
    return str(outcome.__struct_config__.tag)


def state(progress: Progress, words: Words) -> State:
    """How an install stands, in the viewer's language."""
    found = words.state[key(progress)]
    own, others = _said(progress)
    translated = "" if words.is_english else _translated(progress, words)
    sentence = own if words.is_english else translated
    sentence = sentence or found.sentence
    original = "" if words.is_english or own == sentence else own
    return State(key(progress), found.word, sentence, original, others, _next(progress, words, found.next))


def times(progress: Progress, now: datetime) -> Times:
    """What is elapsed and what remains; when it ended is not known, so nothing is counted then."""
    if progress.phase is Phase.ENDED:
        return Times(None, None)
    elapsed = max(int((now - progress.created).total_seconds()), 0)
    remaining = max(int((progress.deadline - now).total_seconds()), 0)
    return Times(elapsed, remaining if progress.phase in _HAS_DEADLINE else None)


def _next(progress: Progress, words: Words, said: str) -> str:
    if not progress.phase.is_before_sending:
        return said
    return f"{said} {words.label['goes_on' if progress.asynchronous else 'lasts']}"


def _said(progress: Progress) -> tuple[str, str]:
    """The gate's own sentence, and the words of others."""
    outcome = progress.outcome
    if outcome is None:
        return progress.waits_for, ""
    return getattr(outcome, "sentence", ""), getattr(outcome, "words", "")


def _translated(progress: Progress, words: Words) -> str:
    """The sentence in the viewer's language, where it is one that has a translation."""
    match progress.outcome:
        case None | NotReady():
            waits_for = progress.waits_for if progress.outcome is None else progress.outcome.sentence
            said = next((check for check in progress.checks if check.sentence == waits_for), None)
            return words.said.get(said.id, {}).get(said.outcome, "") if said else ""
        case Refused(cause=cause) if cause in {identity.value for identity in CheckId}:
            return words.said.get(CheckId(cause), {}).get(Result.FINAL, "")
        case Refused(cause=cause):
            return words.cause.get(cause, "")
    return ""


def log_of(progress: Progress, read: str) -> str:
    """Helm's log: as the viewer could read it now, or else as it was kept when the install failed."""
    return read or (progress.outcome.log if isinstance(progress.outcome, InstallFailed) else "")


def retry_at(progress: Progress) -> datetime | None:
    """When Rancher looks at the repository again, where that is known."""
    return progress.outcome.retry_at if isinstance(progress.outcome, NotReady) else None
