"""The engine's front: takes installs on, joins equal ones, finds and cancels them for their owners, and stops well."""

import asyncio
import secrets
from collections.abc import Callable, Hashable, Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count
from random import Random
from typing import Final

from app.core.gate.origin import Caller
from app.core.gate.readiness import Standing
from app.gate.clock import Clock
from app.gate.course import run
from app.gate.ends import Ends
from app.gate.engine import Engine
from app.gate.install import Install
from app.gate.job import Job
from app.gate.journal import Journal, JournalError, NoJournal, acceptance
from app.gate.limits import NO_JOURNAL, Limits, NotTaken
from app.gate.look import Look, see
from app.gate.observer import Observer
from app.gate.patience import Until
from app.gate.port import Credential, Place, Rancher
from app.gate.progress import (
    Answered,
    Cancelled,
    ChartProgress,
    Deployed,
    InstallFailed,
    Interrupted,
    OutcomeUnknown,
    Phase,
    Progress,
)
from app.gate.registry import Registry
from app.gate.request import InstallRequest
from app.gate.watch import Waiting, Watch

HOUSEKEEPING: Final = 60.0
"""Seconds between two rounds of forgetting what nobody needs: as long as a nudge is remembered."""

SHOWN_LATER: Final = timedelta(seconds=1)
"""By so much a deadline has to move to be shown anew: each caller who joins moves it, and wakes all who watch."""

_SENT: Final = (Answered, Deployed, InstallFailed, OutcomeUnknown)
"""Outcomes of installs that had, or may have had, an effect."""
_STOPPING: Final = Interrupted(sent=False, sentence="The gate is stopping; nothing was installed, ask again.")


class Cancelling(StrEnum):
    """What became of cancelling."""

    DONE = "done"  # nothing was sent, and nothing will be; also where it had been cancelled before
    TOO_LATE = "too late"  # it is being sent, was sent, or has ended


def new_identity() -> str:
    """128 random bits, so that an install is found by its owner only."""
    return secrets.token_hex(16)


class Gate:
    """Installs that wait until they can succeed.

    Args:
        rancher: Rancher.
        clock: the time.
        observer: told of every change.
        limits: how much is taken on.
        journal: where asynchronous installs are written down.
        random: for jitter.
        identities: makes ids.
        past: asynchronous installs of before a restart, each with the moment at which it ended (``journal.replayed``).
    """

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        rancher: Rancher,
        clock: Clock,
        observer: Observer,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        *,
        journal: Journal | None = None,
        random: Random | None = None,
        identities: Callable[[], str] = new_identity,
        past: Iterable[tuple[Progress, datetime]] = (),
    ) -> None:
        jitter = random or Random()  # noqa: S311 - to spread, not to hide
        self._engine = Engine(rancher, clock, limits, observer, journal or NoJournal(), jitter)
        self._identities = identities
        self._registry = Registry(limits, clock, past)
        self._watches: dict[Place, Watch] = {}
        self._orders = count()
        self._index_reads: set[Waiting] = set()

    def arriving(self, caller: Caller, *, asynchronous: bool) -> AbstractContextManager[None] | NotTaken:
        """Count a caller while it is not known yet who they are, or say why there is no room for them.

        Leave the context right before ``submit``, which counts for itself.
        """
        return self._registry.room(caller, asynchronous=asynchronous) or self._registry.arriving(caller)

    async def submit(self, request: InstallRequest) -> Install | NotTaken:
        """Take an install on, or join one that waits for the very same.

        Joined are installs of one credential (all headers of it alike), one call, one body and equal preferences but
        for the time, and only where every release has its name. Whoever joins is checked by a read of their own first.
        While the process stops, the install that is returned has already ended as ``Interrupted``.
        """
        turned_away = self._stopped(request) or self._registry.room(
            request.caller, asynchronous=request.preferences.asynchronous
        )
        if turned_away is not None:
            return turned_away
        with self._registry.arriving(request.caller):
            key = _joint_key(request)
            came_to = self._registry.joint(key)
            if came_to is not None and not await self._may_join(request):
                key = came_to = None
            if (stopped := self._stopped(request)) is not None:
                return stopped
            job = self._registry.joint(key)
            if job is None and came_to is not None and isinstance(came_to.install.progress.outcome, _SENT):
                return came_to.install  # it was sent while this caller was looked at: sending it again is not asked for
            return self._join(job, request) if job is not None else await self._take(request, key)

    def find(self, user: str, cluster: str, identity: str) -> Install | None:
        """The install of that id, if it is this user's in this cluster: living, or ended not long ago."""
        return self._registry.of(user, cluster).get(identity)

    def listed(self, user: str, cluster: str) -> tuple[Install, ...]:
        """This user's installs in this cluster, the latest first."""
        return tuple(reversed(self._registry.of(user, cluster).values()))

    def cancel(self, user: str, cluster: str, identity: str) -> Cancelling | None:
        """Cancel an install of which nothing was sent yet, for everybody who shares it; None if there is none."""
        install = self.find(user, cluster, identity)
        if install is None:
            return None
        if install.progress.phase.is_before_sending:
            install.end(Cancelled())
        return Cancelling.DONE if isinstance(install.progress.outcome, Cancelled) else Cancelling.TOO_LATE

    async def held_index(self, place: Place, credential: Credential, seconds: float) -> bool:
        """Wait until the repository is ready, as far as its object tells; whether it is.

        Args:
            place: the repository.
            credential: the reader's own; the answer is about what they may see.
            seconds: at most.
        """
        clock = self._engine.clock
        waiting = Waiting(credential, (), next(self._orders), _has_end)
        try:
            with Until(clock, clock.monotonic() + seconds):
                look = await self._look(place, credential)
                while look.readiness.standing is Standing.WAITING and not self._engine.draining:
                    self._index_reads.add(waiting)
                    look = await self._watch(place).wait(waiting) or await self._look(place, credential)
                return look.readiness.standing is Standing.READY
        except TimeoutError:
            return False
        finally:
            self._index_reads.discard(waiting)

    async def run(self) -> None:
        """Do what goes on beside requests, until cancelled; cancelling it ends all that still lives, sent or not."""
        try:
            while True:
                await self._engine.clock.sleep(HOUSEKEEPING)
                self._registry.forget()
                self._forget_watches()
        finally:
            self._engine.draining = True
            tasks = self._registry.tasks()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def drain(self) -> None:
        """Take nothing on any more, interrupt what was not sent, and return when nothing is being sent any more."""
        self._engine.draining = True
        for install in self._registry.living():
            if install.progress.phase.is_before_sending:
                install.end(_STOPPING)
        for waiting in self._index_reads:
            if waiting.woken is not None and not waiting.woken.done():
                waiting.woken.set_result(None)
        while tasks := self._registry.tasks():
            await asyncio.wait(tasks)

    def _stopped(self, request: InstallRequest) -> Install | None:
        return Install(self._progress(request, Phase.ENDED)) if self._engine.draining else None

    async def _may_join(self, request: InstallRequest) -> bool:
        """Whether the caller could have waited alone, as far as a first look tells."""
        look = await self._look(request.post.place, request.credential)
        return look.refusal is None and look.readiness.standing is not Standing.NEVER

    async def _look(self, place: Place, credential: Credential) -> Look:
        engine = self._engine
        ticket = await engine.reads.take()
        try:
            seen = await see(engine.rancher, engine.rancher, place, credential, engine.clock.monotonic())
        finally:
            ticket.release()
        return self._watch(place).memory.assess(seen, (), engine.clock.now())

    def _join(self, job: Job, request: InstallRequest) -> Install:
        engine, install = self._engine, job.install
        patience = _patience(request)
        job.extend(engine.clock.monotonic() + patience)
        self._registry.joined(job)
        deadline = engine.clock.now() + timedelta(seconds=patience)
        if deadline - install.progress.deadline >= SHOWN_LATER:
            install.update(deadline=deadline)
        engine.observer.joined(install.progress)
        return install

    async def _take(self, request: InstallRequest, key: Hashable) -> Install | NotTaken:
        engine = self._engine
        progress = self._progress(request, Phase.HELD)
        install = Install(progress, Ends(engine, self._registry))
        created, watch = engine.clock.monotonic(), self._watch(request.post.place)
        job = Job(engine, request, install, watch, next(self._orders), created, created + _patience(request))
        self._registry.add(job, key)
        if progress.asynchronous:
            try:
                await engine.journal.accepted(acceptance(progress))
            except JournalError as error:
                engine.observer.broke(progress, error)
                install.end(_STOPPING)
                self._registry.remove(install)
                return NO_JOURNAL
        engine.observer.held(install.progress)
        if install.progress.phase is not Phase.ENDED:  # it can have been cancelled while it was written down
            install.task = asyncio.create_task(run(job))
            self._registry.started(install.task)
        return install

    def _progress(self, request: InstallRequest, phase: Phase) -> Progress:
        now, post, body = self._engine.clock.now(), request.post, request.body
        return Progress(
            id=self._identities(),
            version=1,
            phase=phase,
            cluster=post.place.cluster,
            repo=post.place.repo,
            action=post.action,
            namespace=body.namespace,
            charts=tuple(ChartProgress(chart.name, chart.version, chart.release) for chart in body.charts),
            user=request.user,
            asynchronous=request.preferences.asynchronous,
            created=now,
            deadline=now + timedelta(seconds=_patience(request)),
            outcome=_STOPPING if phase is Phase.ENDED else None,
        )

    def _watch(self, place: Place) -> Watch:
        watch = self._watches.get(place)
        if watch is None:
            engine = self._engine
            watch = self._watches[place] = Watch(place, engine.rancher, engine.clock, engine.jitter)
        return watch

    def _forget_watches(self) -> None:
        now, used = self._engine.clock.monotonic(), self._registry.places()
        for place, watch in list(self._watches.items()):
            if watch.is_idle and place not in used and (watch.nudged is None or now - watch.nudged > HOUSEKEEPING):
                del self._watches[place]


def _patience(request: InstallRequest) -> float:
    """Seconds until the install gives up: the caller's wait, or the deadline of one that goes on without them."""
    preferences = request.preferences
    return float(preferences.deadline if preferences.asynchronous else preferences.wait)


def _joint_key(request: InstallRequest) -> Hashable:
    """What installs have in common that are one; None for one that is always alone."""
    post, wishes = request.post, request.preferences
    if not request.body.names_are_given:
        return None
    wanted = (post.place, post.action, post.target, request.body.digest)
    return (request.user, request.credential, wanted, (wishes.asynchronous, wishes.until_deployed, wishes.nudge))


def _has_end(look: Look) -> bool:
    return look.readiness.standing is not Standing.WAITING
