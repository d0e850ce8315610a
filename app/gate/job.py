"""What is needed to carry one install out: the request, what all installs share, and what is known so far."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from msgspec.structs import replace

from app.core.gate.installation_call import Action
from app.core.gate.messages import classify
from app.core.gate.operation import Command
from app.core.gate.readiness import Standing
from app.core.gate.reading import Unread
from app.core.gate.redaction import MARK
from app.core.gate.repository import WantedChart
from app.core.gate.schedule import nudge_due
from app.core.gate.secret_values import secret_values
from app.gate.engine import Engine
from app.gate.install import Install
from app.gate.look import Look, Seen, index_state
from app.gate.patience import Until
from app.gate.port import Credential, Nudged, Place, Reply
from app.gate.progress import Outcome, Refused
from app.gate.request import InstallRequest
from app.gate.secrecy import redacted
from app.gate.watch import Watch

AFTER_NUDGE: Final = 5.0
"""Seconds after a nudge in which a look that says "never" may still be of the time before it: a replica's informers
are hardly ever as late as that."""


MOST_VALUES: Final = 20_000
"""Texts of a body's values, in each of their forms, that words are searched for: some 20 ms. Charts have hundreds; of
an install that brings more, no words are shown at all."""


class Again(Enum):
    """When an attempt that came to nothing is repeated."""

    IN_LINE = "in line"  # soon, without giving up one's place: it lies with a replica or a connection
    READY = "ready"  # when the repository seems ready
    TURN = "turn"  # when somebody else here is done with the release
    LATER = "later"  # soon: somebody else elsewhere has to be done with the release


@dataclass(frozen=True, slots=True)
class Held:
    """An attempt came to nothing, and left nothing behind.

    Attributes:
        cause: for metrics: the id of a check, of a row of the message table, or of the gate's own.
        sentence: for people.
        words: untouched.
        again: when to try again.
        doubts: the repository as it was seen, where the index should be asked if it has the chart at all.
    """

    cause: str
    sentence: str
    words: str = ""
    again: Again = Again.IN_LINE
    doubts: Seen | None = None


@dataclass(slots=True)
class Job:
    """One install as the engine carries it out. It holds the credential, so it ends with the install.

    Attributes:
        engine: what all installs share.
        request: the first caller's.
        install: what callers see.
        watch: of the repository.
        order: the smaller, the earlier it is released.
        created: when it was taken on, by the clock's ``monotonic``.
        deadline: when it gives up, by the same; callers that join can move it.
        until: what ends the hold at the deadline, while it is held.
        misses: attempts that came to nothing.
        last: the latest look with the caller's own credential.
        forbidden_to_nudge: Rancher said so.
        said: sentence and redacted words of the latest attempt that came to nothing.
        missing: since when no index has had the chart, and what will be told of it; it takes a second look.
        unread: since when it could not be read what there was before; None if it could.
        empty: Operations without a status, by uid, and since when that is known.
        indexes: states of the index that attempts have met.
        values: what the charts' values hold, once somebody's words may repeat it.
        wanted: what the request asks for, as an Operation would show it.
        charts: the same as the repository's index would.
        releases: what there may be one POST of at a time; none where helm makes up the names.
    """

    engine: Engine
    request: InstallRequest
    install: Install
    watch: Watch
    order: int
    created: float
    deadline: float
    until: Until | None = None
    misses: int = 0
    last: Look | None = None
    forbidden_to_nudge: bool = False
    said: tuple[str, str] = ("", "")
    missing: tuple[float, Refused] | None = None
    unread: float | None = None
    empty: dict[str, float] = field(default_factory=dict)
    values: frozenset[str] | None = field(default=None, repr=False)
    indexes: frozenset[tuple[str, ...]] = frozenset()
    wanted: Command = field(init=False)
    charts: tuple[WantedChart, ...] = field(init=False)
    releases: tuple[Hashable, ...] = field(init=False)

    def __post_init__(self) -> None:
        body, post = self.request.body, self.request.post
        last = body.decisive
        count = len(body.charts)
        self.wanted = Command(post.action.value, body.namespace, last.release, last.name, last.version, count)
        self.charts = tuple(WantedChart(chart.name, chart.version) for chart in body.charts)
        names = {chart.release for chart in body.charts if chart.release}
        self.releases = tuple((post.place.cluster, body.namespace, name) for name in sorted(names))

    @property
    def action(self) -> Action:
        """What Rancher is asked to do."""
        return self.request.post.action

    @property
    def place(self) -> Place:
        """The repository."""
        return self.request.post.place

    @property
    def credential(self) -> Credential:
        """The caller's own."""
        return self.request.credential

    @property
    def line(self) -> Hashable:
        """What those have in common who are held up by the same replica."""
        return (self.place, self.charts)

    @property
    def remaining(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - self.engine.clock.monotonic()

    @property
    def waited(self) -> float:
        """Seconds since the install was taken on."""
        return self.engine.clock.monotonic() - self.created

    def redacted(self, words: str) -> str:
        """Words of the repository's as they may be shown; nobody's values are in them."""
        return redacted(words, self.credential)

    def without_values(self, words: str) -> str:
        """Words about the install itself, helm's among them, as they may be shown."""
        return "\n".join(self.lines_without_values([words])) if words else ""

    def lines_without_values(self, lines: list[str]) -> list[str]:
        """The same of a log, each line for itself."""
        if self.values is None:
            body = self.request.body
            named = {text for chart in body.charts for text in (chart.name, chart.version, chart.release)}
            shown = named | {self.place.cluster, self.place.repo, body.namespace}
            self.values = secret_values(self.request.post.body, shown)
        if len(self.values) > MOST_VALUES:
            return [MARK]
        text = "\n".join(lines)
        found = [value for value in self.values if value in text]
        return [redacted(line, self.credential, also=found) for line in lines]

    def extend(self, deadline: float) -> None:
        """Have it give up later, if that is later."""
        if deadline > self.deadline:
            self.deadline = deadline
            if self.until is not None:
                self.until.move(deadline)

    def shows(self, look: Look) -> None:
        """Show a look of the caller's own."""
        known, self.last = self.last, look
        checks = self.install.progress.checks
        if known is None or known.readiness != look.readiness:  # thousands may be told the same each second
            checks = tuple(
                replace(check, words=self.redacted(check.words)) if check.words else check
                for check in look.readiness.checks
            )
        waits_for = look.readiness.waiting[0].sentence if look.readiness.waiting else ""
        self.install.update(checks=checks, waits_for=waits_for or self.install.progress.waits_for)

    def asks_for_attention(self, look: Look) -> bool:
        """Take a look that the watch made; say whether something has to be done about it."""
        self.shows(look)
        return look.refusal is not None or look.readiness.standing is Standing.NEVER or self._nudge_is_due(look)

    def notices(self, seen: Seen) -> None:
        """Begin anew with short pauses where an attempt meets an index that none has met: the chart may be in it."""
        if isinstance(seen.found, Unread) or (state := index_state(seen.found)) in self.indexes:
            return
        self.indexes |= {state}
        self.misses = 0

    async def consider(self, look: Look) -> Outcome | None:
        """Take a look, and nudge if only that can help; say so if it is the end."""
        self.shows(look)
        if look.refusal is not None:
            return self.refused_by(look.refusal)
        if self._nudge_is_due(look):
            await self._nudge()
        final = look.readiness.final
        if final is None or self._may_be_outdated(look):
            return None
        return Refused(final.id.value, look.readiness.told, final.sentence, self.redacted(final.words))

    def refused_by(self, reply: Reply) -> Refused:
        """What an answer of Rancher's that ends it comes to."""
        self.install.reply = reply
        answer = classify(reply.status, reply.body)
        return Refused(answer.cause.value, answer.told, answer.sentence, self.without_values(answer.words))

    def _nudge_is_due(self, look: Look) -> bool:
        if not self.request.preferences.nudge or self.forbidden_to_nudge:
            return False
        clock, nudged = self.engine.clock, self.watch.nudged
        since = {} if nudged is None else {"since_last": clock.monotonic() - nudged}
        return nudge_due(look.readiness.retry_in(clock.now()), self.remaining, **since)

    def _may_be_outdated(self, look: Look) -> bool:
        return self.watch.nudged is not None and look.begun < self.watch.nudged + AFTER_NUDGE

    async def _nudge(self) -> None:
        clock, before = self.engine.clock, self.watch.nudged
        self.watch.nudged = clock.monotonic()  # nobody else does it meanwhile
        result = Nudged.FAILED
        try:
            result = await self.engine.rancher.nudge(self.place, self.credential, clock.now())
        finally:
            self.forbidden_to_nudge = result is Nudged.FORBIDDEN
            self.watch.nudged = before if self.forbidden_to_nudge else clock.monotonic()
        self.install.update(nudged=result.value)
        self.engine.observer.nudged(self.install.progress, result)
