"""``status-guard history``: which statuses of an object were kept."""

import sys
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from app.cli.cluster_options import Context, Kubeconfig, Namespace, Output, OutputOption, run, structured
from app.cli.history_input import HistoryNamespace, Object, Where, looking

if TYPE_CHECKING:
    from msgspec import Raw

    from app.cli.history_output import Row
    from app.cluster.histories import Archive, Past


def history(  # noqa: PLR0917 - typer turns each parameter into an option
    of: Object,
    namespace: Namespace = None,
    history_namespace: HistoryNamespace = "",
    output: OutputOption = Output.TABLE,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """List the statuses that the keeper kept of an object, the newest last.

    Those of earlier objects of the same name are listed too, for as long as
    they are there: --from-uid of diff and restore reads them. CHANGES counts
    the places that differ from the revision before.

    Example:
      status-guard history upgrade/hvst-upgrade-abc -n harvester-system
      kubectl status-guard history upgrades.harvesterhci.io/hvst-upgrade-abc -o json
    """
    from app.cli.history_output import rows, table  # noqa: PLC0415 - other commands start without it

    found, past = run("history", _history(Where(of, namespace, history_namespace, kubeconfig, context)))
    if output is not Output.TABLE:
        sys.stdout.write(structured({"object": str(past), "revisions": list(rows(found, past))}, output))
    elif found:
        sys.stdout.write(table(found, past))
    else:
        sys.stderr.write(f"status-guard history: nothing is kept of {past}\n")
    sys.stdout.flush()


async def _history(where: Where) -> "tuple[list[Row], Past]":
    async with looking(where) as (archive, past):
        if past.now is None and not past.kept:
            past.revision(None)  # says why there is nothing
        return await _counted(archive, past), past


async def _counted(archive: "Archive", past: "Past") -> "list[Row]":
    """Each revision with what it changed of the one before, where both can be read."""
    from app.core.history.difference import changes  # noqa: PLC0415 - see history
    from app.keeper.port import KeeperError  # noqa: PLC0415

    found: list[Row] = []
    before: Raw | None = None
    uid = ""
    for kept in past.kept:
        status: Raw | None = None
        with suppress(KeeperError):  # gone by now, or not to be read by this user: that it was kept is known
            status = await archive.recall(kept)
        known = before is not None and uid == kept.uid
        counted = Counter(change.sort for change in changes(before, status)) if before and status and known else None
        found.append((kept, counted))
        before, uid = status, kept.uid
    return found
