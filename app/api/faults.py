"""Faults: what is wrong with a request or with us, as opposed to with the write it asks about.

A verdict, denial included, is HTTP 200. A fault is HTTP 4xx or 5xx with ``application/problem+json`` (RFC 9457), so
that the operator's failurePolicy decides. No fault echoes anything of the request: reviews carry Secrets and tokens.
"""

from http import HTTPStatus
from typing import Final

from msgspec import Struct, json

PROBLEM_JSON: Final = "application/problem+json"


class Fault(Exception):
    """One fault.

    Args:
        status: the HTTP status.
        detail: what is wrong and what to do, in words that hold nothing of the request.
        close: whether the connection has to end, because the rest of the request was not read.
        headers: what this status asks for beside the body.
    """

    def __init__(
        self, status: HTTPStatus, detail: str, *, close: bool = False, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.close = close
        self.headers = headers


class Problem(Struct, frozen=True):
    """The body of a fault (RFC 9457)."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"


def problem(status: HTTPStatus, detail: str) -> bytes:
    """The problem document's text."""
    return json.encode(Problem(status.phrase, status.value, detail))
