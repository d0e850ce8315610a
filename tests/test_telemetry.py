"""Log lines of every origin are one line of JSON on standard error."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

Lines = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def lines(environment: dict[str, str]) -> Lines:
    """Runs code in a process of its own, after logging is configured, and returns what it logged."""

    def run(code: str) -> list[dict[str, Any]]:
        source = f"import logging\nfrom app.telemetry import configure_logging, log\nconfigure_logging()\n{code}"
        result = subprocess.run(
            [sys.executable, "-c", source], env=environment, capture_output=True, text=True, timeout=30, check=True
        )
        assert result.stdout == ""
        return [json.loads(line) for line in result.stderr.splitlines()]

    return run


def test_a_line_has_time_level_and_event(lines: Lines) -> None:
    """A line has its time in UTC, its level, its event and what was given with it."""
    (line,) = lines('log.info("something", port=1, name="a\\nb")')
    assert line.pop("time").endswith("Z")
    assert line == {"level": "info", "event": "something", "port": 1, "name": "a\nb"}


def test_an_error_is_one_line_with_its_traceback(lines: Lines) -> None:
    """An exception's traceback is a field, so that one error is one line."""
    (line,) = lines("try:\n  1 / 0\nexcept ZeroDivisionError:\n  log.exception('internal error')")
    assert (line["level"], line["event"]) == ("error", "internal error")
    assert line["exception"].endswith("ZeroDivisionError: division by zero")


def test_libraries_log_the_same_way(lines: Lines) -> None:
    """What libraries log from warnings on has the same form and names the library; the rest is left out."""
    found = lines('logging.getLogger("uvicorn.error").warning("odd %s", 1)\nlogging.getLogger("asyncio").info("no")')
    assert [(line["level"], line["event"], line["logger"]) for line in found] == [("warning", "odd 1", "uvicorn.error")]


def test_what_is_no_json_is_written_as_text(lines: Lines) -> None:
    """A value JSON does not know is written as its text rather than losing the line."""
    (line,) = lines('from pathlib import Path\nlog.info("x", where=Path("/tmp"))')
    assert line["where"] == "/tmp"
