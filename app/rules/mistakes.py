"""What is wrong with a set of rule documents, and where."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

Location: TypeAlias = tuple[str | int, ...]
"""The way to a value in a document: keys of mappings and indices of lists; empty is the document itself."""

SHOWN: Final = 60
"""Characters of somebody's text that a message repeats: enough to find the place, never a whole value."""

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing to correct. A mistake about a file as a whole stands on line 1 and has an empty path."""

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: "
        return f"{where}{self.path}: {self.message}" if self.path else where + self.message


class RulesError(Exception):
    """A set of rule documents that cannot be used; its text is the whole report, one mistake a line."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(map(str, self.mistakes)))


def render(location: Location) -> str:
    """The location as it is read aloud: ``spec.protect.lists[0].key``, odd keys in brackets and quotes."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(shorten(part))}]"
    return text


def shorten(text: str) -> str:
    """The text, cut where it is longer than a message should repeat."""
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def quote(value: object) -> str:
    """A value as a message repeats it: short, on one line, containers by their kind only."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(shorten(value)) if isinstance(value, str) else shorten(repr(value))
