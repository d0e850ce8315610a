"""Live objects of one kind, summed up as they pass by: how many can lose something, and what their statuses look like.

However many there are, what stays in memory is bounded: counts, and a few statuses.
"""

from collections import Counter
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct, field

from app.core import jsontext

MOST_SAMPLES: Final = 50
"""Statuses that are looked at closely; what fifty objects do not show, a guess may miss."""
MOST_BYTES: Final = 4 * 1024 * 1024
"""Of all samples together as JSON; some ten times that as Python objects."""


class Manager(Struct, frozen=True, rename="camel"):
    """One entry of ``metadata.managedFields``: who last wrote which fields."""

    manager: str = ""
    operation: str = ""
    fields_v1: Raw = field(default_factory=Raw, name="fieldsV1")


class Metadata(Struct, frozen=True, rename="camel"):
    """``metadata``."""

    managed_fields: list[Manager] | None = None
    owner_references: Raw = field(default_factory=Raw)


class Object(Struct, frozen=True):
    """A custom resource."""

    metadata: Metadata = field(default_factory=Metadata)
    status: Raw = field(default_factory=Raw)

    @property
    def has_status(self) -> bool:
        """Whether there is anything to lose."""
        return jsontext.present(self.status) and not jsontext.is_empty_object(self.status)


class Seen:
    """The sum.

    Attributes:
        objects: how many there are.
        at_risk: how many of them have a status.
        owned: how many of the sampled ones have owner references.
        samples: statuses of some.
        managers: of the sampled ones, how many statuses a field manager has written to, by its name and operation.
    """

    def __init__(self) -> None:
        self.objects = 0
        self.at_risk = 0
        self.owned = 0
        self.samples: list[dict[str, Any]] = []
        self.managers: Counter[tuple[str, str]] = Counter()
        self._bytes = 0

    def add(self, found: Object) -> None:
        """Count an object, and sample it while there is room."""
        self.objects += 1
        if not found.has_status:
            return
        self.at_risk += 1
        if len(self.samples) < MOST_SAMPLES and self._bytes + len(bytes(found.status)) <= MOST_BYTES:
            self._sample(found)

    def _sample(self, found: Object) -> None:
        try:
            status = msgspec.json.decode(found.status)
        except (msgspec.DecodeError, RecursionError):  # nested too deeply, or characters that are none
            return
        if not isinstance(status, dict):
            return
        self._bytes += len(bytes(found.status))
        self.samples.append(status)
        self.owned += jsontext.is_list(found.metadata.owner_references)
        for entry in found.metadata.managed_fields or ():
            if "f:status" in jsontext.members(entry.fields_v1):
                self.managers[entry.manager, entry.operation] += 1
