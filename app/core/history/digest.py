"""Telling one status from another by its content."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Final

from msgspec import Raw

from app.core import jsontext
from app.core.history.places import ANY, item_key
from app.core.pointer import Tokens

LENGTH: Final = 16
"""Hexadecimal digits, 64 bits: among the few hundred contents that one object ever has, two that differ share a digest
once in 10^14 objects."""


def digest(status: Raw, ignore: Iterable[Tokens]) -> str:
    """The digest of a status without what makes no difference.

    White space, the order of keys, and what the patterns ``ignore`` name do not count; types do: 1, 1.0 and true
    differ. What is too deep or too long for Python to read is told apart by its text.

    Args:
        status: the status; nothing at all has a digest too.
        ignore: patterns of what does not count. A list item may be named by its position here.
    """
    text = bytes(status)
    if status != jsontext.ABSENT:
        try:
            value = json.loads(text)
            for pattern in ignore:
                _leave_out(value, pattern)
            text = json.dumps(value, sort_keys=True).encode()
        except (RecursionError, ValueError):
            pass
    return hashlib.sha256(text).hexdigest()[:LENGTH]


def _leave_out(value: Any, pattern: Tokens) -> None:  # noqa: ANN401 - a JSON value
    token, rest = pattern[0], pattern[1:]
    if isinstance(value, dict):
        for key in [key for key in value if token in {ANY, key}]:
            if rest:
                _leave_out(value[key], rest)
            else:
                del value[key]
    elif isinstance(value, list):
        chosen = [at for at, item in enumerate(value) if _is_meant(item, at, token)]
        for at in reversed(chosen):
            if rest:
                _leave_out(value[at], rest)
            else:
                del value[at]


def _is_meant(item: Any, at: int, token: str) -> bool:  # noqa: ANN401 - a JSON value
    named = item_key(token)
    if named is None:
        return token in {ANY, str(at)}
    key, value = named
    if not isinstance(item, dict) or item.get(key) is None:
        return False
    identity = jsontext.identity(jsontext.encode(item[key]))
    return identity is not None and identity[1] == value
