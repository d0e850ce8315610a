"""The seam for pages: what a page is made of, and what makes it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.core.gate.forwarding import Header
from app.core.gate.installation_call import LOCAL
from app.gate.progress import Progress


class Trouble(StrEnum):
    """Why there is nothing to show."""

    MISSING = "missing"  # no such install, or not the viewer's
    LOGIN = "login"  # Rancher does not accept the viewer's login, or there is none
    UNREACHABLE = "unreachable"  # Rancher does not say who the viewer is


@dataclass(frozen=True, slots=True)
class View:
    """What one viewer may see.

    Attributes:
        installs: the viewer's own; exactly one where ``single``, none where there is trouble.
        single: whether the page is about one install, or the list.
        log: the end of helm's log, redacted, read with the viewer's own credential; empty where there is none.
        now: to compute what is elapsed and what remains.
        languages: the values of ``Accept-Language``.
        language: asked for by ``?lang=``, which goes before those; empty if not.
        cluster: in which the viewer looks, as it goes into links.
        trouble: why there is nothing to show.
    """

    installs: tuple[Progress, ...]
    single: bool
    now: datetime
    log: str = ""
    languages: tuple[bytes, ...] = ()
    language: str = ""
    cluster: str = LOCAL
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What is shown; it comes with ``Cache-Control: no-store``, an asset with what its own headers say.

    Attributes:
        headers: ``Content-Type``, the content security policy and whatever else it needs.
        body: the bytes.
    """

    headers: tuple[Header, ...]
    body: bytes = field(repr=False)


class Pages(Protocol):
    """Makes pages."""

    def page(self, view: View) -> Page:
        """A page about installs."""

    def asset(self, name: str) -> Page | None:
        """What a page links to as ``/installs/-/NAME``; it is the same for everybody."""
