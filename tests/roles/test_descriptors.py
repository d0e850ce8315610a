"""The limit of open files: raised as far as it may be, and said where that is not enough."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from app.telemetry import configure_logging
from app.roles.descriptors import require
configure_logging()
require(wanted)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "then", "warned"),
    [(256, 2000, 1000, 1000, False), (256, 500, 1000, 500, True), (1500, 2000, 1000, 1500, False)],
)
def test_the_limit_is_raised_or_said(soft: int, hard: int, wanted: int, then: int, *, warned: bool) -> None:
    """The soft limit grows to what is wanted or to the hard limit, and only in that case somebody is warned."""
    words = [sys.executable, "-c", PROGRAM, str(soft), str(hard), str(wanted)]
    result = subprocess.run(words, capture_output=True, text=True, check=True)
    assert int(result.stdout) == then
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert [(line["level"], line["allowed"], line["wanted"]) for line in lines] == [("warning", then, wanted)] * warned
