"""What the keeper asks of a cluster, and the values that cross; app/cluster answers through the kubernetes client.

Everything that is written names the version it is based on, so that two keepers, or a keeper and anybody else, cannot
undo each other. Trouble with the API server is an exception; what an object looks like never is.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from msgspec import Raw

from app.core.guard import Guard
from app.core.review import KubernetesObject


class KeeperError(Exception):
    """The cluster did not do what it was asked; the text says what, to which object, and what to do now."""


class ChangedError(KeeperError):
    """The object is not as it was when it was read (409, or it is gone): look at it again."""


class RefusedError(KeeperError):
    """The API server will never take this as it is: too large (413), invalid (422) or forbidden (403)."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One guarded kind, as it is stored.

    Attributes:
        guard: the rules for it.
        version: the API version to read and write, the CRD's storage version: what a client of another version drops
            is seen there.
        kind: the kind's name, for references to objects of it.
        namespaced: whether its objects live in namespaces.
        status_subresource: whether ``status`` is written through ``/status``.
    """

    guard: Guard
    version: str
    kind: str
    namespaced: bool
    status_subresource: bool

    @property
    def api_version(self) -> str:
        """``group/version``, as references to objects spell it."""
        group = self.guard.target.group
        return f"{group}/{self.version}" if group else self.version


@dataclass(frozen=True, slots=True)
class Observed:
    """One object, as a list or a watch showed it; the bytes of its parts are the API server's own.

    Attributes:
        namespace: empty where the kind is cluster-scoped.
        name: its name.
        uid: tells it from a later object of the same name.
        resource_version: which of its versions this is.
        created: its creationTimestamp.
        content: metadata and status as the decisions read them.
    """

    namespace: str
    name: str
    uid: str
    resource_version: str
    created: datetime
    content: KubernetesObject = field(repr=False)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class Seen:
    """An object is there, new or changed or listed again."""

    object: Observed


@dataclass(frozen=True, slots=True)
class Gone:
    """An object is no longer there. After a list this is told of objects that an earlier list or watch had shown."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Synced:
    """What was shown is what is there, and what follows are changes: after a list, and when a broken watch goes on."""

    objects: int


@dataclass(frozen=True, slots=True)
class Broken:
    """The watch does not work at the moment, and is being tried again; the last state shown may be out of date.

    Attributes:
        why: in words, with what to do where somebody has to do something (a missing right, no such kind).
    """

    why: str


Happening: TypeAlias = Seen | Gone | Synced | Broken


@dataclass(frozen=True, slots=True)
class Kept:
    """One ControllerRevision of ours, without its data.

    Attributes:
        namespace: where it is.
        name: from the object's uid and the content.
        uid: of the object whose status it holds.
        digest: of its content, as ``app.core.history`` makes it.
        revision: its number; the highest of an object is its last-known-good.
        resource_version: which of its versions this is.
        kept_at: when it was made or raised last, by our own annotation.
        annotations: those of our own domain.
    """

    namespace: str
    name: str
    uid: str
    digest: str
    revision: int
    resource_version: str
    kept_at: datetime
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """A revision to be made; its parts are those of ``Kept``."""

    name: str
    digest: str
    revision: int
    annotations: Mapping[str, str] = field(default_factory=dict)


class Importance(StrEnum):
    """The two types of Event that Kubernetes knows."""

    NORMAL = "Normal"
    WARNING = "Warning"


class Cluster(Protocol):
    """A cluster, as the keeper needs it."""

    async def watched(self, guards: Sequence[Guard]) -> Mapping[str, Watched]:
        """For each guard whose kind the cluster has now, how to watch it, by the guard's name.

        Raises:
            KeeperError: the cluster cannot be asked.
        """
        ...

    def watch(self, kind: Watched) -> AsyncIterator[Happening]:
        """Show every object of a kind and then each change, for ever: never ends, never raises but on cancellation.

        Lists in pages, watches with bookmarks from where the list was, resumes where a watch ended, lists again when
        that is no longer possible (410) and backs off with jitter (``Broken``) while nothing works. After a relist an
        object is shown again only if its resourceVersion is another.
        """
        ...

    async def read(self, kind: Watched, namespace: str, name: str) -> Observed | None:
        """One object as it is now, read past every cache; ``None`` where there is none.

        Raises:
            KeeperError: it cannot be read.
        """
        ...

    async def repair(self, kind: Watched, before: Observed, operations: bytes) -> Observed:
        """Apply a JSON Patch to the object (to ``/status`` where that is a subresource), unless it changed meanwhile.

        Args:
            kind: the object's.
            before: the object that the patch is for; its uid and resourceVersion are tested with the patch.
            operations: the text of the patch.

        Raises:
            ChangedError: it is no longer as it was before.
            RefusedError: the patch is not accepted.
            KeeperError: nobody knows whether it was.
        """
        ...

    async def annotate(self, kind: Watched, before: Observed, annotations: Mapping[str, str | None]) -> Observed:
        """Set (or with ``None`` remove) annotations of our own domain, unless the object changed meanwhile.

        Raises:
            KeeperError: as for ``repair``.
        """
        ...

    async def say(self, kind: Watched, about: Observed, importance: Importance, reason: str, message: str) -> None:
        """Record an Event about the object; the same again within minutes is counted on the one that is there.

        Raises:
            KeeperError: it cannot be recorded.
        """
        ...

    async def kept(self, kind: Watched) -> tuple[Kept, ...]:
        """Every revision of ours for this kind, in no order.

        Raises:
            KeeperError: they cannot be listed.
        """
        ...

    async def recall(self, kept: Kept) -> Raw | None:
        """The status in a revision, byte for byte what the API server returned; ``None`` where it is gone.

        Raises:
            KeeperError: it cannot be read.
        """
        ...

    async def keep(self, kind: Watched, owner: Observed, draft: Draft, status: Raw) -> Kept:
        """Make a revision, owned by the object and kept beside it (or in the namespace for histories).

        Raises:
            ChangedError: there is one of that name already.
            RefusedError: it is too large, or not accepted.
            KeeperError: it cannot be written.
        """
        ...

    async def renew(self, kept: Kept, revision: int, annotations: Mapping[str, str | None]) -> Kept:
        """Give a revision that is there another number (or the same) and annotations of our own domain.

        Raises:
            ChangedError: it is no longer as it was, or gone.
            KeeperError: it cannot be written.
        """
        ...

    async def forget(self, kept: Kept) -> None:
        """Delete a revision; nothing happens where it is gone.

        Raises:
            KeeperError: it cannot be deleted.
        """
        ...


class Leadership(Protocol):
    """Whether this keeper may write. One may at a time, by a Lease."""

    def leading(self) -> bool:
        """Whether a write that begins now, and ends within the longest time of one call, is ours to make.

        Turns false by itself, with the clock, before anybody else may lead: ask immediately before each write.
        """
        ...

    async def gained(self) -> None:
        """Return when this keeper leads."""
        ...

    async def lost(self) -> None:
        """Return when it does not lead any more."""
        ...
