"""What callers can make the process hold is bounded: beyond that they are refused, not stored."""

import json
from collections.abc import Callable

import pytest
from raw_client import Connection, make_request, make_review
from server_process import Process

from app.api.admission import MOST_BUFFERED
from app.api.wire import LARGEST_REVIEW

ALLOWANCE = MOST_BUFFERED * 3 // 2
"""Bytes the process may grow by under a barrage: what it may hold, once more by halves for copies and fragmentation."""


@pytest.fixture
def fresh(start: Callable[..., Process]) -> Process:
    """A process of the test's own, whose memory nothing else has grown."""
    return start()


def large_review() -> bytes:
    """A review of 7 MiB that is answered with a patch of 9 MiB."""
    old = make_review()["request"]["object"] | {"status": {"x": "FILL"}}
    body = json.dumps(make_review(oldObject=old)).encode()
    return body.replace(b"FILL", b"a" * (LARGEST_REVIEW - len(body) + len(b"FILL")))


def test_many_slow_large_bodies_are_refused_rather_than_held(
    fresh: Process, connect: Callable[..., Connection], assert_serves: Callable[[Process], None]
) -> None:
    """Of many large bodies that stay unfinished so many are held as there is room for; the rest gets 503."""
    body, before = large_review(), fresh.resident()
    slow = [connect(fresh) for _ in range(MOST_BUFFERED // len(body))]
    for connection in slow:
        connection.send(make_request(b"", "/mutate?timeout=30s", content_length=len(body))).send(body[:-1])
    fresh.until(lambda: fresh.metric("status_guard_held_bytes") > MOST_BUFFERED - 100)
    for _ in range(20):
        late = connect(fresh).send(make_request(body[:1000], content_length=LARGEST_REVIEW))
        late.reply().assert_fault(503)
        late.close()
    assert_serves(fresh)
    assert fresh.resident() < before + ALLOWANCE
    for connection in slow[: len(slow) // 2]:
        assert connection.send(body[-1:]).reply().patch_text.startswith('[{"op":"add","path":"/status"')
    for connection in slow:
        connection.close()
    fresh.until(lambda: fresh.metric("status_guard_held_bytes") == 0)
    assert_serves(fresh)


def test_answers_nobody_reads_are_bounded(
    fresh: Process, connect: Callable[..., Connection], assert_serves: Callable[[Process], None]
) -> None:
    """Callers that never read their large answers use up the same room, and get 503 when it is full."""
    data, before = make_request(large_review()), fresh.resident()
    for _ in range(40):
        connection = connect(fresh, receive_buffer=4096)
        try:
            connection.send(data)
        except OSError:
            break  # refused while it sent
    fresh.until(lambda: fresh.metric("status_guard_faults_total", code="503") > 0)
    assert_serves(fresh)
    assert fresh.resident() < before + ALLOWANCE


def test_a_barrage_leaves_no_memory_behind(
    fresh: Process, connect: Callable[..., Connection], assert_serves: Callable[[Process], None]
) -> None:
    """A thousand connections with a fault each do not add up."""
    before = fresh.resident()
    nested = b"[" * 2**16
    for number in range(1000):
        connection = connect(fresh)
        connection.send(make_request(nested if number % 2 else b"MARKER" * 10_000)).reply().assert_fault(400)
        connection.close()
    assert_serves(fresh)
    assert fresh.resident() < before + 32 * 2**20
