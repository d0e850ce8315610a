"""How the process ends: not ready first, then polite, and at once when asked twice."""

import json
import signal
import socket
from collections.abc import Callable

import pytest
from raw_client import Connection, Reply, make_request, make_review
from server_process import Process

Start = Callable[..., Process]
Connect = Callable[..., Connection]

SIGNALS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
BODY = json.dumps(make_review("slow")).encode()


def begun(connect: Connect, process: Process) -> Connection:
    """A connection with a request that has all but its last byte."""
    connection = connect(process).send(make_request(b"", content_length=len(BODY))).send(BODY[:-1])
    process.until(lambda: process.metric("status_guard_requests_in_flight") == 1)
    return connection


def refuses_connections(process: Process) -> bool:
    """Whether the HTTPS listener is gone."""
    with socket.socket() as plain:
        return plain.connect_ex(("127.0.0.1", process.port)) != 0


@SIGNALS
def test_it_is_unready_before_it_stops_serving(
    number: signal.Signals, start: Start, connect: Connect, post: Callable[..., Reply]
) -> None:
    """While it drains, readiness fails by name, and requests on old and new connections are still answered."""
    process = start(drain="1h")
    kept = connect(process)
    assert kept.send(make_request(make_review())).reply().headers["connection"] is None
    slow = begun(connect, process)
    process.signal(number)
    process.line("draining", seconds=3600.0)
    ready, checks = process.ready()
    assert (ready, checks["serving"]) == (False, {"name": "serving", "ok": False, "detail": "shutting down"})
    assert [name for name, check in checks.items() if not check["ok"]] == ["serving"]
    assert process.ops("/livez")[0] == 200
    for reply in (
        post(make_review("new"), to=process),
        kept.send(make_request(make_review("kept"))).reply(),
        slow.send(BODY[-1:]).reply(),
    ):
        assert (reply.status, reply.headers["connection"]) == (200, "close")
    assert kept.socket.recv(1) == b""
    process.signal(number)
    assert process.ended() == 0


@SIGNALS
def test_what_is_in_flight_is_finished(number: signal.Signals, start: Start, connect: Connect) -> None:
    """A request whose body is still coming is answered after the listener has closed; then the process ends with 0."""
    process = start(drain="0s")
    idle = connect(process)
    idle.send(make_request(make_review())).reply()
    slow = begun(connect, process)
    process.signal(number)
    process.until(lambda: refuses_connections(process))
    assert idle.socket.recv(1) == b""  # an end in order: a reset, or an end without close_notify, would raise
    idle.close()
    reply = slow.send(BODY[-1:]).reply()
    assert (reply.status, reply.json["response"]["uid"], reply.headers["connection"]) == (200, "slow", "close")
    assert slow.socket.recv(1) == b""
    slow.close()
    assert process.ended() == 0
    process.line("stopped")
    assert not process.noise
    assert not [line for line in process.lines if line.get("level") == "error"]


@SIGNALS
def test_a_second_signal_ends_it_at_once(number: signal.Signals, start: Start, connect: Connect) -> None:
    """A second signal waits neither for the drain nor for a request in flight, and says what it left."""
    process = start(drain="1h")
    begun(connect, process)
    process.signal(number)
    process.line("draining")
    process.signal(number)
    assert process.ended() == 0
    assert process.line("stopped at once, as asked by a second signal")["in_flight"] == 1


def test_a_second_signal_after_the_drain_ends_it_at_once(start: Start, connect: Connect) -> None:
    """So it does while requests in flight are waited for."""
    process = start(drain="0s")
    begun(connect, process)
    process.signal(signal.SIGTERM)
    process.until(lambda: refuses_connections(process))
    process.signal(signal.SIGTERM)
    assert process.ended() == 0
    process.line("stopped at once, as asked by a second signal")


def test_the_operations_listener_outlives_the_other(start: Start, connect: Connect) -> None:
    """As long as a request is in flight, metrics and health are there to be seen."""
    process = start(drain="0s")
    slow = begun(connect, process)
    process.signal(signal.SIGTERM)
    process.until(lambda: refuses_connections(process))
    assert process.ready()[0] is False
    assert process.metric("status_guard_requests_in_flight") == 1
    assert slow.send(BODY[-1:]).reply().status == 200
    slow.close()
    assert process.ended() == 0


def test_a_caller_that_does_not_hang_up_holds_nothing_up(start: Start, connect: Connect) -> None:
    """A caller that never ends its side of an idle connection delays the end by seconds, not by half a minute."""
    process = start(drain="0s")
    deaf = connect(process)
    deaf.send(make_request(make_review())).reply()
    process.signal(signal.SIGTERM)
    process.line("stopped; callers left connections open")
    assert process.ended() == 0
