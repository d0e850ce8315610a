"""What happened, in order: the proof that tests read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .clock import Clock


class Release(NamedTuple):
    """What helm knows a release by, and where; the name is empty where helm makes one up."""

    cluster: str
    namespace: str
    name: str


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    ``what`` is one of: ``arrived`` (the head of a request), ``request`` (its answer is made, and by whom it was),
    ``answer`` (the answer is handed to the connection), ``lost`` (there is no answer, or half of one), ``abandoned``
    (an install ended because its caller had gone), ``step`` (an install reached a step), ``effect`` (an install made
    an object), ``fault`` (an injected fault struck), ``download`` (a chart or an index was fetched from its
    repository), ``pass`` (the leader went over a repository), ``checkout`` (a replica has a commit), ``helm`` (a pod
    ran helm, with its exit code, None if it was killed), ``leader``, ``restart``, ``impersonation`` (somebody sent
    Impersonate-User).
    """

    number: int
    at: float
    what: str
    details: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.details[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(eq=False)
class Record:
    """All events since the start or the last ``clear``."""

    clock: Clock
    events: list[Event] = field(default_factory=list)

    def add(self, what: str, **details: Any) -> None:
        """Note an event."""
        self.events.append(Event(len(self.events), self.clock.seconds(), what, details))

    def clear(self) -> None:
        """Forget everything so far."""
        self.events.clear()

    def of(self, what: str, **details: Any) -> list[Event]:
        """The events of a sort that have these details."""
        return [one for one in self.events if one.what == what and details.items() <= one.details.items()]

    def _effects(self, release: Release | None, user: str | None) -> Iterator[Event]:
        for event in self.of("effect"):
            if release in (None, *event.releases) and user in (None, event.user):
                yield event

    def begun(self, release: Release | None = None, user: str | None = None) -> int:
        """How many POSTs made at least one object for a release: what must never be more than one a request."""
        return len({event.post for event in self._effects(release, user)})

    def pods(self, release: Release | None = None, user: str | None = None) -> int:
        """How many POSTs started a pod that runs helm."""
        return sum(event.made == "pod" for event in self._effects(release, user))

    def counts(self) -> dict[Release, int]:
        """Begun POSTs by release."""
        posts: dict[Release, set[int]] = {}
        for event in self.of("effect"):
            for release in event.releases:
                posts.setdefault(release, set()).add(event.post)
        return {release: len(numbers) for release, numbers in posts.items()}
