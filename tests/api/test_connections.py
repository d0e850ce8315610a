"""How requests come in: slowly, in pieces, too large, too long, not at all. The next good one is answered each time."""

import json
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from raw_client import STATUS, Connection, Reply, make_request, make_review
from server_process import Process

from app.api.admission import LONGEST_QUERY
from app.api.allowance import LONGEST_HEAD
from app.api.wire import LARGEST_REVIEW

Connect = Callable[..., Connection]
Post = Callable[..., Reply]
Check = Callable[[], None]

CHUNKED: dict[str, Any] = {"content_length": None, "transfer_encoding": "chunked"}


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def padded(size: int) -> bytes:
    """A review of exactly this many bytes."""
    body = json.dumps(make_review(extra="MARKER")).encode()
    return body.replace(b"MARKER", b"a" * (size - len(body) + len(b"MARKER")))


@pytest.fixture(autouse=True)
def still_serves(assert_serves: Check, server: Process) -> Any:
    """After every test here a good request is answered, and nothing is in flight or held."""
    yield
    assert_serves()
    server.until(lambda: server.metric("status_guard_requests_in_flight") == 0)
    server.until(lambda: server.metric("status_guard_held_bytes") == 0)


def test_a_body_may_be_as_large_as_promised(post: Post) -> None:
    """A review of exactly the limit is answered."""
    assert post(padded(LARGEST_REVIEW)).status == 200


@pytest.mark.parametrize("size", [LARGEST_REVIEW + 1, 8 * 1024 * 1024, 10**18])
def test_a_longer_body_is_refused_unread(size: int, connect: Connect) -> None:
    """A content length beyond the limit is a 413 before the body is sent, and the connection ends."""
    connection = connect().send(make_request(b'{"a":"MARKER', content_length=size))
    connection.reply().assert_fault(413)
    assert connection.ended()


def test_a_longer_chunked_body_is_refused(connect: Connect) -> None:
    """A body that turns out to be beyond the limit is a 413, however much more would come."""
    connection = connect().send(make_request(b"", **CHUNKED))
    connection.send(chunk(b"MARKER" * (LARGEST_REVIEW // 6 + 1)))
    connection.reply().assert_fault(413)


def test_a_chunked_body_is_answered(connect: Connect) -> None:
    """A chunked review gets the answer a whole one gets, in chunks of a single byte too."""
    body = json.dumps(make_review("u")).encode()
    connection = connect().send(make_request(b"", **CHUNKED))
    connection.send(b"".join(chunk(body[at : at + 1]) for at in range(len(body))) + b"0\r\n\r\n")
    assert connection.reply().patch == [{"op": "add", "path": "/status", "value": STATUS}]


def test_a_body_may_come_byte_by_byte(connect: Connect) -> None:
    """Pieces of any size make up one request, and the connection serves the next."""
    connection = connect()
    data = make_request(make_review("u"))
    for at in range(len(data)):
        connection.send(data[at : at + 1])
    assert connection.reply().json["response"]["uid"] == "u"
    assert connection.send(data).reply().status == 200


def test_a_slow_body_meets_its_deadline(connect: Connect) -> None:
    """A body that is not whole within the request's own timeout is a 408, and the connection ends."""
    connection = connect().send(make_request(b'{"MARKER":', path="/mutate?timeout=1s", content_length=1000))
    connection.reply().assert_fault(408)
    assert connection.ended()


def test_a_body_that_never_begins_meets_its_deadline(connect: Connect) -> None:
    """So is a request whose body does not come at all."""
    connection = connect().send(make_request(b"", path="/mutate?timeout=1s", content_length=1000))
    connection.reply().assert_fault(408)


@pytest.mark.parametrize(
    "query", ["timeout=10s", "timeout=1h", "timeout=1m30s", "timeout=", "x=%zz;;&&", "timeout=MARKER&timeout=3s"]
)
def test_a_timeout_that_can_be_read_is_fine(query: str, post: Post) -> None:
    """Any duration is taken, the last one of several, and none at all as the default."""
    assert post(make_review(), f"/mutate?{query}").status == 200


@pytest.mark.parametrize(
    "query",
    [
        "timeout=MARKER",
        "timeout=-1s",
        "timeout=5",
        "timeout=1e9s",
        "timeout=3s&timeout=MARKER",
        "timeout=%ff",
        f"timeout={'9' * 99}h",
    ],
)
def test_a_timeout_that_cannot_be_read_is_a_fault(query: str, post: Post) -> None:
    """A timeout that is no duration is a 400 that does not repeat it."""
    post(make_review(), f"/mutate?{query}").assert_fault(400)


def test_a_long_query_is_a_fault(post: Post) -> None:
    """A query nobody would send is a 414, and nothing of it is kept."""
    post(make_review(), f"/mutate?{'MARKER' * LONGEST_QUERY}").assert_fault(414)


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=MARKER"]
)
def test_json_is_json_with_any_parameter(kind: str, post: Post) -> None:
    """The content type's parameters and case do not matter."""
    assert post(make_review(), content_type=kind).status == 200


@pytest.mark.parametrize(
    "kind", [None, "", "text/plain", "application/yaml", "application/json-MARKER", "MARKER; application/json"]
)
def test_other_content_types_are_a_fault(kind: str | None, post: Post) -> None:
    """Anything but JSON is a 415."""
    post(make_review(), content_type=kind).assert_fault(415)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_a_fault(method: str, post: Post) -> None:
    """Anything but POST is a 405 that names POST."""
    reply = post(make_review("MARKER"), method=method)
    reply.assert_fault(405)
    assert reply.headers["allow"] == "POST"


def test_head_gets_no_body(connect: Connect) -> None:
    """HEAD gets the status of any other wrong method, and no body."""
    reply = connect().send(make_request(b"", method="HEAD")).reply("HEAD")
    assert (reply.status, reply.headers["allow"], reply.body) == (405, "POST", b"")


@pytest.mark.parametrize(
    "path", ["/", "/MARKER", "/mutate/", "/mutate/MARKER", "//mutate", "/Mutate", "/docs", "/readyz", "/metrics"]
)
def test_other_paths_are_a_fault(path: str, post: Post) -> None:
    """Any other path is a 404 that repeats neither path nor host."""
    post(make_review(), path, host="MARKER").assert_fault(404)


def test_expect_is_honoured(connect: Connect) -> None:
    """Who asks whether to send the body is told to, and a large body after that is answered."""
    body = padded(1024 * 1024)
    connection = connect().send(make_request(b"", expect="100-continue", content_length=len(body)))
    assert connection.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert connection.send(body).reply().status == 200


def test_expect_does_not_ask_for_what_is_refused(connect: Connect) -> None:
    """Who announces too large a body is refused without being told to send it."""
    connection = connect().send(make_request(b"", expect="100-continue", content_length=LARGEST_REVIEW + 1))
    assert connection.socket.recv(12) == b"HTTP/1.1 413"


def test_http_1_0_is_answered_and_closed(connect: Connect) -> None:
    """A caller of HTTP/1.0 gets its answer and the end of the connection."""
    connection = connect().send(make_request(make_review("u")).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
    reply = connection.reply()
    assert (reply.json["response"]["uid"], reply.headers["connection"]) == ("u", "close")
    assert connection.ended()


def test_pipelined_requests_are_answered_in_order(connect: Connect) -> None:
    """Requests sent without waiting are answered one by one, each with its own uid, faults in between."""
    good = [make_request(make_review(f"u{number}")) for number in range(20)]
    connection = connect().send(b"".join([*good[:10], make_request(b"MARKER"), *good[10:]]))
    replies = [connection.reply() for _ in range(21)]
    replies.pop(10).assert_fault(400)
    assert [reply.json["response"]["uid"] for reply in replies] == [f"u{number}" for number in range(20)]


def test_keep_alive_is_kept(connect: Connect) -> None:
    """Verdicts and faults about a whole body leave the connection as it is."""
    connection = connect()
    for body, status in [(make_review(), 200), (b"MARKER", 400), (make_review(), 200)] * 3:
        reply = connection.send(make_request(body)).reply()
        assert (reply.status, reply.headers["connection"]) == (status, None)


def test_half_closed_connections_end(connect: Connect) -> None:
    """A caller that ends its side within a body gets nothing, and the server lets go of it."""
    connection = connect().send(make_request(b'{"MARKER":', content_length=1000))
    connection.socket.shutdown(socket.SHUT_WR)
    assert connection.ended()


@pytest.mark.parametrize("linger", [False, True])
def test_a_caller_may_hang_up(linger: bool, connect: Connect, server: Process) -> None:  # noqa: FBT001 - a parameter
    """A caller that goes within its body, in order or by a reset, is counted as a fault."""
    before = server.metric("status_guard_faults_total", code="400")
    connection = connect().send(make_request(b'{"MARKER":', content_length=1000))
    server.until(lambda: server.metric("status_guard_requests_in_flight") > 0)
    if linger:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    server.until(lambda: server.metric("status_guard_faults_total", code="400") == before + 1)


@pytest.mark.parametrize(
    "data",
    [
        b"MARKER\r\n\r\n",
        b"\x00" * 100,
        b"POST /mutate HTTP/9.9\r\n\r\n",
        b"POST /mutate HTTP/1.1\r\ncontent-length: MARKER\r\n\r\n",
        b"POST /mutate HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /mutate HTTP/1.1\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        b"POST /mutate HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST /mutate HTTP/1.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nMARKER\r\n",
        b"CONNECT MARKER:443 HTTP/1.1\r\n\r\n",
        b"POST https://MARKER HTTP/1.1\r\n\r\n",
        b"POST /\xff HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_by_the_http_server(data: bytes, connect: Connect) -> None:
    """What is no HTTP/1.1 gets the HTTP server's own 400 without an echo, and the connection ends."""
    connection = connect().send(data)
    reply = connection.reply()
    assert (reply.status, reply.headers["connection"]) == (400, "close")
    assert b"MARKER" not in reply.body
    assert connection.ended()
    connection.close()


@pytest.mark.parametrize(
    "data", [b"MARKER" * 100, make_request(make_review("MARKER")), b"\x16\x03\x01\xff\xff" + b"\x00" * 200]
)
def test_what_is_no_tls_gets_no_answer(data: bytes, connect: Connect) -> None:
    """Plain HTTP and garbage on the TLS port get no word of HTTP, and the connection ends."""
    connection = connect(tls=False).send(data)
    received = b""
    try:
        while part := connection.socket.recv(1000):
            received += part
    except ConnectionResetError:
        pass
    assert b"HTTP" not in received
    assert b"MARKER" not in received


def test_http_2_is_not_offered(server: Process) -> None:
    """A caller that offers HTTP/2 is given HTTP/1.1."""
    offering = ssl.create_default_context()
    offering.check_hostname, offering.verify_mode = False, ssl.CERT_NONE
    offering.set_alpn_protocols(["h2", "http/1.1"])
    connection = Connection(server.port, offering)
    assert isinstance(connection.socket, ssl.SSLSocket)
    assert connection.socket.selected_alpn_protocol() == "http/1.1"
    connection.close()


@pytest.mark.parametrize("line", [b"x-%d: MARKER\r\n", b"x-%d:" + b"a" * 1000 + b"\r\n", b"a" * 1000 + b"%.0d"])
def test_header_lines_have_a_bound(line: bytes, connect: Connect, server: Process) -> None:
    """Header lines without end, many or one, end the connection before they fill the memory."""
    connection = connect().send(b"POST /mutate HTTP/1.1\r\n")
    lines = (line % number for number in range(100 * LONGEST_HEAD))
    with pytest.raises(OSError):  # noqa: PT011 - reset, broken pipe or an end without close_notify
        all(connection.send(line) for line in lines)
    server.line("connection cut off", why="its header lines do not end")


def test_header_lines_may_come_slowly(connect: Connect) -> None:
    """Header lines below the bound may come in pieces, even cut where they end."""
    head, _, body = make_request(make_review("u"), x="a" * (LONGEST_HEAD - 500)).partition(b"\r\n\r\n")
    connection = connect()
    for piece in (head[:100], head[100:], b"\r", b"\n", b"\r", b"\n", body):
        connection.send(piece)
    assert connection.reply().json["response"]["uid"] == "u"
