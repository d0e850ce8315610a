"""What guarded objects last looked like, within a bound on memory.

Kept of each object is what a verdict reads: status, spec where the guard asks about it, and metadata in part. What has
not been seen for longest goes first when the bound is met; a write to it then has an unknown past, and is counted so.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, NamedTuple

from msgspec import Raw, Struct

from app.core.audit.event import Stored
from app.core.guard import Guard, WhenSpecAlsoChanges
from app.core.jsontext import ABSENT
from app.core.review import KubernetesObject, ObjectMeta

MOST_BYTES: Final = 256 * 1024 * 1024
"""Bytes: 10,000 objects of 20 KB and as much again, on a machine that has better things to do."""

_OVERHEAD: Final = 1500
"""Bytes that Python needs for one entry with its strings, beside the texts kept (measured: 1.1 to 1.4 KB)."""

_LONGEST_NUMBER: Final = 20
"""Digits of the largest revision of etcd, an unsigned 64-bit integer."""


class Key(NamedTuple):
    """An object by its name; a later object of the same name takes its place."""

    group: str
    resource: str
    namespace: str
    name: str


class Known(Struct, gc=False):
    """An object as a response showed it last.

    Attributes:
        uid: tells it from others of its name.
        resource_version: which of its versions it was.
        generation: counts changes beyond metadata; a gap shows that a write is missing from the log.
        content: what a verdict reads.
        size: bytes kept for it.
        blurred: whether something was written to it since that the log does not show.
    """

    uid: str
    resource_version: str
    generation: int
    content: KubernetesObject
    size: int
    blurred: bool = False


class Memory:
    """Objects by name, the ones seen last kept.

    Args:
        most_bytes: the bound.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._objects: OrderedDict[Key, Known] = OrderedDict()
        self._bytes = 0
        self.peak = 0
        """Bytes, at most so far."""
        self.dropped = 0
        """Objects that were let go for the bound."""

    def get(self, key: Key) -> Known | None:
        """What is known of an object."""
        return self._objects.get(key)

    def see(self, key: Key, found: Stored, guards: Iterable[Guard]) -> None:
        """Remember an object, unless what is known of it is newer: reads may come from a cache."""
        before = self._objects.get(key)
        if before and before.uid == found.metadata.uid and newer(before.resource_version, found):
            return
        content, size = _slim(found, guards)
        kept = Known(found.metadata.uid, found.metadata.resource_version, found.metadata.generation, content, size)
        self._objects[key] = kept
        self._objects.move_to_end(key)
        self._bytes += size - (before.size if before else 0)
        while self._bytes > self._most:
            _, gone = self._objects.popitem(last=False)
            self._bytes -= gone.size
            self.dropped += 1
        self.peak = max(self.peak, self._bytes)

    def blur(self, key: Key) -> None:
        """Something was written to an object, and nobody knows what."""
        if known := self._objects.get(key):
            known.blurred = True


def newer(version: str, than: Stored) -> bool:
    """Whether a resourceVersion is of a later write; where it is no number, the order in the log is all there is."""
    other = than.metadata.resource_version
    if any(not (one.isascii() and one.isdecimal() and len(one) <= _LONGEST_NUMBER) for one in (version, other)):
        return False
    return int(version) > int(other)


def _slim(found: Stored, guards: Iterable[Guard]) -> tuple[KubernetesObject, int]:
    """A copy of what a verdict reads, so that nothing holds on to the line it came in, and its size."""
    whole = found.metadata
    metadata = ObjectMeta(
        deletion_timestamp=whole.deletion_timestamp.copy(),
        labels=whole.labels.copy(),
        annotations=ABSENT,  # the new object's alone can hold an override
        finalizers=whole.finalizers.copy(),
        owner_references=whole.owner_references.copy(),
        managed_fields=whole.managed_fields.copy(),
    )
    asks_for_spec = any(guard.when_spec_also_changes is WhenSpecAlsoChanges.DENY for guard in guards)
    spec = found.spec.copy() if asks_for_spec else ABSENT
    content = KubernetesObject(found.api_version, found.kind, metadata, spec, found.status.copy())
    parts: tuple[Raw, ...] = (
        metadata.deletion_timestamp,
        metadata.labels,
        metadata.finalizers,
        metadata.owner_references,
        metadata.managed_fields,
        spec,
        content.status,
    )
    return content, _OVERHEAD + sum(memoryview(part).nbytes for part in parts)
