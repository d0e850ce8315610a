"""The course of one install, from its first look to its outcome."""

import asyncio
from http import HTTPStatus
from typing import Final

from app.gate.following import follow, unfollowed
from app.gate.holding import hold, look_again, note
from app.gate.job import Held, Job
from app.gate.journal import JournalError
from app.gate.patience import Until
from app.gate.progress import Answered, Interrupted, NotReady, Outcome, OutcomeUnknown, Phase, Refused
from app.gate.settling import Accepted

FIRST_TRY: Final = 10.0
"""Seconds that the first try may take though the deadline is earlier: "wait=0" asks for one try and an answer."""
LAST_LOOK: Final = 3.0
"""Seconds for the look at the deadline; what was seen before serves where it takes longer."""
FRESH: Final = 2.0
"""Seconds for which a look of one's own need not be repeated at the deadline."""

_INTERRUPTED: Final = Interrupted(sent=False, sentence="The gate is stopping; nothing was installed, ask again.")


async def run(job: Job) -> None:
    """Carry an install out, to its end, whatever happens."""
    install = job.install
    try:
        outcome = await _course(job)
    except asyncio.CancelledError:
        if install.progress.phase is not Phase.ENDED:  # the process ends, and will not wait
            install.end(_cut_short(job))
        elif (task := asyncio.current_task()) is not None:
            task.uncancel()
    except Exception as error:  # noqa: BLE001 - whoever waits is told in any case, and the fault is reported
        job.engine.observer.broke(install.progress, error)
        install.end(_cut_short(job, fault=True))
    else:
        install.end(outcome)


def _cut_short(job: Job, *, fault: bool = False) -> Outcome:
    progress = job.install.progress
    if progress.phase is Phase.FOLLOWING:
        return Answered(HTTPStatus.CREATED, progress.operation, "Not followed to its end, because the gate stopped.")
    if not progress.phase.is_before_sending:
        sentence = "The gate stopped while it was being sent: look at the release and its Operations in Rancher."
        return OutcomeUnknown(sentence) if fault else Interrupted(sent=True, sentence=sentence)
    if fault:
        return Refused("fault", HTTPStatus.INTERNAL_SERVER_ERROR, "The gate has a fault; nothing was installed.")
    return _INTERRUPTED


async def _course(job: Job) -> Outcome:
    first = True
    while True:
        now = job.engine.clock.monotonic()
        end = max(job.deadline, now + FIRST_TRY) if first else job.deadline
        said: Accepted | Held | Outcome | None = None
        try:
            with Until(job.engine.clock, end) as job.until:
                said = await hold(job, first=first)
        except TimeoutError:
            said = await _too_late(job)
        finally:
            job.until = None
        first = False
        if isinstance(said, Accepted):
            return await _accepted(job, said)
        if isinstance(said, Held):
            await _back(job, said)
            said = _INTERRUPTED if job.engine.draining else None if job.remaining > 0 else await _too_late(job)
        if said is not None and not (isinstance(said, NotReady) and job.remaining > 0):
            return said  # and not while somebody with more time has joined


async def _accepted(job: Job, accepted: Accepted) -> Outcome:
    job.install.update(operation=accepted.operation)
    if not job.request.preferences.until_deployed:
        return Answered(accepted.status, accepted.operation, accepted.sentence)
    if job.engine.draining:
        return unfollowed(accepted, "The gate is stopping.")
    return await follow(job, accepted)


async def _back(job: Job, held: Held) -> None:
    """It was being sent, and nothing came of it."""
    note(job, held)
    if job.install.progress.asynchronous:
        try:
            await job.engine.journal.unsent(job.install.progress.id)
        except JournalError as error:  # after a restart it is said to have been sent, which is safe
            job.engine.observer.broke(job.install.progress, error)


async def _too_late(job: Job) -> Outcome:
    """The deadline: one more look, so that what is told is of now."""
    clock = job.engine.clock
    job.install.update(phase=Phase.HELD)
    if job.last is None or clock.monotonic() - job.last.begun > FRESH:
        try:
            with Until(clock, clock.monotonic() + LAST_LOOK):
                end = await job.consider(await look_again(job))
                if end is not None:
                    return end
        except TimeoutError:
            pass
    return job.missing[1] if job.missing else _not_ready(job)


def _not_ready(job: Job) -> NotReady:
    sentence, words = job.said
    if job.last is None:
        return NotReady("Rancher did not answer in time, and nothing was sent.")
    readiness = job.last.readiness
    if readiness.waiting:
        sentence, words = readiness.waiting[0].sentence, job.redacted(readiness.waiting[0].words)
    return NotReady(sentence or "Its turn did not come before the deadline.", words, readiness.retry_at)
