"""Held: from the first look until the request was sent and it is known what came of that."""

from app.core.gate.answer import Answer, Handling
from app.core.gate.messages import classify
from app.core.gate.readiness import CheckId, Standing
from app.core.gate.schedule import release_delay, retry_delay
from app.gate.attempt import Posted, attempt
from app.gate.index import CONFIRMED_AFTER
from app.gate.job import Again, Held, Job
from app.gate.look import Look, Seen, see
from app.gate.port import Reply
from app.gate.progress import Outcome, Phase, Refused
from app.gate.settling import Accepted, settle
from app.gate.turns import Ticket
from app.gate.watch import Waiting


async def hold(job: Job, *, first: bool) -> Accepted | Held | Outcome:
    """Wait and try until it was sent, and say what came of that. ``Held`` is nothing: it may be sent again.

    Args:
        job: the install.
        first: it was not tried before.
    """
    look: Look | None = None
    released = not first
    if first:
        look = await look_again(job)
    else:
        await _pause(job)
    while True:
        if look is not None:
            end = await job.consider(look)
            if end is not None:
                return end
            if look.readiness.standing is not Standing.READY:
                job.install.update(phase=Phase.HELD)
                look = await _ready(job)
                released = True
                continue
        said = await _in_line(job, released=released)
        if not isinstance(said, Held) or not job.install.progress.phase.is_before_sending:
            return said
        look = await _until(job, said.again)
        released = True


async def look_again(job: Job) -> Look:
    """Look with the caller's own credential."""
    ticket = await job.engine.reads.take()
    try:
        rancher, begun = job.engine.rancher, job.engine.clock.monotonic()
        seen = await see(rancher, rancher, job.place, job.credential, begun)
    finally:
        ticket.release()
    return job.watch.memory.assess(seen, job.charts, job.engine.clock.now())


def note(job: Job, held: Held) -> None:
    """Show that an attempt came to nothing, and why."""
    job.misses += 1
    job.said = (held.sentence, job.without_values(held.words))
    job.install.update(phase=Phase.HELD, waits_for=held.sentence)
    job.engine.observer.retried(job.install.progress, held.cause)


async def _until(job: Job, again: Again) -> Look | None:
    """Wait until another attempt may make a difference; return the look to be judged first, if there is one."""
    match again:
        case Again.READY:
            await _pause(job)
            return await _ready(job)
        case Again.TURN:
            _require_time(job)
            await job.engine.turns.freed(job.releases)
        case _:
            await _pause(job)
    return None


async def _ready(job: Job) -> Look | None:
    """Wait until the repository seems ready, or a look says something that has to be judged."""
    _require_time(job)
    patient = not job.request.preferences.nudge  # when a nudge is due depends on the time that is left
    waiting = Waiting(job.credential, job.charts, job.order, job.asks_for_attention, patient=patient)
    return await job.watch.wait(waiting)


def _require_time(job: Job) -> None:
    """Wait for nothing after the deadline: the first try may go beyond it, but it is one try.

    Raises:
        TimeoutError: it has passed.
    """
    if job.remaining <= 0:
        raise TimeoutError


async def _pause(job: Job) -> None:
    _require_time(job)
    await job.engine.clock.sleep(retry_delay(job.misses, job.engine.jitter()))


async def _in_line(job: Job, *, released: bool) -> Accepted | Held | Outcome:
    """Stand in line, and try until it has been sent or cannot be for now."""
    engine = job.engine
    job.install.update(phase=Phase.QUEUED)
    queues = not engine.lines.has_room(job.line)  # the line itself then spreads those who are released together
    line = await engine.lines.take(job.line)
    try:
        if released and not queues:
            await engine.clock.sleep(release_delay(0, 1, engine.jitter()))
        while True:
            said = await _turn(job, line)
            if not isinstance(said, Held) or not job.install.progress.phase.is_before_sending:
                return said
            note(job, said)
            if said.again is not Again.IN_LINE:
                return said
            if said.doubts is not None and (end := await _asked_index(job, said.doubts)):
                return end
            await _pause(job)
    finally:
        line.release()


async def _turn(job: Job, line: Ticket) -> Accepted | Held | Outcome:
    """Try, while nobody else of this process tries the same release.

    The turn is kept until it is known what came of the request, so that whoever is next sees a new baseline.
    """
    engine = job.engine
    if not engine.turns.take(job.releases):
        return Held("release-taken", "Another install of this release goes first.", again=Again.TURN)
    try:
        slot = await engine.slots.take()
        try:
            said = await attempt(job, line)
        finally:
            slot.release()
        return await _meaning(job, said) if isinstance(said, Posted) else said
    finally:
        engine.turns.release(job.releases)


async def _meaning(job: Job, posted: Posted) -> Accepted | Held | Outcome:
    """What the answer to the POST comes to."""
    if posted.reply is None:
        return await settle(job, posted.before, "answer-lost", posted.sentence)
    reply = posted.reply
    answer = classify(reply.status, reply.body)
    match answer.handling:
        case Handling.ACCEPTED:
            job.install.reply = reply
            return Accepted(posted.before, reply.status, answer.operation)
        case Handling.RECONCILE:
            return await settle(job, posted.before, answer.cause.value, answer.words)
        case Handling.RETRY:
            return _again(job, posted, reply, answer)
        case _:
            return job.refused_by(reply)


def _again(job: Job, posted: Posted, reply: Reply, answer: Answer) -> Held | Refused:
    """Rancher's message precedes every side effect. Yet who may not list Operations is not sent again, ever."""
    job.engine.forget_probes(job.place)  # what was said of the repository before does not hold
    if posted.before.complete:
        return Held(answer.cause.value, answer.sentence, answer.words)
    job.install.reply = reply
    namespace = job.wanted.namespace
    sentence = f"{answer.sentence} It is not sent again, because Operations in {namespace} could not be listed."
    return Refused(answer.cause.value, answer.told, sentence, job.without_values(answer.words))


async def _asked_index(job: Job, seen: Seen) -> Outcome | None:
    """Whether the repository has the chart at all: a replica may just not know yet."""
    engine, names = job.engine, frozenset(chart.name for chart in job.charts)
    reader = (job.request.caller.fingerprint, job.credential)
    index = await engine.indexes.versions(job.place, reader, seen, names)
    if index is None:
        return None
    end = await job.consider(job.watch.memory.assess(seen, job.charts, engine.clock.now(), index))
    if not isinstance(end, Refused) or end.cause != CheckId.CHART:
        job.missing = None
        return end
    now = engine.clock.monotonic()
    since = job.missing[0] if job.missing else now
    job.missing = (since, end)
    return end if now - since >= CONFIRMED_AFTER else None
