"""Which Rancher user a caller is, verified by Rancher itself before anything is held, shown or cancelled for them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from app.api.gate.arriving import Arrived
from app.core.gate.origin import Kind
from app.core.gate.reading import Unread
from app.core.gate.schedule import retry_delay
from app.gate.clock import Clock
from app.gate.patience import Until
from app.gate.port import Credential, Reply
from app.gate.turns import Queue

KEPT: Final = 10.0
"""Seconds that Rancher's word is relied on. A token that is taken back can see its own records for that long; an
install is judged anew by Rancher whatever we remember."""
AT_ONCE: Final = 64
"""Questions that are under way at once, each on a connection: ten thousand strangers are not ten thousand open files,
and a Rancher that takes its 30 s with some of them still answers others."""
MOST_KEPT: Final = 20_000
"""Users remembered: twice the callers that are held by default."""


class Users(Protocol):
    """Who can say which user a credential belongs to; ``app.gate.port.Rancher`` does."""

    async def user(self, credential: Credential) -> str | Reply | Unread:
        """The id of the user; Rancher's own refusal as it came, or ``FAILED``."""


class Identities:
    """Asks Rancher once for callers that come together, and relies on the answer for a moment.

    Args:
        users: asks Rancher.
        clock: to forget by, and to wait with.
        jitter: from 0 up to 1, drawn anew for each use.
    """

    def __init__(self, users: Users, clock: Clock, jitter: Callable[[], float]) -> None:
        self._users = users
        self._clock = clock
        self._jitter = jitter
        self._known: dict[str, tuple[str, float]] = {}
        self._asking: dict[str, asyncio.Task[str | Reply | Unread]] = {}
        self._questions = Queue(AT_ONCE)

    async def of(self, arrived: Arrived, patience: float = 0.0) -> str | Reply | Unread:
        """The user's id, Rancher's refusal as it came, or that it could not be had.

        Args:
            arrived: the caller.
            patience: seconds in which to ask again while Rancher gives no answer, and to wait for one at most; with 0
                it is asked once, and waited for as long as any read.
        """
        end = self._clock.monotonic() + patience
        if not patience:
            return await self._once(arrived)
        try:
            with Until(self._clock, end):
                return await self._patiently(arrived, end)
        except TimeoutError:  # it takes the question, and says nothing to it
            return Unread.FAILED

    async def _patiently(self, arrived: Arrived, end: float) -> str | Reply | Unread:
        attempt = 0
        while True:
            found = await self._once(arrived)
            attempt += 1
            if not isinstance(found, Unread):
                return found
            delay = retry_delay(attempt, self._jitter())
            if self._clock.monotonic() + delay >= end:
                return found
            await self._clock.sleep(delay)

    async def _once(self, arrived: Arrived) -> str | Reply | Unread:
        if arrived.caller.kind is Kind.NONE:
            return await self._asked(arrived.credential)  # Rancher says no in its own words
        key = arrived.caller.fingerprint
        known = self._known.get(key)
        if known and known[1] > self._clock.monotonic():
            return known[0]
        asking = self._asking.get(key)
        if asking is None:
            asking = asyncio.create_task(self._ask(key, self._asked(arrived.credential)))
            self._asking[key] = asking
        return await asyncio.shield(asking)  # whoever leaves does not take the answer from the others

    async def _asked(self, credential: Credential) -> str | Reply | Unread:
        ticket = await self._questions.take()
        try:
            return await self._users.user(credential)
        finally:
            ticket.release()

    async def _ask(self, key: str, question: Awaitable[str | Reply | Unread]) -> str | Reply | Unread:
        try:
            found = await question
            if isinstance(found, str) and not isinstance(found, Unread):
                self._remember(key, found)
            return found
        finally:
            del self._asking[key]

    def _remember(self, key: str, user: str) -> None:
        self._known.pop(key, None)
        while len(self._known) >= MOST_KEPT:
            del self._known[next(iter(self._known))]
        self._known[key] = (user, self._clock.monotonic() + KEPT)
