"""What happened to an install whose answer was lost: a verdict over what can be seen afterwards.

An absence proves nothing: Rancher goes on creating after its caller is gone, waits without bound for a service
account's token, and writes the Operation down last. So "nothing happened" is said only where the request cannot have
been complete (``Sent``): Rancher reads the whole JSON value before it touches anything, and a value without its last
byte is none. Everything else is ours, still open, or unknown; a request whose outcome is unknown is never sent again.

"Ours" means: new since the baseline, and carrying our command. An Operation does not say who asked for it, so one that
somebody else starts in the same seconds with the very same action, release, chart and version is not told from ours
while ours is not to be seen; as soon as there are two, none is named.
"""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from app.core.gate import app_release, operation
from app.core.gate.operation import Command, State
from app.core.gate.reading import Unread, same_version


class Sent(StrEnum):
    """How much of the request can have reached Rancher at most.

    Whoever hands the body's last byte over on its own, when all before it is gone, knows exactly where PART ends.
    """

    NOTHING = "nothing"  # no connection, or it broke before the first byte was handed over
    PART = "part"  # the body's last byte was never handed over: not even to the kernel
    WHOLE = "whole"


class Settlement(StrEnum):
    """How it came out."""

    OURS = "ours"
    NOTHING_HAPPENED = "nothing happened"
    KEEP_LOOKING = "keep looking"
    UNKNOWN = "unknown"


class Baseline(Struct, frozen=True, gc=False):
    """What there was before the request.

    Attributes:
        operations: uids of the namespace's Operations, None if they could not be listed.
        busy: an Operation on the same release had not ended.
        revision: of the release's App, 0 if there was none, None if it could not be read.
    """

    operations: frozenset[str] | None = None
    busy: bool = False
    revision: int | None = None

    @property
    def complete(self) -> bool:
        """Whether an Operation that is new can be told from one that is not. Without it nothing is ever sent again."""
        return self.operations is not None


class Observation(Struct, frozen=True, gc=False):
    """What is seen afterwards.

    Attributes:
        operations: the namespace's Operations, listed through the raw Kubernetes path, or why they were not.
        app: the release's App, or why it was not read.
    """

    operations: Sequence[object] | Unread
    app: object


class Reconciled(Struct, frozen=True, gc=False):
    """The verdict.

    Attributes:
        settlement: how it came out.
        sentence: for people: what is known, and what to look at.
        operation: namespace and name of the Operation that is ours; empty if it is the App that tells.
    """

    settlement: Settlement
    sentence: str
    operation: str = ""


def baseline(operations: Sequence[object] | Unread, app: object, wanted: Command) -> Baseline:
    """What to remember before the request is sent."""
    if isinstance(operations, Unread):
        return Baseline(revision=app_release.revision(app))
    ended = {State.SUCCEEDED, State.FAILED}
    busy = any(
        operation.state(one) is State.EMPTY
        or (operation.for_release(one, wanted) and operation.state(one) not in ended)
        for one in operations
    )
    return Baseline(frozenset(operation.uid(one) for one in operations), busy, app_release.revision(app))


def reconcile(before: Baseline, seen: Observation, wanted: Command, sent: Sent, *, settled: bool) -> Reconciled:
    """The verdict on one observation.

    Args:
        before: what there was before the request.
        seen: what there is now.
        wanted: what the request asked for.
        sent: how much of it can have reached Rancher.
        settled: the settle period is over (``schedule.SETTLE``).
    """
    if sent is not Sent.WHOLE:
        why = "before Rancher was reached" if sent is Sent.NOTHING else "before the request was complete"
        return Reconciled(Settlement.NOTHING_HAPPENED, f"The connection broke {why}, so nothing was begun.")
    open_until = Settlement.UNKNOWN if settled else Settlement.KEEP_LOOKING
    if not wanted.release:
        return Reconciled(open_until, "Helm makes up this release's name, so no Operation can be told to be this one.")
    if before.operations is None or isinstance(seen.operations, Unread):
        return Reconciled(open_until, f"This user may not list Operations in {wanted.namespace}.{_release(seen.app)}")
    new = [one for one in seen.operations if operation.uid(one) not in before.operations]
    return _attribute(new, before, seen.app, wanted, open_until)


def _attribute(new: list[object], before: Baseline, app: object, wanted: Command, open_until: Settlement) -> Reconciled:
    """Which of the new Operations is ours. Two that could be are not told apart, and none is named."""
    ours = [one for one in new if operation.carries(one, wanted)]
    empty = [one for one in new if operation.state(one) is State.EMPTY]
    if len(ours) == 1 and not empty:
        name = operation.title(ours[0])
        return Reconciled(Settlement.OURS, f"Operation {name} is new and runs what was asked for.", name)
    if ours or empty:
        names = ", ".join(operation.title(one) for one in [*ours, *empty])
        return Reconciled(open_until, f"New since the request, and possibly its own: {names}.")
    others = before.busy or any(operation.for_release(one, wanted) for one in new)
    if not others and _made(before, app, wanted):
        if open_until is Settlement.KEEP_LOOKING:
            return Reconciled(open_until, f"The release has a new revision.{_release(app)}")
        return Reconciled(Settlement.OURS, f"Nobody else's Operation made the new revision.{_release(app)}")
    return Reconciled(open_until, f"No Operation of this request is to be seen.{_release(app)}")


def _made(before: Baseline, app: object, wanted: Command) -> bool:
    """Whether the release's latest revision is the one that our command would have made, and Rancher made it."""
    revision = app_release.revision(app)
    if before.revision is None or revision != before.revision + 1 or not app_release.repository(app):
        return False
    name, version = app_release.chart(app)
    return name == wanted.chart and (not wanted.version or same_version(version, wanted.version))


def _release(app: object) -> str:
    """What the App says, as a sentence to append."""
    found = app_release.revision(app)
    if not found:
        return ""
    return (
        f" The release is {app_release.status(app) or 'there'} at revision {found}, {' '.join(app_release.chart(app))}."
    )
