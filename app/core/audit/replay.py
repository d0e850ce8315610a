"""An audit log, line by line, to a report of what its writes lost."""

from datetime import datetime
from typing import Final

from app.core.audit import event as events
from app.core.audit.event import Event, ObjectRef, Stored
from app.core.audit.known import MOST_BYTES, Key, Memory
from app.core.audit.report import Client, Loss, Malformed, Report, Unknown
from app.core.audit.weighing import Write, made_anew, weigh
from app.core.guard import Guard, Guards
from app.core.verdict import Action

MOST_LOSSES: Final = 10_000
"""As many losses are listed; a log with more has one client to find, and the sums name it."""
MOST_MISTAKES: Final = 20
"""As many bad lines are named; a file with more is of another format."""
MOST_CLIENTS: Final = 10_000
"""As many pairs of user and client are counted apart; whoever makes up names must not fill the memory."""

OTHERS: Final = Client("(others)", "")
_RESTORED: Final = f".statusguard.io/{Action.RESTORED.value}"
"""How an audit annotation of our webhooks ends: the API server puts the webhook's name before it."""


class Replay:
    """Takes lines in the order of the log, and gives a report at any time.

    Args:
        guards: the rules to judge by.
        since: writes before it are remembered and not judged.
        until: writes from it on are not judged.
        most_bytes: of objects held at once.
    """

    def __init__(
        self,
        guards: Guards,
        since: datetime | None = None,
        until: datetime | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._guards, self._since, self._until = guards, since, until
        self._by_kind: dict[tuple[str, str], list[Guard]] = {}
        for guard in guards:
            self._by_kind.setdefault((guard.target.group, guard.target.resource), []).append(guard)
        self._memory = Memory(most_bytes)
        self._report = Report()

    def report(self) -> Report:
        """What has come of it so far."""
        self._report.objects_let_go, self._report.most_bytes = self._memory.dropped, self._memory.peak
        return self._report

    def line(self, line: bytes, place: str) -> None:
        """Take one line.

        Args:
            line: its bytes; an empty one is none.
            place: file and line, for what is said of it.
        """
        if not line.strip():
            return
        self._report.lines += 1
        try:
            event = events.read(line)
        except events.NoEventError as error:
            self.unreadable(place, str(error))
            return
        ref = event.object_ref
        if event.stage != events.COMPLETE or ref is None or ref.subresource not in {"", "status"}:
            return
        if (ref.api_group, ref.resource) not in self._by_kind:
            return
        if event.verb in events.WRITES:
            try:
                self._write(event, ref, place)
            except RecursionError:
                self.unreadable(place, "holds an object that is nested too deeply to be judged")
        elif event.verb in events.READS and event.succeeded:
            for found in events.objects(event):
                self._remember(ref, found)

    def unreadable(self, place: str, why: str) -> None:
        """Count something that cannot be read as an event."""
        self._report.malformed += 1
        if len(self._report.mistakes) < MOST_MISTAKES:
            self._report.mistakes.append(Malformed(place, why))

    def _write(self, event: Event, ref: ObjectRef, place: str) -> None:
        guard, report = self._guard(event, ref), self._report
        counts = guard is not None and not self._outside(event)
        if event.dry_run or not event.succeeded:
            report.dry_runs += counts and event.dry_run
            report.failed += counts and not event.dry_run
            return
        found = next(iter(events.objects(event)), None) if event.level == events.WHOLE else None
        if found is None:
            self._memory.blur(Key(ref.api_group, ref.resource, ref.namespace, ref.name))
            if counts and event.level == events.WHOLE:
                report.unknown[Unknown.NO_OBJECT] += 1
            report.too_little += counts and event.level != events.WHOLE
            return
        before = self._memory.get(_key(ref, found))
        self._remember(ref, found)
        if guard and counts:
            report.restored_then += any(name.endswith(_RESTORED) for name in event.annotations or ())
            self._count(Write(event, ref, found, before, guard, place))
        elif guard:
            report.outside += 1

    def _count(self, write: Write) -> None:
        report = self._report
        if write.event.created:
            anew = made_anew(write)
            if anew:
                report.recreated += 1
                self._list(anew)
            return
        found = weigh(write, self._guards)
        if isinstance(found, Unknown):
            report.unknown[found] += 1
            return
        report.judged += 1
        if found is None:
            report.intact += 1
            return
        self._list(found)
        report.losses_by_action[found.would_have] += 1
        client = Client(found.user, found.client)
        known = client in report.by_client or len(report.by_client) < MOST_CLIENTS
        report.by_client[client if known else OTHERS] += 1

    def _list(self, loss: Loss) -> None:
        if len(self._report.losses) < MOST_LOSSES:
            self._report.losses.append(loss)

    def _guard(self, event: Event, ref: ObjectRef) -> Guard | None:
        """The guard that looks after a write; where none covers its version, one that would see it converted."""
        of_kind = self._by_kind[ref.api_group, ref.resource]
        subresource = ref.subresource == "status"
        exact = self._guards.find(ref.api_group, ref.api_version, ref.resource, ref.subresource)
        if exact or event.verb == "create":
            return exact or of_kind[0]
        return next((guard for guard in of_kind if guard.target.status_subresource is subresource), None)

    def _remember(self, ref: ObjectRef, found: Stored) -> None:
        self._memory.see(_key(ref, found), found, self._by_kind[ref.api_group, ref.resource])

    def _outside(self, event: Event) -> bool:
        time = event.received
        if time is None:
            return False
        return bool((self._since and time < self._since) or (self._until and time >= self._until))


def _key(ref: ObjectRef, found: Stored) -> Key:
    return Key(ref.api_group, ref.resource, found.metadata.namespace, found.metadata.name)
