"""One look at a repository with a caller's own credential, and what it comes to."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from app.core.gate import cluster_repo
from app.core.gate.cluster_repo import ClusterRepo
from app.core.gate.readiness import Readiness
from app.core.gate.reading import Unread, text
from app.core.gate.repository import Known, WantedChart, assess
from app.gate.port import Credential, Place, Rancher, Reply


class Reader(Protocol):
    """Who reads a repository: Rancher by shared connections, or a connection of one's own."""

    async def repository(self, place: Place, credential: Credential) -> Any | Unread:  # noqa: ANN401 - JSON
        """The ClusterRepo."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read; it lives no longer than it takes to judge it.

    Attributes:
        found: the parsed object, or why there is none.
        begun: when the read began, by the clock's ``monotonic``.
        refusal: Rancher's answer where it does not accept the credential any more.
    """

    found: Any
    begun: float
    refusal: Reply | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What a look came to for certain charts.

    Attributes:
        readiness: the checks.
        begun: when the read began, by the clock's ``monotonic``.
        refusal: Rancher's answer where it does not accept the credential any more.
    """

    readiness: Readiness
    begun: float
    refusal: Reply | None = None


async def see(reader: Reader, rancher: Rancher, place: Place, credential: Credential, begun: float) -> Seen:
    """Read the repository. A 401 is not to be seen there: where it fails it is asked whether the credential counts."""
    found = await reader.repository(place, credential)
    if found is Unread.FAILED:
        user = await rancher.user(credential)
        if isinstance(user, Reply):
            return Seen(found, begun, user)
    return Seen(found, begun)


class Memory:
    """What is remembered of a repository beyond one look: the spec that the controller is known to have processed.

    It decides only whether a generation that lags does so because of ``forceUpdate``.
    """

    __slots__ = ("_processed",)

    def __init__(self) -> None:
        self._processed: tuple[str, Mapping[str, object]] | None = None

    def assess(
        self,
        seen: Seen,
        charts: tuple[WantedChart, ...],
        now: datetime,
        index: Mapping[str, AbstractSet[str]] | None = None,
    ) -> Look:
        """Judge what was seen.

        Args:
            seen: it.
            charts: what is to be installed; none for the part that all who wait have in common.
            now: the time of day.
            index: versions by chart, if they are known.
        """
        processed = None
        if not isinstance(seen.found, Unread):
            processed = self._remembered(cluster_repo.read(seen.found), seen.found)
        known = Known(index=index, processed_spec=processed)
        return Look(assess(seen.found, charts, now, known), seen.begun, seen.refusal)

    def _remembered(self, repository: ClusterRepo, found: object) -> Mapping[str, object] | None:
        if repository.observed >= repository.generation:
            self._processed = (repository.uid, cluster_repo.spec_without_force_update(found))
        if self._processed is None or self._processed[0] != repository.uid:
            return None
        return self._processed[1]


def index_state(found: object) -> tuple[str, ...]:
    """What changes when the index does; all empty where there is no object."""
    paths = ("indexConfigMapName", "indexConfigMapResourceVersion", "commit", "downloadTime")
    return (text(found, "metadata", "uid"), *(text(found, "status", path) for path in paths))
