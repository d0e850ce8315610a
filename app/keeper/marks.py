"""The annotations by which the keeper remembers across restarts and leaders.

On an object there is one, and a person may remove it. The others are on its last-known-good revision.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, Protocol

from app.keeper.port import Watched

_DOMAIN: Final = "statusguard.io"

REPAIR: Final = f"{_DOMAIN}/repair"
"""On an object whose loss came back each time: nothing is put back until somebody removes it."""

REPORTED: Final = f"{_DOMAIN}/loss-reported"
"""What of the loss was reported, and at which resourceVersion; gone once the loss is."""

REPAIRS: Final = f"{_DOMAIN}/repairs"
"""How often something was put back, of late."""

REPAIRED_AT: Final = f"{_DOMAIN}/repaired-at"
"""When that was last."""

STOPPED: Final = f"{_DOMAIN}/repair-stopped"
"""When the object was told that nothing is put back any more. If it does not say so now, a person removed it."""

RESUMED: Final = f"{_DOMAIN}/repair-resumed"
"""When repairs went on after that."""

PERMITTED: Final = f"{_DOMAIN}/loss-permitted"
"""What of this revision an override has let go: ``RESOURCEVERSION; WORDS``, the object's version that was seen without
it, and ``history.permission``'s words. It stays so when the override is over, until the object is good again."""

CARRIED: Final = (REPAIRS, REPAIRED_AT, STOPPED, RESUMED)
"""What the next last-known-good says too: it is about the object."""

OBJECT: Final = f"{_DOMAIN}/object"
"""Whose revision it is: ``GROUP/RESOURCE/NAMESPACE/NAME``."""

VERSION: Final = f"{_DOMAIN}/resource-version"
"""The resourceVersion at which the object had this status last."""

SUCCESSOR: Final = f"{_DOMAIN}/successor"
"""The uid of the object that was made under the same name since, once that has been said."""

GONE: Final = f"{_DOMAIN}/gone-since"
"""When the object was first found to be gone."""


class Named(Protocol):
    """An object, by its names."""

    namespace: str
    name: str


def subject(kind: Watched, one: Named) -> str:
    """What ``OBJECT`` says of the revisions of an object."""
    target = kind.guard.target
    return f"{target.group}/{target.resource}/{one.namespace}/{one.name}"


def loss(paths: tuple[str, ...]) -> str:
    """The mark of a loss, the same for the same paths."""
    return sha256("\n".join(paths).encode()).hexdigest()[:16]


MOST_REPAIRS: Final = 3
"""Times that the same object is repaired in a row: somebody takes away what is put back, and a person has to look."""
_DIGITS: Final = 20
"""Those of the greatest resourceVersion (64 bits); Python refuses to read the thousands that somebody may write."""
QUIET: Final = timedelta(hours=1)
"""Without a repair for as long, counting begins anew."""


def repairs(annotations: Mapping[str, str], now: datetime) -> int:
    """How often the object was repaired of late."""
    return number(annotations.get(REPAIRS, "")) if recent(annotations.get(REPAIRED_AT), now) else 0


def number(text: str) -> int:
    """The number in one of our annotations; 0 where somebody wrote something else there."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0


def recent(text: str | None, now: datetime) -> bool:
    """Whether a time that an annotation tells is less than ``QUIET`` ago, or, by another clock, still to come."""
    found = moment(text or "")
    return found is not None and now - found < QUIET


def written(at: datetime) -> str:
    """A time as annotations have it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime | None:
    """The time that one of our annotations tells; None where somebody wrote something else there."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
