"""How ``status-guard review`` shows verdicts: for people, with the difference in colour, and for programs."""

import difflib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO
from typing import Any, Final

import jsonpatch
import msgspec
from msgspec import Raw
from rich.console import Console
from rich.text import Text

from app.core.printing import printable
from app.core.review import AdmissionRequest
from app.core.verdict import Action, Verdict


class Output(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True)
class Reviewed:
    """One judged review, with the text it came as."""

    source: str
    request: AdmissionRequest
    body: bytes
    verdict: Verdict


_COLOURS: Final = {
    Action.ALLOWED: "green",
    Action.EXEMPTED: "green",
    Action.AUDITED: "yellow",
    Action.WARNED: "yellow",
    Action.RESTORED: "cyan",
    Action.DENIED: "red",
}
_DIFFERENCE: Final = {"+": "green", "-": "red", "@": "cyan"}


def as_json(reviews: Iterable[Reviewed]) -> str:
    """A JSON list with one object a review, in the order they were given. Patches hold the webhook's own bytes."""
    rows = [
        {
            "source": review.source,
            "uid": review.request.uid,
            "allowed": review.verdict.allowed,
            "action": review.verdict.action,
            "guard": review.verdict.guard,
            "rules": review.verdict.rules,
            "findings": review.verdict.findings,
            "patch": Raw(review.verdict.patch or b"[]"),
            "warnings": review.verdict.warnings,
            "message": review.verdict.message,
            "hints": review.verdict.hints,
        }
        for review in reviews
    ]
    return _indented(msgspec.json.encode(rows)) + "\n"


def as_text(reviews: Iterable[Reviewed]) -> str:
    """A few lines a review; coloured where standard output is a terminal."""
    terminal = Console()
    shown = Console(
        file=StringIO(),
        force_terminal=terminal.is_terminal,
        no_color=terminal.no_color,
        highlight=False,
    )
    for review in reviews:
        for line in _lines(review):
            shown.print(line, soft_wrap=True)  # a path cut in two cannot be copied
    assert isinstance(shown.file, StringIO)
    return shown.file.getvalue()


def _lines(review: Reviewed) -> Iterator[Text]:
    verdict = review.verdict
    by = f" by guard {verdict.guard}" if verdict.guard else ""
    action = (verdict.action.value, f"bold {_COLOURS[verdict.action]}")
    yield Text.assemble(f"{review.source}: ", action, f"{by} ({', '.join(verdict.rules)}, see docs/rules.md)")
    for finding in (*verdict.findings, *verdict.hints):
        yield _line(f"  {finding.path}  {finding.message}")
    for warning in verdict.warnings:
        yield _line(f"  Warning: {warning}", "yellow")
    if verdict.patch:
        yield Text("patch:", "bold")
        yield from map(_line, _indented(verdict.patch).split("\n"))
        yield Text("difference, from what was written to what would be stored:", "bold")
        for line in _difference(review):
            yield _line(line, _DIFFERENCE.get(line[:1], ""))


def _difference(review: Reviewed) -> list[str]:
    # fractions are shown as Python writes them, in both; the patch above has them as they were
    try:
        thing: dict[str, Any] = json.loads(review.body)["request"]["object"]
        before = _dumped(thing)
        after = _dumped(jsonpatch.apply_patch(thing, json.loads(review.verdict.patch), in_place=True))
    except (RecursionError, ValueError):  # Python's limits: on nesting, and of 4300 digits on a number
        return [" too deeply nested, or with too long a number, to be shown"]
    return list(difflib.unified_diff(before, after, lineterm="", n=2))[2:]


def _dumped(thing: dict[str, Any]) -> list[str]:
    return json.dumps(thing, indent=2, ensure_ascii=False).split("\n")


def _indented(text: bytes) -> str:
    """JSON laid out for reading, each number and string as it was written."""
    return msgspec.json.format(text, indent=2).decode()


def _line(text: str, style: str = "") -> Text:
    """A line without what a terminal would take for a command: names and values come from whoever wrote the object."""
    return Text(printable(text), style)
