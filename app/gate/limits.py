"""How much the gate takes on, and how it says no."""

from http import HTTPStatus
from typing import Final

from msgspec import Struct

RETRY_AFTER: Final = 10
"""Seconds until a caller that was turned away may find room: a fifth of the time that installs are held by default."""
DAY: Final = 86_400.0


class Limits(Struct, frozen=True):
    """What one process takes on.

    Attributes:
        held: callers that wait at once, in total.
        held_per_caller: the same for one credential.
        posts: installs that are sent at once.
        records: asynchronous installs that are known at once, ended ones included.
        kept: seconds for which an ended asynchronous install can be looked up.
        probes: answers to ``link=info`` that have to say yes before a git chart's POST: 1 where a connection leads to
            one replica, ``core.gate.schedule.fresh_probes`` behind a proxy that balances each request.
    """

    held: int = 10_000
    held_per_caller: int = 100
    posts: int = 8
    records: int = 1000
    kept: float = DAY
    probes: int = 1


class NotTaken(Struct, frozen=True, gc=False):
    """Why an install was not taken on. Nothing was sent.

    Attributes:
        status: 429 where a limit is reached, 503 where the gate cannot do it just now.
        slug: the stable end of a problem's type.
        detail: for people.
        retry_after: seconds.
    """

    status: HTTPStatus
    slug: str
    detail: str
    retry_after: int = RETRY_AFTER


TOO_MANY: Final = NotTaken(
    HTTPStatus.TOO_MANY_REQUESTS, "too-many-installs", "The gate holds as many installs as it may; try again later."
)
TOO_MANY_YOURS: Final = NotTaken(
    HTTPStatus.TOO_MANY_REQUESTS,
    "too-many-installs",
    "The gate holds as many installs of yours as it may; wait for some of them to end, or cancel them.",
)
TOO_MANY_RECORDS: Final = NotTaken(
    HTTPStatus.TOO_MANY_REQUESTS,
    "too-many-installs",
    "As many asynchronous installs are under way as the gate keeps records of; try again later, or wait for this one.",
)
NO_JOURNAL: Final = NotTaken(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "no-journal",
    "The gate cannot write its journal, so it takes no asynchronous install; send it without respond-async.",
)
