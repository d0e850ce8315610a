"""JSON Pointers (RFC 6901), as rule documents, messages and patches use them."""

from functools import lru_cache
from typing import Final, TypeAlias

Tokens: TypeAlias = tuple[str, ...]
"""The unescaped reference tokens; the empty tuple is the whole value."""

_MEMORABLE: Final = 256
"""Characters. A map's key may be a megabyte long, and a thousand of those must not stay in memory."""


class BadPointerError(ValueError):
    """The text is no JSON Pointer; the message says why."""


def parse(text: str) -> Tokens:
    """Split a pointer relative to ``/status``; a plain name stands for ``/name`` and ``/`` for the whole status.

    Raises:
        BadPointerError: for empty text, an empty token or a ``~`` that is neither ``~0`` nor ``~1``.
    """
    if text == "":
        raise BadPointerError("is empty")
    if text == "/":
        return ()
    if not text.startswith("/"):
        if "/" in text or "~" in text:
            raise BadPointerError(f"{text!r} has to start with '/' (a plain name has no '/' or '~')")
        return (text,)
    tokens = text[1:].split("/")
    if "" in tokens:
        raise BadPointerError(f"{text!r} has an empty part")
    return tuple(unescape(token) for token in tokens)


def unescape(token: str) -> str:
    """Undo RFC 6901's escapes.

    Raises:
        BadPointerError: for a ``~`` that is neither ``~0`` nor ``~1``.
    """
    if "~" in token.replace("~0", "").replace("~1", ""):
        raise BadPointerError(f"{token!r} has a '~' that is neither '~0' nor '~1'")
    return token.replace("~1", "/").replace("~0", "~")


def escape(token: str) -> str:
    """Escape one token."""
    return token.replace("~", "~0").replace("/", "~1")


def render(tokens: Tokens) -> str:
    """The pointer's text."""
    return _remembered(tokens) if sum(map(len, tokens)) <= _MEMORABLE else _render(tokens)


def _render(tokens: Tokens) -> str:
    return "".join(f"/{escape(token)}" for token in tokens)


_remembered = lru_cache(maxsize=1024)(_render)  # the same few places come up again and again
