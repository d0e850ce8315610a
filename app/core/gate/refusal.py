"""What the gate will not take, as a value: the status, a stable name, and a sentence for the person who asked."""

from enum import StrEnum
from http import HTTPStatus
from typing import Final

from msgspec import Struct


class Slug(StrEnum):
    """The stable end of a refusal's problem type; clients may compare it, so a slug is never reused."""

    AMBIGUOUS_PATH = "ambiguous-path"
    AMBIGUOUS_QUERY = "ambiguous-query"
    BAD_METHOD = "bad-method"
    BAD_NAME = "bad-name"
    NO_WEBSOCKETS = "no-websockets"
    BODY_TOO_LARGE = "body-too-large"
    BODY_NOT_JSON = "body-not-json"
    AMBIGUOUS_BODY = "ambiguous-body"
    BAD_BODY = "bad-body"
    CROSS_SITE = "cross-site"
    AMBIGUOUS_CREDENTIALS = "ambiguous-credentials"
    IMPERSONATION = "impersonation"
    BAD_HEADER = "bad-header"
    AMBIGUOUS_HEADER = "ambiguous-header"
    HEADERS_TOO_LARGE = "headers-too-large"
    LOOP = "loop"


class Refusal(Struct, frozen=True, gc=False):
    """Why a request goes no further.

    Attributes:
        status: the HTTP status; never 401, which is Rancher's alone to give (the dashboard logs out on it).
        slug: what went wrong, for programs.
        detail: what happened, to which part of the request, and what to do now. It quotes nothing that the client
            sent but a header's or a field's name that is known here.
    """

    status: HTTPStatus
    slug: Slug
    detail: str


def bad_request(slug: Slug, detail: str) -> Refusal:
    """The usual refusal: 400."""
    return Refusal(HTTPStatus.BAD_REQUEST, slug, detail)


NO_WEBSOCKETS: Final = Refusal(
    HTTPStatus.NOT_IMPLEMENTED,
    Slug.NO_WEBSOCKETS,
    "The gate forwards no WebSockets: /v1/subscribe and the like have to be routed to Rancher itself, beside the gate.",
)
"""They carry a dashboard's whole session, or a log, and nothing that installs."""
