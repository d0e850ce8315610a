"""Delays, probes and nudges."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.gate import schedule

JITTER = st.floats(0, 1, exclude_max=True)


@given(attempt=st.integers(-5, 10**6), jitter=JITTER)
def test_retries_neither_hurry_nor_dawdle(attempt: int, jitter: float) -> None:
    """A delay is at least a quarter of a second and at most the longest, however often it failed."""
    delay = schedule.retry_delay(attempt, jitter)
    assert schedule.FIRST_RETRY / 2 <= delay <= schedule.LONGEST_RETRY


@given(attempt=st.integers(1, 50), jitter=JITTER)
def test_retries_slow_down(attempt: int, jitter: float) -> None:
    """No retry comes sooner than the one before, for the same jitter."""
    assert schedule.retry_delay(attempt, jitter) <= schedule.retry_delay(attempt + 1, jitter)


def test_the_first_retries_cover_the_lag_on_record() -> None:
    """At least four retries fall into the first five seconds, without jitter in their favour."""
    times = [sum(schedule.retry_delay(number, 0.999) for number in range(1, count + 1)) for count in range(1, 5)]
    assert times[-1] < 5


@given(jitter=JITTER)
def test_polls_are_spread(jitter: float) -> None:
    """Two looks are a second apart, a fifth more or less."""
    assert 0.8 <= schedule.poll_delay(jitter) <= 1.2  # the last jitter below 1 rounds to it


@given(position=st.integers(0, 10_000), concurrent=st.integers(-1, 100), jitter=JITTER, other=JITTER)
def test_releases_keep_their_order(position: int, concurrent: int, jitter: float, other: float) -> None:
    """Who waits a full round behind another is released no sooner."""
    behind = schedule.release_delay(position + max(concurrent, 1), concurrent, other)
    assert behind > schedule.release_delay(position, concurrent, jitter) - schedule.RELEASE_SPREAD * 1e-9


@given(replicas=st.integers(1, 60), miss=st.sampled_from([0.5, 0.1, 0.01, 0.001]))
def test_fresh_probes_are_just_enough(replicas: int, miss: float) -> None:
    """The chance to miss a lagging replica and to meet it with the install is below the limit, and one less is not."""
    count = schedule.fresh_probes(replicas, miss)

    def missed(probes: int) -> float:
        return (1 - 1 / replicas) ** probes / replicas

    assert missed(count) <= miss * (1 + 1e-9)
    assert count == 1 or missed(count - 1) > miss


def test_three_replicas_need_nine_probes() -> None:
    """The figure that the design names."""
    assert [schedule.fresh_probes(replicas) for replicas in (0, 1, 3)] == [1, 1, 9]


@pytest.mark.parametrize(
    ("retry_in", "remaining", "since_last", "due"),
    [
        (300, 50, inf, True),
        (inf, 50, inf, True),
        (300, 50, 60, True),
        (300, 50, 59, False),
        (50, 50, inf, False),
        (10, 50, inf, False),
        (-10, 50, inf, False),
        (None, 50, inf, False),
        (300, 0, inf, False),
        (300, -1, inf, False),
    ],
)
def test_nudges(retry_in: float | None, remaining: float, since_last: float, due: bool) -> None:  # noqa: FBT001 - a table
    """Once a minute, and only when the controller's own try comes after the deadline."""
    assert schedule.nudge_due(retry_in, remaining, since_last) is due
