"""The command line: one file a command, each thin.

Commands import what they need when they run, so that ``--help`` and shell completion answer at once and ``serve``
loads nothing it does not serve with.
"""

from typing import Annotated

import typer

from app import __version__
from app.cli.audit import audit
from app.cli.certs import certs_app
from app.cli.diff import diff
from app.cli.doctor import doctor
from app.cli.export import export_app
from app.cli.history import history
from app.cli.install import install
from app.cli.restore import restore
from app.cli.review import review
from app.cli.rules import rules_app
from app.cli.scan import scan
from app.cli.serve import serve
from app.cli.settings import settings

app = typer.Typer(
    name="status-guard",
    help="Keeps the status of Kubernetes custom resources intact.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"status-guard {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


app.command()(serve)
app.command()(install)
app.command()(review)
app.command()(scan)
app.command()(history)
app.command()(diff)
app.command()(restore)
app.command()(audit)
app.command()(doctor)
app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})(settings)
app.add_typer(rules_app, name="rules")
app.add_typer(certs_app, name="certs")
app.add_typer(export_app, name="export")


def main() -> None:
    """Run the command."""
    app()
