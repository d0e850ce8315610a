"""Carrying out the rotation of certificates, one step at a time, until nothing is left to do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from app.cluster import stored as certificates
from app.cluster.port import OURS, Cluster, ClusterError, ConflictError, Registration, Secret
from app.cluster.stored import Stored
from app.core.rotation import Action, Published, Step, next_step

SETTLE: Final = timedelta(seconds=60)
"""How long a CA is published before a leaf of it is served. API servers learn of configurations by a watch that is
opened anew within 30 seconds after it broke (the longest backoff of client-go's reflector); this is twice that."""

_MOST_STEPS: Final = 50
"""A rotation takes six steps with two configurations. This many mean that somebody undoes them as fast as they are
made, and no bound would mean a Job that never ends."""

_PAUSE: Final = 0.5
"""Seconds before looking again after a conflict, so that two who run at once get out of step."""

Say = Callable[[str], None]
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for.

    Attributes:
        names: what the served certificate has to be called by.
        settle: how long a CA is published before a leaf of it is served.
        rotate: replace the CA though nothing is wrong with it.
        forget: forget retired CAs now, though leaves of theirs may still be served.
        published: publish the CA in webhook configurations; not for what the API server does not call.
    """

    names: frozenset[str]
    settle: timedelta = SETTLE
    rotate: bool = False
    forget: bool = False
    published: bool = True


async def ensure(cluster: Cluster, wanted: Wanted, say: Say, sleep: Sleep) -> None:
    """Make and keep the certificates good, and trusted by our configurations before they are served.

    It can be stopped anywhere and run again, and run twice at once: every write names the version it is based on, and
    whoever comes second looks again.

    Args:
        cluster: where.
        wanted: what for.
        say: is told each step, in a sentence.
        sleep: waits some seconds.

    Raises:
        ClusterError: something cannot be read or written, or is not ours to write.
    """
    run = _Run(cluster, wanted, say, sleep)
    for _ in range(_MOST_STEPS):
        try:
            if await run.step():
                return
        except ConflictError:
            say("Somebody else changed an object at the same time; looking again.")
            await sleep(_PAUSE)
    raise ClusterError(
        f"the certificates are not settled after {_MOST_STEPS} steps: somebody changes the Secret or the webhook"
        " configurations all the time; find out who (kubectl get --show-managed-fields) and run this again"
    )


def service_names(namespace: str, service: str) -> frozenset[str]:
    """What a Service is called by; the API server uses ``name.namespace.svc``.

    The cluster's domain can be changed; a name under another one nobody here calls.
    """
    return frozenset(
        (service, f"{service}.{namespace}", f"{service}.{namespace}.svc", f"{service}.{namespace}.svc.cluster.local")
    )


class _Run:
    def __init__(self, cluster: Cluster, wanted: Wanted, say: Say, sleep: Sleep) -> None:
        self._cluster, self._wanted, self._say, self._sleep = cluster, wanted, say, sleep
        self._rotate, self._forget = wanted.rotate, wanted.forget
        self._settled_for = ""
        self._told: set[str] = set()

    async def step(self) -> bool:
        """Look, take one step; true when there is none left."""
        found = await self._cluster.registrations() if self._wanted.published else ()
        secret = await self._cluster.secret()  # after the configurations: see app.core.rotation.next_step
        if not secret.ours:
            raise ClusterError(
                f"the Secret carries no label {'='.join(OURS)}, so its content is somebody else's;"
                " name another with --secret, or label it if all of its content may be replaced"
            )
        ours = tuple(filter(self._is_ours, found))
        stored = certificates.read(secret.data)
        step = self._decide(stored, ours, secret)
        if step.action is Action.NOTHING:
            self._conclude(stored, ours)
            return True
        await self._take(step, stored, ours, secret)
        return False

    def _decide(self, stored: Stored, ours: tuple[Registration, ...], secret: Secret) -> Step:
        held = stored.holdings()
        if self._forget and held.retired:
            return Step(Action.FORGET, "it was asked for")
        staged = held.staged.fingerprint if held.staged else ""
        if staged:
            self._rotate = False  # this is the rotation that was asked for, whoever began it
        trusted = tuple(certificates.trusted_by(bundle) for one in ours for bundle in one.bundles)
        published = Published(trusted, settled=bool(staged) and staged == self._settled_for)
        return next_step(held, published, self._wanted.names, secret.read_at, rotate=self._rotate)

    async def _take(self, step: Step, stored: Stored, ours: tuple[Registration, ...], secret: Secret) -> None:
        names, now = sorted(self._wanted.names), secret.read_at
        match step.action:
            case Action.PUBLISH:
                await self._publish(step, stored.bundle(now), ours)
            case Action.SETTLE:
                self._say(f"Waiting {self._wanted.settle.total_seconds():g} s, because {step.why}.")
                await self._sleep(self._wanted.settle.total_seconds())
                staged = stored.holdings().staged
                self._settled_for = staged.fingerprint if staged else ""
            case Action.CREATE:
                await self._store(step, secret, certificates.created(names, now), "Made a CA and a certificate")
            case Action.STAGE:
                trusted = [bundle for one in ours for bundle in one.bundles]
                content = certificates.with_staged(stored, trusted, now)
                await self._store(step, secret, content, "Made a new CA, to be published first")
            case Action.PROMOTE:
                promoted = certificates.with_promoted(stored, names, now)
                await self._store(step, secret, promoted, "Issued a certificate of the new CA")
            case Action.RENEW:
                await self._store(step, secret, certificates.with_leaf(stored, names, now), "Issued a certificate")
            case Action.FORGET:
                kept = certificates.without_retired(stored, None if self._forget else now)
                await self._store(step, secret, kept, "Forgot a retired CA")
                self._forget = False

    async def _store(self, step: Step, secret: Secret, content: Stored, done: str) -> None:
        await self._cluster.store(secret, content.data(secret.read_at))
        self._say(f"{done}, because {step.why}.")

    async def _publish(self, step: Step, bundle: bytes, ours: tuple[Registration, ...]) -> None:
        self._settled_for = ""
        wanted = certificates.trusted_by(bundle)
        for one in ours:
            if any(certificates.trusted_by(present) != wanted for present in one.bundles):
                await self._cluster.publish(one, bundle)
                self._say(f"Wrote caBundle of {one}, because {step.why}.")

    def _is_ours(self, one: Registration) -> bool:
        if not one.ours and str(one) not in self._told:
            self._told.add(str(one))
            self._say(f"Left {one} alone: it carries no label {'='.join(OURS)}, so it is somebody else's.")
        return one.ours

    def _conclude(self, stored: Stored, ours: tuple[Registration, ...]) -> None:
        due = stored.holdings().leaf
        when = f"; the certificate is due for renewal on {due.renew_at:%Y-%m-%d}" if due else ""
        where = "no webhook configuration is there yet" if self._wanted.published else "kept in the Secret alone"
        where = f"trusted by {', '.join(map(str, ours))}" if ours else where
        self._say(f"All is well: {where}{when}.")
