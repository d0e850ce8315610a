"""From Rancher's acceptance to the end: the Operation, the App, the UI extension if there is one, and helm's log."""

from app.core.gate import app_release, following
from app.core.gate.following import Course, Goal, Step, Verdict
from app.core.gate.operation import State
from app.core.gate.reading import Unread
from app.core.gate.redaction import LONGEST
from app.core.gate.schedule import poll_delay
from app.gate.job import Job
from app.gate.progress import Answered, Deployed, InstallFailed, Outcome, Phase
from app.gate.settling import Accepted

LONGEST_LOG = 4 * LONGEST
"""Characters of helm's log that are kept of a failed install: its end, where the error is."""
LOG_TRIES = 3


async def follow(job: Job, accepted: Accepted) -> Outcome:
    """Look until it has ended, until that cannot be told any more, or until the deadline."""
    install, clock = job.install, job.engine.clock
    install.update(phase=Phase.FOLLOWING, waits_for="Waiting for the Operation to begin.", operation=accepted.operation)
    job.engine.observer.following(install.progress)
    goal = Goal(job.wanted.chart, job.wanted.version, accepted.before.revision)
    known = following.Progress()
    while True:
        known = following.advance(known, await _step(job, accepted, known))
        said = following.verdict(known, goal)
        match said.course:
            case Course.INSTALLED:
                return Deployed(accepted.status, accepted.operation, said.sentence)
            case Course.FAILED:
                return await _failed(job, accepted, said)
            case Course.UNKNOWN:
                return Answered(accepted.status, accepted.operation, said.sentence)
        if job.remaining <= 0 or job.engine.draining:
            return unfollowed(accepted, said.sentence)
        install.update(waits_for=said.sentence)
        await clock.sleep(min(poll_delay(job.engine.jitter()), max(0.0, job.remaining)))


def unfollowed(accepted: Accepted, sentence: str) -> Answered:
    """What is told where the end was not waited for: what Rancher said, which stays true."""
    return Answered(accepted.status, accepted.operation, f"Not followed to its end. {sentence}".strip())


async def _step(job: Job, accepted: Accepted, known: following.Progress) -> Step:
    """Read what the next verdict depends on."""
    rancher, namespace, release = job.engine.rancher, job.wanted.namespace, job.wanted.release
    seen: object = Unread.ABSENT
    if known.ended is None and accepted.operation is not None:
        seen = await rancher.operation(job.place, *accepted.operation, job.credential)
    if known.ended is State.FAILED or (known.ended is None and not isinstance(seen, Unread)):
        return Step(operation=seen)
    app: object = Unread.NOT_SERVED  # under which name is not known
    if release:
        app = await rancher.app(job.place, namespace, release, job.credential)
    plugins: dict[tuple[str, str], object] = {}
    for where in () if isinstance(app, Unread) else app_release.plugins(app):
        plugins[where] = await rancher.ui_plugin(job.place, *where, job.credential)
    return Step(operation=None if known.ended else seen, app=app, plugins=plugins)


async def _failed(job: Job, accepted: Accepted, said: Verdict) -> InstallFailed:
    log: str | Unread = Unread.ABSENT
    if accepted.operation is not None:
        for _ in range(LOG_TRIES):
            log = await job.engine.rancher.helm_log(job.place, *accepted.operation, job.credential)
            if log is not Unread.FAILED:
                break
            await job.engine.clock.sleep(poll_delay(job.engine.jitter()))
    shown = "" if isinstance(log, Unread) else _end_of(job, log)
    return InstallFailed(accepted.operation, said.sentence, job.without_values(said.words), shown)


def _end_of(job: Job, log: str) -> str:
    """The log's last lines, each whole, without what is secret."""
    lines: list[str] = []
    room = LONGEST_LOG
    for line in reversed(log.splitlines()):
        room -= len(line) + 1
        if room < 0:
            break
        lines.append(line)
    return "\n".join(job.lines_without_values(lines[::-1]))
