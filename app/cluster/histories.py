"""The history of one object, for people: found by what they call it, read and put back with their own rights."""

from dataclasses import dataclass
from typing import Final

from kubernetes.aio.client import ApiClient
from msgspec import Raw, Struct, field, json

from app.cluster import changing, naming, observing
from app.cluster.asking import Asked
from app.cluster.exchange import Call, Exchange, decoded
from app.cluster.recorder import Recorder
from app.cluster.revisions import OBJECT, Revisions
from app.cluster.surroundings import Surroundings
from app.keeper.port import Importance, KeeperError, Kept, Observed, Watched

MANAGER: Final = "status-guard-restore"
"""The field manager and the reporter of Events: what a person put back is not taken for the keeper's doing."""
KEEPERS_NAMESPACE: Final = "status-guard"
"""Where the keeper is by our manifests, and with it the histories of objects that have no namespace."""
RESTORED: Final = "StatusRestored"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose history.

    Attributes:
        kind: what a person calls it.
        name: the object's.
        namespace: where it is looked for, if its kind has namespaces.
    """

    kind: str
    name: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Past:
    """What was kept of an object, and of earlier ones of its name.

    Attributes:
        kind: the object's.
        namespace: its; empty where its kind has none.
        name: its.
        now: it, as it is; ``None`` where it is gone.
        kept: all revisions, the newest object's last and in order of their numbers.
    """

    kind: Watched
    namespace: str
    name: str
    now: Observed | None
    kept: tuple[Kept, ...]

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{observing.resource(self.kind)}/{self.name}{where}"

    def present(self) -> Observed:
        """The object as it is.

        Raises:
            KeeperError: it is gone.
        """
        if self.now is None:
            raise KeeperError(
                f"there is no {self}: a status belongs to an object. Make it again, then restore from the earlier one's"
                " history with --from-uid"
            )
        return self.now

    def revision(self, number: int | None, uid: str = "") -> Kept:
        """One of the revisions of the object, or of an earlier one; the newest where no number is given.

        Args:
            number: its number.
            uid: of the earlier object, or as much of it as is unlike the others'; empty for the one that is there.

        Raises:
            KeeperError: there is none, with what there is.
        """
        wanted = self._uid(uid)
        kept = [one for one in self.kept if one.uid == wanted]
        if not kept:
            raise KeeperError(f"nothing is kept of {self} (uid {wanted}){self._elsewhere()}")
        found = kept[-1:] if number is None else [one for one in kept if one.revision == number]
        if not found:
            numbers = ", ".join(str(one.revision) for one in kept)
            raise KeeperError(f"{self} has no revision {number}; there are {numbers}")
        return found[0]

    def _uid(self, beginning: str) -> str:
        if not beginning:
            return self.now.uid if self.now else self._last_uid()
        found = {one.uid for one in self.kept if one.uid.startswith(beginning)}
        if len(found) != 1:
            how = "several objects" if found else "no object"
            raise KeeperError(f"--from-uid {beginning} means {how} with a history; `status-guard history` lists them")
        return found.pop()

    def _last_uid(self) -> str:
        if not self.kept:
            raise KeeperError(f"there is no {self}, and nothing is kept of it{self._elsewhere()}")
        return self.kept[-1].uid

    def _elsewhere(self) -> str:
        earlier = sorted({one.uid for one in self.kept})
        if earlier:
            return f"; of earlier objects of this name there is: --from-uid {' or --from-uid '.join(earlier)}"
        return (
            "; a keeper keeps what its rules guard, and if it keeps histories in a namespace of their own, name that"
            " with --history-namespace"
        )


class _User(Struct):
    username: str = ""


class _Who(Struct, rename="camel"):
    user_info: _User = field(default_factory=_User)


class _Review(Struct):
    status: _Who = field(default_factory=_Who)


class Archive:
    """Histories of a cluster.

    Args:
        api: a configured client.
        surroundings: clocks and chance.
        apart: the namespace that a keeper keeps all histories in; empty where each lies beside its object.
    """

    def __init__(self, api: ApiClient, surroundings: Surroundings, apart: str = "") -> None:
        self._exchange = Exchange(api)
        self._revisions = Revisions(self._exchange, surroundings, KEEPERS_NAMESPACE, apart)
        self._recorder = Recorder(self._exchange, surroundings, MANAGER)

    async def look(self, subject: Subject) -> Past:
        """Find an object and what was kept of it.

        Raises:
            KeeperError: its kind is not known, or something cannot be read.
        """
        kind = await naming.kind_called(self._exchange, subject.kind)
        namespace = subject.namespace if kind.namespaced else ""
        now = await changing.read(self._exchange, kind, namespace, subject.name)
        target = kind.guard.target
        wanted = f"{target.group}/{target.resource}/{namespace}/{subject.name}"
        ours = [one for one in await self._revisions.kept(kind, namespace) if one.annotations.get(OBJECT) == wanted]
        newest = {
            uid: (now is not None and uid == now.uid, max(one.kept_at for one in ours if one.uid == uid).isoformat())
            for uid in {one.uid for one in ours}
        }
        ordered = sorted(ours, key=lambda one: (newest[one.uid], one.uid, one.revision, one.kept_at, one.name))
        return Past(kind, namespace, subject.name, now, tuple(ordered))

    async def recall(self, kept: Kept) -> Raw:
        """The status in a revision.

        Raises:
            KeeperError: it cannot be read, or is gone by now.
        """
        found = await self._revisions.recall(kept)
        if found is None:
            raise KeeperError(f"revision {kept.revision} is gone by now (the keeper keeps the last few): look again")
        return found

    async def restore(self, past: Past, operations: bytes, *, dry_run: bool) -> Observed:
        """Apply a JSON Patch to the object as it was looked at; in a dry run the API server stores nothing of it.

        Raises:
            ChangedError: it was changed since.
            RefusedError: the API server does not take it.
            KeeperError: nobody knows whether it did.
        """
        query = {"fieldManager": MANAGER} | ({"dryRun": "All"} if dry_run else {})
        return await changing.repair(self._exchange, past.kind, past.present(), operations, query)

    async def record(self, kind: Watched, about: Observed, message: str) -> None:
        """Say on the object that its status was restored.

        Raises:
            KeeperError: it cannot be recorded.
        """
        await self._recorder.say(kind, about, Importance.NORMAL, RESTORED, message)

    async def user(self) -> str:
        """Whom the API server takes this for; empty where it does not tell."""
        group = "authentication.k8s.io"
        asked = Asked("create", f"selfsubjectreviews.{group}", f"/apis/{group}/v1/selfsubjectreviews")
        body = {"apiVersion": f"{group}/v1", "kind": "SelfSubjectReview"}
        call = Call(asked, body=json.encode(body))
        try:
            return decoded(await self._exchange.send(call), _Review, call).status.user_info.username
        except KeeperError:
            return ""
