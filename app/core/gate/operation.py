"""One Operation of Rancher's: what it runs, and what its conditions say at this moment."""

import re
from enum import StrEnum
from posixpath import basename
from typing import Final

from msgspec import Struct

from app.core.gate.reading import condition, items, text


class State(StrEnum):
    """What an Operation's conditions say."""

    EMPTY = "empty"  # created, and its status not written yet
    RUNNING = "running"  # or about to
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Command(Struct, frozen=True, gc=False):
    """What we asked for. Of several charts, the last: an Operation names only that one as its release.

    Attributes:
        action: ``install`` or ``upgrade``.
        namespace: where to.
        release: empty where Helm makes up the name.
        chart: its name.
        version: empty for the newest.
        charts: how many are in the request.
    """

    action: str
    namespace: str
    release: str
    chart: str
    version: str = ""
    charts: int = 1


_UNSAFE: Final = re.compile(r"[^-.0-9A-Za-z]")
"""Rancher replaces these by a dash where a version becomes part of a file's name."""


def uid(operation: object) -> str:
    """What tells it from every other one, also from a later one of the same name."""
    return text(operation, "metadata", "uid")


def title(operation: object) -> str:
    """Namespace and name, for people."""
    return f"{text(operation, 'metadata', 'namespace')}/{text(operation, 'metadata', 'name')}"


def state(operation: object) -> State:
    """What the conditions say now. A failed one can turn into a succeeded one later: latch the first end."""
    if not command(operation) and not text(operation, "status", "releaseName"):
        return State.EMPTY
    reconciling, stalled = condition(operation, "Reconciling"), condition(operation, "Stalled")
    if stalled is not None and stalled.true:
        return State.FAILED
    if reconciling is not None and stalled is not None and reconciling.false and stalled.false:
        return State.SUCCEEDED
    return State.RUNNING


def words(operation: object) -> str:
    """What the controller says of it."""
    for kind in ("Stalled", "Reconciling"):
        found = condition(operation, kind)
        if found is not None and found.true:
            return found.message.strip()
    return ""


def command(operation: object) -> tuple[str, ...]:
    """The command as Rancher wrote it down."""
    return tuple(word for word in items(operation, "status", "command") if isinstance(word, str))


def for_release(operation: object, wanted: Command) -> bool:
    """Whether it is about the same release, whatever it does to it."""
    if text(operation, "status", "releaseName") != wanted.release:
        return False
    return (text(operation, "status", "namespace") or text(operation, "metadata", "namespace")) == wanted.namespace


def carries(operation: object, wanted: Command) -> bool:
    """Whether it does to the release what we asked for: action, chart and version.

    Everything that Rancher wrote down is compared, and what it did not is not held against it. The last words of the
    command are the release and the chart's file.
    """
    if not for_release(operation, wanted):
        return False
    if wanted.charts == 1 and text(operation, "status", "action") not in {"", wanted.action}:
        return False  # several charts that are to be installed run as upgrades that install
    said = command(operation)
    if not said:
        return True
    version = wanted.version
    file = basename(said[-1]).removesuffix(".tgz")
    if version:
        return file in {f"{wanted.chart}-{version}", f"{wanted.chart}-{_UNSAFE.sub('-', version)}"}
    return re.match(r"-v?[0-9]", file.removeprefix(wanted.chart)) is not None
