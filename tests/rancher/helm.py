"""Helm: what it makes of a release, and what it says when it does not."""

from dataclasses import dataclass, field
from typing import Any

from .apps import PENDING, mirror_app
from .cluster import Cluster
from .faults import Act, Step
from .uiplugins import plug_in
from .upstreams import Chart
from .users import User

FAILED_IN_POD = 123
"""The exit code of xargs, by which the pod runs helm."""


class Killed(Exception):
    """The pod ended while helm ran."""


@dataclass(frozen=True)
class Command:
    """One call of helm."""

    verb: str
    """install, or upgrade, which installs what is absent, or uninstall."""

    namespace: str
    release: str
    chart: Chart | None = None
    repo: str = ""
    description: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


class Failed(Exception):
    """Helm failed; the text is what it said."""


async def run_helm(cluster: Cluster, command: Command, user: User) -> str:
    """Run one command and return what helm says.

    Raises:
        Failed: helm failed.
        Killed: its pod was killed; the release stays as it was at that moment.
    """
    world = cluster.world
    revisions = cluster.releases.setdefault((command.namespace, command.release), [])
    if command.verb == "uninstall":
        return _uninstall(cluster, command)
    fails = "INSTALLATION FAILED" if command.verb == "install" else "UPGRADE FAILED"
    if not user.may("helm", cluster.id):
        raise Failed(f"Error: {fails}: {user.forbidden('create', 'uiplugins', '', command.namespace)}")
    if revisions and command.verb == "install":
        raise Failed(f"Error: {fails}: cannot re-use a name that is still in use")
    if revisions and revisions[-1]["status"] in PENDING:
        raise Failed(f"Error: {fails}: another operation (install/upgrade/rollback) is in progress")
    assert command.chart is not None
    revision = {
        "revision": len(revisions) + 1,
        "status": "pending-upgrade" if revisions else "pending-install",
        "chart": command.chart,
        "repo": command.repo,
        "description": command.description or ("Upgrade complete" if revisions else "Install complete"),
        "values": command.values,
        "at": world.clock.seconds(),
    }
    revisions.append(revision)
    _mirror(cluster, command)
    fault = world.faults.strike(Step.HELM, command.verb, "")
    if fault and fault.do == Act.SLOW:
        await world.clock.sleep(fault.seconds)
    await world.clock.sleep(world.timing.helm)
    if fault and fault.do == Act.KILL:
        raise Killed
    said = (fault.error if fault and fault.do == Act.FAIL else "") or command.chart.failure
    _settle(cluster, command, revision, "failed" if said else "deployed")
    if said:
        raise Failed(f"Error: {fails}: {said}")
    return (
        f"NAME: {command.release}\nNAMESPACE: {command.namespace}\nSTATUS: deployed\nREVISION: {revision['revision']}"
    )


def _mirror(cluster: Cluster, command: Command) -> None:
    cluster.world.background.start(mirror_app(cluster, command.namespace, command.release), passing=True)


def _settle(cluster: Cluster, command: Command, revision: dict[str, Any], status: str) -> None:
    revisions = cluster.releases[command.namespace, command.release]
    if status == "deployed":
        for older in revisions:
            if older["status"] == "deployed":
                older["status"] = "superseded"
    revision["status"] = status
    _mirror(cluster, command)
    if status == "deployed" and revision["chart"].ui_plugin:
        plug_in(cluster, command.namespace, command.release, revision["chart"])


def _uninstall(cluster: Cluster, command: Command) -> str:
    if not cluster.releases.pop((command.namespace, command.release), None):
        raise Failed(f"Error: uninstall: Release not loaded: {command.release}: release: not found")
    cluster.store.delete("apps", command.release, command.namespace)
    cluster.store.delete("uiplugins", command.release, command.namespace)
    return f'release "{command.release}" uninstalled'
