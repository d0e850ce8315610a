"""The decision over the case table (tests/data/cases)."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
from case_table import Row, rows

from app.api import wire
from app.core.guard import Guards
from app.core.judge import judge
from app.core.rule_ids import RuleId
from app.core.verdict import Action, Endpoint, Verdict
from app.rules import load

ROWS = rows()


@cache
def guards(paths: tuple[Path, ...]) -> Guards:
    """The guards of some documents, read once."""
    return load(paths).guards


def decide(row: Row) -> Verdict:
    """The verdict on a row."""
    request = wire.decode(json.dumps(row.review, ensure_ascii=False).encode())
    return judge(request, guards(row.guards), endpoint=Endpoint(row.endpoint), now=row.now)


def canonical(value: Any) -> str:
    """Text that is equal for equal JSON values of equal types."""
    return json.dumps(value, sort_keys=True)


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.file}: {row.name}" for row in ROWS])
def test_row(row: Row) -> None:
    """Each row of the case table gets the verdict it names."""
    verdict, expect = decide(row), row.expect
    assert verdict.action == Action(expect["action"])
    assert verdict.rules == tuple(map(RuleId, expect["rules"]))
    assert [finding.path for finding in verdict.findings] == expect.get("paths", [])
    assert len(verdict.warnings) == len(expect.get("warnings", []))
    for warning, part in zip(verdict.warnings, expect.get("warnings", []), strict=True):
        assert part in warning
    if "hints" in expect:
        assert len(verdict.hints) == len(expect["hints"])
        for hint, part in zip(verdict.hints, expect["hints"], strict=True):
            assert part in hint.message
    patch = json.loads(verdict.patch or b"[]")
    if "stored" in expect:
        stored = jsonpatch.apply_patch(row.review["request"]["object"], patch)
        assert canonical(stored) == canonical(row.stored)
    if "patch" in expect or "stored" not in expect:
        assert canonical(patch) == canonical(expect.get("patch", []))


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.file}: {row.name}" for row in ROWS])
def test_dry_run_changes_no_verdict(row: Row) -> None:
    """A dry run gets the answer of a real run."""
    review = row.review
    review["request"]["dryRun"] = not review["request"]["dryRun"]
    request = wire.decode(json.dumps(review, ensure_ascii=False).encode())
    assert judge(request, guards(row.guards), endpoint=Endpoint(row.endpoint), now=row.now) == decide(row)


def test_rows_have_names_of_their_own() -> None:
    """No two rows have one name, so that a failure points at one row."""
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
