"""How ``status-guard doctor`` shows what it found: for people, and as plain values for programs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import groupby
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from app.core.diagnosis.finding import Finding, Level
from app.core.printing import printable

_COLOURS: Final = {Level.OK: "green", Level.INFO: "cyan", Level.WARNING: "yellow", Level.ERROR: "bold red"}
_LONGEST: Final = 2000
"""Characters of one part of a finding: what an API server says of a refused write may quote a schema."""


def values(findings: Sequence[Finding]) -> dict[str, Any]:
    """The findings as dictionaries, lists and text."""
    worst = max((finding.level for finding in findings), key=list(Level).index, default=Level.OK)
    rows = [
        {
            "check": finding.check.value,
            "level": finding.level.value,
            "subject": finding.subject,
            "what": finding.what,
            "why": finding.why,
            "mend": finding.mend,
        }
        for finding in findings
    ]
    return {"worst": worst.value, "findings": rows}


def as_table(findings: Sequence[Finding]) -> str:
    """A row for each finding, why and what mends it below; coloured where standard output is a terminal."""
    terminal = Console()
    shown = Console(file=StringIO(), force_terminal=terminal.is_terminal, no_color=terminal.no_color, highlight=False)
    for line in _lines(findings):
        shown.print(line, soft_wrap=True)  # a command cut in two cannot be copied
    assert isinstance(shown.file, StringIO)
    return shown.file.getvalue()


def _lines(findings: Sequence[Finding]) -> Iterator[Text]:
    levels = max(len(level) for level in Level)
    checks = max((len(finding.check) for finding in findings), default=0)
    indent = " " * (levels + checks + 4)
    # what several rows in a row have in common is said once, below the last of them
    for (_, why, mend), rows in groupby(findings, lambda one: (one.check, one.why, one.mend)):
        for finding in rows:
            level = (f"{finding.level.upper():<{levels}}", _COLOURS[finding.level])
            said = f"  {finding.check:<{checks}}  {finding.subject}: {finding.what}"
            yield Text.assemble(level, printable(said, _LONGEST))
        if why:
            yield Text(printable(f"{indent}why:  {why}", _LONGEST))
        if mend:
            yield Text.assemble(f"{indent}mend: ", (printable(mend, _LONGEST), "bold"))
    counts = Counter(finding.level for finding in findings)
    yield Text("")
    yield Text(", ".join(f"{counts[level]} {level.value}" for level in reversed(Level)))
