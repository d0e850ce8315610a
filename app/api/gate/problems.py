"""What the gate says where it has no answer of Rancher's to pass on: a problem document that dashboards read, too.

It is RFC 9457's document with the members of Rancher's own errors beside it (``code``, ``message``, ``status``): the
dashboard shows ``message``, terraform's client ``code`` and ``message``. None is ever 401, on which the dashboard logs
out; none quotes anything the client sent.
"""

from http import HTTPStatus
from typing import Final

from msgspec import Struct, json

from app.api.faults import PROBLEM_JSON
from app.api.gate.writing import Written
from app.core.gate.forwarding import Header
from app.core.gate.preferences import VARY
from app.core.gate.readiness import Check
from app.core.gate.refusal import Refusal

PROBLEM: Final = "urn:status-guard:problem:"
"""What a problem's type begins with; the slug after it is stable."""

NO_STORE: Final[Header] = (b"cache-control", b"no-store")
OWN: Final[tuple[Header, ...]] = (NO_STORE, (b"vary", VARY.encode()), (b"x-content-type-options", b"nosniff"))
"""On every answer that is the gate's own: it is about one caller, at this moment."""

_PROBLEM_TYPE: Final[Header] = (b"content-type", PROBLEM_JSON.encode())


class GateProblem(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """RFC 9457's members, Rancher's, and what an install waits for."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    message: str
    checks: tuple[Check, ...] = ()
    """Each with what passed, or what it waits for and the controller's own words, redacted."""
    cause: str = ""
    """The id of the check, or of the row of the message table, that decided."""
    words: str = ""
    """What Rancher, a registry or helm said last, redacted."""
    log: str = ""
    """The end of helm's log, redacted, where the install ran and failed."""
    install: str = ""
    """The id under ``/installs/``, where there is such a record."""
    retry_after: int | None = None
    """Seconds, as in the header."""


def problem(status: int, slug: str, detail: str, **members: object) -> GateProblem:
    """A problem with Rancher's members filled in from ours."""
    phrase = HTTPStatus(status).phrase
    code = "".join(word.capitalize() for word in phrase.replace("-", " ").split())
    return GateProblem(PROBLEM + slug, phrase, status, detail, code, detail, **members)  # type: ignore[arg-type]


def written(said: GateProblem, headers: tuple[Header, ...] = (), *, close: bool = False) -> Written:
    """The problem as an answer; ``Retry-After`` comes from its member."""
    retry = ((b"retry-after", b"%d" % said.retry_after),) if said.retry_after is not None else ()
    slug = said.type.removeprefix(PROBLEM)
    return Written(said.status, (_PROBLEM_TYPE, *OWN, *retry, *headers), json.encode(said), close, slug)


def refused(refusal: Refusal, headers: tuple[Header, ...] = (), *, close: bool = True) -> Written:
    """A refusal as an answer; the connection ends with it unless the request was read to its end."""
    return written(problem(refusal.status, refusal.slug, refusal.detail), headers, close=close)
