"""What became of a request whose answer was lost or does not tell: traces of it are looked for until it is settled."""

from dataclasses import dataclass

from app.core.gate.reading import Unread, items
from app.core.gate.reconcile import Baseline, Observation, Reconciled, Sent, Settlement, reconcile
from app.core.gate.schedule import SETTLE, retry_delay
from app.gate.job import Job
from app.gate.progress import OutcomeUnknown, Phase


@dataclass(frozen=True, slots=True)
class Accepted:
    """Rancher runs the install.

    Attributes:
        before: what there was before it.
        status: to tell the client.
        operation: namespace and name; None where only the App shows it.
        sentence: how it is known, where Rancher did not answer so.
    """

    before: Baseline
    status: int
    operation: tuple[str, str] | None
    sentence: str = ""


async def settle(job: Job, before: Baseline, cause: str, words: str) -> Accepted | OutcomeUnknown:
    """Look for what the request has made, until it is found or the settle period is over.

    Args:
        job: the install.
        before: what there was before the request.
        cause: why it is not known, for metrics.
        words: how the answer was lost, or what it said, untouched.
    """
    clock = job.engine.clock
    job.install.update(
        phase=Phase.SETTLING, waits_for="Rancher's answer does not tell if the install has begun; looking for it."
    )
    job.engine.observer.settling(job.install.progress, cause)
    end = clock.monotonic() + SETTLE
    looks = _Looks(job)
    attempt = 0
    while True:
        settled = clock.monotonic() >= end or not job.wanted.release  # a release without a name cannot be looked for
        said = reconcile(before, await looks.another(), job.wanted, Sent.WHOLE, settled=settled)
        if said.settlement is Settlement.OURS:
            return Accepted(before, 201, _named(said), said.sentence)
        if settled:
            return OutcomeUnknown(said.sentence, job.without_values(words))
        job.install.update(waits_for=said.sentence)
        attempt += 1
        await clock.sleep(min(retry_delay(attempt, job.engine.jitter()), max(0.0, end - clock.monotonic())))


def _named(said: Reconciled) -> tuple[str, str] | None:
    namespace, _, name = said.operation.partition("/")
    return (namespace, name) if name else None


class _Looks:
    """Looks at Operations and the App; where one of them cannot be read just now, what it was before still counts."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._operations: list[object] | Unread = Unread.FAILED
        self._app: object = Unread.FAILED

    async def another(self) -> Observation:
        job, rancher = self._job, self._job.engine.rancher
        found = await rancher.operations(job.place, job.wanted.namespace, job.credential)
        if found is not Unread.FAILED:
            self._operations = found if isinstance(found, Unread) else items(found, "items")
        if job.wanted.release:
            app = await rancher.app(job.place, job.wanted.namespace, job.wanted.release, job.credential)
            if app is not Unread.FAILED:
                self._app = app
        return Observation(self._operations, self._app)
