"""``status-guard settings``: what ``serve`` would run with, and where each setting comes from."""

import json
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from app.cli.review_output import Output
from app.cli.serve import EXIT_BAD_INPUT
from app.settings import SettingsError, origins, read, shown


def settings(
    context: typer.Context,
    output: Annotated[Output, typer.Option("--output", "-o", help="How to print them.")] = Output.TEXT,
) -> None:
    """Show the effective settings of serve, and whether option, variable or default made them so.

    Takes the options of serve as well. Example: STATUS_GUARD_PORT=9443 status-guard settings --rules manifests/rules
    """
    options = _serve_options(context)
    try:
        effective = read(options)
    except SettingsError as error:
        sys.stderr.write(f"status-guard settings: {error}\n")
        raise typer.Exit(EXIT_BAD_INPUT) from None
    rows = {name: {"value": shown(effective, name), "from": origin} for name, origin in origins(options).items()}
    if output is Output.JSON:
        typer.echo(json.dumps(rows, indent=2))
    else:
        for name, row in rows.items():
            typer.echo(f"{name:<20} {row['value'] or '-':<32} {row['from']}")
    if missing := effective.incomplete():
        sys.stderr.write(f"status-guard serve would not start: {missing}\n")


def _serve_options(context: typer.Context) -> dict[str, Any]:
    """The rest of the command line, read as serve reads it: same options, same mistakes."""
    group = context.find_root().command
    assert isinstance(group, TyperGroup)
    serve = group.commands["serve"]
    return dict(serve.make_context("serve", list(context.args)).params)
