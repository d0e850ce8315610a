"""Checks as rows of a table: what blocks comes first, so that nobody has to look for it among forty."""

from dataclasses import dataclass
from typing import Final

from app.api.gate.pages.language import Words
from app.api.gate.pages.standing import SIGNS
from app.core.gate.readiness import Check, Outcome

_ORDER: Final = (Outcome.FINAL, Outcome.WAITING, Outcome.PASSED, Outcome.NOT_APPLICABLE)
_TONES: Final = {
    Outcome.FINAL: "bad",
    Outcome.WAITING: "waits",
    Outcome.PASSED: "good",
    Outcome.NOT_APPLICABLE: "over",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One check.

    Attributes:
        id: of the check.
        name: what it is called in the viewer's language.
        subject: the chart it is about, if it is about one.
        tone: how its result is coloured.
        sign: the same without colour.
        result: the same in a word.
        sentence: what holds, or what it waits for.
        foreign: whether that is core's English, for want of a translation.
        original: core's English sentence, where it can say more than the translation of its kind.
        words: of the controller.
    """

    id: str
    name: str
    subject: str
    tone: str
    sign: str
    result: str
    sentence: str
    foreign: bool
    original: str
    words: str


def rows(checks: tuple[Check, ...], words: Words) -> tuple[Row, ...]:
    """The checks in the viewer's language; within one outcome in core's order."""
    return tuple(_row(check, words) for check in sorted(checks, key=lambda check: _ORDER.index(check.outcome)))


def _row(check: Check, words: Words) -> Row:
    tone = _TONES[check.outcome]
    translated = words.said.get(check.id, {}).get(check.outcome, "")
    blocks = check.outcome in {Outcome.FINAL, Outcome.WAITING}
    return Row(
        id=check.id.value,
        name=words.check[check.id],
        subject=check.subject,
        tone=tone,
        sign=SIGNS[tone],
        result=words.result[check.outcome],
        sentence=translated or check.sentence,
        foreign=not (translated or words.is_english),
        original=check.sentence if translated and (blocks or check.words) else "",
        words=check.words,
    )
