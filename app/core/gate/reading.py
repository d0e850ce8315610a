"""Parts of parsed JSON that somebody else wrote: every function here is total, whatever the value is.

Objects come in two forms, from Rancher's own API and from the raw Kubernetes path. The parts that the gate looks at
are the same in both.
"""

from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct


class Unread(StrEnum):
    """Why there is no object to look at."""

    ABSENT = "absent"  # the kind is served, the object is not there
    FORBIDDEN = "forbidden"
    NOT_SERVED = "not served"  # the CRD is not established, or its schema is not visible to the caller
    FAILED = "failed"  # the read itself went wrong; it says nothing about the object


class Condition(Struct, frozen=True, gc=False):
    """One of an object's conditions; a part that is missing is empty."""

    status: str
    message: str
    updated: str

    @property
    def true(self) -> bool:
        """Whether it holds."""
        return self.status == "True"

    @property
    def false(self) -> bool:
        """Whether it is said not to hold, which is not the same as not being there."""
        return self.status == "False"


def member(value: object, *path: str) -> object:
    """What stands at a path of keys, None where there is nothing."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text(value: object, *path: str) -> str:
    """The string at a path, empty where there is none."""
    found = member(value, *path)
    return found if isinstance(found, str) else ""


def integer(value: object, *path: str) -> int | None:
    """The integer at a path; ``true`` is none."""
    found = member(value, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def items(value: object, *path: str) -> list[object]:
    """The list at a path, empty where there is none."""
    found = member(value, *path)
    return found if isinstance(found, list) else []


def condition(value: object, kind: str) -> Condition | None:
    """The first condition of that type."""
    for found in items(value, "status", "conditions"):
        if text(found, "type") == kind:
            return Condition(text(found, "status"), text(found, "message"), text(found, "lastUpdateTime"))
    return None


def instant(value: object, *path: str) -> datetime | None:
    """The RFC 3339 time at a path; one without a zone is none, since it could mean any hour."""
    try:
        found = datetime.fromisoformat(text(value, *path))
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):  # year 1 or 9999, moved to UTC, leaves the calendar
        return None


def same_version(one: str, other: str) -> bool:
    """Whether two chart versions are one: Helm takes ``v1.2.3`` for ``1.2.3``."""
    return one.removeprefix("v") == other.removeprefix("v")
