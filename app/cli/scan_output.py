"""How ``status-guard scan`` shows its findings to people."""

from collections.abc import Iterator
from io import StringIO
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.core.exposure import exposed
from app.core.exposure.exposed import Exposure
from app.core.exposure.findings import Findings, Row
from app.core.exposure.registered import Live
from app.core.printing import printable

_LIVE: Final = {
    Live.IN_STEP: ("in step", "green"),
    Live.DIFFERS: ("differs", "yellow"),
    Live.MISSING: ("missing", "red"),
    Live.PRESENT: ("present", "green"),
    Live.UNKNOWN: ("?", "yellow"),
}


def table(found: Findings) -> str:
    """The kinds as a table, what is to be known of them below it; coloured where standard output is a terminal."""
    terminal = Console()
    shown = Console(
        file=StringIO(),
        force_terminal=terminal.is_terminal,
        no_color=terminal.no_color,
        width=max(terminal.width, 240),  # a name cut in two cannot be copied; a terminal wraps by itself
        highlight=False,
    )
    if found.rows:
        shown.print(_table(found))
    for line in _below(found):
        shown.print(line, soft_wrap=True)
    assert isinstance(shown.file, StringIO)
    return "\n".join(line.rstrip() for line in shown.file.getvalue().splitlines()) + "\n"


def _table(found: Findings) -> Table:
    made = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="")
    for name in ("KIND", "EXPOSURE", "GUARD", "AT RISK", "LIVE"):
        made.add_column(name, no_wrap=name != "GUARD", overflow="fold")
    for row in found.rows:
        made.add_row(row.kind.definition.name, _exposure(row), _guard(row, found), _at_risk(row), _live(row))
    return made


def _exposure(row: Row) -> Text:
    if not row.exposed:
        return Text("safe", "green")
    open_ones = [name for name, one in row.kind.versions.items() if one is Exposure.EXPOSED]
    some = f" ({', '.join(open_ones)})" if len(open_ones) < len(row.kind.versions) else ""
    return Text(f"exposed{some}", "yellow" if row.guards else "red")


def _guard(row: Row, found: Findings) -> Text:
    if row.guards:
        return Text(", ".join(map(printable, row.guards)))
    if not found.guards_known:
        return Text("?", "yellow")
    return Text("none", "red") if row.exposed else Text("-")


def _at_risk(row: Row) -> str:
    if row.seen is None:
        return "?" if row.exposed else "-"
    return f"{row.seen.at_risk} of {row.seen.objects}"


def _live(row: Row) -> Text:
    return Text(*_LIVE[row.live]) if row.live else Text("-")


def _below(found: Findings) -> Iterator[Text]:
    told = [(row, remark) for row in found.rows for remark in (*row.remarks, *_of(row))]
    if found.rows:
        yield Text()
    for row, remark in told:
        yield Text(f"{row.kind.definition.name}: {printable(remark)}")
    if found.apart:
        yield Text(f"Guards of kinds that this cluster does not have, or that have no status: {', '.join(found.apart)}")
    for name, differences in found.apart.items():
        yield from (Text(f"guard {name}: {printable(one)}") for one in differences)
    if any(row.live is Live.MISSING for row in found.rows):
        yield Text("missing: it has no webhook there and no policy; apply what `status-guard export webhook` prints")
    for name in found.left_over:
        yield Text(f"{printable(name)} is in the cluster, and no rule asks for it")
    if told or found.apart or found.left_over or found.drifted:
        yield Text()
    yield Text(_sum(found))


def _of(row: Row) -> Iterator[str]:
    if row.exposed and "status" not in (row.kind.version.root.get("properties") or {}):
        yield f"{row.kind.version.name} {exposed.why(row.kind.version)}"


def _sum(found: Findings) -> str:
    summary = found.plain()["summary"]
    unguarded = "?" if summary["unguarded"] is None else summary["unguarded"]
    at_risk = summary["atRisk"]
    return (
        f"{summary['exposed']} exposed ({unguarded} of them unguarded, {at_risk} object{'s' * (at_risk != 1)} at risk),"
        f" {summary['safe']} safe, {summary['withoutStatus']} without a status."
    )
