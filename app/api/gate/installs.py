"""GET /installs and GET /installs/{id}, their event stream, and DELETE to cancel: for the install's owner only.

An install belongs to a Rancher user in a cluster, and Rancher itself says who a viewer is. For anybody else it does not
exist: the answer is the same 404 as for an id that never was.
"""

import re
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import json

from app.api.admission import Receive, Scope, Send
from app.api.gate.arriving import Arrived, values
from app.api.gate.attending import Attending
from app.api.gate.events import Events
from app.api.gate.helm_log import Logs
from app.api.gate.outcomes import JSON_TYPE, concluded
from app.api.gate.problems import OWN, problem, refused, written
from app.api.gate.reception import Reception
from app.api.gate.view import Pages, Trouble, View
from app.api.gate.writing import Written
from app.core.gate.installation_call import LOCAL, is_subdomain
from app.core.gate.preferences import EVENT_STREAM, JSON, Preferences, accepted
from app.core.gate.refusal import Refusal
from app.gate.gate import Cancelling, Gate
from app.gate.install import Install

HTML: Final = "text/html"

_PATH: Final = re.compile(r"/installs(?:/(?P<id>[0-9A-Za-z_-]{16,64})(?P<cancel>/cancel)?)?")
_ASSET: Final = re.compile(r"/installs/-/(?P<name>[a-z0-9.-]{1,64})")
_READING: Final = frozenset({"GET", "HEAD"})
_NOT_THERE: Final = written(
    problem(
        HTTPStatus.NOT_FOUND,
        "no-such-install",
        "There is no such install, or it is not yours. Records are kept for a while after the end; Rancher's list of"
        " apps shows what is installed. Installs in another cluster than local are shown with ?cluster=ID.",
    )
)
_TOO_LATE: Final = written(
    problem(
        HTTPStatus.CONFLICT,
        "too-late",
        "The install is being sent, was sent, or has ended, so it cannot be cancelled here. To take a release away,"
        " uninstall it in Rancher when its Operation has ended.",
    )
)


@dataclass(frozen=True, slots=True)
class _Viewer:
    """Who looks, where, and how they want to see it; the query is theirs, and as yet nobody's word for anything."""

    arrived: Arrived
    user: str
    cluster: str
    wants: str | None
    languages: tuple[bytes, ...]
    query: dict[str, str]


class Installs:
    """The endpoints under ``/installs``.

    Args:
        engine: has the installs.
        reception: says who calls.
        logs: read helm's log for a viewer.
        pages: makes pages for browsers; without it they get JSON.
    """

    def __init__(self, engine: Gate, reception: Reception, logs: Logs, pages: Pages | None = None) -> None:
        self._engine = engine
        self._reception = reception
        self._logs = logs
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._reception.attend(self._answer, scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> Written | None:
        named = _PATH.fullmatch(scope["path"])
        if named is None:
            return self._asset(scope) or _NOT_THERE
        method: str = scope["method"]
        if refusal := _wrong_method(method, named):
            return refusal
        with Attending(receive):
            viewer = await self._viewer(scope, changing=method not in _READING)
            if isinstance(viewer, Written):
                return viewer
            if named["id"] is None:
                return await self._listed(viewer)
            if method not in _READING:
                return self._cancel(viewer, named["id"], as_form=bool(named["cancel"]))
            install = self._engine.find(viewer.user, viewer.cluster, named["id"])
            return await self._shown(viewer, install, send) if install else self._missing(viewer)

    def _asset(self, scope: Scope) -> Written | None:
        named = _ASSET.fullmatch(scope["path"])
        asset = self._pages.asset(named["name"]) if named and self._pages and scope["method"] in _READING else None
        return Written(HTTPStatus.OK, asset.headers, asset.body) if asset else None

    async def _viewer(self, scope: Scope, *, changing: bool) -> _Viewer | Written:
        arrived = self._reception.arrive(scope)
        if isinstance(arrived, Refusal):
            return refused(arrived)
        offers = (JSON, EVENT_STREAM, *((HTML,) if self._pages else ()))
        wants = accepted(values(scope["headers"], b"accept"), offers)
        if arrived.crossing and (changing or wants == EVENT_STREAM):
            return refused(arrived.crossing)  # a page of another site cannot read an answer, but could hold or cancel
        query = dict(parse_qsl(scope["query_string"].decode("ascii", "replace")))
        cluster = query.get("cluster", LOCAL)
        languages = tuple(values(scope["headers"], b"accept-language"))
        viewer = _Viewer(arrived, "", cluster if is_subdomain(cluster) else "", wants, languages, query)
        user = await self._reception.user(arrived)
        return replace(viewer, user=user) if isinstance(user, str) else self._unknown(viewer, user)

    def _unknown(self, viewer: _Viewer, answer: Written) -> Written:
        """What somebody sees of whom Rancher does not say who they are."""
        if viewer.wants != HTML:
            return answer
        login = answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        return self._in_trouble(viewer, Trouble.LOGIN if login else Trouble.UNREACHABLE, answer.status)

    def _missing(self, viewer: _Viewer) -> Written:
        return self._in_trouble(viewer, Trouble.MISSING, _NOT_THERE.status) if viewer.wants == HTML else _NOT_THERE

    async def _listed(self, viewer: _Viewer) -> Written:
        found = tuple(install.progress for install in self._engine.listed(viewer.user, viewer.cluster))
        if viewer.wants == HTML:
            return self._page(viewer, View(found, single=False, now=self._reception.now()))
        document = {"installs": found, "now": self._reception.now()}
        return Written(HTTPStatus.OK, (JSON_TYPE, *OWN), json.encode(document))

    async def _shown(self, viewer: _Viewer, install: Install, send: Send) -> Written | None:
        if viewer.wants == EVENT_STREAM:
            await self._stream(viewer, install, send)
            return None
        if viewer.wants == HTML:
            return await self._current(viewer, install)
        progress = install.progress
        log = await self._logs.of(progress, viewer.arrived.credential)
        document: dict[str, Any] = msgspec.to_builtins(progress)
        document |= {"now": self._reception.now()} | ({"log": log} if log else {})
        return Written(HTTPStatus.OK, (JSON_TYPE, *OWN), json.encode(document))

    async def _stream(self, viewer: _Viewer, install: Install, send: Send) -> None:
        """Events for programs; with ``?as=page`` whole pages, for the script of a page that was already shown."""

        async def page() -> bytes:
            return (await self._current(viewer, install)).body

        def conclude() -> Written:
            return concluded(install, Preferences(), self._reception.now())

        as_page = self._pages is not None and viewer.query.get("as") == "page"
        await Events(send).follow(install, conclude, page if as_page else None)

    async def _current(self, viewer: _Viewer, install: Install) -> Written:
        progress = install.progress
        log = await self._logs.of(progress, viewer.arrived.credential)
        return self._page(viewer, View((progress,), single=True, log=log, now=self._reception.now()))

    def _cancel(self, viewer: _Viewer, identity: str, *, as_form: bool) -> Written:
        install = self._engine.find(viewer.user, viewer.cluster, identity)
        cancelled = self._engine.cancel(viewer.user, viewer.cluster, identity)
        if install is None or cancelled is None:
            return self._missing(viewer)
        if as_form and self._pages:  # whoever pressed a button sees the install as it is now, cancelled or not
            return self._led_back(viewer, install)
        if cancelled is Cancelling.TOO_LATE:
            return _TOO_LATE
        return Written(HTTPStatus.OK, (JSON_TYPE, *OWN), json.encode(install.progress))

    def _led_back(self, viewer: _Viewer, install: Install) -> Written:
        identity = install.progress.id
        if self._engine.find(viewer.user, viewer.cluster, identity) is None:  # it has ended, and no record is kept
            return self._page(viewer, View((install.progress,), single=True, now=self._reception.now()))
        kept = [(name, value) for name, value in viewer.query.items() if name in {"cluster", "lang"}]
        where = f"/installs/{identity}?{urlencode(kept)}".rstrip("?")
        return Written(HTTPStatus.SEE_OTHER, ((b"location", where.encode()), *OWN))

    def _in_trouble(self, viewer: _Viewer, trouble: Trouble, status: int) -> Written:
        view = View((), single=True, now=self._reception.now(), trouble=trouble)
        return self._page(viewer, view, status)

    def _page(self, viewer: _Viewer, view: View, status: int = HTTPStatus.OK) -> Written:
        assert self._pages is not None
        language = viewer.query.get("lang", "")
        page = self._pages.page(replace(view, languages=viewer.languages, language=language, cluster=viewer.cluster))
        return Written(status, (*page.headers, *OWN), page.body)


def _wrong_method(method: str, named: re.Match[str]) -> Written | None:
    allowed = ("POST",) if named["cancel"] else (*_READING, "DELETE") if named["id"] else (*_READING,)
    if method in allowed:
        return None
    status = HTTPStatus.METHOD_NOT_ALLOWED
    allow = ", ".join(sorted(allowed)).encode()
    return written(problem(status, "bad-method", "This path takes other methods; see Allow."), ((b"allow", allow),))
