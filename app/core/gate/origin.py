"""Who calls, and from where: the credential that Rancher will go by, and whether a browser was made to send it.

Rancher takes the Authorization header if it is there (Bearer, or Basic with the token as user and password), and the
cookie ``R_SESS`` only if it is not. A browser sends cookies, and a Basic password it has cached, from any page; Rancher
checks its CSRF token only where the browser has such a cookie. So whoever comes with a cookie has to show that their
page is Rancher's own before the gate holds, or sends, anything for them:

- ``Sec-Fetch-Site``, which no page can set, decides where it is there: ``same-origin`` passes, nothing else does, not
  even ``same-site`` (a neighbour's subdomain) or ``none`` (no install begins in an address bar);
- without it ``Origin`` has to be one of the hosts by which the client and its proxies called us;
- with neither, a cookie is refused: every browser of this decade sends one of them with a POST, and whatever is no
  browser can send its token as a Bearer.

Callers with a Bearer need none of that: a page cannot make a browser send one. But what a browser says against itself
(another Origin, ``Sec-Fetch-Site: cross-site``) counts for every other Authorization it may have kept, too.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from msgspec import Struct

from app.core.gate.refusal import Refusal, Slug, bad_request

SESSION_COOKIE: Final = "R_SESS"
FINGERPRINT_BYTES: Final = 16
"""128 bits: two credentials do not meet by chance."""
LEAST_KEY_BYTES: Final = 16
"""A key that can be guessed would make fingerprints guessable."""
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_ORIGIN: Final = re.compile(r"(https?)://([^/?#@\s]+)")
_PORT: Final = re.compile(r":([0-9]{1,5})\Z", re.ASCII)


class Kind(StrEnum):
    """How a caller proves who they are."""

    BEARER = "bearer"
    BASIC = "basic"
    OTHER = "other"  # an Authorization header that Rancher reads no token from; it does not fall back to the cookie
    COOKIE = "cookie"
    NONE = "none"


class Caller(Struct, frozen=True, gc=False):
    """A caller without their secret.

    Attributes:
        kind: which of the credentials counts.
        fingerprint: equal for equal credentials under one key, and of no use to anybody else; empty without one.
    """

    kind: Kind
    fingerprint: str


def caller(authorization: Sequence[bytes], cookies: Iterable[bytes], key: bytes) -> Caller | Refusal:
    """Say who calls.

    Args:
        authorization: the values of all Authorization headers.
        cookies: the values of all Cookie headers, in order.
        key: a secret of this process, random and never written down; at least 16 bytes.

    Raises:
        ValueError: for a shorter key.
    """
    if len(key) < LEAST_KEY_BYTES:
        raise ValueError(f"a fingerprint key needs {LEAST_KEY_BYTES} bytes")
    if len(authorization) > 1:
        detail = "The request has more than one Authorization header; send the one that is meant."
        return bad_request(Slug.AMBIGUOUS_CREDENTIALS, detail)
    header = authorization[0].strip() if authorization else b""
    if header:
        scheme, _, secret = header.partition(b" ")
        kind = {b"bearer": Kind.BEARER, b"basic": Kind.BASIC}.get(scheme.lower(), Kind.OTHER)
        return Caller(kind, _fingerprint(kind, header if kind is Kind.OTHER else secret.strip(), key))
    sessions = set(_sessions(cookies))
    if len(sessions) > 1:
        detail = (
            f"The request has several {SESSION_COOKIE} cookies; delete those of this host in the browser, log in again."
        )
        return bad_request(Slug.AMBIGUOUS_CREDENTIALS, detail)
    if not sessions:
        return Caller(Kind.NONE, "")
    return Caller(Kind.COOKIE, _fingerprint(Kind.COOKIE, sessions.pop(), key))


def _sessions(cookies: Iterable[bytes]) -> Iterable[bytes]:
    for line in cookies:
        for pair in line.split(b";"):
            name, equals, value = pair.partition(b"=")
            if name.strip(b" \t") == SESSION_COOKIE.encode() and equals and (session := value.strip(b' \t"')):
                yield session


def _fingerprint(kind: Kind, secret: bytes, key: bytes) -> str:
    """Two spellings of one credential may differ here: then they are two callers, which harms nobody."""
    mine = hashlib.sha256(key).digest()  # blake2b takes 64 bytes at most, and a key may be longer
    return hashlib.blake2b(secret, digest_size=FINGERPRINT_BYTES, key=mine, person=kind.value.encode()).hexdigest()


class Sender(Struct, frozen=True, gc=False):
    """What a request says of the page it comes from, and of the address it was sent to.

    Attributes:
        sites: the values of all ``Sec-Fetch-Site`` headers.
        origins: the values of all ``Origin`` headers.
        hosts: by which authorities the client called: ``Host``, and ``X-Forwarded-Host`` where a proxy changed that.
            A page on another site can set neither.
        scheme: ``https`` or ``http``, as the client saw it, or as much of it as is known.
    """

    sites: tuple[bytes, ...] = ()
    origins: tuple[bytes, ...] = ()
    hosts: tuple[bytes, ...] = ()
    scheme: str = "https"


def crossing(who: Caller, sender: Sender) -> Refusal | None:
    """Why this caller may not be held or forwarded, if another site's page may have sent the request."""
    if who.kind in {Kind.BEARER, Kind.NONE}:
        return None
    if len(sender.sites) > 1 or len(sender.origins) > 1:
        return bad_request(Slug.AMBIGUOUS_HEADER, "The request has Origin or Sec-Fetch-Site twice; send each once.")
    if sender.sites:
        return None if sender.sites[0].strip() == b"same-origin" else _CROSS_SITE
    if sender.origins:
        return None if _is_own(sender.origins[0], sender) else _CROSS_SITE
    return _NO_ORIGIN if who.kind is Kind.COOKIE else None


_CROSS_SITE: Final = Refusal(
    HTTPStatus.FORBIDDEN,
    Slug.CROSS_SITE,
    "The request was sent by a page of another site, with the credentials the browser keeps for this one. "
    "Install from Rancher's own pages, or send the token in an Authorization: Bearer header.",
)
_NO_ORIGIN: Final = Refusal(
    HTTPStatus.FORBIDDEN,
    Slug.CROSS_SITE,
    "The request has a session cookie, but neither Origin nor Sec-Fetch-Site to say which page sent it. "
    "Outside of a browser send the token in an Authorization: Bearer header.",
)


def _is_own(origin: bytes, sender: Sender) -> bool:
    found = _ORIGIN.fullmatch(origin.decode("latin-1").strip().lower())
    if found is None:  # "null" among others: a sandboxed page, or one that hides where it is
        return False
    scheme, authority = found[1], found[2]
    if scheme == "http" and sender.scheme != "http":  # whoever controls the network can answer for http://
        return False
    return _with_port(authority, scheme) in {
        _with_port(host.decode("latin-1").strip().lower(), scheme) for host in sender.hosts if host.strip()
    }


def _with_port(authority: str, scheme: str) -> str:
    return authority if _PORT.search(authority) else f"{authority}:{_DEFAULT_PORTS[scheme]}"
