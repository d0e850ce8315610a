"""The languages of the pages, and which of them a viewer reads."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
from msgspec import Struct

from app.api.gate.view import Trouble
from app.core.gate.readiness import CheckId, Outcome

LANGUAGES: Final = ("en", "zh")
"""The first is for everybody who reads none of them."""

_RANGE: Final = re.compile(
    r"\s*([a-z]{1,8}|\*)(?:-[a-z0-9-]*)?\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?", re.ASCII
)


class StateWords(Struct, frozen=True, forbid_unknown_fields=True):
    """How an install stands: in a word, in a sentence where the gate has none of its own, and what to do next."""

    word: str
    sentence: str
    next: str


class TroubleWords(Struct, frozen=True, forbid_unknown_fields=True):
    """Why there is nothing to show, and what to do."""

    title: str
    sentence: str


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """One language.

    Attributes:
        tag: for the ``lang`` attribute (BCP 47).
        name: of the language, in itself.
        units: of time, for hours, minutes and seconds.
        label: short texts by their place.
        state: by the keys of ``standing.TONES``.
        result: how a check came out.
        check: what a check is called.
        trouble: why there is nothing to show.
        said: what a check says; where it is missing, core's English sentence serves.
        cause: what a refusal by Rancher means, by the row of the message table; the same.
    """

    tag: str
    name: str
    units: tuple[str, str, str]
    label: Mapping[str, str]
    state: Mapping[str, StateWords]
    result: Mapping[Outcome, str]
    check: Mapping[CheckId, str]
    trouble: Mapping[Trouble, TroubleWords]
    said: Mapping[CheckId, Mapping[Outcome, str]] = {}
    cause: Mapping[str, str] = {}

    @property
    def is_english(self) -> bool:
        """Whether the gate's own sentences, which are English, need no translation."""
        return self.tag == "en"


def chosen(asked: str, accepted: Iterable[bytes]) -> str:
    """The language to answer in.

    Args:
        asked: what the viewer chose on a page; goes before everything else if it is one of ``LANGUAGES``.
        accepted: the values of ``Accept-Language``. A tag counts by its first part: ``zh-TW`` reads ``zh``.
    """
    if asked in LANGUAGES:
        return asked
    best, answer = 0.0, LANGUAGES[0]
    for part in b",".join(accepted).decode("latin-1").lower().split(","):
        found = _RANGE.fullmatch(part)
        language = LANGUAGES[0] if found and found[1] == "*" else found[1] if found else ""
        quality = float(found[2] or 1) if found else 0.0
        if language in LANGUAGES and quality > best:
            best, answer = quality, language
    return answer


@cache
def words(language: str) -> Words:
    """The words of one of ``LANGUAGES``."""
    return msgspec.toml.decode((files(__package__) / "languages" / f"{language}.toml").read_bytes(), type=Words)
