"""The engine's front: takes installs on, joins equal ones, finds and cancels them for their owners, and stops well."""

from enum import StrEnum

from app.gate.install import Install
from app.gate.limits import NotTaken
from app.gate.port import Credential, Place
from app.gate.request import InstallRequest


class Cancelling(StrEnum):
    """What became of cancelling."""

    DONE = "done"  # nothing was sent, and nothing will be; also where it had been cancelled before
    TOO_LATE = "too late"  # it is being sent, was sent, or has ended


class Gate:
    """Installs that wait until they can succeed."""

    async def submit(self, request: InstallRequest) -> Install | NotTaken:
        """Take an install on, or join one that waits for the very same.

        Joined are installs of one credential (all headers of it alike), one call, one body and equal preferences but
        for the time, and only where every release has its name. Whoever joins is checked by a read of their own first.
        While the process stops, the install that is returned has already ended as ``Interrupted``.
        """
        raise NotImplementedError

    def find(self, user: str, cluster: str, identity: str) -> Install | None:
        """The install of that id, if it is this user's in this cluster: a living one, or an asynchronous record."""
        raise NotImplementedError

    def listed(self, user: str, cluster: str) -> tuple[Install, ...]:
        """This user's installs in this cluster, the latest first."""
        raise NotImplementedError

    def cancel(self, user: str, cluster: str, identity: str) -> Cancelling | None:
        """Cancel an install of which nothing was sent yet, for everybody who shares it; None if there is none."""
        raise NotImplementedError

    async def held_index(self, place: Place, credential: Credential, seconds: float) -> bool:
        """Wait until the repository is ready, as far as its object tells; whether it is.

        Args:
            place: the repository.
            credential: the reader's own; the answer is about what they may see.
            seconds: at most.
        """
        raise NotImplementedError

    async def run(self) -> None:
        """Do what goes on beside requests, until cancelled; cancelling it ends all that still lives, sent or not."""
        raise NotImplementedError

    async def drain(self) -> None:
        """Take nothing on any more, interrupt what was not sent, and return when nothing is being sent any more."""
        raise NotImplementedError
