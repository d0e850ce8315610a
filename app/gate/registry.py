"""Which installs there are, whose they are, who waits for them, and how many there may be."""

import asyncio
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from app.core.gate.origin import Caller
from app.gate.clock import Clock
from app.gate.install import Install
from app.gate.job import Job
from app.gate.limits import TOO_MANY, TOO_MANY_RECORDS, TOO_MANY_YOURS, Limits, NotTaken
from app.gate.port import Place
from app.gate.progress import Progress
from app.gate.recent import Owner, Recent, owner_of


class Registry:
    """All installs of a process, and for a while those that have ended: asynchronous records longer than others.

    Args:
        limits: how many there may be.
        clock: the time, to forget by.
        past: asynchronous installs of before a restart, each with the moment at which it ended.
    """

    def __init__(self, limits: Limits, clock: Clock, past: Iterable[tuple[Progress, datetime]]) -> None:
        self._limits = limits
        self._clock = clock
        self._owned: dict[Owner, dict[str, Install]] = {}
        self._jobs: dict[str, Job] = {}
        self._joint: dict[Hashable, Job] = {}
        self._keys: dict[str, Hashable] = {}
        self._ended: dict[str, tuple[datetime, Install]] = {}  # asynchronous records, in the order of their ends
        self._recent = Recent()  # the others that have ended
        self._tasks: set[asyncio.Task[None]] = set()
        self._callers: Counter[str] = Counter()
        self._total = 0
        self._records = 0  # asynchronous ones that live
        for progress, ended in past:
            install = Install(progress)
            self._own(install)
            self._ended[progress.id] = (ended, install)
        self.forget()

    def room(self, caller: Caller, *, asynchronous: bool) -> NotTaken | None:
        """Why there is no room for another caller, if so."""
        if self._total >= self._limits.held:
            return TOO_MANY
        if self._callers[caller.fingerprint] >= self._limits.held_per_caller:
            return TOO_MANY_YOURS
        if asynchronous and self._records >= self._limits.records:
            return TOO_MANY_RECORDS
        return None

    @contextmanager
    def arriving(self, caller: Caller) -> Iterator[None]:
        """Count a caller while it is not decided yet to which install they belong, or who they are."""
        self._count(caller.fingerprint, 1)
        try:
            yield
        finally:
            self._count(caller.fingerprint, -1)

    def joint(self, key: Hashable) -> Job | None:
        """The living install that others with this key may join."""
        return self._joint.get(key) if key is not None else None

    def add(self, job: Job, key: Hashable) -> None:
        """Take an install on, and count its first caller; an asynchronous one counts itself, since they leave first."""
        progress = job.install.progress
        self._jobs[progress.id] = job
        self._own(job.install)
        self._count(job.request.caller.fingerprint, 1 + progress.asynchronous)
        self._records += progress.asynchronous
        if key is not None:
            self._joint[key] = job
            self._keys[progress.id] = key
        self.forget()

    def started(self, task: asyncio.Task[None]) -> None:
        """Know an install's task until it is done."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def joined(self, job: Job) -> None:
        """Count one more caller."""
        job.install.callers(+1)
        self._count(job.request.caller.fingerprint, 1)

    def left(self, install: Install) -> None:
        """Count one caller less."""
        self._count(self._jobs[install.progress.id].request.caller.fingerprint, -1)

    def done(self, install: Install) -> Job:
        """Let an install's request go, and with it the credential."""
        progress = install.progress
        job = self._jobs.pop(progress.id)
        self._count(job.request.caller.fingerprint, -(progress.joined + progress.asynchronous))
        key = self._keys.pop(progress.id, None)
        if key is not None:
            del self._joint[key]
        if progress.asynchronous:
            self._records -= 1
            self._ended[progress.id] = (self._clock.now(), install)
            self.forget()
        else:
            self._own(Install(progress))  # without Rancher's answer, which only those who waited are told
            for gone in self._recent.add(progress, self._clock.now()):
                self._disown(gone)
        return job

    def remove(self, install: Install) -> None:
        """Forget an ended record that nobody was told of."""
        if self._ended.pop(install.progress.id, None):
            self._disown(install.progress)

    def of(self, user: str, cluster: str) -> dict[str, Install]:
        """A user's installs in a cluster, by id, the oldest first."""
        return self._owned.get((user, cluster), {})

    def living(self) -> list[Install]:
        """All that have not ended."""
        return [job.install for job in self._jobs.values()]

    def tasks(self) -> list[asyncio.Task[None]]:
        """Everything that is still at work."""
        return list(self._tasks)

    def places(self) -> set[Place]:
        """The repositories of all that have not ended."""
        return {job.place for job in self._jobs.values()}

    def forget(self) -> None:
        """Forget ended records that are too old, or in the way of living ones."""
        now = self._clock.now()
        for gone in self._recent.outdated(now):
            self._disown(gone)
        oldest = now - timedelta(seconds=self._limits.kept)
        for ended, install in list(self._ended.values()):
            if ended >= oldest and self._records + len(self._ended) <= self._limits.records:
                break
            self.remove(install)

    def _own(self, install: Install) -> None:
        progress = install.progress
        self._owned.setdefault(owner_of(progress), {})[progress.id] = install

    def _disown(self, progress: Progress) -> None:
        owner = owner_of(progress)
        mine = self._owned[owner]
        del mine[progress.id]
        if not mine:
            del self._owned[owner]

    def _count(self, fingerprint: str, more: int) -> None:
        self._total += more
        left = self._callers[fingerprint] + more
        if left:
            self._callers[fingerprint] = left
        else:
            del self._callers[fingerprint]
