"""POST …?action=install|upgrade: held until it can succeed, and answered with what became of it."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from math import ceil, inf
from typing import Final

from msgspec.structs import replace

from app.api.admission import Receive, Scope, Send
from app.api.deadline import Deadline
from app.api.gate.arriving import Arrived, target, values
from app.api.gate.attending import Attending
from app.api.gate.events import SILENCE, Events
from app.api.gate.outcomes import accepted, as_it_came, concluded, location, not_ready, not_taken, preferred
from app.api.gate.problems import refused
from app.api.gate.receiving import NO_ROOM, Bodies
from app.api.gate.reception import Reception
from app.api.gate.telemetry import log_fault
from app.api.gate.writing import Written
from app.core.gate import body, preferences
from app.core.gate.body import InstallBody
from app.core.gate.installation_call import InstallCall
from app.core.gate.preferences import DEFAULT_WAIT, Preferences, wants_events
from app.core.gate.refusal import Refusal
from app.gate.course import FIRST_TRY
from app.gate.gate import Gate
from app.gate.install import Install
from app.gate.limits import NotTaken
from app.gate.port import Place, Post
from app.gate.progress import Phase, Progress
from app.gate.request import InstallRequest

LEAST_PATIENCE: Final = 3.0
"""Seconds in which Rancher may say who a caller is, however little time they give: without that nothing is held."""
NO_LOOK: Final = NotTaken(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "rancher-unreachable",
    "Rancher did not show the repository in time, so this request was not taken on; try again later.",
)
GRACE: Final = 1.0
"""Seconds after a caller's time in which the engine's own answer is still the one to give: it knows more."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """An install as it was asked for, before anybody was asked about it."""

    arrived: Arrived
    post: Post
    body: InstallBody
    preferences: Preferences
    since: float

    @property
    def waited(self) -> float:
        """Seconds that the caller has waited."""
        return asyncio.get_running_loop().time() - self.since


class Holding:
    """Answers installs and upgrades.

    Args:
        engine: holds, sends and follows them.
        reception: says who calls.
        bodies: reads what they send.
        silence: seconds between two signs of life on a stream.
    """

    def __init__(self, engine: Gate, reception: Reception, bodies: Bodies, silence: float = SILENCE) -> None:
        self._engine = engine
        self._reception = reception
        self._bodies = bodies
        self._silence = silence
        self._waiting: set[asyncio.Task[None]] = set()

    async def answer(self, call: InstallCall, scope: Scope, receive: Receive, send: Send) -> Written | None:
        """Answer one call; None where the answer was a stream, and is sent."""
        asked = await self._read(call, scope, receive)
        if isinstance(asked, Written):
            return asked
        wishes = asked.preferences
        size = len(asked.post.body)
        with Attending(receive):
            install = await self._submitted(asked)
            waited = asked.waited
            del asked  # of those who share an install, one body is enough
            if isinstance(install, Written):
                return install
            try:
                if wants_events(values(scope["headers"], b"accept")):
                    await self._stream(install, wishes, send)
                    return None
                return await self._outcome(install, wishes, waited)
            finally:
                install.leave()
                self._free(install, size)

    async def _read(self, call: InstallCall, scope: Scope, receive: Receive) -> _Asked | Written:
        arrived = self._reception.arrive(scope)
        if isinstance(arrived, Refusal):
            return refused(arrived)
        if arrived.crossing:
            return refused(arrived.crossing)
        headers = scope["headers"]
        raw = await self._bodies.read(next(iter(values(headers, b"content-length")), b""), receive)
        if isinstance(raw, Refusal):
            return refused(raw)
        read = body.read(raw)
        if isinstance(read, Refusal):
            return refused(read, close=False)
        post = Post(_place(call), call.action, target(scope), arrived.forwarded.headers, raw)
        since = asyncio.get_running_loop().time()
        return _Asked(arrived, post, read, preferences.read(values(headers, b"prefer")), since)

    async def _submitted(self, asked: _Asked) -> Install | Written:
        arrived, wishes, size = asked.arrived, asked.preferences, len(asked.post.body)
        if not self._bodies.keep(size):
            return not_taken(NO_ROOM)
        arriving = self._engine.arriving(arrived.caller, asynchronous=wishes.asynchronous)
        if isinstance(arriving, NotTaken):
            self._bodies.free(size)
            return not_taken(arriving)
        try:
            with arriving:
                user = await self._reception.user(arrived, _patience(wishes))
        except BaseException:
            self._bodies.free(size)
            raise
        if isinstance(user, Written):
            self._bodies.free(size)
            return user
        rest = replace(wishes, wait=max(0, ceil(wishes.wait - asked.waited)))
        request = InstallRequest(asked.post, asked.body, arrived.credential, arrived.caller, rest, user)
        submitting = asyncio.create_task(self._engine.submit(request))
        try:
            with Deadline(inf if wishes.asynchronous else max(wishes.hold - asked.waited, LEAST_PATIENCE)):
                install = await asyncio.shield(submitting)
        except (asyncio.CancelledError, TimeoutError) as error:
            # whoever goes just now leaves what they are taken on for a moment later
            submitting.add_done_callback(partial(self._left, size))
            if isinstance(error, TimeoutError):
                return not_taken(NO_LOOK)
            raise
        except Exception:
            self._bodies.free(size)
            raise
        if isinstance(install, NotTaken):
            self._bodies.free(size)
            return not_taken(install)
        return install

    def _left(self, size: int, submitting: asyncio.Task[Install | NotTaken]) -> None:
        try:
            install = submitting.result()
        except Exception as error:  # noqa: BLE001 - nobody is there to be told; the log has it
            log_fault(error)
            self._bodies.free(size)
            return
        if isinstance(install, NotTaken):
            self._bodies.free(size)
        else:
            install.leave()
            self._free(install, size)

    def _free(self, install: Install, size: int) -> None:
        """Count the body no more, as soon as the install does not need it."""
        if install.progress.phase is Phase.ENDED:
            self._bodies.free(size)
        else:
            waiting = asyncio.create_task(self._free_after(install, size))
            self._waiting.add(waiting)
            waiting.add_done_callback(self._waiting.discard)

    async def _free_after(self, install: Install, size: int) -> None:
        await install.ended()
        self._bodies.free(size)

    async def _stream(self, install: Install, wishes: Preferences, send: Send) -> None:
        where = location(install.progress).encode()
        events = Events(send, ((b"content-location", where), *preferred(wishes)), self._silence)
        await events.follow(install, lambda: concluded(install, wishes, self._reception.now()))

    async def _outcome(self, install: Install, wishes: Preferences, waited: float) -> Written:
        """Wait as long as the caller does; what is being sent by then is waited for, since it cannot be taken back."""
        try:
            with Deadline(max(0.0, wishes.hold - waited) + (0 if wishes.asynchronous else GRACE)):
                await install.ended()
        except TimeoutError:
            await self._first_try(install, wishes)
            progress = install.progress
            if wishes.asynchronous:
                return accepted(progress, wishes)
            if progress.phase.is_before_sending:
                return not_ready(progress, wishes)
            if progress.phase is Phase.FOLLOWING and install.reply:
                return as_it_came(install.reply, preferred(replace(wishes, until_deployed=False)))
            await install.ended()
        return concluded(install, wishes, self._reception.now())

    async def _first_try(self, install: Install, wishes: Preferences) -> None:
        """Let whoever gave little time, or none, have the try that is being made: a probe may download a chart."""
        if wishes.asynchronous or wishes.hold >= FIRST_TRY:
            return
        with suppress(TimeoutError), Deadline(FIRST_TRY - wishes.hold):
            while _is_tried(install.progress):
                await install.changed(install.progress.version)


def _patience(wishes: Preferences) -> float:
    """Seconds in which Rancher may say who a caller is. An asynchronous install is not lost over a slow answer."""
    least = min(wishes.deadline, DEFAULT_WAIT) if wishes.asynchronous else 0
    return max(wishes.hold, least, LEAST_PATIENCE)


def _is_tried(progress: Progress) -> bool:
    """Whether the first try is under way: it begins with a look, and ends where that or an attempt says "not yet"."""
    not_looked_yet = progress.phase is Phase.HELD and not progress.checks
    return not_looked_yet or progress.phase is Phase.QUEUED


def _place(call: InstallCall) -> Place:
    return Place(call.cluster, call.repo, call.prefix)
