"""One App of Rancher's: the mirror of a release's latest Helm secret, and the truth about what is installed."""

from typing import Final

from app.core.gate.reading import Unread, integer, items, text

REPOSITORY_LABEL: Final = "catalog.cattle.io/cluster-repo-name"
"""Rancher's own installs carry it; a release that Helm made by itself does not."""


def revision(app: object) -> int | None:
    """The release's revision: 0 where there is no release, None where that was not to be seen."""
    if isinstance(app, Unread):
        return 0 if app is Unread.ABSENT else None
    return integer(app, "spec", "version")


def status(app: object) -> str:
    """Helm's word for it: deployed, failed, pending-install and so on; empty where it is not known."""
    return text(app, "spec", "info", "status") or text(app, "status", "summary", "state")


def chart(app: object) -> tuple[str, str]:
    """Name and version of the chart it was made from."""
    return text(app, "spec", "chart", "metadata", "name"), text(app, "spec", "chart", "metadata", "version")


def words(app: object) -> str:
    """What Helm says of it."""
    return text(app, "spec", "info", "description")


def repository(app: object) -> str:
    """The repository it was installed from, as its label says."""
    return text(app, "metadata", "labels", REPOSITORY_LABEL)


def plugins(app: object) -> tuple[tuple[str, str], ...]:
    """Namespace and name of every UIPlugin that the release makes."""
    return tuple(
        (text(item, "namespace") or text(app, "metadata", "namespace"), text(item, "name"))
        for item in items(app, "spec", "resources")
        if text(item, "kind") == "UIPlugin"
    )
