"""The course of one install as its caller sees it: asked once, watched to its end, found again where a line broke.

The request goes out once. It is sent again only where nothing of it can have had an effect: there was no connection, or
the gate itself said that nothing was sent. Where the line breaks after that, the install is looked for, never repeated.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from http import HTTPStatus
from typing import Any, Final, Protocol

import httpx

from app.cli.install_ending import Ending, Later, Outcome, Told, concluded, read_body, told_by_stream
from app.cli.install_gate import GateClient, Greeting, LostError, NotSentError, events, is_stream, read_progress
from app.cli.install_order import Order
from app.gate.progress import Phase, Progress

FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 15.0
"""Seconds between two tries to reach a gate that is away: doubled from the first on."""
AWAY: Final = 300.0
"""Seconds for which a gate may be away before its word is given up: it may drain for a hundred, and then its pod has to
be placed, pulled and started elsewhere."""
TAKING: Final = 10.0
"""Seconds after an interruption in which the gate may still say that it took the install on, or let it go."""


class Show(Protocol):
    """What a caller sees of it."""

    def progress(self, progress: Progress) -> None:
        """It changed."""

    def note(self, sentence: str) -> None:
        """Something happened between here and the gate."""


class Course:
    """One install.

    Args:
        order: what is asked for.
        gate: who is asked.
        show: told of what happens.
        clock: seconds that only grow.
    """

    def __init__(self, order: Order, gate: GateClient, show: Show, clock: Callable[[], float]) -> None:
        self._order = order
        self._gate = gate
        self._show = show
        self._clock = clock
        self._end = clock() + order.wait
        self._greeting: Greeting | None = None
        self._asked = False
        self._known = asyncio.Event()
        self._progress: Progress | None = None

    @property
    def identity(self) -> str:
        """The install's id; empty where it was never told."""
        return self._progress.id if self._progress else ""

    @property
    def _remaining(self) -> float:
        return max(0.0, self._end - self._clock())

    async def run(self, interrupted: Awaitable[int]) -> Ending:
        """Go through with it.

        Args:
            interrupted: gives the number of the signal that ends it early.
        """
        work = asyncio.ensure_future(self._work())
        stop = asyncio.ensure_future(interrupted)
        try:
            await _first(work, stop)
            return work.result() if work.done() else await self._cancelled(work, stop.result())
        finally:
            work.cancel()
            stop.cancel()

    async def _work(self) -> Ending:
        greeted = await self._greeted()
        if isinstance(greeted, Ending):
            return greeted
        self._greeting = greeted
        while True:
            said = await self._attempt()
            if isinstance(said, Ending):
                return said
            if self._remaining <= said.seconds:
                return said.ending
            self._show.note(f"{said.ending.sentence} Asking again in {said.seconds:g} s.")
            await asyncio.sleep(said.seconds)

    async def _greeted(self) -> Greeting | Ending:
        while True:
            try:
                said = await self._gate.greet()
            except NotSentError as error:
                return Ending(outcome=Outcome.UNUSABLE, sentence=f"{error} Nothing was sent.", sent=False)
            if not isinstance(said, Later):
                return said
            if self._remaining <= said.seconds:
                return said.ending
            self._show.note(f"{said.ending.sentence} Asking again in {said.seconds:g} s.")
            await asyncio.sleep(said.seconds)

    async def _attempt(self) -> Ending | Later:
        """Ask once, and stay with it to its end."""
        self._progress = None
        self._known.clear()
        self._asked = True
        try:
            told = await self._told(self._gate.ask(self._remaining))
        except NotSentError as error:
            self._asked = False
            sentence = f"The gate went away: {error} Nothing was sent."
            return Later(FIRST_DELAY, Ending(outcome=Outcome.NOT_READY, sentence=sentence, sent=False))
        found = told or await self._found_again()
        if isinstance(found, Ending):
            return found
        said = concluded(found, self._progress, self._order)
        self._asked = isinstance(said, Ending)
        return said

    async def _told(self, asking: AbstractAsyncContextManager[httpx.Response]) -> Told | None:
        """Read one answer to its end; None where it broke off, or is none of the gate's."""
        try:
            async with asking as answer:
                if not is_stream(answer):
                    told = Told(answer.status_code, read_body(await answer.aread()))
                    return None if _is_a_proxys(told) else told
                async for name, data in events(answer):
                    if name == "progress":
                        self._saw(read_progress(data))
                    elif name == "result" and (result := told_by_stream(data)):
                        return result
        except LostError:
            pass
        return None

    def _saw(self, progress: Progress | None) -> None:
        if progress is None or (self._progress and progress.version < self._progress.version):
            return
        self._progress = progress
        self._known.set()
        self._show.progress(progress)

    async def _found_again(self) -> Told | Ending:
        """The line broke: find the install under its id, or among the caller's."""
        away, delay = self._clock(), FIRST_DELAY
        self._show.note("The connection broke. Looking for the install again.")
        while self._clock() - away < AWAY:
            try:
                if self._progress is None and await self._is_unknown():
                    return self._lost()
                if self._progress is not None:
                    seen = self._progress.version
                    told = await self._told(self._gate.watch(self._progress.id))
                    if told and told.streamed:
                        return told
                    if told and told.body.slug == "no-such-install":
                        return self._lost()
                    if self._progress.version > seen:
                        away, delay = self._clock(), FIRST_DELAY
            except (NotSentError, LostError):
                pass
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST_DELAY)
        return self._lost()

    async def _is_unknown(self) -> bool:
        """Look for an install whose id was never told among the caller's own; whether there is none for sure."""
        greeting = await self._gate.greet()
        if not isinstance(greeting, Greeting):
            return False
        found = [one for one in greeting.installs if self._is_ours(one)]
        if found:
            self._saw(found[0])  # the latest comes first
        return not found

    def _is_ours(self, other: Progress) -> bool:
        order = self._order
        wanted = (order.repo, order.action, order.namespace, (order.chart, order.version, order.release))
        charts = [(chart.name, chart.version, chart.release) for chart in other.charts]
        is_new = self._greeting is None or other.created >= self._greeting.now
        return is_new and len(charts) == 1 and (other.repo, other.action, other.namespace, charts[0]) == wanted

    def _lost(self) -> Ending:
        """Nobody can say what became of it."""
        known = f"It was {self._progress.phase} when it was last seen. " if self._progress else ""
        sentence = (
            "The connection broke, and the gate does not know the install any more. "
            f"{known}Do not send it again before you have looked at the namespace's Operations and at the release."
        )
        checks = self._progress.checks if self._progress else ()
        return Ending(outcome=Outcome.UNKNOWN, sentence=sentence, sent=None, checks=checks)

    async def _cancelled(self, work: asyncio.Future[Ending], number: int) -> Ending:
        """Take it back, if it still can be, and say which of it is true."""
        if not self._asked:
            return _interrupted(number, "Interrupted. Nothing was sent.", sent=False)
        self._show.note("Cancelling. Again to leave at once, without a word of the gate's.")
        with suppress(TimeoutError):
            async with asyncio.timeout(TAKING):
                await _first(work, asyncio.ensure_future(self._known.wait()))
        if work.done():
            return work.result()
        page = self._order.page(self._progress.id if self._progress else "")
        try:
            if self._progress is None:
                await self._is_unknown()
            if self._progress is None:
                sentence = "Interrupted before the gate had taken it on. Nothing of it is among your installs there."
                return _interrupted(number, sentence, sent=None)
            status = await self._gate.cancel(self._progress.id)
            if status == HTTPStatus.OK:
                return _interrupted(number, "Cancelled. Nothing was sent to Rancher.", sent=False)
            return await self._too_late(work, number, page)
        except (NotSentError, LostError):
            sentence = f"Interrupted, and the gate does not answer: whether it is cancelled is not known. See {page}"
            return _interrupted(number, sentence, sent=None)

    async def _too_late(self, work: asyncio.Future[Ending], number: int, page: str) -> Ending:
        await asyncio.wait({work}, timeout=FIRST_DELAY)
        if work.done():  # it had just ended
            return work.result()
        progress = self._progress
        phase = progress.phase if progress else Phase.SENDING
        sentence = f"Too late to cancel: it was sent to Rancher ({phase}), and goes on. See what becomes of it: {page}"
        operation = progress.operation if progress else None
        return _interrupted(number, sentence, sent=True, operation=operation)


def _interrupted(number: int, sentence: str, *, sent: bool | None, operation: tuple[str, str] | None = None) -> Ending:
    return Ending(outcome=Outcome.INTERRUPTED, sentence=sentence, sent=sent, operation=operation, signal=number)


async def _first(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


def _is_a_proxys(told: Told) -> bool:
    """Whether a proxy answered because it had no answer of the gate's."""
    fault = told.status in {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
    return fault and not told.body.slug and not told.body.code


async def first_signal() -> int:
    """The number of the first SIGINT or SIGTERM; a second one ends the process in the usual way."""
    loop = asyncio.get_running_loop()
    caught: asyncio.Future[int] = loop.create_future()

    def stop(number: int) -> None:
        for one in _SIGNALS:
            loop.remove_signal_handler(one)
        if not caught.done():
            caught.set_result(number)

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop, int(number))
    try:
        return await caught
    finally:
        for one in _SIGNALS:
            loop.remove_signal_handler(one)


_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
