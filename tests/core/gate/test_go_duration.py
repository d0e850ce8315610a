"""Durations as Go reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.gate import go_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("0", 0), ("+0", 0), ("-0", 0), ("600s", 600), ("10m0s", 600), ("1h30m", 5400), ("1.5h", 5400), (".5m", 30)),
        *(
            ("1.s", 1),
            ("-2s", -2),
            ("+2s", 2),
            ("100ms", 0.1),
            ("1us", 1e-6),
            ("1µs", 1e-6),
            ("1μs", 1e-6),
            ("5ns", 5e-9),
        ),
        *(
            ("9223372036s", 9223372036),
            ("0.0000000001s", 0),
            ("1h1h", 7200),
            ("2562047h47m16.854775807s", 9223372036.854776),
        ),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    """What Go's ParseDuration takes is read, sign, units and fractions."""
    assert go_duration.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "1",
            "-",
            "+",
            "s",
            ".s",
            "1 s",
            " 1s",
            "1s ",
            "1S",
            "1d",
            "1w",
            "1e3s",
            "--1s",
            "1s-1s",
            "\u0661s",
            "1s\n",
        ),
        *("9223372037s", "2562047h47m16.854775808s", "9" * 64 + "s", "1" + "0" * 100 + "s", "0x1s", "1,5s", "PT1H"),
    ],
)
def test_no_durations(text: str) -> None:
    """What Go returns an error for is no duration."""
    assert go_duration.seconds(text) is None


@given(st.text("0123456789.+-hmsnuµ ", max_size=20))
def test_any_text(text: str) -> None:
    """Whatever text comes, the answer is a number within Go's range or none."""
    found = go_duration.seconds(text)
    assert found is None or abs(found) <= 2**63 / 1e9
