"""``status-guard audit``: which past writes lost status, by the API server's own audit log."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.cli.cluster_options import Output, OutputOption, structured

if TYPE_CHECKING:
    from app.core.audit.report import Report

EXIT_LOST: Final = 1
EXIT_BAD_INPUT: Final = 2


def audit(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE", help="Audit logs, the oldest first, packed by gzip or not; - is standard input."
        ),
    ],
    rules: Annotated[list[Path], typer.Option(help="Folder or file of StatusGuard documents; may be repeated.")],
    since: Annotated[str, typer.Option(help="Judge writes from this time on, like 2026-01-31T12:00:00Z.")] = "",
    until: Annotated[str, typer.Option(help="Judge writes before this time.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Say which past writes lost status, by whom, and what the guard would have done.

    The log has to be of the level RequestResponse for the guarded kinds, in
    the JSON format. What a write lost is told from what the log showed of the
    object last; where it showed nothing before, the write is counted as
    unknown. docs/audit.md has a policy to log by, and what the counts mean.

    Exit code 0: nothing was lost, 1: something was, 2: bad input.

    Example:
      status-guard audit /var/log/kube-audit/audit-*.log --rules manifests/rules
      zcat audit.log.gz | status-guard audit - --rules manifests/rules -o json
    """
    from app.cli.audit_output import as_table, values  # noqa: PLC0415 - other commands start without it

    report = _replayed(files, rules, _time("--since", since), _time("--until", until))
    sys.stdout.write(as_table(report) if output is Output.TABLE else structured(values(report), output))
    sys.stdout.flush()
    _complain(report)
    if report.malformed and report.malformed >= report.lines:
        raise typer.Exit(EXIT_BAD_INPUT)
    raise typer.Exit(EXIT_LOST if report.lost or report.recreated else 0)


def _replayed(files: list[str], rules: list[Path], since: datetime | None, until: datetime | None) -> "Report":
    from app.cli.audit_input import STDIN, NoLogError, lines  # noqa: PLC0415 - as above
    from app.core.audit.replay import Replay  # noqa: PLC0415
    from app.rules import RulesError, load  # noqa: PLC0415

    if files.count(STDIN) > 1:
        raise typer.BadParameter(f"{STDIN} is given twice, and standard input can be read once")
    try:
        replay = Replay(load(rules).guards, since, until)
        for line in lines(files):
            if line.why:
                replay.unreadable(line.place, line.why)
            else:
                replay.line(line.content, line.place)
    except (RulesError, NoLogError) as error:
        sys.stderr.write(f"status-guard audit: {error}\n")
        raise typer.Exit(EXIT_BAD_INPUT) from None
    return replay.report()


def _complain(report: "Report") -> None:
    for mistake in report.mistakes:
        sys.stderr.write(f"status-guard audit: {mistake.place}: {mistake.why}\n")
    more = report.malformed - len(report.mistakes)
    if more:
        sys.stderr.write(f"status-guard audit: and {more} more lines like these\n")


def _time(option: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.upper())
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise typer.BadParameter(f"{option} {text!r} is no time with a zone, like 2026-01-31T12:00:00Z")
    return found
