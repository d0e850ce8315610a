"""Durations exactly as Go's time.ParseDuration takes them: ``1h30m``, ``-1.5s``, ``.5m``, ``+0``.

The durations of our own settings are narrower (``app.core.duration``); this one has to agree with Rancher's reading.
"""

import re
from typing import Final

_UNITS: Final = "ns|us|µs|μs|ms|s|m|h"
_NUMBER: Final = r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+"
_DURATION: Final = re.compile(rf"[+-]?(?:0|(?:(?:{_NUMBER})(?:{_UNITS}))+)")
_PARTS: Final = re.compile(rf"({_NUMBER})({_UNITS})")

_MINUTE: Final = 60 * 10**9
_NANOSECONDS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,  # U+00B5
    "μs": 10**3,  # U+03BC, which Go takes as well
    "ms": 10**6,
    "s": 10**9,
    "m": _MINUTE,
    "h": 60 * _MINUTE,
}
_LONGEST: Final = 64
"""Characters; 292 years to the nanosecond have fewer than thirty."""
_MOST_NANOSECONDS: Final = 2**63 - 1
"""Go's time.Duration is an int64."""


def seconds(text: str) -> float | None:
    """The duration; ``None`` where Go would return an error. It may be zero or negative."""
    if len(text) > _LONGEST or not _DURATION.fullmatch(text):
        return None
    total = 0
    for number, unit in _PARTS.findall(text):
        whole, _, fraction = number.partition(".")
        total += int(whole or "0") * _NANOSECONDS[unit] + int(fraction or "0") * _NANOSECONDS[unit] // 10 ** len(
            fraction
        )
    if total > _MOST_NANOSECONDS:
        return None
    return (-total if text.startswith("-") else total) / 10**9
