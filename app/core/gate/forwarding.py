"""Which headers go on to Rancher, and which of its own come back.

Everything that is meant for Rancher goes as it came: User-Agent (Rancher asks only what looks like a browser for a
CSRF token), Cookie, X-Api-Csrf, Authorization, Accept, Prefer. What is meant for this connection alone ends here (RFC
9110, 7.6.1). What a proxy and Rancher could read differently is refused, and so is ``Impersonate-*`` in any spelling:
leaving it out would run as the administrator what was meant to run as somebody else.
"""

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Final, TypeAlias

from msgspec import Struct

from app.core.gate.refusal import NO_WEBSOCKETS, Refusal, Slug, bad_request

Header: TypeAlias = tuple[bytes, bytes]

PSEUDONYM: Final = b"status-guard"
"""How the gate names itself in ``Via`` (RFC 9110, 7.6.3), whatever its host is called."""
OWN_VIA: Final[Header] = (b"Via", b"1.1 " + PSEUDONYM)
"""The gate's own hop, also on the question who a caller is: by it a gate whose upstream is itself finds that out."""

MOST_HEADERS: Final = 100
"""A browser behind three proxies sends about forty."""
LARGEST_HEADERS: Final = 64 * 1024
"""Bytes of names and values: room for a browser's 50 cookies of a host; Go takes 1 MiB, nginx 32 KiB by default."""
MOST_NAMED: Final = 32
"""Options in ``Connection``."""

HOP_BY_HOP: Final = frozenset({
    *(b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
    *(b"proxy-authenticate", b"proxy-authorization", b"proxy-authentication-info", b"http2-settings"),
})  # fmt: skip
"""Meant for one connection (RFC 9110, 7.6.1 and 11.7; Proxy-Connection and HTTP2-Settings as browsers send them)."""

_OURS: Final = frozenset({b"host", b"via", b"expect", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"})
"""Written anew for Rancher. ``Expect``: whoever asked for 100 has had it from us; the body is at hand."""

_ONCE: Final = frozenset({
    *(b"host", b"content-length", b"transfer-encoding", b"content-type", b"authorization"),
    *(b"origin", b"sec-fetch-site", b"user-agent", b"x-api-csrf", b"x-api-host"),
})  # fmt: skip
"""Of these the first counts for one reader and the last for another."""

_NEVER_NAMED: Final = _ONCE - {b"transfer-encoding"} | {
    *(b"cookie", b"via", b"accept", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"content-encoding"),
}
"""``Connection`` naming one of these would have the gate take it away, and Rancher decide without it."""

_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(rb"[\t -~\x80-\xff]*")
_LENGTH: Final = re.compile(rb"[0-9]{1,15}")
_AUTHORITY: Final = re.compile(rb"(?:[A-Za-z0-9._~-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_SCHEME: Final = re.compile(rb"https?|wss?", re.IGNORECASE)
_OWN_HOP: Final = re.compile(rb"(?:^|,)[ \t]*(?:[^\s,()/]+/)?[^\s,()/]+[ \t]+status-guard(?:[:,\s(]|$)", re.IGNORECASE)


class Arrival(Struct, frozen=True, gc=False):
    """What the connection itself tells.

    Attributes:
        scheme: ``https`` where the gate ended TLS itself, else ``http``.
        peer: the address at the other end, empty if unknown.
    """

    scheme: bytes
    peer: bytes = b""


class Forwarded(Struct, frozen=True, gc=False):
    """What goes to Rancher.

    Attributes:
        headers: in order, names as they came; without ``Host``, which is the configured upstream's.
        hosts: the authorities by which the client called, to compare ``Origin`` with.
        scheme: ``https`` or ``http``, as the client's end of the chain has it.
    """

    headers: tuple[Header, ...]
    hosts: tuple[bytes, ...]
    scheme: str


def to_rancher(headers: Sequence[Header], arrival: Arrival) -> Forwarded | Refusal:
    """What of a request's headers goes on; total over any bytes."""
    refused = _too_large(headers) or _malformed(headers) or _impersonating(headers) or _repeated(headers)
    if refused:
        return refused
    by_name = _by_name(headers)
    named = _options(by_name.get(b"connection", []))
    if b"websocket" in (protocol.lower() for protocol in _listed(by_name, b"upgrade")):
        return NO_WEBSOCKETS
    refused = _taking_away(named) or _framing(by_name) or _hosts(by_name) or _looping(by_name)
    if refused:
        return refused
    ends_here = HOP_BY_HOP | named | _OURS
    passed = tuple((name, value) for name, value in headers if name.lower() not in ends_here)
    written, hosts, scheme = _written(by_name, arrival)
    return Forwarded(passed + written, hosts, scheme)


def to_client(headers: Iterable[Header]) -> tuple[Header, ...]:
    """What of Rancher's headers comes back: all but what was meant for the connection between Rancher and the gate.

    A header that is no header at all (it could end the gate's own, or begin another) is left out.
    """
    kept = [(name, value) for name, value in headers if _NAME.fullmatch(name) and _VALUE.fullmatch(value)]
    named = _options([value for name, value in kept if name.lower() == b"connection"])
    ends_here = HOP_BY_HOP | named
    return tuple((name, value) for name, value in kept if name.lower() not in ends_here)


def _too_large(headers: Sequence[Header]) -> Refusal | None:
    if len(headers) <= MOST_HEADERS and sum(len(name) + len(value) for name, value in headers) <= LARGEST_HEADERS:
        return None
    detail = (
        f"The request has more than {MOST_HEADERS} headers or {LARGEST_HEADERS} bytes of them; "
        "in a browser, delete the cookies of this host."
    )
    return Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, Slug.HEADERS_TOO_LARGE, detail)


def _malformed(headers: Iterable[Header]) -> Refusal | None:
    for name, value in headers:
        if not _NAME.fullmatch(name):
            detail = "A header's name holds a character that names cannot have; proxies differ in what they make of it."
            return bad_request(Slug.BAD_HEADER, detail)
        if not _VALUE.fullmatch(value):
            detail = "A header's value holds a line break or another control character; write it on one line."
            return bad_request(Slug.BAD_HEADER, detail)
    return None


def _impersonating(headers: Iterable[Header]) -> Refusal | None:
    """Underscores count as dashes: CGI and some proxies make no difference."""
    for name, value in headers:
        named = value if name.lower() in {b"connection", b"proxy-connection"} else b""
        if _is_impersonation(name) or any(map(_is_impersonation, re.split(rb"[,;\s\"]+", named))):
            detail = (
                "The gate forwards no Impersonate-* header, and will not run as you what was meant for somebody else."
            )
            return Refusal(HTTPStatus.FORBIDDEN, Slug.IMPERSONATION, detail)
    return None


def _is_impersonation(name: bytes) -> bool:
    return name.lower().replace(b"_", b"-").startswith(b"impersonate-")


def _repeated(headers: Iterable[Header]) -> Refusal | None:
    seen: set[bytes] = set()
    for name, _ in headers:
        known = name.lower()
        if known in _ONCE and known in seen:
            detail = f"The request has {known.decode()} more than once; which of them counts depends on the reader."
            return bad_request(Slug.AMBIGUOUS_HEADER, detail)
        seen.add(known)
    return None


def _by_name(headers: Iterable[Header]) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
    return found


def _options(connection: Iterable[bytes]) -> frozenset[bytes]:
    return frozenset(option.strip(b" \t").lower() for line in connection for option in line.split(b",")) - {b""}


def _taking_away(named: frozenset[bytes]) -> Refusal | None:
    if len(named) > MOST_NAMED:
        return bad_request(Slug.BAD_HEADER, f"Connection names more than {MOST_NAMED} options; leave it out.")
    if lost := min(named & _NEVER_NAMED, default=b""):
        detail = (
            f"Connection names {lost.decode()}, which is meant for Rancher and would be lost; take it out of there."
        )
        return bad_request(Slug.AMBIGUOUS_HEADER, detail)
    return None


def _framing(by_name: dict[bytes, list[bytes]]) -> Refusal | None:
    """The body's end has to be where everybody sees it (RFC 9112, 6.3)."""
    length, encoding = by_name.get(b"content-length"), by_name.get(b"transfer-encoding")
    if length and encoding:
        detail = "The request has both Content-Length and Transfer-Encoding; send one of them."
        return bad_request(Slug.AMBIGUOUS_HEADER, detail)
    if length and not _LENGTH.fullmatch(length[0]):
        return bad_request(Slug.BAD_HEADER, "Content-Length is not a plain number of bytes.")
    if encoding and encoding[0].lower() != b"chunked":
        return bad_request(Slug.BAD_HEADER, "Transfer-Encoding is not chunked; the gate takes no other.")
    return None


def _hosts(by_name: dict[bytes, list[bytes]]) -> Refusal | None:
    """Rancher builds its links with these, so they have to be hosts and nothing else."""
    host = by_name.get(b"host", [])
    if not host or not _AUTHORITY.fullmatch(host[0]):
        return bad_request(Slug.BAD_HEADER, "Host is missing or is no host with an optional port.")
    for name in (b"x-api-host", b"x-forwarded-host"):
        if not all(map(_AUTHORITY.fullmatch, _listed(by_name, name))):
            return bad_request(Slug.BAD_HEADER, f"{name.decode()} holds something that is no host.")
    if not all(map(_SCHEME.fullmatch, _listed(by_name, b"x-forwarded-proto"))):
        return bad_request(Slug.BAD_HEADER, "x-forwarded-proto holds something other than http and https.")
    return None


def _listed(by_name: dict[bytes, list[bytes]], name: bytes) -> list[bytes]:
    items = (item.strip(b" \t") for line in by_name.get(name, []) for item in line.split(b","))
    return [item for item in items if item]


def looping(headers: Iterable[Header]) -> Refusal | None:
    """The refusal of a request that has been through the gate already; None for any other."""
    return _looping({b"via": [value for name, value in headers if name.lower() == b"via"]})


def _looping(by_name: dict[bytes, list[bytes]]) -> Refusal | None:
    if not any(map(_OWN_HOP.search, by_name.get(b"via", []))):
        return None
    detail = (
        "The request has been through the gate already: its upstream leads back to it. "
        "Point --rancher-url at Rancher's own Service, not at the host that routes to the gate."
    )
    return Refusal(HTTPStatus.LOOP_DETECTED, Slug.LOOP, detail)


def _written(by_name: dict[bytes, list[bytes]], arrival: Arrival) -> tuple[tuple[Header, ...], tuple[bytes, ...], str]:
    """The headers about the way here. Rancher makes links of X-API-Host, else of the first X-Forwarded-Host.

    X-API-Host is set as well because an Ingress between the gate and Rancher usually overwrites X-Forwarded-Host.
    """
    host = by_name[b"host"][0]
    hosts = _listed(by_name, b"x-forwarded-host") or [host]
    schemes = _listed(by_name, b"x-forwarded-proto") or [arrival.scheme]
    path = [*_listed(by_name, b"x-forwarded-for"), *([arrival.peer] if arrival.peer else [])]
    via = [*by_name.get(b"via", []), OWN_VIA[1]]
    written = [
        (b"X-Forwarded-Host", b", ".join(hosts)),
        (b"X-Forwarded-Proto", schemes[0].lower()),
        (b"Via", b", ".join(via)),
    ]
    if path:
        written.append((b"X-Forwarded-For", b", ".join(path)))
    if b"x-api-host" not in by_name:
        written.append((b"X-API-Host", hosts[0]))
    scheme = "https" if schemes[0].lower() in {b"https", b"wss"} else "http"
    return tuple(written), tuple(dict.fromkeys((host, hosts[0]))), scheme
