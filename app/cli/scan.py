"""``status-guard scan``: which kinds of a cluster can lose their status, and which of them are guarded."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.cli.cluster_options import EXIT_NO_ANSWER, Context, Kubeconfig, Output, OutputOption, run, structured
from app.core.exposure.findings import FailOn

if TYPE_CHECKING:
    from app.core.exposure.findings import Findings
    from app.core.guard import Guard

EXIT_FOUND: Final = 1
"""What --fail-on names was found."""

_RULES: Final = typer.Option(
    "--rules", help="A rule document, or a directory of them; repeatable. Without it, the live configurations tell."
)
_NAMESPACE: Final = typer.Option("--namespace", "-n", help="Count objects of this namespace only; without it, of all.")
_WRITE: Final = typer.Option(
    "--write-rules", metavar="DIR", help="Write a StatusGuard for each kind that is exposed and unguarded."
)
_FAIL: Final = typer.Option("--fail-on", help="Exit with 1 if there is any; repeatable.")


def scan(  # noqa: PLR0917 - typer turns each parameter into an option
    rules: Annotated[list[Path] | None, _RULES] = None,
    namespace: Annotated[str, _NAMESPACE] = "",
    output: OutputOption = Output.TABLE,
    write_rules: Annotated[Path | None, _WRITE] = None,
    force: Annotated[bool, typer.Option("--force", help="With --write-rules: replace files that are there.")] = False,
    fail_on: Annotated[list[FailOn] | None, _FAIL] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Show every kind with a status: exposed or safe, guarded or not, and what is at risk.

    Exposed is a kind whose CustomResourceDefinition has a status and no status subresource: a client that
    writes an object back without its status removes it. Reads with your own rights and changes nothing in the
    cluster. Exit code 1: --fail-on found something; 2: what was asked for could not be looked at.

    Example:
      status-guard scan --rules manifests/rules --fail-on unguarded
      kubectl status-guard scan --write-rules guards/
    """
    guards = _guards(rules) if rules else None
    if guards is None and FailOn.DRIFT in (fail_on or ()):
        raise typer.BadParameter("--fail-on drift compares the cluster with rules; name them with --rules")
    found = run("scan", _scan(guards, namespace, kubeconfig, context))
    if output is Output.TABLE:
        from app.cli.scan_output import table  # noqa: PLC0415 - other commands start without it

        sys.stdout.write(table(found))
    else:
        sys.stdout.write(structured(found.plain(), output))
    sys.stdout.flush()
    sys.stderr.write("".join(f"status-guard scan: {one}\n" for one in found.unanswered))
    if write_rules:
        _write(found, write_rules, force=force)
    raise typer.Exit(_code(found, fail_on or []))


def _guards(paths: list[Path]) -> "list[Guard]":
    from app.rules import RulesError, load  # noqa: PLC0415 - see scan

    try:
        return list(load(paths).guards)
    except RulesError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(EXIT_NO_ANSWER) from None


async def _scan(
    guards: "list[Guard] | None", namespace: str, kubeconfig: str | None, context: str | None
) -> "Findings":
    from app.cli.scan_progress import progress  # noqa: PLC0415 - see scan
    from app.cluster.kubeconfig import connected  # noqa: PLC0415
    from app.cluster.scanning import scan as look  # noqa: PLC0415

    async with connected(kubeconfig, context) as api:
        with progress() as tell:
            return await look(api, guards, namespace, tell)


def _write(found: "Findings", directory: Path, *, force: bool) -> None:
    from app.cli.scan_rules import write  # noqa: PLC0415 - see scan

    try:
        for line in write(found, directory, force=force):
            sys.stderr.write(f"{line}\n")
    except OSError as error:
        sys.stderr.write(f"status-guard scan: cannot write {error.filename}: {error.strerror}\n")
        raise typer.Exit(EXIT_NO_ANSWER) from None


def _code(found: "Findings", fail_on: list[FailOn]) -> int:
    if stops := found.stops(fail_on):
        sys.stderr.write("".join(f"status-guard scan: {one}\n" for one in stops))
        return EXIT_FOUND
    if unknown := found.open(fail_on):
        sys.stderr.write(f"status-guard scan: nobody knows whether there is any {', '.join(unknown)}: see above\n")
        return EXIT_NO_ANSWER
    return 0
