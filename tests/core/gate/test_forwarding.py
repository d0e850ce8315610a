"""Which headers reach Rancher, which come back, and which end the request."""

import re
from http import HTTPStatus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.gate import forwarding
from app.core.gate.forwarding import HOP_BY_HOP, LARGEST_HEADERS, MOST_HEADERS, Arrival, Forwarded, Header
from app.core.gate.refusal import Refusal, Slug

HOST = (b"Host", b"rancher.example")
TLS = Arrival(b"https", b"10.0.0.7")


def forwarded(*headers: Header, arrival: Arrival = TLS) -> Forwarded:
    """What goes on of these headers and a Host."""
    found = forwarding.to_rancher([HOST, *headers], arrival)
    assert isinstance(found, Forwarded), found
    return found


def refused(*headers: Header) -> Refusal:
    """The refusal that these headers, with a Host, get."""
    found = forwarding.to_rancher([HOST, *headers], TLS)
    assert isinstance(found, Refusal), found
    assert found.detail.endswith(".")
    return found


def named(found: Forwarded) -> dict[bytes, list[bytes]]:
    """The forwarded values by lower-case name."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in found.headers:
        values.setdefault(name.lower(), []).append(value)
    return values


def test_what_is_meant_for_rancher_goes_as_it_came() -> None:
    """Credentials, CSRF token, User-Agent and whatever else is not ours keep their bytes, spelling and order."""
    meant = [
        (b"User-Agent", b"Mozilla/5.0 (\xe9)"),
        (b"Cookie", b"R_SESS=token-a:b; CSRF=c"),
        (b"Cookie", b"second=line"),
        (b"X-Api-Csrf", b"c"),
        (b"authorization", b"Bearer token-a:b"),
        (b"Accept", b"application/json"),
        (b"Accept", b"*/*;q=0.1"),
        (b"Prefer", b"wait=10"),
        (b"Content-Type", b"application/json"),
        (b"CONTENT-LENGTH", b"17"),
        (b"Accept-Encoding", b"gzip"),
        (b"X-API-URL-Prefix", b"/p"),
        (b"Origin", b"https://rancher.example"),
        (b"Empty", b""),
    ]
    assert list(forwarded(*meant).headers[: len(meant)]) == meant


def test_what_is_meant_for_the_connection_ends_here() -> None:
    """No hop-by-hop header goes on, neither a known one nor one that Connection names, in whatever case."""
    ours = [(name.upper(), b"chunked" if name == b"transfer-encoding" else b"x-a") for name in HOP_BY_HOP]
    found = named(forwarded(*ours, (b"X-A", b"1"), (b"connection", b"close ,\tX-B,, "), (b"x-b", b"2"), (b"X-C", b"3")))
    assert found[b"x-c"] == [b"3"]
    assert not found.keys() & (HOP_BY_HOP | {b"x-a", b"x-b", b"host", b"expect"})
    assert b"expect" not in named(forwarded((b"Expect", b"100-continue")))


def test_rancher_learns_the_host_that_the_client_used() -> None:
    """Host becomes X-Forwarded-Host and X-API-Host, so that Rancher's links lead back through the gate."""
    found = forwarded()
    values = named(found)
    assert values == {
        b"x-forwarded-host": [b"rancher.example"],
        b"x-forwarded-proto": [b"https"],
        b"x-forwarded-for": [b"10.0.0.7"],
        b"x-api-host": [b"rancher.example"],
        b"via": [b"1.1 status-guard"],
    }
    assert (found.hosts, found.scheme) == ((b"rancher.example",), "https")


def test_a_proxy_before_us_knows_better() -> None:
    """What proxies on the way have said of the client's host, scheme and address stands, each header once."""
    found = forwarded(
        (b"X-Forwarded-Host", b"public.example:8443, inner"),
        (b"X-Forwarded-Host", b"inner2"),
        (b"X-Forwarded-Proto", b"HTTPS, http"),
        (b"X-Forwarded-For", b"1.2.3.4"),
        (b"X-Forwarded-For", b"::1"),
        (b"Via", b"2 edge, 1.1 inner"),
        arrival=Arrival(b"http", b"10.0.0.7"),
    )
    values = named(found)
    assert values[b"x-forwarded-host"] == [b"public.example:8443, inner, inner2"]
    assert values[b"x-api-host"] == [b"public.example:8443"]
    assert values[b"x-forwarded-proto"] == [b"https"]
    assert values[b"x-forwarded-for"] == [b"1.2.3.4, ::1, 10.0.0.7"]
    assert values[b"via"] == [b"2 edge, 1.1 inner, 1.1 status-guard"]
    assert (found.hosts, found.scheme) == ((b"rancher.example", b"public.example:8443"), "https")


def test_a_named_api_host_stands() -> None:
    """X-API-Host, which Rancher heeds first, is not written over; an unknown peer adds nothing."""
    values = named(forwarded((b"X-API-Host", b"api.example"), arrival=Arrival(b"http")))
    assert values[b"x-api-host"] == [b"api.example"]
    assert b"x-forwarded-for" not in values
    assert forwarded((b"X-Forwarded-Proto", b"wss")).scheme == "https"
    assert forwarded((b"X-Forwarded-Proto", b"ws")).scheme == "http"


@pytest.mark.parametrize(
    "header",
    [
        (b"Impersonate-User", b"admin"),
        (b"impersonate-user", b"admin"),
        (b"IMPERSONATE-GROUP", b"system:masters"),
        (b"Impersonate-Uid", b"0"),
        (b"Impersonate-Extra-Scopes", b"x"),
        (b"Impersonate_User", b"admin"),
        (b"impersonate_extra_x", b"admin"),
        (b"Impersonate-", b""),
        (b"Connection", b"Impersonate-User"),
        (b"Connection", b"close, impersonate_group"),
        (b"Connection", b"close,,\tImpersonate-Extra-x;q=1"),
        (b"Connection", b'"impersonate-user"'),
        (b"Connection", b"close Impersonate-User"),
        (b"Proxy-Connection", b"impersonate-user"),
    ],
)
def test_impersonation_is_refused(header: Header) -> None:
    """A request to be somebody else is refused, never stripped, in any spelling and also where Connection names it."""
    found = refused(header)
    assert (found.status, found.slug) == (HTTPStatus.FORBIDDEN, Slug.IMPERSONATION)


@pytest.mark.parametrize("name", [b"X-Impersonate-User", b"Impersonated", b"Impersonate"])
def test_other_names_are_no_impersonation(name: bytes) -> None:
    """Only what Kubernetes or a proxy could take for Impersonate-* is."""
    assert name in dict(forwarded((name, b"x")).headers)


@pytest.mark.parametrize(
    "header",
    [
        *((b"X-A", b"1\r\nX-B: 2"), (b"X-A", b"1\nX-B: 2"), (b"X-A", b"1\r"), (b"X-A", b"\0"), (b"X-A", b"a\x0bb")),
        *((b"X-A", b"a\r\n b"), (b"X-A", b"\x7f"), (b"X-A\r\nX-B", b"1"), (b"X A", b"1"), (b"X-A ", b"1"), (b"", b"1")),
        *((b"X-A:", b"1"), (b"X\xc3\xa9", b"1"), (b"\xe2\x84\xaaey", b"1"), (b"Imper\xc5\xbfonate-User", b"admin")),
        *((b" Impersonate-User", b"admin"), (b"Impersonate-User\0", b"admin"), (b"Content-Length", b"+5")),
        *(
            (b"Content-Length", b"5, 5"),
            (b"Content-Length", b"0x5"),
            (b"Content-Length", b""),
            (b"Content-Length", b"-1"),
        ),
        *(
            (b"Content-Length", b"9" * 16),
            (b"Transfer-Encoding", b"gzip, chunked"),
            (b"Transfer-Encoding", b"identity"),
        ),
        *((b"Transfer-Encoding", b"xchunked"), (b"X-Forwarded-Host", b"a b"), (b"X-Forwarded-Host", b"a/b")),
        *((b"X-API-Host", b"user@h"), (b"X-API-Host", b"h:port"), (b"X-Forwarded-Host", b"a, <script>")),
        *((b"X-Forwarded-Proto", b"javascript"), (b"X-Forwarded-Proto", b"https, ftp"), (b"X-API-Host", b"[::1")),
        (b"Connection", b",".join(b"x-%d" % number for number in range(33))),
    ],
)
def test_malformed_headers(header: Header) -> None:
    """What could end a header and begin another, or is no value of its header, is refused."""
    found = refused(header)
    assert (found.status, found.slug) == (HTTPStatus.BAD_REQUEST, Slug.BAD_HEADER)


@pytest.mark.parametrize(
    "host", [None, b"", b" ", b"a b", b"a/b", b"user@h", b"h:", b"h:123456", b"a,b", b"[::1", b"h\xc3\xa9", b"a" * 254]
)
def test_bad_hosts(host: bytes | None) -> None:
    """Without a Host, or with one that is none, Rancher's links would lead anywhere."""
    found = forwarding.to_rancher([] if host is None else [(b"Host", host)], TLS)
    assert isinstance(found, Refusal)
    assert found.slug is Slug.BAD_HEADER


@pytest.mark.parametrize("host", [b"localhost", b"h:8443", b"10.0.0.1", b"[::1]", b"[fe80::1]:443", b"a_b.c-d.", b"A"])
def test_good_hosts(host: bytes) -> None:
    """Names, addresses and ports are hosts."""
    assert isinstance(forwarding.to_rancher([(b"host", host)], TLS), Forwarded)


@pytest.mark.parametrize(
    "headers",
    [
        [(b"Host", b"rancher.example")],
        [(b"HOST", b"other.example")],
        [(b"Content-Length", b"1"), (b"content-length", b"1")],
        [(b"Content-Length", b"1"), (b"Transfer-Encoding", b"chunked")],
        [(b"Transfer-Encoding", b"chunked")] * 2,
        [(b"Authorization", b"Bearer a"), (b"authorization", b"Bearer b")],
        [(b"Origin", b"https://a"), (b"Origin", b"https://b")],
        [(b"Sec-Fetch-Site", b"same-origin"), (b"Sec-Fetch-Site", b"cross-site")],
        [(b"User-Agent", b"curl"), (b"User-Agent", b"Mozilla")],
        [(b"X-Api-Csrf", b"a"), (b"X-API-CSRF", b"b")],
        [(b"X-API-Host", b"a"), (b"X-API-Host", b"b")],
        [(b"Content-Type", b"a"), (b"Content-Type", b"b")],
        *(
            [(b"Connection", b"close, " + name)]
            for name in (b"Authorization", b"cookie", b"X-Api-Csrf", b"user-agent", b"Host", b"Content-Length", b"VIA")
        ),
        [(b"Connection", b"x-forwarded-host")],
        [(b"Connection", b"x-forwarded-for, x-forwarded-proto")],
        [(b"Connection", b"accept")],
        [(b"Connection", b"content-encoding")],
        [(b"Connection", b"x-api-host")],
    ],
)
def test_ambiguous_headers(headers: list[Header]) -> None:
    """What counts for one reader and not for another is refused, and so is what Connection would take from Rancher."""
    found = refused(*headers)
    assert (found.status, found.slug) == (HTTPStatus.BAD_REQUEST, Slug.AMBIGUOUS_HEADER)


@pytest.mark.parametrize(
    "via",
    [
        *(b"1.1 status-guard", b"1.1 edge, 1.1 status-guard", b"HTTP/1.1 Status-Guard", b"1.1\tstatus-guard (gate)"),
        *(b"1.1 status-guard, 2 edge", b"1.1 a (b), 1.1 status-guard", b"1.1 status-guard:8443"),
    ],
)
def test_loops(via: bytes) -> None:
    """A request that has been through the gate is not sent round again, and the operator is told what to change."""
    found = refused((b"Via", b"1.1 other"), (b"via", via))
    assert (found.status, found.slug) == (HTTPStatus.LOOP_DETECTED, Slug.LOOP)
    assert "--rancher-url" in found.detail


def test_what_the_gate_writes_it_knows_again() -> None:
    """Two gates in a row, whatever stands between them, are a loop."""
    via = named(forwarded((b"Via", b"1.0 fred, 1.1 p.example (Apache/1.1)")))[b"via"][0]
    assert refused((b"Via", via + b", 2 edge")).slug is Slug.LOOP


@pytest.mark.parametrize("via", [b"1.1 status-guardian", b"1.1 my-status-guard", b"1.1 edge (not status-guard)", b""])
def test_other_hops_are_no_loop(via: bytes) -> None:
    """Another proxy's name, or its comment, is not the gate's."""
    assert isinstance(forwarding.to_rancher([HOST, (b"Via", via)], TLS), Forwarded)


@pytest.mark.parametrize("value", [b"websocket", b"h2c, WebSocket"])
def test_websockets_are_answered_with_words(value: bytes) -> None:
    """An upgrade that would silently become an ordinary request is refused instead; other protocols are ignored."""
    found = refused((b"Connection", b"Upgrade"), (b"Upgrade", value))
    assert (found.status, found.slug) == (HTTPStatus.NOT_IMPLEMENTED, Slug.NO_WEBSOCKETS)
    assert b"upgrade" not in named(forwarded((b"Connection", b"Upgrade"), (b"Upgrade", b"h2c")))


def test_sizes() -> None:
    """Headers at the limits pass, beyond them they are refused with what to do in a browser."""
    assert forwarded(*[(b"X-A", b"")] * (MOST_HEADERS - 1))
    assert forwarded((b"X-A", b"a" * (LARGEST_HEADERS - len(HOST[0] + HOST[1]) - 3)))
    for headers in ([(b"X-A", b"")] * MOST_HEADERS, [(b"X-A", b"a" * LARGEST_HEADERS)]):
        found = refused(*headers)
        assert (found.status, found.slug) == (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, Slug.HEADERS_TOO_LARGE)


def test_what_comes_back() -> None:
    """Rancher's headers come back as they are, cookies one by one, without those of the connection it was on."""
    meant = [
        (b"Content-Type", b"application/json"),
        (b"Set-Cookie", b"CSRF=a; Path=/"),
        (b"Set-Cookie", b"R_SESS=b; Path=/"),
        (b"X-Api-Cattle-Auth", b"true"),
        (b"Content-Length", b"3"),
        (b"Content-Encoding", b"gzip"),
        (b"Location", b"/v1"),
        (b"WWW-Authenticate", b"Basic"),
    ]
    ends = [(b"Connection", b"keep-alive, X-Hop"), (b"X-Hop", b"1"), (b"Keep-Alive", b"timeout=4")]
    ends += [(b"Transfer-Encoding", b"chunked"), (b"Proxy-Authenticate", b"x"), (b"Upgrade", b"h2c")]
    ends += [(b"X-Broken", b"a\r\nSet-Cookie: b=c"), (b"X Broken", b"a")]
    assert list(forwarding.to_client([*ends, *meant])) == meant


NAMES = st.one_of(
    st.sampled_from([*HOP_BY_HOP, b"host", b"x-a", b"X-B", b"via", b"impersonate-user", b"cookie", b"authorization"]),
    st.sampled_from([b"content-length", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-api-host"]),
    st.binary(max_size=8),
).flatmap(lambda name: st.sampled_from([name, name.upper(), name.title()]))
VALUES = st.one_of(
    st.sampled_from([b"close", b"x-a", b"X-B, close", b"chunked", b"5", b"h.example", b"https", b"1.1 status-guard"]),
    st.text("abcXx-, \t:/", max_size=12).map(str.encode),
    st.binary(max_size=12),
)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=8)


@settings(max_examples=1000, deadline=None)
@given(HEADERS, st.booleans())
def test_no_hop_by_hop_header_is_ever_forwarded(headers: list[Header], with_host: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever comes, what goes on is well-formed, once where once is meant, and holds nothing of the connection."""
    found = forwarding.to_rancher([*([HOST] if with_host else []), *headers], TLS)
    if isinstance(found, Refusal):
        assert found.status is not HTTPStatus.UNAUTHORIZED
        return
    options = {
        option.strip(b" \t").lower()
        for name, value in headers
        if name.lower() == b"connection"
        for option in value.split(b",")
    }
    names = [name.lower() for name, _ in found.headers]
    assert not set(names) & (HOP_BY_HOP | options | {b"host"})
    assert not any(name.replace(b"_", b"-").startswith(b"impersonate-") for name in names)
    for once in (b"via", b"x-api-host", b"x-forwarded-host", b"x-forwarded-proto"):
        assert names.count(once) == 1
    assert names.count(b"authorization") <= 1
    for name, value in found.headers:
        assert re.fullmatch(rb"[!-9;-~]+", name)
        assert not set(value) & {0, 10, 13}
    untouched = [
        (name, value) for name, value in found.headers if name.lower() in {b"x-a", b"cookie", b"authorization"}
    ]
    assert set(untouched) <= set(headers)


@given(HEADERS)
def test_nothing_of_ranchers_connection_comes_back(headers: list[Header]) -> None:
    """Whatever Rancher's headers are, what comes back is well-formed and holds nothing of its connection."""
    found = forwarding.to_client(headers)
    assert not {name.lower() for name, _ in found} & HOP_BY_HOP
    assert all(re.fullmatch(rb"[!-9;-~]+", name) and not set(value) & {0, 10, 13} for name, value in found)
    assert [header for header in headers if header in found] == list(found)
