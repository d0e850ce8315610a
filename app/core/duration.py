"""Durations as Kubernetes and Go write them: ``1h``, ``30s``, ``1h30m``, ``1.5s``, ``250ms``."""

import re
from datetime import timedelta
from typing import Final

_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
_MIN_SECONDS: Final = 1e-6
"""What timedelta can tell from nothing."""
_MAX_SECONDS: Final = 2**63 / 1e9
"""Go's time.Duration counts nanoseconds in an int64: about 292 years."""


class BadDurationError(ValueError):
    """The text is no positive duration; the message says why."""


def parse(text: str) -> timedelta:
    """Read a positive duration.

    Raises:
        BadDurationError: for anything Go's time.ParseDuration refuses, and for zero or less.
    """
    end, seconds = 0, 0.0
    for part in _PART.finditer(text):
        if part.start() != end:
            break
        end, seconds = part.end(), seconds + float(part[1]) * _UNITS[part[2]]
    if not text or end != len(text):
        raise BadDurationError(f"{text!r} is no duration; write it like 30s, 10m or 1h30m")
    if not _MIN_SECONDS <= seconds < _MAX_SECONDS:
        raise BadDurationError(f"{text!r} is outside what a duration may be here (a microsecond to 292 years)")
    return timedelta(seconds=seconds)
