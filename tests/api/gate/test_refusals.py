"""Attacks on the install path: each is refused before Rancher, or the engine, hears of it."""

import asyncio
import json
from typing import Any

import pytest
from gate_wire import BODY, INSTALL, request

from app.core.gate.body import LARGEST_BODY
from app.gate.limits import TOO_MANY_YOURS
from app.gate.progress import Cancelled

PATH = "/v1/catalog.cattle.io.clusterrepos"
COOKIE = "R_SESS=token-ann:MARKER-ann-secret"
DUPLICATE = b'{"charts":[{"chartName":"a","chartName":"MARKER"}]}'


@pytest.fixture(autouse=True)
def ends(gate: Any) -> None:
    """Whatever gets through ends at once, so that a test that should fail does not hang."""
    gate.engine.ends = lambda install: install.end(Cancelled())


def assert_nobody_heard(gate: Any) -> None:
    """Neither the engine nor Rancher got anything."""
    assert gate.engine.requests == []
    assert gate.upstream.calls == []


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        (f"{PATH}/a?action=install&action=upgrade", "ambiguous-query"),
        (f"{PATH}/a?action=install&_method=GET", "ambiguous-query"),
        (f"{PATH}/a?action=install&link=info", "ambiguous-query"),
        (f"{PATH}/a?action=Install", "ambiguous-query"),
        (f"{PATH}/a?Action=install", "ambiguous-query"),
        (f"{PATH}/a?action=install;x=MARKER", "ambiguous-query"),
        (f"{PATH}/a/../b?action=install", "ambiguous-path"),
        (f"{PATH}//a?action=install", "ambiguous-path"),
        (f"{PATH}/%61?action=install", "ambiguous-path"),
        ("/v1/Catalog.cattle.io.ClusterRepos/a?action=install", "ambiguous-path"),
        ("/v1/catalog.cattle.io.clusterrepo/a?action=install", "ambiguous-path"),
        (f"/k8s/clusters/c%2d1{PATH}/a?action=install", "ambiguous-path"),
        (f"{PATH}/MARKER_a?action=install", "bad-name"),
        (f"/k8s/clusters/C-1{PATH}/a?action=install", "bad-name"),
    ],
)
async def test_a_path_that_two_could_read_differently_is_refused(gate: Any, path: str, slug: str) -> None:
    """Every other spelling of the install path gets 400 instead of passing around the hold."""
    (await gate.ask(path, BODY)).assert_problem(400, slug)
    assert_nobody_heard(gate)


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        (DUPLICATE, "ambiguous-body"),
        (b'{"charts":[{"chartName":"a","ChartName":"MARKER"}]}', "ambiguous-body"),
        (b'{"CHARTS":[{"chartName":"MARKER"}]}', "ambiguous-body"),
        (json.dumps(BODY).encode() + b'{"charts":[]}', "body-not-json"),
        (b'{"charts":[{"chartName":"a","releaseName":"../MARKER"}]}', "bad-name"),
        (b'{"charts":[{"chartName":"a"}],"namespace":"MARKER/x"}', "bad-name"),
        (b"\xff\xfe", "body-not-json"),
        (b"", "body-not-json"),
        (b'{"charts":[{"chartName":"a","values":' + b"[" * 5000 + b"]" * 5000 + b"}]}", "bad-body"),
    ],
)
async def test_a_body_that_two_could_read_differently_is_refused(gate: Any, body: bytes, slug: str) -> None:
    """What Rancher's decoder would read in its own way gets 400, and the connection lives on."""
    wire = await gate.begin(body=body)
    (await wire.answer()).assert_problem(400, slug)
    await wire.send(request(INSTALL, DUPLICATE, authorization="Bearer x"))
    (await wire.answer()).assert_problem(400, "ambiguous-body")
    assert_nobody_heard(gate)


@pytest.mark.parametrize(
    ("headers", "status", "slug"),
    [
        ({"impersonate_user": "MARKER"}, 403, "impersonation"),
        ({"Impersonate_Group": "system:masters"}, 403, "impersonation"),
        ({"impersonate_extra_scopes": "x"}, 403, "impersonation"),
        ({"connection": "keep-alive, Impersonate-User"}, 403, "impersonation"),
        ({"connection": "Authorization"}, 400, "ambiguous-header"),
        ({"connection": "x-api-csrf"}, 400, "ambiguous-header"),
        ({"via": "1.1 proxy, 1.1 status-guard"}, 508, "loop"),
        ({"host": "gate.test/MARKER"}, 400, "bad-header"),
        ({"x_forwarded_host": "evil MARKER"}, 400, "bad-header"),
        ({"x_forwarded_proto": "javascript"}, 400, "bad-header"),
        ({"expect": "100-continue", "impersonate_user": "x"}, 403, "impersonation"),
    ],
)
@pytest.mark.parametrize("path", [INSTALL, f"{PATH}/harvester?link=index", f"{PATH}?x=1", "/installs"])
async def test_headers_that_change_who_asks_are_refused_everywhere(
    gate: Any, headers: dict[str, str], status: int, slug: str, path: str
) -> None:
    """Impersonation, loops and headers of two meanings are refused on held, passing and own paths alike."""
    method = "POST" if path == INSTALL else "GET"
    body = BODY if path == INSTALL else None
    (await gate.ask(path, body, method=method, **headers)).assert_problem(status, slug)
    assert_nobody_heard(gate)


async def test_headers_named_twice_are_refused(gate: Any) -> None:
    """Two Authorization headers, or two hosts, are not chosen between."""
    for twice in (b"Authorization: Bearer MARKER\r\n", b"Host: other\r\n", b"Content-Type: text/plain\r\n"):
        wire = await gate.connect()
        whole = request(INSTALL, BODY, authorization="Bearer token-ann:MARKER-ann-secret")
        await wire.send(whole.replace(b"\r\n", b"\r\n" + twice, 1))
        (await wire.answer()).assert_problem(400, "ambiguous-header")
    assert_nobody_heard(gate)


@pytest.mark.parametrize(
    "smuggled",
    [
        b"X-A: a\r\nImpersonate-User: admin\r\n",
        b"Impersonate-User : admin\r\n",
        b"X-A: a\r\n Impersonate-User: admin\r\n",
        b"X-A: \x00\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 3\r\n",
    ],
)
async def test_smuggled_headers_reach_nobody(gate: Any, smuggled: bytes) -> None:
    """Header injection and two lengths end in a refusal of ours or of the HTTP parser's."""
    wire = await gate.connect()
    whole = request(INSTALL, BODY, authorization="Bearer token-ann:MARKER-ann-secret")
    await wire.send(whole.replace(b"\r\n", b"\r\n" + smuggled, 1))
    status, _ = await wire.head()
    assert status in {400, 403}
    assert_nobody_heard(gate)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"origin": "https://evil.test"},
        {"origin": "null"},
        {"origin": "http://gate.test"},
        {"origin": "https://gate.test.evil.test"},
        {"origin": "https://gate.test", "sec_fetch_site": "cross-site"},
    ],
)
async def test_another_sites_page_cannot_install_with_cookies(gate: Any, headers: dict[str, str]) -> None:
    """A cookie alone proves nothing: without a same-origin page the call is refused before Rancher is asked."""
    answer = await gate.ask(body=BODY, authorization=None, cookie=COOKIE, **headers)
    answer.assert_problem(403, "cross-site")
    assert gate.rancher.asked == 0
    assert_nobody_heard(gate)


@pytest.mark.parametrize("headers", [{"sec_fetch_site": "same-origin"}, {"origin": "https://gate.test"}])
async def test_ranchers_own_page_installs_with_cookies(gate: Any, headers: dict[str, str]) -> None:
    """The dashboard, on the same host, is let through with its cookie."""
    await gate.ask(body=BODY, authorization=None, cookie=COOKIE, **headers)
    [taken] = gate.engine.requests
    assert taken.user == "u-ann"


async def test_several_sessions_are_refused(gate: Any) -> None:
    """Two session cookies are not chosen between."""
    answer = await gate.ask(
        body=BODY, authorization=None, cookie=f"{COOKIE}; R_SESS=token-bob:x", origin="https://gate.test"
    )
    answer.assert_problem(400, "ambiguous-credentials")


async def test_no_login_gets_ranchers_own_words(gate: Any) -> None:
    """401 is Rancher's answer, as it came, and the engine hears of nothing."""
    for authorization in (None, "Bearer token-nobody:x"):
        answer = await gate.ask(body=BODY, authorization=authorization)
        assert (answer.status, answer.header("x-api-cattle-auth")) == (401, "false")
        assert answer.json["message"] == "must authenticate"
    assert_nobody_heard(gate)


async def test_while_rancher_says_nothing_nobody_is_held(gate: Any) -> None:
    """Without Rancher's word on who calls there is 503 with Retry-After, never 401 of our own."""
    gate.rancher.down = True
    answer = await gate.ask(body=BODY, prefer="wait=0")
    answer.assert_problem(503, "rancher-unreachable")
    assert int(answer.header("retry-after")) > 0
    assert gate.rancher.asked > 1


async def test_a_limit_is_told_with_retry_after(gate: Any) -> None:
    """429 comes with the time after which there may be room, and the connection lives on."""
    gate.engine.refusal = TOO_MANY_YOURS
    wire = await gate.begin(body=BODY)
    answer = await wire.answer()
    answer.assert_problem(429, "too-many-installs")
    assert answer.header("retry-after") == str(TOO_MANY_YOURS.retry_after)
    assert answer.header("connection") is None


async def test_a_large_body_is_refused_unread(gate: Any) -> None:
    """A length beyond the limit is refused before the body is sent, and the connection ends."""
    wire = await gate.connect()
    await wire.send(request(INSTALL, b"", authorization="Bearer x", content_length=str(LARGEST_BODY + 1)))
    (await wire.answer()).assert_problem(413, "body-too-large")
    assert await wire.ended()


async def test_a_large_body_in_chunks_is_refused(gate: Any) -> None:
    """A body that does not say its length is refused when it gets too long."""
    wire = await gate.connect()
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    head = request(INSTALL, b"", authorization="Bearer x", content_length=None, transfer_encoding="chunked")
    await wire.send(head)
    sending = asyncio.create_task(wire.send(chunk * (LARGEST_BODY // 0x10000 + 2)))
    (await wire.answer()).assert_problem(413, "body-too-large")
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


@pytest.mark.parametrize("path", ["/v1/subscribe", "/k8s/clusters/c-1/v1/subscribe", "/v1/%73ubscribe"])
async def test_websockets_are_named(gate: Any, path: str) -> None:
    """WebSockets get 501 with what to do: route them past the gate."""
    answer = await gate.ask(path, method="GET", connection="Upgrade", upgrade="websocket", sec_websocket_version="13")
    answer.assert_problem(501, "no-websockets")
