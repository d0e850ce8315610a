"""Who calls, and whether another site's page made their browser do it."""

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.gate import origin
from app.core.gate.origin import Caller, Kind, Sender
from app.core.gate.refusal import Refusal, Slug

KEY = b"k" * 32
SECRET = b"token-abcde:s3cr3ts3cr3ts3cr3t"
HOSTS = (b"rancher.example",)


def called(authorization: bytes | None = None, *cookies: bytes, key: bytes = KEY) -> Caller:
    """The caller with these headers."""
    found = origin.caller([] if authorization is None else [authorization], cookies, key)
    assert isinstance(found, Caller), found
    return found


@pytest.mark.parametrize(
    ("authorization", "cookies", "kind"),
    [
        (b"Bearer " + SECRET, [], Kind.BEARER),
        (b"bearer " + SECRET, [b"R_SESS=other"], Kind.BEARER),
        (b"Basic dG9rZW46eA==", [b"R_SESS=other"], Kind.BASIC),
        (b"Negotiate abc", [b"R_SESS=other"], Kind.OTHER),
        (b"Bearer", [b"R_SESS=other"], Kind.BEARER),
        (b"Bearer\tx", [], Kind.OTHER),
        (b"", [b"R_SESS=" + SECRET], Kind.COOKIE),
        (b"  ", [b"a=b; R_SESS=" + SECRET + b"; c=d"], Kind.COOKIE),
        (None, [b"R_SESS=" + SECRET], Kind.COOKIE),
        (None, [b"a=b", b"R_SESS=" + SECRET], Kind.COOKIE),
        (None, [b"a=b; r_sess=x; R_SESSX=y; R_SESS; R_SESS=; CSRF=z"], Kind.NONE),
        (None, [], Kind.NONE),
    ],
)
def test_kinds(authorization: bytes | None, cookies: list[bytes], kind: Kind) -> None:
    """The header wins whenever it says something, as in Rancher, and the cookie counts only without it."""
    assert called(authorization, *cookies).kind is kind


def test_fingerprints_tell_credentials_apart() -> None:
    """Equal credentials have equal fingerprints; another secret, kind or key makes another one."""
    same = {
        called(b"Bearer " + SECRET).fingerprint,
        called(b" bearer   " + SECRET + b" ", b"R_SESS=x").fingerprint,
        called(b"BEARER " + SECRET).fingerprint,
    }
    assert len(same) == 1
    cookie = {called(None, b"R_SESS=" + SECRET), called(None, b'a=b;  R_SESS="' + SECRET + b'" ;R_SESS=' + SECRET)}
    assert len(cookie) == 1
    others = {
        *same,
        called(b"Bearer " + SECRET + b"1").fingerprint,
        called(b"Basic " + SECRET).fingerprint,
        called(b"Bearer " + SECRET, key=b"j" * 32).fingerprint,
        called(b"Bearer " + SECRET, key=b"k" * 100).fingerprint,
        called(b"Bearer " + SECRET, key=b"k" * 100 + b"1").fingerprint,
        called(b"Token " + SECRET).fingerprint,
        called(b"Tokens " + SECRET).fingerprint,
        *(caller.fingerprint for caller in cookie),
    }
    assert len(others) == 9
    assert called().fingerprint == ""


@given(st.binary(min_size=8, max_size=60).filter(lambda secret: secret.strip() == secret))
def test_fingerprints_hold_nothing_of_the_secret(secret: bytes) -> None:
    """Of a caller nothing can be read back: 32 hexadecimal digits, whatever the secret."""
    found = called(b"Bearer " + secret)
    assert len(found.fingerprint) == 32
    assert int(found.fingerprint, 16) >= 0
    assert secret.hex() not in found.fingerprint
    assert repr(secret)[2:-1] not in repr(found)


def test_short_keys() -> None:
    """A key that could be guessed is a mistake of ours, told at once."""
    with pytest.raises(ValueError, match="16 bytes"):
        origin.caller([], [], b"k" * 15)


@pytest.mark.parametrize(
    ("authorization", "cookies"),
    [
        ([b"Bearer a", b"Bearer b"], []),
        ([b"Bearer a", b"Bearer a"], []),
        ([], [b"R_SESS=a; R_SESS=b"]),
        ([], [b"R_SESS=a", b"R_SESS=b"]),
    ],
)
def test_ambiguous_credentials(authorization: list[bytes], cookies: list[bytes]) -> None:
    """Where two credentials could count, none is chosen."""
    found = origin.caller(authorization, cookies, KEY)
    assert isinstance(found, Refusal)
    assert (found.status, found.slug) == (HTTPStatus.BAD_REQUEST, Slug.AMBIGUOUS_CREDENTIALS)


SAME, CROSS = (b"same-origin",), (b"cross-site",)


@pytest.mark.parametrize(
    "sender",
    [
        Sender(SAME, (), HOSTS),
        Sender((b" same-origin ",), (b"null",), HOSTS),
        Sender(SAME, (b"https://proxy-changed-the-host",), HOSTS),
        Sender((), (b"https://rancher.example",), HOSTS),
        Sender((), (b"https://RANCHER.example",), HOSTS),
        Sender((), (b"https://rancher.example:443",), HOSTS),
        Sender((), (b"https://rancher.example",), (b"rancher.example:443",)),
        Sender((), (b"https://rancher.example:8443",), (b"rancher.example:8443",)),
        Sender((), (b"https://rancher.example",), (b"gate.svc", b"Rancher.Example")),
        Sender((), (b"https://rancher.example",), HOSTS, "http"),
        Sender((), (b"http://rancher.example",), HOSTS, "http"),
        Sender((), (b"http://rancher.example:80",), HOSTS, "http"),
        Sender((), (b"https://[::1]",), (b"[::1]",)),
        Sender((), (b"https://[::1]:8443",), (b"[::1]:8443",)),
    ],
)
def test_own_pages(sender: Sender) -> None:
    """A request that Rancher's own page made passes, whoever sends it."""
    for kind in Kind:
        assert origin.crossing(Caller(kind, "f"), sender) is None or (kind is Kind.NONE)


@pytest.mark.parametrize(
    "sender",
    [
        Sender(CROSS, (), HOSTS),
        Sender((b"same-site",), (), HOSTS),
        Sender((b"none",), (), HOSTS),
        Sender((b"",), (), HOSTS),
        Sender((b"Same-Origin",), (), HOSTS),
        Sender((b"same-origin, cross-site",), (), HOSTS),
        Sender(CROSS, (b"https://rancher.example",), HOSTS),
        Sender((), (b"null",), HOSTS),
        Sender((), (b"",), HOSTS),
        Sender((), (b"https://evil.example",), HOSTS),
        Sender((), (b"https://rancher.example.evil.example",), HOSTS),
        Sender((), (b"https://evil-rancher.example",), HOSTS),
        Sender((), (b"https://rancher.example@evil.example",), HOSTS),
        Sender((), (b"https://rancher.example/",), HOSTS),
        Sender((), (b"https://rancher.example https://evil.example",), HOSTS),
        Sender((), (b"https://rancher.example:8443",), HOSTS),
        Sender((), (b"https://rancher.example",), (b"rancher.example:8443",)),
        Sender((), (b"http://rancher.example",), HOSTS),
        Sender((), (b"https://rancher.example:80",), HOSTS, "http"),
        Sender((), (b"ftp://rancher.example",), HOSTS),
        Sender((), (b"rancher.example",), HOSTS),
        Sender((), (b"https://",), (b"", b" ")),
        Sender((), (b"https://rancher.example",), ()),
        Sender((), (b"https://r\xe4ncher.example",), HOSTS),
    ],
)
def test_other_pages(sender: Sender) -> None:
    """A request that another page made, or may have made, is refused to whom the browser vouches for by itself."""
    for kind in (Kind.COOKIE, Kind.BASIC, Kind.OTHER):
        found = origin.crossing(Caller(kind, "f"), sender)
        assert isinstance(found, Refusal)
        assert (found.status, found.slug) == (HTTPStatus.FORBIDDEN, Slug.CROSS_SITE)
    assert origin.crossing(Caller(Kind.BEARER, "f"), sender) is None
    assert origin.crossing(Caller(Kind.NONE, ""), sender) is None


def test_nothing_said() -> None:
    """A cookie without a word of where it comes from is refused, a header is not: curl says nothing either."""
    silent = Sender((), (), HOSTS)
    found = origin.crossing(Caller(Kind.COOKIE, "f"), silent)
    assert isinstance(found, Refusal)
    assert "Bearer" in found.detail
    for kind in (Kind.BEARER, Kind.BASIC, Kind.OTHER, Kind.NONE):
        assert origin.crossing(Caller(kind, "f"), silent) is None


@pytest.mark.parametrize("sender", [Sender((b"same-origin",) * 2, (), HOSTS), Sender((), (b"https://a",) * 2, HOSTS)])
def test_said_twice(sender: Sender) -> None:
    """Two origins are no origin."""
    found = origin.crossing(Caller(Kind.COOKIE, "f"), sender)
    assert isinstance(found, Refusal)
    assert found.slug is Slug.AMBIGUOUS_HEADER


LINES = st.lists(st.binary(max_size=30) | st.sampled_from([b"R_SESS=a", b"Bearer a", b"https://h"]), max_size=3)


@given(LINES, LINES, LINES, LINES, LINES)
def test_any_headers(
    authorization: list[bytes], cookies: list[bytes], sites: list[bytes], origins: list[bytes], hosts: list[bytes]
) -> None:
    """Whatever headers come, there is a caller or a refusal, and nothing raises."""
    who = origin.caller(authorization, cookies, KEY)
    if isinstance(who, Caller):
        found = origin.crossing(who, Sender(tuple(sites), tuple(origins), tuple(hosts)))
        assert found is None or found.status is not HTTPStatus.UNAUTHORIZED
