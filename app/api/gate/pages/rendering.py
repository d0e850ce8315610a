"""A view as HTML: everything that came from outside is escaped, and the policy lets nothing run that is not ours."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from app.api.gate.pages import checks, standing
from app.api.gate.pages.assets import Assets
from app.api.gate.pages.language import LANGUAGES, Words, chosen, words
from app.api.gate.view import Page, Trouble, View
from app.core.gate.forwarding import Header
from app.core.gate.installation_call import LOCAL
from app.gate.progress import Phase, Progress

REFRESH: Final = 5
"""Seconds after which a page without a script loads itself again, and a list with one. Rancher is asked who the viewer
is every ten seconds at most (``identity.KEPT``), so this costs it nothing."""

MOST_IN_TITLE: Final = 3
"""Charts: a UI extension is one, a Rancher feature with its CRDs two."""

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        *("script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"),
        *("form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"),
    )
)
_HEADERS: Final[tuple[Header, ...]] = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", _POLICY.encode()),
    (b"x-frame-options", b"DENY"),  # for those that do not know frame-ancestors
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Links:
    """Paths that keep what the viewer looks at: the cluster, and the language if they chose one.

    Args:
        view: what they look at.
    """

    def __init__(self, view: View) -> None:
        self._cluster = view.cluster if view.cluster != LOCAL else ""
        self._language = view.language if view.language in LANGUAGES else ""

    def to(self, path: str, *, language: str = "", **more: str) -> str:
        """A path with its query."""
        query = {"cluster": self._cluster, "lang": language or self._language, **more}
        text = urlencode({name: value for name, value in query.items() if value})
        return f"{path}?{text}" if text else path

    def install(self, progress: Progress, more: str = "", **query: str) -> str:
        """The path of an install."""
        return self.to(f"/installs/{progress.id}{more}", **query)


def render(view: View, assets: Assets) -> Page:
    """The page.

    Args:
        view: what the viewer may see.
        assets: what the page links to.
    """
    language = chosen(view.language, view.languages)
    known, links = words(language), Links(view)
    context = {"t": known, "links": links, "asset": assets.link, "refresh": REFRESH}
    context |= {"languages": tuple((code, words(code)) for code in LANGUAGES), "language": language}
    if view.trouble is not None:
        again = view.trouble is Trouble.UNREACHABLE
        name, specific = "trouble.html", {"trouble": known.trouble[view.trouble], "here": "", "again": again}
    elif view.single:
        name, specific = "install.html", _install(view, known, links)
    else:
        name, specific = "list.html", _list(view, known)
    text = _ENVIRONMENT.get_template(name).render(context | specific)
    return Page((*_HEADERS, (b"content-language", known.tag.encode())), text.encode("utf-8", "replace"))


def _install(view: View, known: Words, links: Links) -> dict[str, object]:
    (progress,) = view.installs
    living = progress.phase is not Phase.ENDED
    return {
        "install": progress,
        "here": f"/installs/{progress.id}",
        "title": title(progress),
        "state": standing.state(progress, known),
        "times": standing.times(progress, view.now),
        "rows": checks.rows(progress.checks, known),
        "log": standing.log_of(progress, view.log),
        "retry_at": standing.retry_at(progress),
        "living": living,
        "events": links.to(f"/installs/{progress.id}", language=chosen(view.language, view.languages), **{"as": "page"})
        if living
        else "",
    }


def _list(view: View, known: Words) -> dict[str, object]:
    shown = [(one, title(one), standing.state(one, known), standing.times(one, view.now)) for one in view.installs]
    living = any(one.phase is not Phase.ENDED for one in view.installs)
    return {"here": "/installs", "on_list": True, "installs": shown, "living": living}


def title(progress: Progress) -> str:
    """What is installed, in a line; a page has all of it elsewhere."""
    names = [f"{chart.name} {chart.version}".rstrip() for chart in progress.charts]
    more = len(names) - MOST_IN_TITLE
    return ", ".join(names[:MOST_IN_TITLE]) + (f" +{more}" if more > 0 else "")


def span(seconds: int, units: Iterable[str]) -> str:
    """A time in words; the script that lets it tick writes the same."""
    hours, rest = divmod(seconds, 3600)
    amounts = (hours, *divmod(rest, 60))
    first = next((at for at, amount in enumerate(amounts) if amount), len(amounts) - 1)
    return " ".join(f"{amount} {unit}" for amount, unit in list(zip(amounts, units, strict=True))[first:])


def _moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _readable_moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


_ENVIRONMENT: Final = Environment(
    loader=PackageLoader(__package__),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_ENVIRONMENT.filters |= {"span": span, "moment": _moment, "readable": _readable_moment}
