"""What ``history``, ``diff`` and ``restore`` are told, and how they find the object that is meant."""

import platform
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.cluster.histories import Archive, Past

Object: TypeAlias = Annotated[
    str, typer.Argument(metavar="KIND/NAME", help="As kubectl takes it: upgrade/NAME, upgrades.harvesterhci.io/NAME.")
]
HistoryNamespace: TypeAlias = Annotated[
    str,
    typer.Option(
        "--history-namespace",
        metavar="NS",
        help="Where the keeper keeps all histories, if its own --history-namespace says so.",
    ),
]
FromUid: TypeAlias = Annotated[
    str, typer.Option("--from-uid", metavar="UID", help="The history of an earlier object of this name.")
]


@dataclass(frozen=True, slots=True)
class Where:
    """The object and its cluster.

    Attributes:
        object: KIND/NAME.
        namespace: if one was named.
        history_namespace: likewise.
        kubeconfig: likewise.
        context: likewise.
    """

    object: str
    namespace: str | None
    history_namespace: str
    kubeconfig: str | None
    context: str | None


def parted(text: str) -> tuple[str, str]:
    """KIND and NAME.

    Raises:
        BadParameter: it is not of that form.
    """
    kind, slash, name = text.partition("/")
    if not (kind and slash and name) or "/" in name:
        raise typer.BadParameter(f"{text!r} is not of the form KIND/NAME, as in upgrade/my-upgrade")
    return kind, name


@asynccontextmanager
async def looking(where: Where) -> "AsyncIterator[tuple[Archive, Past]]":
    """The history that is meant; what goes wrong within is worded as every command does.

    Raises:
        ClusterError: the cluster did not do what it was asked.
    """
    from app.cluster.context import default_namespace  # noqa: PLC0415
    from app.cluster.histories import Archive, Subject  # noqa: PLC0415
    from app.cluster.kubeconfig import connected  # noqa: PLC0415 - other commands start without it
    from app.cluster.port import ClusterError  # noqa: PLC0415
    from app.cluster.surroundings import Surroundings  # noqa: PLC0415
    from app.keeper.port import KeeperError  # noqa: PLC0415

    kind, name = parted(where.object)
    try:
        async with connected(where.kubeconfig, where.context) as api:
            namespace = where.namespace or default_namespace(where.kubeconfig, where.context)
            archive = Archive(api, Surroundings(platform.node(), _now), where.history_namespace)
            yield archive, await archive.look(Subject(kind, name, namespace))
    except KeeperError as error:
        raise ClusterError(str(error)) from None


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the edge: when an Event was recorded
