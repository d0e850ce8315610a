"""``status-guard restore``: give an object back what a kept status of it has."""

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.cli.cluster_options import (
    EXIT_NO_ANSWER,
    Context,
    Kubeconfig,
    Namespace,
    Output,
    OutputOption,
    run,
    structured,
)
from app.cli.history_input import FromUid, HistoryNamespace, Object, Where, looking

if TYPE_CHECKING:
    from app.cli.restore_course import Choice, Outcome

EXIT_DECLINED: Final = 1
"""Somebody said no."""

_REVISION: Final = typer.Option("--revision", help="Which; without it, the newest: the last good status.")
_ONLY: Final = typer.Option(
    "--only",
    metavar="PATH",
    help="Restore this alone, as in /nodeStatuses/node-1 or /conditions/type=Ready; * is any; repeatable.",
)
_DRY_RUN: Final = typer.Option("--dry-run", help="Show it, let the API server try it, store nothing.")
_YES: Final = typer.Option("--yes", "-y", help="Do not ask, as scripts need it.")
_REASON: Final = typer.Option("--reason", metavar="TEXT", help="Why, for the Event on the object; asked for without.")


def restore(  # noqa: PLR0917 - typer turns each parameter into an option
    of: Object,
    revision: Annotated[int | None, _REVISION] = None,
    only: Annotated[list[str] | None, _ONLY] = None,
    dry_run: Annotated[bool, _DRY_RUN] = False,
    yes: Annotated[bool, _YES] = False,
    reason: Annotated[str, _REASON] = "",
    from_uid: FromUid = "",
    namespace: Namespace = None,
    history_namespace: HistoryNamespace = "",
    output: OutputOption = Output.TABLE,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Give an object back what a kept status of it has.

    What is missing comes back, what has another value gets the kept one, and
    what the object has beside that stays. The difference is shown first, and
    nothing is written before you agree. If the object changes meanwhile,
    nothing is written either. The Event StatusRestored on the object keeps
    your reason. Exit code 0: done, or nothing to do; 1: you said no; 2: it
    could not be done; 3: restored, but no Event could be recorded.

    Example:
      status-guard restore upgrade/hvst-upgrade-abc -n harvester-system --dry-run
      kubectl status-guard restore upgrade/hvst-upgrade-abc --only /nodeStatuses --yes --reason "lost by a UI"
    """
    choice = _choice(revision, only or [], from_uid, dry_run=dry_run)
    where = Where(of, namespace, history_namespace, kubeconfig, context)
    outcome = run("restore", _restore(where, choice, reason.strip(), yes=yes, quiet=output is not Output.TABLE))
    if output is Output.TABLE:
        sys.stdout.write(f"{outcome.words}\n")
    else:
        from app.cli.history_output import values  # noqa: PLC0415 - see below

        plain = outcome.plain() | {"changes": values(outcome.changes)}
        sys.stdout.write(structured(plain, output))
    sys.stdout.flush()
    sys.stderr.write(f"status-guard restore: {outcome.warning.rstrip()}\n" if outcome.warning else "")
    raise typer.Exit(outcome.code)


def _choice(revision: int | None, only: list[str], uid: str, *, dry_run: bool) -> "Choice":
    from app.cli.restore_course import Choice  # noqa: PLC0415 - other commands start without it
    from app.core import pointer  # noqa: PLC0415

    try:
        return Choice(revision, tuple(pointer.parse(path) for path in only), uid, dry_run)
    except pointer.BadPointerError as error:
        raise typer.BadParameter(f"--only {error}") from None


async def _restore(where: Where, choice: "Choice", reason: str, *, yes: bool, quiet: bool) -> "Outcome":
    from app.cli.history_output import difference  # noqa: PLC0415 - see above
    from app.cli.restore_course import carry_out, plan  # noqa: PLC0415

    async with looking(where) as (archive, past):
        planned = await plan(archive, past, choice)
        if planned.changes and not quiet:
            sys.stdout.write(difference(planned.changes, planned.before, planned.after))
            sys.stdout.flush()
        if planned.changes and not choice.dry_run:
            reason = _agreed(reason, str(past), yes=yes)
        return await carry_out(archive, past, planned, reason)


def _agreed(reason: str, what: str, *, yes: bool) -> str:
    """The reason, once the user wants it."""
    if not yes and not sys.stdin.isatty():
        _refuse("nobody is there to be asked: --yes agrees to what --dry-run shows")
    if not reason and not sys.stdin.isatty():
        _refuse("say why with --reason TEXT: it is recorded on the object")
    if not yes and not typer.confirm(f"Restore this in {what}?", err=True):
        sys.stderr.write("Nothing was written.\n")
        raise typer.Exit(EXIT_DECLINED)
    while not reason:
        reason = typer.prompt("Why (for the Event on the object)", err=True).strip()
    return reason


def _refuse(why: str) -> None:
    sys.stderr.write(f"status-guard restore: {why}\n")
    raise typer.Exit(EXIT_NO_ANSWER)
