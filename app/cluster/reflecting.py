"""All objects of a kind and then every change: list in pages, watch from there, resume, and list again when that fails.

What a reflector remembers of an object is its uid and version. It reads on when it is asked for the next happening, so
a consumer that is slow slows the API server's sending, and nothing piles up here.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import Final

from aiohttp import ClientError, ClientTimeout
from msgspec import MsgspecError, Raw, Struct, field, json

from app.cluster.asking import Asked
from app.cluster.exchange import AbsentError, Call, Exchange, ExpiredError, decoded, unanswered
from app.cluster.lines import lines
from app.cluster.observing import observed, path, resource, version_of
from app.cluster.surroundings import Surroundings
from app.keeper.port import Broken, Gone, Happening, KeeperError, Observed, Seen, Synced, Watched

_STALE: Final = {HTTPStatus.GONE, HTTPStatus.BAD_REQUEST, HTTPStatus.GATEWAY_TIMEOUT}
"""Codes of a watch's last word that say that it cannot be resumed: too old, no version at all, or newer than what the
server knows (after its storage was put back)."""


_PATIENCE: Final = 2
"""Failures in a row before one that explains itself, like a list that took too long, is told as trouble."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how much. All but the first are seconds.

    Attributes:
        page: objects on one page of a list: 10 MB of objects of 20 KB.
        watch: how long the API server is asked to let a watch go on, and up to half as long again; beginning anew
            costs nothing but a request, and is what a connection is found dead by when nothing came to say so.
        grace: how long after that, or after the last byte, the end of a watch is waited for.
        begin: how long the beginning of an answer is waited for.
        first: the pause after a first failure, which doubles with each that follows.
        most: what it doubles to; client-go's reflector pauses as long.
        lived: a watch that went on so long was not in vain, though nothing happened.
    """

    page: int = 500
    watch: float = 60.0
    grace: float = 5.0
    begin: float = 15.0
    first: float = 0.5
    most: float = 30.0
    lived: float = 5.0

    def pause(self, failures: int, chance: Random) -> float:
        """Seconds until the next try after so many failures in a row; after none a moment, so that not all at once."""
        longest = min(self.most, self.first * 2.0 ** min(failures - 1, 32))
        return longest * chance.uniform(0.5, 1.0)


class _ListMeta(Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = field(default="", name="continue")


class _Page(Struct):
    metadata: _ListMeta
    items: list[Raw] | None = None


class _Event(Struct):
    type: str
    object: Raw


class _Status(Struct):
    code: int = 0
    message: str = ""


class Reflector:
    """One kind's.

    Args:
        exchange: sends.
        kind: which.
        surroundings: clocks and chance.
        pace: how long and how much.
    """

    def __init__(self, exchange: Exchange, kind: Watched, surroundings: Surroundings, pace: Pace) -> None:
        self._exchange, self._kind, self._surroundings, self._pace = exchange, kind, surroundings, pace
        self._known: dict[tuple[str, str], tuple[str, str]] = {}
        self._version = ""
        self._broken = False
        self._got_on = False

    async def happenings(self) -> AsyncGenerator[Happening, None]:
        """Everything, for ever."""
        failures = 0
        while True:
            self._got_on = False
            try:
                async with aclosing(self._once()) as happening:
                    async for one in happening:
                        yield one
            except ExpiredError as error:
                self._version = ""  # what is known stays known: a list shows what differs
                trouble = str(error) if failures >= _PATIENCE else ""
            except KeeperError as error:
                self._version = "" if isinstance(error, AbsentError) else self._version
                trouble = str(error)
            else:
                trouble = "" if self._got_on or failures < _PATIENCE else self._ends_at_once()
            failures = 0 if self._got_on and not trouble else failures + 1
            if trouble:
                self._broken = True
                yield Broken(trouble)
            await self._surroundings.sleep(self._pace.pause(failures, self._surroundings.chance))

    async def _once(self) -> AsyncGenerator[Happening, None]:
        """A list, unless a watch can be resumed; then a watch, until it ends."""
        steps = [self._changes()] if self._version else [self._all(), self._changes()]
        for step in steps:
            async with aclosing(step) as happening:
                async for one in happening:
                    yield one

    async def _all(self) -> AsyncGenerator[Happening, None]:
        """A whole list.

        One that takes so long that its rest is no longer to be had (410) begins anew. What it has shown it does not
        show again, so it does not wait for its consumer any more, and is faster each time.
        """
        missing = dict(self._known)
        version, token = "", ""
        while not version or token:
            call = self._call("list", limit=self._pace.page, **{"continue": token})
            page = decoded(await self._exchange.send(call), _Page, call)
            version = version or page.metadata.resource_version
            token = page.metadata.continue_
            for item in page.items or ():
                one = observed(bytes(item))
                missing.pop((one.namespace, one.name), None)
                for happening in self._seen(one):
                    yield happening
        for key, (uid, _) in missing.items():
            del self._known[key]
            yield Gone(*key, uid)
        self._version, self._got_on, self._broken = version, True, False
        yield Synced(len(self._known))

    async def _changes(self) -> AsyncGenerator[Happening, None]:
        """What a watch shows from the last version on, until it ends or is cut off."""
        pace, chance = self._pace, self._surroundings.chance
        longest = max(1, round(pace.watch * chance.uniform(1.0, 1.5)))
        call = self._call(
            "watch", watch="true", allowWatchBookmarks="true", resourceVersion=self._version, timeoutSeconds=longest
        )
        began = self._surroundings.elapsed()
        limits = ClientTimeout(total=None, sock_read=longest + pace.grace)
        opened = False
        try:
            async with (
                self._exchange.open(call, limits, pace.begin) as answer,
                aclosing(lines(answer.content)) as texts,
            ):
                opened = True
                if self._broken:
                    self._broken = False
                    yield Synced(len(self._known))
                async for text in texts:
                    for happening in self._change(text):
                        yield happening
        except (ClientError, OSError, TimeoutError) as error:
            if not opened:
                raise unanswered(call, error) from None
        finally:
            self._got_on |= self._surroundings.elapsed() - began >= pace.lived

    def _change(self, text: bytes) -> list[Happening]:
        try:
            event = json.decode(text, type=_Event)
        except (MsgspecError, UnicodeDecodeError) as error:
            raise KeeperError(
                f"cannot watch {resource(self._kind)}: what comes is not what an API server sends ({error})"
            ) from None
        match event.type:
            case "ADDED" | "MODIFIED":
                one = observed(event.object)
                happenings = self._seen(one)
                self._version = one.resource_version
            case "DELETED":
                one = observed(event.object)
                happenings = self._gone(one)
                self._version = one.resource_version
            case "BOOKMARK":
                happenings = []
                self._version = version_of(event.object)
            case _:
                raise self._last_word(event)
        self._got_on = True
        return happenings

    def _ends_at_once(self) -> str:
        return (
            f"cannot watch {resource(self._kind)}: the API server ends it at once, again and again; look for a proxy"
            " before it that does not let a watch through"
        )

    def _last_word(self, event: _Event) -> KeeperError:
        try:
            status = json.decode(event.object, type=_Status)
        except (MsgspecError, UnicodeDecodeError):
            status = _Status()
        text = f"cannot watch {resource(self._kind)}: {status.code}, {status.message or event.type}"
        return ExpiredError(text) if status.code in _STALE else KeeperError(text)

    def _seen(self, one: Observed) -> list[Happening]:
        key, state = (one.namespace, one.name), (one.uid, one.resource_version)
        before = self._known.get(key)
        if before == state:
            return []
        self._known[key] = state
        replaced: list[Happening] = [Gone(*key, before[0])] if before and before[0] != one.uid else []
        return [*replaced, Seen(one)]

    def _gone(self, one: Observed) -> list[Happening]:
        key = (one.namespace, one.name)
        if self._known.get(key, ("", ""))[0] != one.uid:
            return []
        del self._known[key]
        return [Gone(*key, one.uid)]

    def _call(self, verb: str, **query: str | int) -> Call:
        return Call(Asked(verb, resource(self._kind), path(self._kind)), query=query)
