"""``status-guard diff``: what differs between two statuses of an object."""

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.cli.cluster_options import Context, Kubeconfig, Namespace, Output, OutputOption, run, structured
from app.cli.history_input import FromUid, HistoryNamespace, Object, Where, looking

if TYPE_CHECKING:
    from msgspec import Raw

    from app.cluster.histories import Archive, Past
    from app.core.history.difference import Change

EXIT_DIFFERENT: Final = 1
"""As ``kubectl diff`` and ``diff`` have it."""

_FROM: Final = typer.Option("--from", metavar="REVISION", help="Compare this one; without it, the newest.")
_TO: Final = typer.Option("--to", metavar="REVISION", help="With this one; without it, the object as it is.")


def diff(  # noqa: PLR0917 - typer turns each parameter into an option
    of: Object,
    before: Annotated[int | None, _FROM] = None,
    after: Annotated[int | None, _TO] = None,
    from_uid: FromUid = "",
    namespace: Namespace = None,
    history_namespace: HistoryNamespace = "",
    output: OutputOption = Output.TABLE,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Show what differs between a kept status and the object as it is, or between two kept ones.

    Lists are compared by the key that tells their items apart, so order is no
    difference. Exit code 0: they are the same; 1: they differ; 2: they could
    not be compared.

    Example:
      status-guard diff upgrade/hvst-upgrade-abc -n harvester-system
      kubectl status-guard diff upgrade/hvst-upgrade-abc --from 3 --to 5
    """
    from app.cli.history_output import difference, values  # noqa: PLC0415 - other commands start without it

    where = Where(of, namespace, history_namespace, kubeconfig, context)
    found, names = run("diff", _diff(where, (before, after), from_uid))
    if output is Output.TABLE:
        sys.stdout.write(difference(found, *names) if found else "")
    else:
        sys.stdout.write(structured({"from": names[0], "to": names[1], "changes": values(found)}, output))
    sys.stdout.flush()
    raise typer.Exit(EXIT_DIFFERENT if found else 0)


async def _diff(
    where: Where, numbers: tuple[int | None, int | None], uid: str
) -> "tuple[list[Change], tuple[str, str]]":
    from app.core.history.difference import changes  # noqa: PLC0415 - see diff

    async with looking(where) as (archive, past):
        kept = past.revision(numbers[0], uid)
        before = await archive.recall(kept)
        after, name = await _other(archive, past, numbers[1], kept.uid if uid else "")
        return changes(before, after), (f"revision {kept.revision}, kept {kept.kept_at.isoformat()}", name)


async def _other(archive: "Archive", past: "Past", number: int | None, uid: str) -> "tuple[Raw, str]":
    if number is not None:
        kept = past.revision(number, uid)
        return await archive.recall(kept), f"revision {number}, kept {kept.kept_at.isoformat()}"
    now = past.present()
    return now.content.status, f"as it is (resourceVersion {now.resource_version})"
