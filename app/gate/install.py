"""One install, as those who wait for it see it."""

from app.gate.port import Reply
from app.gate.progress import Progress


class Install:
    """An install that the gate has taken on; callers that asked for the same share one."""

    reply: Reply | None = None
    """Rancher's own answer, whole: to the POST, or the 401 by which it refused the caller. The edge passes it on."""

    @property
    def progress(self) -> Progress:
        """How it stands now."""
        raise NotImplementedError

    async def changed(self, seen: int) -> Progress:
        """How it stands as soon as its version is beyond ``seen``; at once if it is already."""
        raise NotImplementedError

    async def ended(self) -> Progress:
        """How it ended, as soon as it has."""
        raise NotImplementedError

    def leave(self) -> None:
        """One caller waits no more: to be called exactly once for each ``Gate.submit`` that gave this install.

        When the last one leaves a synchronous install of which nothing was sent yet, it is cancelled. Once sending has
        begun, it goes on to its end. An asynchronous one goes on in any case.
        """
        raise NotImplementedError
