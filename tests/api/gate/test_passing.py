"""Every other call on Rancher's path: it goes up and comes down as it is, and ends as it ends."""

import asyncio
from typing import Any

import pytest
from gate_wire import request

PATH = "/v1/catalog.cattle.io.clusterrepos"
TYPE = (b"Content-Type", b"application/json")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"{PATH}?limit=5&x=%2F%zz", b""),
        ("GET", f"{PATH}/harvester?link=info&chartName=a&version=1", b""),
        ("GET", f"/k8s/clusters/c-1{PATH}/harvester?link=index", b""),
        ("PUT", f"{PATH}/harvester", b'{"spec":{}}'),
        ("POST", PATH, b'{"type":"catalog.cattle.io.clusterrepo"}'),
        ("POST", f"{PATH}/harvester?action=other", b"{}"),
        ("DELETE", f"{PATH}/harvester", b""),
        ("OPTIONS", PATH, b""),
        ("PATCH", f"{PATH}/harvester", bytes(range(256)) * 300),
    ],
)
async def test_other_calls_pass_as_they_are(gate: Any, method: str, path: str, body: bytes) -> None:
    """Method, path, query and body reach Rancher byte for byte, with the caller's own headers."""
    gate.upstream.headers = (TYPE, (b"Content-Length", b"2"), (b"X-Thing", b"a"), (b"X-Thing", b"b"))
    gate.upstream.body = (b"{}",)
    answer = await gate.ask(path, body, method=method, user_agent="curl/8", x_custom="1")
    assert (answer.status, answer.body) == (200, b"{}")
    assert [value for name, value in answer.headers if name == "x-thing"] == ["a", "b"]
    [(sent_method, target, headers, sent)] = gate.upstream.calls
    assert (sent_method, target, sent) == (method.encode(), path.encode(), body)
    assert {(b"user-agent", b"curl/8"), (b"x-custom", b"1")} <= set(headers)
    assert (b"Via", b"1.1 status-guard") in headers
    assert not {name.lower() for name, _ in headers} & {b"host", b"connection"}


async def test_cookies_pass_without_a_question(gate: Any) -> None:
    """What is not held is Rancher's to judge: a cross-site read with cookies goes to it as it came."""
    await gate.ask(PATH, method="GET", authorization=None, cookie="R_SESS=x", sec_fetch_site="cross-site")
    [(_, _, headers, _)] = gate.upstream.calls
    assert (b"cookie", b"R_SESS=x") in headers
    assert gate.rancher.asked == 0


async def test_an_answer_streams_while_it_is_made(gate: Any) -> None:
    """Each part is there before the next one exists, and its end is the answer's end."""
    gate.upstream.headers = ((b"Content-Type", b"text/event-stream"), (b"Transfer-Encoding", b"chunked"))
    gate.upstream.body = (b"data: 1\n\n", b"data: 2\n\n")
    gate.upstream.gate = asyncio.Event()
    wire = await gate.begin(f"{PATH}?watch=1", method="GET")
    await wire.head()
    chunks = wire.chunks()
    assert await anext(chunks) == b"data: 1\n\n"
    gate.upstream.gate.set()
    assert await anext(chunks) == b"data: 2\n\n"
    assert [part async for part in chunks] == []


async def test_an_upload_streams_while_it_is_sent(gate: Any) -> None:
    """A body in chunks goes up in its parts and arrives whole."""
    head = request(PATH, b"", authorization="Bearer x", content_length=None, transfer_encoding="chunked")
    wire = await (await gate.connect()).send(head + b"3\r\nabc\r\n")
    await wire.send(b"3\r\ndef\r\n0\r\n\r\n")
    await wire.answer()
    assert gate.upstream.calls[0][3] == b"abcdef"


@pytest.mark.parametrize("length", [((b"Content-Length", b"10"),), ()])
async def test_an_answer_that_breaks_off_is_not_ended_well(gate: Any, length: tuple[Any, ...]) -> None:
    """Where Rancher's body ends too early, the client's connection ends without the mark of an end."""
    gate.upstream.headers, gate.upstream.body, gate.upstream.breaks = (TYPE, *length), (b"abc",), True
    wire = await gate.begin(PATH, method="GET")
    with pytest.raises(asyncio.IncompleteReadError):
        await wire.answer("GET")


async def test_a_client_who_goes_ends_the_call(gate: Any) -> None:
    """Hanging up during an answer without an end lets go of Rancher's side of it."""
    gate.upstream.body, gate.upstream.gate = (b"data: 1\n\n",), asyncio.Event()
    wire = await gate.begin(PATH, method="GET")
    await wire.head()
    wire.close()
    await asyncio.wait_for(gate.upstream.left.wait(), 30)


@pytest.mark.parametrize("body", [b"", b"x"])
async def test_a_client_who_goes_before_the_answer_ends_the_call(gate: Any, body: bytes) -> None:
    """Hanging up while Rancher has not begun to answer lets go of its side, too, whether or not there was a body."""
    gate.upstream.silent = asyncio.Event()
    method = "PUT" if body else "GET"
    wire = await gate.begin(PATH, body or None, method=method)
    await asyncio.wait_for(gate.upstream.asked.wait(), 30)
    wire.close()
    await asyncio.wait_for(gate.upstream.left.wait(), 30)


async def test_no_answer_is_a_problem(gate: Any) -> None:
    """Where Rancher cannot be reached there is 502 with words, and no trace of the request in them."""
    gate.upstream.down = True
    answer = await gate.ask(f"{PATH}/MARKER", method="GET")
    answer.assert_problem(502, "rancher-unreachable")


@pytest.mark.parametrize(("status", "method"), [(204, "GET"), (304, "GET"), (200, "HEAD")])
async def test_answers_without_a_body_end_at_once(gate: Any, status: int, method: str) -> None:
    """A status or a method that has no body leaves the connection usable for the next call."""
    gate.upstream.status, gate.upstream.headers = status, ((b"Content-Length", b"5"), (b"ETag", b'"1"'))
    wire = await gate.begin(PATH, method=method)
    answer = await wire.answer(method)
    assert (answer.status, answer.body, answer.header("etag")) == (status, b"", '"1"')
    await wire.send(request(PATH, method="HEAD", authorization="Bearer x"))
    assert (await wire.answer("HEAD")).status == status


async def test_headers_that_would_end_ours_are_left_out(gate: Any) -> None:
    """A response header that is none cannot begin another one."""
    gate.upstream.headers = ((b"X-Evil", b"a\r\nSet-Cookie: R_SESS=MARKER"), (b"X Bad", b"1"), TYPE)
    answer = await gate.ask(PATH, method="GET")
    assert {"x-evil", "set-cookie"} & {name for name, _ in answer.headers} == set()


async def test_the_index_is_not_held_unless_asked_for(gate: Any) -> None:
    """Without --hold-index a read of the index passes at once."""
    await gate.ask(f"{PATH}/harvester?link=index", method="GET")
    assert (gate.engine.index_reads, len(gate.upstream.calls)) == ([], 1)


async def test_a_held_index_read_waits_for_the_repository(begin: Any) -> None:
    """With it, the read reaches Rancher when the repository is ready, with the reader's own credential."""
    gate = await begin(hold_index=25.0)
    gate.upstream.body = (b"{}",)
    wire = await gate.begin(f"{PATH}/harvester?link=index", method="GET")
    other = await gate.ask(PATH, method="GET")
    assert (other.status, len(gate.upstream.calls)) == (200, 1)
    gate.engine.index.set()
    assert (await wire.answer("GET")).body == b"{}"
    [(place, credential, seconds)] = gate.engine.index_reads
    assert (place.repo, seconds) == ("harvester", 25.0)
    assert credential.headers[0][0] == b"authorization"
    assert gate.upstream.calls[1][1] == f"{PATH}/harvester?link=index".encode()


async def test_a_held_index_read_passes_when_its_time_is_over(begin: Any) -> None:
    """A repository that does not get ready holds nobody longer: what Rancher says then is the answer."""
    gate = await begin(hold_index=0.01)
    gate.upstream.status, gate.upstream.body = 500, (b"{}",)
    answer = await gate.ask(f"{PATH}/harvester?link=index", method="GET")
    assert (answer.status, len(gate.engine.index_reads)) == (500, 1)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": None},
        {"authorization": None, "cookie": "R_SESS=x", "sec_fetch_site": "cross-site"},
        {"authorization": None, "cookie": "R_SESS=x"},
    ],
)
async def test_index_reads_of_nobody_or_of_other_sites_are_not_held(begin: Any, headers: dict[str, Any]) -> None:
    """A page of another site cannot have us hold reads for it; they pass."""
    gate = await begin(hold_index=25.0)
    await gate.ask(f"{PATH}/harvester?link=index", method="GET", **headers)
    assert (gate.engine.index_reads, len(gate.upstream.calls)) == ([], 1)


async def test_only_so_many_index_reads_are_held(begin: Any) -> None:
    """Beyond the limit reads pass at once."""
    gate = await begin(hold_index=25.0, most_held=0)
    await gate.ask(f"{PATH}/harvester?link=index", method="GET")
    assert gate.engine.index_reads == []


async def test_a_reader_who_goes_holds_nothing(begin: Any) -> None:
    """Hanging up during a held read ends it, and Rancher never hears of it."""
    gate = await begin(hold_index=25.0)
    wire = await gate.begin(f"{PATH}/harvester?link=index", method="GET")
    while not gate.engine.index_reads:
        await gate.ask("/openapi.json", method="GET")
    wire.close()
    while gate.scene.reception.in_flight:
        await gate.ask("/openapi.json", method="GET")
    assert gate.upstream.calls == []
