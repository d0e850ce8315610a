"""One poller for all who wait for a repository, and a slow round of looks with each one's own credential.

The poller reads once a second with the credential of one of those who wait. That it saw a ready repository, or another
one than before, is all that the others hear of it; what they show, and what they are told, they have from looks of
their own. There is at most one of those a second beside the poller's, so the load on Rancher does not depend on how
many wait.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from msgspec import json

from app.core.gate.readiness import Readiness, Standing
from app.core.gate.reading import Unread, member
from app.core.gate.repository import WantedChart
from app.core.gate.schedule import poll_delay
from app.gate.clock import Clock
from app.gate.look import Look, Memory, Seen, see
from app.gate.port import Credential, Place, Rancher

REFRESH: Final = 20.0
"""Seconds after which somebody's own look is old enough to be repeated though the poller saw nothing new: what one
user may see can change without the repository."""

Charts = tuple[WantedChart, ...]


class Waiting:
    """Somebody who waits.

    Args:
        credential: their own.
        charts: what they want.
        order: the smaller, the earlier they are released.
        told: called with each look of their own that shows something new; says whether that is worth waking up for.
        patient: whether a look that shows nothing new is of no interest, however much time has passed.
    """

    __slots__ = ("charts", "credential", "order", "patient", "told", "woken")

    def __init__(
        self,
        credential: Credential,
        charts: Charts,
        order: int,
        told: Callable[[Look], bool],
        *,
        patient: bool = True,
    ) -> None:
        self.credential = credential
        self.charts = charts
        self.order = order
        self.told = told
        self.patient = patient
        self.woken: asyncio.Future[Look | None] | None = None


class _Seat:
    """All who wait with one credential: one look serves them all."""

    __slots__ = ("credential", "epoch", "looked", "shown", "waiting")

    def __init__(self, credential: Credential) -> None:
        self.credential = credential
        self.waiting: dict[Waiting, None] = {}
        self.shown: dict[Charts, Readiness] = {}
        self.epoch = 0
        self.looked = 0.0

    @property
    def charts(self) -> set[Charts]:
        """What they want, each once."""
        return {waiting.charts for waiting in self.waiting}


class Watch:
    """A repository that is waited for.

    Args:
        place: the repository.
        rancher: to read it.
        clock: to pace the reads.
        jitter: from 0 up to 1, drawn anew for each use.
    """

    __slots__ = (
        "_clock",
        "_epoch",
        "_jitter",
        "_mark",
        "_poller",
        "_rancher",
        "_seats",
        "_speaker",
        "memory",
        "nudged",
        "place",
    )

    def __init__(self, place: Place, rancher: Rancher, clock: Clock, jitter: Callable[[], float]) -> None:
        self.place = place
        self.memory = Memory()
        self.nudged: float | None = None
        """When Rancher was last asked to look again, by the clock's ``monotonic``."""
        self._rancher = rancher
        self._clock = clock
        self._jitter = jitter
        self._seats: OrderedDict[Credential, _Seat] = OrderedDict()  # who looked longest ago comes first
        self._speaker: _Seat | None = None
        self._mark: bytes | None = None
        self._epoch = 0
        self._poller: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits."""
        return not self._seats

    async def wait(self, waiting: Waiting) -> Look | None:
        """Wait until the repository seems ready (None), or a look of one's own asks for attention (that look)."""
        woken: asyncio.Future[Look | None] = asyncio.get_running_loop().create_future()
        waiting.woken = woken
        seat = self._seats.get(waiting.credential)
        if seat is None:
            seat = self._seats[waiting.credential] = _Seat(waiting.credential)
            seat.looked, seat.epoch = self._clock.monotonic(), self._epoch
        seat.waiting[waiting] = None
        seat.shown.pop(waiting.charts, None)  # whoever comes has not been told what the others have
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
            self._poller.add_done_callback(self._broke)
        try:
            return await woken
        finally:
            waiting.woken = None
            self._left(seat, waiting)

    def _left(self, seat: _Seat, waiting: Waiting) -> None:
        seat.waiting.pop(waiting, None)
        if not seat.waiting and self._seats.get(seat.credential) is seat:
            del self._seats[seat.credential]
            if self._speaker is seat:
                self._speaker = None
        if not self._seats and self._poller is not None:
            self._poller.cancel()
            self._poller = None

    async def _poll(self) -> None:
        while self._seats:
            speaker = self._speaker or next(iter(self._seats.values()))
            readable = await self._look(speaker)
            self._speaker = speaker if readable and speaker.waiting else None
            stalest = next(iter(self._seats.values()), None)
            if stalest is not None and stalest is not speaker and self._is_stale(stalest):
                await self._look(stalest)
            await self._clock.sleep(poll_delay(self._jitter()))

    def _broke(self, poller: asyncio.Task[None]) -> None:
        """Have nobody wait for a poller that has a fault."""
        if poller.cancelled() or (fault := poller.exception()) is None:
            return
        self._poller = None
        for waiting in [waiting for seat in self._seats.values() for waiting in seat.waiting]:
            if waiting.woken is not None and not waiting.woken.done():
                waiting.woken.set_exception(fault)

    def _is_stale(self, seat: _Seat) -> bool:
        return seat.epoch < self._epoch or self._clock.monotonic() - seat.looked >= REFRESH

    async def _look(self, seat: _Seat) -> bool:
        """Look for all of one credential; say whether there was an object to see."""
        begun = self._clock.monotonic()
        seen = await see(self._rancher, self._rancher, self.place, seat.credential, begun)
        if self._seats.get(seat.credential) is seat:
            self._seats.move_to_end(seat.credential)
        self._note(seen.found)
        seat.looked, seat.epoch = begun, self._epoch
        self._tell(seat, seen)
        if isinstance(seen.found, Unread):
            return False
        if self.memory.assess(seen, (), self._clock.now()).readiness.standing is Standing.READY:
            self._release()
        return True

    def _note(self, found: object) -> None:
        """Remember whether it is another one than before, which all others then want to see for themselves."""
        if isinstance(found, Unread):
            return
        mark = json.encode([member(found, "metadata", "generation"), member(found, "spec"), member(found, "status")])
        if mark != self._mark:
            self._mark = mark
            self._epoch += 1

    def _tell(self, seat: _Seat, seen: Seen) -> None:
        looks = {charts: self.memory.assess(seen, charts, self._clock.now()) for charts in seat.charts}
        news = {charts for charts, look in looks.items() if seen.refusal or look.readiness != seat.shown.get(charts)}
        seat.shown = {charts: look.readiness for charts, look in looks.items()}
        for waiting in list(seat.waiting):
            look = looks[waiting.charts]
            if waiting.patient and waiting.charts not in news:
                continue
            if waiting.told(look) and waiting.woken is not None and not waiting.woken.done():
                waiting.woken.set_result(look)

    def _release(self) -> None:
        """Wake everybody, in order. Whose own look said no, says so again when they have looked."""
        everybody = [waiting for seat in self._seats.values() for waiting in seat.waiting]
        for waiting in sorted(everybody, key=lambda one: one.order):
            if waiting.woken is not None and not waiting.woken.done():
                waiting.woken.set_result(None)
