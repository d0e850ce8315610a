"""What pages link to: one style sheet, one script, one icon, each under a name that changes with its content."""

import hashlib
from importlib.resources import files
from typing import Final

from app.api.gate.view import Page
from app.core.gate.forwarding import Header

WHERE: Final = "/installs/-/"
"""The gate's own origin and no other; no id of an install looks like this."""
YEAR: Final = 31_536_000
"""Seconds, RFC 9111's idea of for ever: another content has another name."""

_TYPES: Final = {"css": b"text/css; charset=utf-8", "js": b"text/javascript; charset=utf-8", "svg": b"image/svg+xml"}
_FILES: Final = ("page.css", "page.js", "icon.svg")
_HASH_DIGITS: Final = 16


class Assets:
    """The assets as they are shipped, read once."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._pages: dict[str, Page] = {}
        for name in _FILES:
            content = (files(__package__) / "static" / name).read_bytes()
            stem, _, kind = name.rpartition(".")
            told = f"{stem}.{hashlib.sha256(content).hexdigest()[:_HASH_DIGITS]}.{kind}"
            self._names[name] = told
            self._pages[told] = Page(_headers(kind), content)

    def link(self, name: str) -> str:
        """The path of an asset."""
        return WHERE + self._names[name]

    def page(self, name: str) -> Page | None:
        """An asset by the name in its path."""
        return self._pages.get(name)


def _headers(kind: str) -> tuple[Header, ...]:
    return (
        (b"content-type", _TYPES[kind]),
        (b"cache-control", b"public, max-age=%d, immutable" % YEAR),
        (b"x-content-type-options", b"nosniff"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),  # the icon, opened by itself
    )
