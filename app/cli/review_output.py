"""How ``status-guard review`` shows verdicts: for people, with the difference in colour, and for programs."""

import difflib
import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

import jsonpatch
from rich.console import Console
from rich.text import Text

from app.core.verdict import Action, Finding

if TYPE_CHECKING:
    from app.cli.review import Reviewed


class Output(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"


_COLOURS: Final = {
    Action.ALLOWED: "green",
    Action.EXEMPTED: "green",
    Action.AUDITED: "yellow",
    Action.WARNED: "yellow",
    Action.RESTORED: "cyan",
    Action.DENIED: "red",
}
_DIFFERENCE: Final = {"+": "green", "-": "red", "@": "cyan"}


def as_json(reviews: Iterable["Reviewed"]) -> str:
    """A JSON list with one object a review, in the order they were given."""
    rows = [
        {
            "source": review.source,
            "uid": review.request.uid,
            "allowed": review.verdict.allowed,
            "action": review.verdict.action,
            "guard": review.verdict.guard,
            "rules": review.verdict.rules,
            "findings": _plain(review.verdict.findings),
            "patch": _patch(review),
            "warnings": review.verdict.warnings,
            "message": review.verdict.message,
            "hints": _plain(review.verdict.hints),
        }
        for review in reviews
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def as_text(reviews: Iterable["Reviewed"]) -> str:
    """A few lines a review; coloured where standard output is a terminal."""
    terminal = Console()
    shown = Console(
        file=StringIO(),
        force_terminal=terminal.is_terminal,
        no_color=terminal.no_color,
        width=max(terminal.width, 200),  # a path cut in two cannot be copied
        highlight=False,
    )
    for review in reviews:
        for line in _lines(review):
            shown.print(line, soft_wrap=True)
    assert isinstance(shown.file, StringIO)
    return shown.file.getvalue()


def _lines(review: "Reviewed") -> Iterator[Text]:
    verdict = review.verdict
    by = f" by guard {verdict.guard}" if verdict.guard else ""
    yield Text.assemble(
        f"{review.source}: ",
        (verdict.action.value, f"bold {_COLOURS[verdict.action]}"),
        f"{by} ({', '.join(verdict.rules)}, see docs/rules.md)",
    )
    for finding in (*verdict.findings, *verdict.hints):
        yield Text(f"  {finding.path}  {finding.message}")
    for warning in verdict.warnings:
        yield Text(f"  Warning: {warning}", "yellow")
    patch = _patch(review)
    if patch:
        yield Text("patch:", "bold")
        yield Text(json.dumps(patch, indent=2, ensure_ascii=False))
        yield Text("difference, from what was written to what would be stored:", "bold")
        yield from _difference(review.body["request"]["object"], patch)


def _difference(written: dict[str, Any], patch: list[dict[str, Any]]) -> Iterator[Text]:
    stored = jsonpatch.apply_patch(written, patch)
    before, after = (json.dumps(thing, indent=2, ensure_ascii=False).splitlines() for thing in (written, stored))
    for line in list(difflib.unified_diff(before, after, lineterm="", n=2))[2:]:
        yield Text(line, _DIFFERENCE.get(line[:1], ""))


def _patch(review: "Reviewed") -> list[dict[str, Any]]:
    patch: list[dict[str, Any]] = json.loads(review.verdict.patch or "[]")
    return patch


def _plain(findings: Iterable[Finding]) -> list[dict[str, str]]:
    return [{"rule": finding.rule, "path": finding.path, "message": finding.message} for finding in findings]
