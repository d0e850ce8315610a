"""How long a client waits, for what, and in which form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.gate import preferences
from app.core.gate.preferences import (
    DEFAULT_ASYNC_DEADLINE,
    DEFAULT_WAIT,
    EVENT_STREAM,
    JSON,
    LONGEST_ASYNC_DEADLINE,
    LONGEST_WAIT,
    Preferences,
)

HTML = "text/html"


def read(*lines: str) -> Preferences:
    """What these Prefer headers ask for."""
    return preferences.read([line.encode("latin-1") for line in lines])


def test_without_preferences() -> None:
    """Who asks for nothing is held for less than a proxy's minute, and nothing is said to be applied."""
    for asked in (read(), read(""), read(",;, ;"), read("foo, bar=1; baz")):
        assert asked == Preferences()
        assert asked.hold == DEFAULT_WAIT < 60
        assert asked.applied() == ""


@pytest.mark.parametrize(
    ("lines", "asked", "applied"),
    [
        (["wait=10"], Preferences(wait=10, wait_named=True), "wait=10"),
        (["WAIT = 10"], Preferences(wait=10, wait_named=True), "wait=10"),
        (['wait="10"'], Preferences(wait=10, wait_named=True), "wait=10"),
        (["wait=0"], Preferences(wait=0, wait_named=True), "wait=0"),
        (["wait=000000000007"], Preferences(wait=7, wait_named=True), "wait=7"),
        (["wait=99999"], Preferences(wait=LONGEST_WAIT, wait_named=True), f"wait={LONGEST_WAIT}"),
        (["wait=" + "9" * 5000], Preferences(wait=LONGEST_WAIT, wait_named=True), f"wait={LONGEST_WAIT}"),
        (["wait=5, wait=9", "wait=7"], Preferences(wait=5, wait_named=True), "wait=5"),
        (["wait=5;x=1;y, nudge"], Preferences(wait=5, wait_named=True, nudge=True), "wait=5, nudge"),
        (["nudge"], Preferences(nudge=True), "nudge"),
        (['foo="a, wait=1; b\\", nudge"', "until=deployed"], Preferences(until_deployed=True), "until=deployed"),
        (["until=Deployed"], Preferences(until_deployed=True), "until=deployed"),
        (["nudge", "wait=3 ,until=deployed"], Preferences(3, wait_named=True, until_deployed=True, nudge=True), None),
        (["return=minimal, handling=lenient, nudge"], Preferences(nudge=True), "nudge"),
    ],
)
def test_preferences(lines: list[str], asked: Preferences, applied: str | None) -> None:
    """Preferences may be spread over lines, quoted and with parameters; of several of one name the first counts."""
    found = read(*lines)
    assert found == asked
    assert applied in {None, found.applied()}


@pytest.mark.parametrize(
    "line",
    [
        *("wait", "wait=", 'wait=""', "wait=-1", "wait=+1", "wait=1.5", "wait=1s", "wait=0x1", "wait=1 0", "wait==1"),
        *(
            "wait=\xb2",
            "until",
            "until=ready",
            "until=deployed1",
            "nudge nudge",
            'nudge"',
            "=wait",
            ";wait=1",
            "wa it=1",
        ),
        *('wait="1', 'wait="1\x00"', "wait=1;\x00", "(wait)=1", "wait=1;=2"),
    ],
)
def test_malformed_preferences_are_ignored(line: str) -> None:
    """What is malformed, or has a value that is none, is as if it were not there, and harms no neighbour before it."""
    assert read(line) == Preferences()
    assert read(f"nudge, {line}") == Preferences(nudge=True)


@pytest.mark.parametrize("line", ["wait=x, wait=5", "wait, wait=5", "until=x, until=deployed"])
def test_the_first_of_a_name_counts_even_if_it_says_nothing(line: str) -> None:
    """A second instance never takes the place of a first one (RFC 7240, section 2)."""
    assert read(line) == Preferences()


def test_asynchronous() -> None:
    """Alone it answers at once, with wait=N after N seconds; it is applied only where 202 was the answer."""
    alone, both = read("respond-async"), read("respond-async, wait=10")
    assert (alone.hold, both.hold) == (0, 10)
    assert alone.deadline == DEFAULT_ASYNC_DEADLINE
    assert alone.applied(answered_asynchronously=True) == "respond-async"
    assert both.applied(answered_asynchronously=True) == "respond-async, wait=10"
    assert both.applied() == "wait=10"
    assert read("wait=10").applied(answered_asynchronously=True) == "wait=10"


@pytest.mark.parametrize(
    ("line", "deadline"),
    [
        ("respond-async;deadline=60", 60),
        ('respond-async ; DEADLINE = "60"; deadline=5', 60),
        ("respond-async;deadline=999999", LONGEST_ASYNC_DEADLINE),
        ("respond-async;deadline=soon", DEFAULT_ASYNC_DEADLINE),
        ("respond-async;", DEFAULT_ASYNC_DEADLINE),
        ("wait=1;deadline=60, respond-async", DEFAULT_ASYNC_DEADLINE),
    ],
)
def test_asynchronous_deadlines(line: str, deadline: int) -> None:
    """An asynchronous installation has a deadline of its own, within bounds."""
    found = read(line)
    assert found.asynchronous
    assert found.deadline == deadline


def test_a_gate_may_hold_less() -> None:
    """Where the gate's own limit is lower it bounds the default, too, and the client is told what it got."""
    assert preferences.read([b"wait=100"], longest_wait=20).applied() == "wait=20"
    assert preferences.read([], longest_wait=20).hold == 20


@given(st.lists(st.binary(max_size=60) | st.text('wait=1,;" \\nudge', max_size=30).map(str.encode), max_size=4))
def test_any_preferences(lines: list[bytes]) -> None:
    """Whatever comes, there are preferences within bounds, and what is said to be applied can be read again."""
    found = preferences.read(lines)
    assert 0 <= found.hold <= LONGEST_WAIT
    assert 0 <= found.deadline <= LONGEST_ASYNC_DEADLINE
    applied = found.applied()
    assert applied.isascii()
    assert applied.isprintable()
    again = preferences.read([applied.encode()])
    assert (again.until_deployed, again.nudge, again.wait_named) == (
        found.until_deployed,
        found.nudge,
        found.wait_named,
    )


@pytest.mark.parametrize(
    ("lines", "events"),
    [
        ([], False),
        ([""], False),
        (["*/*"], False),
        (["text/*"], False),
        (["application/json"], False),
        (["text/event-stream"], True),
        (["Text/Event-Stream"], True),
        (["text/event-stream, */*"], True),
        (["*/*", "text/event-stream"], True),
        (["application/json, text/event-stream"], True),
        (["text/event-stream;q=0.5, application/json"], False),
        (["text/event-stream;q=0.5, application/json;q=0.4"], True),
        (["text/event-stream;q=0"], False),
        (["text/event-stream;q=0.0, */*"], False),
        (["text/event-stream;q=2"], False),
        (["text/event-stream;q="], False),
        (["text/event-stream;q=-1"], False),
        (["text/event-stream;q=0.1234"], False),
        (["text/event-stream;charset=utf-8; Q = 0.9 "], True),
        (["text/event-stream;foo"], True),
        (["application/json;q=0, text/html"], False),
    ],
)
def test_event_streams(lines: list[str], events: bool) -> None:  # noqa: FBT001 - a table's column
    """Only those get a stream of events who name it, and like it no less than an answer in JSON."""
    assert preferences.wants_events([line.encode() for line in lines]) is events


@pytest.mark.parametrize(
    ("accept", "offers", "chosen"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", (JSON, HTML), HTML),
        ("*/*", (JSON, HTML), JSON),
        ("application/*;q=0.5, */*;q=0.1", (HTML, JSON), JSON),
        ("application/json;q=0.2, application/*", (JSON, HTML), JSON),
        ("application/json;q=0, */*", (JSON, HTML), HTML),
        ("image/png", (JSON, HTML), None),
        ("image/png, bad", (JSON, HTML), None),
        ("bad", (JSON, HTML), JSON),
        ("text/html, application/json", (JSON, HTML), JSON),
        ("text/html, application/json", (HTML, JSON), HTML),
        ("text/*, text/event-stream;q=0.1", (EVENT_STREAM, HTML), HTML),
    ],
)
def test_the_best_offer(accept: str, offers: tuple[str, ...], chosen: str | None) -> None:
    """The offer with the highest quality wins, then the one that is named most exactly, then the first."""
    assert preferences.accepted([accept.encode()], offers) == chosen


@given(st.lists(st.binary(max_size=60) | st.text("text/hml,;q=01.* ", max_size=30).map(str.encode), max_size=4))
def test_any_accept(lines: list[bytes]) -> None:
    """Whatever comes, the answer is one of the offers or none."""
    assert preferences.accepted(lines, (EVENT_STREAM, JSON, HTML)) in {EVENT_STREAM, JSON, HTML, None}
