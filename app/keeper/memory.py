"""What is remembered of one object: its last good status, compressed, and whether it has lost something since.

Nothing here waits or writes. Leader and standby remember alike, so that a standby that takes over has seen it all.
"""

import zlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Raw

from app.core import history, jsontext, override
from app.core.guard import Guard
from app.core.review import KubernetesObject, ObjectMeta
from app.keeper import marks
from app.keeper.clock import Alarm
from app.keeper.port import Kept, Observed

_QUICK: Final = 1
"""zlib's fastest level: JSON of 20 KB shrinks to a sixth in 0.1 ms; the best one takes ten times that for a tenth."""

HANDOVER: Final = 60.0
"""Seconds within which somebody leads again, with room: a lease is 15 s, and a leader reports within one."""

MOST_UNTOLD: Final = 4
"""Losses of one object to be told one by one; where there are more, as while nothing can be written, the last are told
together, so that ten thousand objects that change each second stay small."""

_OURS: Final = frozenset({override.ANNOTATION, marks.REPAIR})

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(KubernetesObject).decode


def pack(content: KubernetesObject) -> bytes:
    """What the decisions read of an object, in few bytes."""
    metadata = content.metadata
    annotations = jsontext.members(metadata.annotations)
    ours = {name: text for name, text in annotations.items() if name in _OURS}
    parts = {
        "labels": metadata.labels,
        "finalizers": metadata.finalizers,
        "ownerReferences": metadata.owner_references,
        "annotations": Raw(_encode(ours)) if ours else jsontext.ABSENT,
    }
    slim: dict[str, object] = {"metadata": {name: raw for name, raw in parts.items() if raw != jsontext.ABSENT}}
    if content.status != jsontext.ABSENT:
        slim["status"] = content.status
    return zlib.compress(_encode(slim), _QUICK)


def unpack(packed: bytes) -> KubernetesObject:
    """The other way round."""
    return _decode(zlib.decompress(packed))


def with_status(status: Raw) -> KubernetesObject:
    """What a revision tells of an object: its status alone."""
    return KubernetesObject(metadata=ObjectMeta(), status=status)


@dataclass(frozen=True, slots=True)
class Held:
    """One good status."""

    digest: str
    packed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Untold:
    """A loss that an object may live with.

    Attributes:
        paths: what is gone.
        before: the good status before it, which is kept before it is told; None where that was not good.
        at: when it was seen, by the monotonic clock.
    """

    paths: tuple[str, ...]
    before: Held | None
    at: float


@dataclass(slots=True)
class Memory:
    """One object, as long as it lives under one uid.

    Attributes:
        namespace: empty where the kind is cluster-scoped.
        name: its name.
        uid: its uid.
        version: the resourceVersion seen last.
        created: its creationTimestamp.
        deleting: it has a deletionTimestamp: nothing is done about it any more.
        base: the newest status that lacks nothing; None until there was one.
        good: whether ``base`` may be kept.
        whole_at: the version seen last that was good and lacked nothing of the one before it; 0 if none was.
        lossy: the object as it is now, packed, if it lacks what ``base`` has and may not lack; else empty.
        paths: what it lacks then.
        untold: what it lost and may do without, not yet reported, the latest last.
        kept: its revisions by number, once this keeper leads and knows them.
        term: the leadership for which ``kept`` was read; 0 if none.
        reported: the mark of the loss that was reported last.
        told: what was lost when it was logged and counted last.
        counted: the version for which a repair was counted.
        tried: the version for which one came to nothing.
        withheld: the version for which it was said why nothing is put back.
        stopped: it is not repaired any more.
        uncertain: whether a revision may be there that is not in ``kept``: nobody answered when it was written.
        refused: the digest of a status that the API server does not take as a revision: too large, mostly.
        refused_at: when that was, by the monotonic clock.
        failures: failed attempts in a row.
        alarm: has it seen to again.
    """

    namespace: str
    name: str
    uid: str
    version: str = ""
    created: datetime | None = None
    deleting: bool = False
    base: Held | None = None
    good: bool = False
    whole_at: int = 0
    lossy: bytes = b""
    paths: tuple[str, ...] = ()
    untold: tuple[Untold, ...] = ()
    kept: tuple[Kept, ...] = ()
    term: int = 0
    reported: str = ""
    told: tuple[str, ...] = ()
    counted: str = ""
    tried: str = ""
    withheld: str = ""
    stopped: bool = False
    uncertain: bool = False
    refused: str = ""
    refused_at: float = 0.0
    failures: int = 0
    alarm: Alarm | None = None

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def latest(self) -> Kept | None:
        """The last-known-good revision."""
        return self.kept[-1] if self.kept else None

    @property
    def pending(self) -> bool:
        """Whether ``base`` is good and the newest revision holds something else."""
        return self.good and self.base is not None and (self.latest is None or self.latest.digest != self.base.digest)

    @property
    def is_refused(self) -> bool:
        """Whether ``base`` is what the API server did not take."""
        return self.base is not None and self.base.digest == self.refused

    @property
    def needs_care(self) -> bool:
        """Whether the leader has something to do about it."""
        permitted = self.latest is not None and marks.PERMITTED in self.latest.annotations
        return bool(self.pending or self.lossy or self.untold or self.reported or self.stopped or permitted)

    @property
    def permitted(self) -> str:
        """What of the last-known-good somebody has let go, if it did not come back since."""
        said = self.latest.annotations.get(marks.PERMITTED, "") if self.latest else ""
        version, _, words = said.partition(";")
        return words.strip() if marks.number(version) >= self.whole_at else ""

    def forget_history(self) -> None:
        """This keeper does not lead any more: what is kept is read anew when it leads again."""
        self.kept, self.term = (), 0
        self.reported = self.counted = self.tried = self.withheld = ""
        self.told = ()
        self.uncertain = False

    def current(self) -> KubernetesObject | None:
        """The object as it is now, as far as it matters."""
        packed = self.lossy or (self.base.packed if self.base else b"")
        return unpack(packed) if packed else None

    def reference(self) -> Observed:
        """The object by its names, for what is written about it."""
        assert self.created is not None
        return Observed(self.namespace, self.name, self.uid, self.version, self.created, KubernetesObject())

    def observe(self, seen: Observed, guard: Guard, now: float) -> None:
        """Take in a newer state of the object.

        Args:
            seen: it.
            guard: the rules for it.
            now: seconds, by the monotonic clock.
        """
        self.version, self.created = seen.resource_version, seen.created
        self.stopped = marks.REPAIR in jsontext.members(seen.content.metadata.annotations)
        self.deleting = jsontext.present(seen.content.metadata.deletion_timestamp)
        if not self.deleting:
            self.take(seen.content, guard, now)

    def take(self, content: KubernetesObject, guard: Guard, now: float) -> None:
        """Compare a state with the newest that lacked nothing, and have it be that if it lacks nothing either."""
        if self.base is None:
            self._settle(content, guard, None)
            return
        base = unpack(self.base.packed)
        lost = history.lost(base, content, guard)
        if lost is None:
            self._settle(content, guard, base)
            if self.good:
                self.whole_at = marks.number(self.version)
            return
        if lost.lasting:
            self.lossy, self.paths = pack(content), lost.paths
            return
        self._lose(Untold(lost.paths, self.base if self.good else None, now))
        self._settle(content, guard, base)

    def _lose(self, one: Untold) -> None:
        if not self.term:  # whoever leads has told of the older ones
            self.untold = tuple(other for other in self.untold if one.at - other.at < HANDOVER)
        if len(self.untold) == MOST_UNTOLD:
            last = self.untold[-1]
            one = Untold(tuple(sorted({*last.paths, *one.paths})), last.before, one.at)
            self.untold = self.untold[:-1]
        self.untold = (*self.untold, one)

    def _settle(self, content: KubernetesObject, guard: Guard, base: KubernetesObject | None) -> None:
        self.lossy, self.paths = b"", ()
        found = history.digest(content.status, guard.keeper.ignore)
        self.good = history.good(content.status, guard, base.status if base else None)
        self.base = Held(found, pack(content))

    def accept(self, guard: Guard) -> None:
        """Go on from what is left after a loss that somebody allowed."""
        self._settle(unpack(self.lossy), guard, None)

    def fall_back(self, base: Held, guard: Guard, now: float) -> None:
        """Compare with an earlier status: what was seen first may have lost something before that."""
        content = self.current()
        self.base, self.good, self.lossy = base, True, b""
        if content is not None:
            self.take(content, guard, now)
