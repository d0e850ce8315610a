"""The gate's port over HTTP: reads over shared connections, installs over connections of their own.

Whatever is asked goes to one origin, with the credential of whoever asks and with nothing of the gate's own. An answer
is an object or a reason why there is none; no text of an answer gets into an exception or a log.
"""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from http import HTTPStatus
from typing import Final

from app.core.gate.forwarding import OWN_VIA
from app.core.gate.reading import Unread
from app.gate.port import JSON, Credential, Nudged, Place, Reply
from app.rancher import readings
from app.rancher.connection import ACCEPT, LARGEST_OBJECT, OwnConnection, opened
from app.rancher.helm_log import MOST_LINES, tail_of
from app.rancher.http1 import READ_SECONDS, Call, Observe
from app.rancher.kept import Kept
from app.rancher.upstream import Upstream
from app.rancher.wire_errors import BrokenError, WireError

LARGEST_INDEX: Final = 64 * 1024 * 1024
"""Bytes: the largest public indexes have about 25 MB."""
LARGEST_LIST: Final = 32 * 1024 * 1024
"""Bytes: Rancher deletes Operations after an hour, so this is some thousand installs of an hour in one namespace."""
LARGEST_USER: Final = 256 * 1024
INDEX_SECONDS: Final = 60.0
"""Without a byte of the index, which Rancher puts together from ConfigMaps and filters."""
_PASSED_ON: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.LOOP_DETECTED})
MOST_NUDGES: Final = 5
"""Attempts to write: the leader writes the same object twice after each download, hardly ever more often."""


class RancherClient:
    """What ``app.gate.port.Rancher`` asks for; close it in the end.

    Args:
        upstream: where Rancher is.
        observe: told of every exchange.
    """

    def __init__(self, upstream: Upstream, observe: Observe) -> None:
        self._upstream = upstream
        self._observe = observe
        self._kept = Kept(upstream, observe)

    def close(self) -> None:
        """Hang up on all that is shared."""
        self._kept.close()

    def connect(self) -> AbstractAsyncContextManager[OwnConnection]:
        """A connection of one's own, freshly made; entering raises ``NotSentError`` if none can be had."""
        return opened(self._upstream, self._observe)

    async def user(self, credential: Credential) -> str | Reply | Unread:
        """The id of the Rancher user; Rancher's own refusal as it came (401), or ``FAILED``.

        A 508 comes back as it came, too: it is the gate's own word, where its upstream leads back to it.
        """
        headers = (*credential.headers, ACCEPT, OWN_VIA)
        reply = await self._exchange(Call("user", b"GET", b"/v3/users?me=true", headers), LARGEST_USER)
        if isinstance(reply, Unread) or reply.status in _PASSED_ON:
            return reply
        return readings.user_id(reply) or Unread.FAILED

    async def repository(self, place: Place, credential: Credential) -> JSON | Unread:
        """The ClusterRepo as one of the replicas has it."""
        reply = await self._get("repository", readings.repository(place), credential)
        return reply if isinstance(reply, Unread) else readings.read(reply, place.repo)

    async def index(self, place: Place, credential: Credential) -> JSON | Unread:
        """The index as an install sees it: every chart with its versions, and nothing else of its entries."""
        target = readings.repository(place, "?link=index&skipFilter=true")
        reply = await self._get("index", target, credential, LARGEST_INDEX, INDEX_SECONDS)
        return reply if isinstance(reply, Unread) else readings.read_index(reply, place.repo)

    async def operations(self, place: Place, namespace: str, credential: Credential) -> JSON | Unread:
        """The namespace's Operations as a raw Kubernetes list, where "no right to" is ``FORBIDDEN`` and not empty."""
        target = readings.raw(place, namespace, "operations")
        if target is None:
            return Unread.ABSENT
        reply = await self._get("operations", target, credential, LARGEST_LIST)
        return reply if isinstance(reply, Unread) else readings.read_list(reply)

    async def operation(self, place: Place, namespace: str, name: str, credential: Credential) -> JSON | Unread:
        """One Operation, raw."""
        return await self._object("operation", readings.raw(place, namespace, "operations", name), name, credential)

    async def app(self, place: Place, namespace: str, release: str, credential: Credential) -> JSON | Unread:
        """The App of a release, raw."""
        return await self._object("app", readings.raw(place, namespace, "apps", release), release, credential)

    async def ui_plugin(self, place: Place, namespace: str, name: str, credential: Credential) -> JSON | Unread:
        """A UIPlugin, raw."""
        return await self._object("uiplugin", readings.raw(place, namespace, "uiplugins", name), name, credential)

    async def helm_log(self, place: Place, namespace: str, operation: str, credential: Credential) -> str | Unread:
        """What helm printed, its last 64 KiB; it can carry secrets: redact before showing.

        ``FAILED`` also where there is no pod, or none any more: Rancher answers a 500 then.
        """
        target = readings.log(place, namespace, operation, MOST_LINES)
        if target is None:
            return Unread.ABSENT
        headers = (*credential.headers, (b"Accept", b"text/plain, application/json"))
        call = Call("log", b"GET", target, headers)
        try:
            async with self._kept.lent(fresh=True) as http:
                head = await http.ask(call)
                text = await tail_of(http.parts(call.seconds))
        except WireError:
            return Unread.FAILED
        return text if head.status == HTTPStatus.OK else readings.unread(head.status, text.encode(), operation)

    async def nudge(self, place: Place, credential: Credential, now: datetime) -> Nudged:
        """Have the controller look again: PUT the ClusterRepo with another ``forceUpdate``, read anew after a 409."""
        headers = (*credential.headers, ACCEPT, (b"Content-Type", b"application/json"))
        for _ in range(MOST_NUDGES):
            found = await self.repository(place, credential)
            if isinstance(found, Unread):
                return Nudged.FORBIDDEN if found is Unread.FORBIDDEN else Nudged.FAILED
            body = readings.with_force_update(found, now)
            reply = await self._exchange(Call("nudge", b"PUT", readings.repository(place), headers, body))
            if isinstance(reply, Unread) or reply.status != HTTPStatus.CONFLICT:
                return _nudged(reply)
        return Nudged.FAILED

    async def _object(self, what: str, target: bytes | None, name: str, credential: Credential) -> JSON | Unread:
        if target is None:
            return Unread.ABSENT
        reply = await self._get(what, target, credential)
        return reply if isinstance(reply, Unread) else readings.read(reply, name)

    async def _get(
        self,
        what: str,
        target: bytes,
        credential: Credential,
        most: int = LARGEST_OBJECT,
        seconds: float = READ_SECONDS,
    ) -> Reply | Unread:
        return await self._exchange(Call(what, b"GET", target, (*credential.headers, ACCEPT), seconds=seconds), most)

    async def _exchange(self, call: Call, most: int = LARGEST_OBJECT) -> Reply | Unread:
        try:
            return await self._attempted(call, most)
        except WireError:
            return Unread.FAILED

    async def _attempted(self, call: Call, most: int) -> Reply:
        """A read is repeated (RFC 9110, 9.2.2) where a kept connection turns out to have ended meanwhile."""
        async with self._kept.lent() as http:
            kept = http.exchanges > 0
            try:
                return await http.whole(call, most)
            except BrokenError:
                if not kept or call.method != b"GET":
                    raise
        async with self._kept.lent(fresh=True) as http:
            return await http.whole(call, most)


def _nudged(reply: Reply | Unread) -> Nudged:
    if isinstance(reply, Unread):
        return Nudged.FAILED
    if reply.status == HTTPStatus.OK:
        return Nudged.DONE
    return Nudged.FORBIDDEN if reply.status == HTTPStatus.FORBIDDEN else Nudged.FAILED
