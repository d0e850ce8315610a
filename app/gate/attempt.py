"""One attempt: connect, look, probe, remember what is there, and send, all in the caller's name.

The probe is made on the very connection that then takes the POST, since one connection is one replica where Rancher's
Service balances connections. What was there before is read right before the POST, because everything that is new
afterwards is what tells if the POST has had an effect.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.core.gate import operation
from app.core.gate.answer import Cause
from app.core.gate.cluster_repo import Kind, read
from app.core.gate.operation import State
from app.core.gate.probe import CacheKey, Probed, Speaks, cache_key, judge
from app.core.gate.readiness import Standing
from app.core.gate.reading import Unread, items
from app.core.gate.reconcile import Baseline, baseline
from app.core.gate.repository import WantedChart
from app.gate.job import Again, Held, Job
from app.gate.journal import JournalError
from app.gate.look import Seen, see
from app.gate.port import AnswerLostError, Connection, NotSentError, Reply
from app.gate.progress import Outcome, Phase, Refused
from app.gate.turns import Ticket

FAR: Final = 0.5
"""Seconds for a look beyond which Rancher is far away, or busy, and what need not be asked in turn is asked
together. Nearby a look takes hundredths, and what is read without need costs Rancher more than it gains the caller."""
UNREAD_FOR: Final = 10.0
"""Seconds for which it is tried to read what there is before the install. Without that it is never sent again; yet a
list that can never be read, such as one that is too long, must not hold it up for ever."""
EMPTY_FOR: Final = 10.0
"""Seconds that an Operation without a status holds installs up. Rancher writes it a call later; one whose replica died
in between stays empty for an hour, and is nobody's business any more."""


@dataclass(frozen=True, slots=True)
class Posted:
    """The request was sent.

    Attributes:
        before: what there was before it.
        reply: Rancher's answer; None if it was lost.
        sentence: how it was lost.
    """

    before: Baseline
    reply: Reply | None
    sentence: str = ""


async def attempt(job: Job, line: Ticket) -> Posted | Held | Outcome:
    """Make an attempt.

    Args:
        job: the install.
        line: its place in line, which it gives up when it is sent.
    """
    try:
        async with job.engine.rancher.connect() as connection:
            return await _on(connection, job, line)
    except NotSentError as error:
        return Held("not-connected", "There is no connection to Rancher.", str(error))


async def _on(connection: Connection, job: Job, line: Ticket) -> Posted | Held | Outcome:
    seen = await see(connection, job.engine.rancher, job.place, job.credential, job.engine.clock.monotonic())
    far = job.engine.clock.monotonic() - seen.begun > FAR
    job.notices(seen)
    look = job.watch.memory.assess(seen, job.charts, job.engine.clock.now())
    end = await job.consider(look)
    if end is not None:
        return end
    if look.readiness.standing is not Standing.READY:
        waiting = (look.readiness.waiting or look.readiness.checks)[0]
        return Held(waiting.id.value, waiting.sentence, waiting.words, Again.READY)
    said = await (_together if far else _in_turn)(connection, job, seen)
    if not isinstance(said, Baseline):
        return said
    return await _post(connection, job, said, line)


async def _in_turn(connection: Connection, job: Job, seen: Seen) -> Baseline | Held | Outcome:
    """Probe, then read what there is: so it is read at the last moment, and only where the probe said yes."""
    return await _probed(connection, job, seen) or await _before(job)


async def _together(connection: Connection, job: Job, seen: Seen) -> Baseline | Held | Outcome:
    """Both at once, where each question takes long: one way there and back less to what Rancher shows meanwhile.

    Not where the probe downloads a chart: what was read before that is too old to tell afterwards what is new.
    """
    if read(seen.found).kind is not Kind.GIT:
        return await _in_turn(connection, job, seen)
    before = asyncio.create_task(_before(job))
    try:
        return await _probed(connection, job, seen) or await before
    finally:
        before.cancel()
        await asyncio.wait({before})


async def _probed(connection: Connection, job: Job, seen: Seen) -> Held | Outcome | None:
    """Probe each chart; None if all can be had here.

    Behind a proxy that balances each request a connection says nothing, so a git chart is probed on others as well.
    """
    repository = read(seen.found)
    for chart in job.charts:
        key = CacheKey(
            job.place.cluster, job.place.repo, repository.uid, repository.generation, chart.name, chart.version
        )
        kept = cache_key(repository.kind, key)
        if kept in job.engine.probed:
            continue
        fresh = job.engine.limits.probes - 1 if repository.kind is Kind.GIT else 0
        probes = [_probe(connection, job, chart, seen), *(_probe_elsewhere(job, chart, seen) for _ in range(fresh))]
        if held := await _first_no(probes):
            return held
        if kept is not None:
            job.engine.remember_probe(kept)
    return None


async def _first_no(probes: Sequence[Coroutine[Any, Any, Held | Outcome | None]]) -> Held | Outcome | None:
    """What the first of them says that does not say yes; the others are given up then. None if all say yes."""
    asked = [asyncio.create_task(probe) for probe in probes]
    try:
        for one in asyncio.as_completed(asked):
            if said := await one:
                return said
        return None
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def _probe_elsewhere(job: Job, chart: WantedChart, seen: Seen) -> Held | Outcome | None:
    async with job.engine.rancher.connect() as other:
        return await _probe(other, job, chart, seen)


async def _probe(connection: Connection, job: Job, chart: WantedChart, seen: Seen) -> Held | Outcome | None:
    reply = await connection.probe(job.place, chart.name, chart.version, job.credential)
    if isinstance(reply, Unread):
        return Held("probe-unanswered", "The probe of Rancher's chart got no answer.")
    probed = judge(reply.status, reply.body, chart)
    match probed.speaks:
        case Speaks.YES:
            return None
        case Speaks.NEVER:
            return job.refused_by(reply)
        case _:
            return _not_yet(probed, seen)


def _not_yet(probed: Probed, seen: Seen) -> Held:
    doubted = probed.speaks is Speaks.NOT_YET and probed.cause in {None, Cause.CHART_NAME, Cause.CHART_VERSION}
    cause = probed.cause.value if probed.cause else "probe-not-understood"
    return Held(cause, probed.sentence, probed.words, doubts=seen if doubted else None)


async def _before(job: Job) -> Baseline | Held:
    """What there is before the POST; held if another Operation on the release has not ended."""
    rancher, namespace = job.engine.rancher, job.wanted.namespace
    apps = None
    if job.wanted.release:
        apps = asyncio.create_task(rancher.app(job.place, namespace, job.wanted.release, job.credential))
    try:
        found = await rancher.operations(job.place, namespace, job.credential)
        app: object = await apps if apps else Unread.FAILED
    finally:
        if apps:
            apps.cancel()
    now = job.engine.clock.monotonic()
    job.unread = None if found is not Unread.FAILED else now if job.unread is None else job.unread
    if job.unread is not None and now - job.unread < UNREAD_FOR:
        return Held("baseline-unread", "What there is before the install could not be read just now.")
    listed = found if isinstance(found, Unread) else items(found, "items")
    before = baseline(listed, app, job.wanted)
    if before.busy and not isinstance(listed, Unread) and (held := _busy(job, listed)):
        return held
    return before


def _busy(job: Job, operations: list[object]) -> Held | None:
    for one in operations:
        state = operation.state(one)
        if state is State.RUNNING and job.wanted.release and operation.for_release(one, job.wanted):
            sentence = f"Operation {operation.title(one)} on the same release has to end first."
            return Held("release-busy", sentence, again=Again.LATER)
    empty = {operation.uid(one): operation.title(one) for one in operations if operation.state(one) is State.EMPTY}
    now = job.engine.clock.monotonic()
    job.empty = {uid: job.empty.get(uid, now) for uid in empty}
    young = [empty[uid] for uid, first in job.empty.items() if now - first < EMPTY_FOR]
    if young:
        sentence = f"Operation {young[0]} has just been created, and may be on the same release."
        return Held("operation-empty", sentence)  # a moment, for which nobody need go to the end of the line
    return None


async def _post(connection: Connection, job: Job, before: Baseline, line: Ticket) -> Posted | Held | Outcome:
    """Send. From here on the install cannot be cancelled, and neither its caller nor its deadline cuts it short."""
    engine, install = job.engine, job.install
    assert install.progress.phase.is_before_sending
    assert job.until is not None
    job.until.disarm()
    install.update(phase=Phase.SENDING, waits_for="", attempts=install.progress.attempts + 1)
    line.release()
    engine.observer.released(install.progress, job.waited)
    if install.progress.asynchronous:
        try:
            await engine.journal.sending(install.progress.id)
        except JournalError as error:
            return Refused("journal", 503, f"Nothing was sent, because the gate cannot write its journal: {error}")
    try:
        reply = await connection.send(job.request.post)
    except NotSentError as error:
        return Held("not-connected", "The connection to Rancher ended before anything was sent.", str(error))
    except AnswerLostError as error:
        return Posted(before, None, str(error))
    return Posted(before, reply)
