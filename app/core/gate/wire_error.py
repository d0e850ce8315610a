"""The body of an answer that is no success: Rancher's own, Kubernetes' Status, or anything a proxy may say."""

from typing import Final

import msgspec
from msgspec import Struct

from app.core.gate.reading import member, text

LONGEST: Final = 1 << 20
"""Bytes of a body that are looked at. Rancher's errors carry Git's or Helm's words at most, a few KB; what is longer
is somebody else's page, and cutting it there makes it no JSON."""
LONGEST_MESSAGE: Final = 16 << 10
"""Characters of a message that are matched. Longer ones are taken as unknown, so that no pattern can be made slow."""


class WireError(Struct, frozen=True, gc=False):
    """What a body says; a part it does not have is None, which differs from one that is there and empty.

    Attributes:
        empty: there was no body at all, or white space only.
        is_rancher: it is an object of type ``error``.
        status: as written: Rancher's authentication answers in a string, all its other errors in a number.
    """

    empty: bool = False
    is_rancher: bool = False
    code: str | None = None
    message: str | None = None
    status: int | str | None = None


def decoded(body: bytes) -> object:
    """The JSON value of a body, None if it is none. Of a key written twice, as ``type`` is, the last counts.

    Bytes that are no UTF-8 are replaced, since the rest of a message still tells what happened.
    """
    try:
        return msgspec.json.decode(body[:LONGEST].decode("utf-8", "replace"))
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None


def parse(body: bytes) -> WireError:
    """What the body of an error says. Never raises."""
    found = decoded(body)
    if not isinstance(found, dict):
        return WireError(empty=not body.strip())
    status = found.get("status")
    known = isinstance(status, int | str) and not isinstance(status, bool)
    return WireError(
        is_rancher=text(found, "type") == "error",
        code=_string(found, "code"),
        message=_string(found, "message"),
        status=status if known else None,
    )


def _string(found: object, key: str) -> str | None:
    value = member(found, key)
    return value if isinstance(value, str) else None
