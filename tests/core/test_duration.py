"""Durations as Go writes them."""

from datetime import timedelta

import pytest

from app.core import duration
from app.core.duration import BadDurationError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1h", timedelta(hours=1)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5s", timedelta(seconds=1.5)),
        (".5s", timedelta(seconds=0.5)),
        ("1.m", timedelta(minutes=1)),
        ("250ms", timedelta(milliseconds=250)),
        ("30us", timedelta(microseconds=30)),
        ("30µs", timedelta(microseconds=30)),
        ("2000ns", timedelta(microseconds=2)),
        ("1s1s", timedelta(seconds=2)),
    ],
)
def test_read(text: str, expected: timedelta) -> None:
    """Each of Go's units is read, alone and in a row."""
    assert duration.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "1", "h", "1d", "-1h", "+1h", " 1h", "1h ", "1h x", "1 h", "1e3s", "\u0661h", "."]
)
def test_not_a_duration(text: str) -> None:
    """What Go would refuse is refused."""
    with pytest.raises(BadDurationError, match="is no duration"):
        duration.parse(text)


@pytest.mark.parametrize("text", ["0s", "0h0m", "1ns", "9999999999999h", "9" * 400 + "s"])
def test_out_of_range(text: str) -> None:
    """Nothing, less than a microsecond and more than 292 years are refused."""
    with pytest.raises(BadDurationError, match="is outside what a duration may be"):
        duration.parse(text)
