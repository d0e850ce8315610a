"""Helm's log of an install that failed, for whoever looks at it: read with their own credential, and redacted."""

from typing import Final, Protocol

from app.core.gate.installation_call import LOCAL
from app.core.gate.reading import Unread
from app.gate.port import Credential, Place
from app.gate.progress import InstallFailed, Progress
from app.gate.secrecy import redacted

LONGEST: Final = 8000
"""Characters: the end of helm's log, where it says what went wrong."""


class LogReader(Protocol):
    """Who can read logs; ``app.gate.port.Rancher`` does."""

    async def helm_log(self, place: Place, namespace: str, operation: str, credential: Credential) -> str | Unread:
        """What helm printed, its end; it can carry secrets."""


class Logs:
    """Reads logs for viewers.

    Args:
        reader: asks Rancher.
    """

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader

    async def of(self, progress: Progress, credential: Credential) -> str:
        """The end of the log, redacted; empty where the install did not fail or the viewer may not read it."""
        outcome = progress.outcome
        if not isinstance(outcome, InstallFailed) or outcome.operation is None:
            return ""
        prefix = "" if progress.cluster == LOCAL else f"/k8s/clusters/{progress.cluster}"
        place = Place(progress.cluster, progress.repo, prefix)
        found = await self._reader.helm_log(place, *outcome.operation, credential)
        return "" if isinstance(found, Unread) else redacted(found[-LONGEST:], credential, LONGEST)
