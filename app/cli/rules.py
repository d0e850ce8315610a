"""``status-guard rules``: look at rule documents without a cluster."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.core.guard import Guard
    from app.rules import RuleSet

BAD_INPUT = 2
"""The exit code for documents that cannot be used; 1 is left to verdicts."""

rules_app = typer.Typer(no_args_is_help=True, help="Look at rule documents (kind: StatusGuard).")


class Output(StrEnum):
    """How to print."""

    TEXT = "text"
    JSON = "json"


@rules_app.callback()
def _group() -> None:
    """Look at rule documents (kind: StatusGuard)."""


@rules_app.command()
def check(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", help="Files, or directories to search for *.yaml, *.yml and *.json."),
    ],
    output: Annotated[Output, typer.Option("-o", "--output", help="How to print.")] = Output.TEXT,
) -> None:
    """Check rule documents and list the guards they make.

    All mistakes of all files come in one report on standard error, as FILE:LINE: PATH: MESSAGE. Exit code 0: the set
    can be used. 2: it cannot. With -o json, standard output holds one JSON object either way.

    Example: status-guard rules check manifests/rules
    """
    from app.rules import RulesError, load  # noqa: PLC0415 - other commands start without YAML and pydantic

    try:
        rules = load(paths)
    except RulesError as error:
        if output is Output.JSON:
            mistakes = [
                {"file": at.file, "line": at.line, "path": at.path, "message": at.message} for at in error.mistakes
            ]
            typer.echo(json.dumps({"valid": False, "mistakes": mistakes}, indent=2))
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_INPUT) from None
    if output is Output.JSON:
        typer.echo(json.dumps(_described(rules), indent=2))
    else:
        _print_table(rules)


def _described(rules: "RuleSet") -> dict[str, object]:
    guards = [
        {
            "name": guard.name,
            "group": guard.target.group,
            "versions": sorted(guard.target.versions),
            "resource": guard.target.resource,
            "statusSubresource": guard.target.status_subresource,
            "mode": guard.mode,
            "file": rules.places[guard.name].file,
            "line": rules.places[guard.name].line,
        }
        for guard in rules.guards
    ]
    return {"valid": True, "digest": rules.digest, "files": list(map(str, rules.files)), "guards": guards}


def _print_table(rules: "RuleSet") -> None:
    from rich.console import Console  # noqa: PLC0415 - only this output needs it
    from rich.table import Table  # noqa: PLC0415

    table = Table("NAME", "TARGET", "MODE", "WHERE", box=None, pad_edge=False)
    for guard in sorted(rules.guards, key=lambda guard: guard.name):
        table.add_row(guard.name, _target(guard), guard.mode, str(rules.places[guard.name]))
    # A pipe gets every row whole; only a terminal has a width to keep to.
    console = Console(width=None if sys.stdout.isatty() else 1000, highlight=False, markup=False)
    console.print(table)
    console.print(f"No mistakes. Guards: {rules.count}, files: {len(rules.files)}.")


def _target(guard: "Guard") -> str:
    """The target as kubectl writes it, ``plural.group``, with what narrows it down."""
    target = guard.target
    subresource = "/status" if target.status_subresource else ""
    versions = "" if "*" in target.versions else f" ({', '.join(sorted(target.versions))})"
    return f"{target.resource}.{target.group}{subresource}{versions}"
