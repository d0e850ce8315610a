"""Readers of parsed JSON that take whatever is there."""

from datetime import UTC, datetime

import pytest

from app.core.gate import reading


def test_a_path_through_what_is_no_object_leads_nowhere() -> None:
    """Lists, strings and nothing have no members."""
    assert reading.member({"a": {"b": 1}}, "a", "b") == 1
    for value in ({"a": [1]}, {"a": "b"}, {}, None, [], "a"):
        assert reading.member(value, "a", "b") is None


def test_values_of_another_type_are_missing() -> None:
    """A string is only a string, a number no bool, a list only a list."""
    value = {"text": "a", "number": 1, "true": True, "list": [1]}
    assert [reading.text(value, key) for key in value] == ["a", "", "", ""]
    assert [reading.integer(value, key) for key in value] == [None, 1, None, None]
    assert [reading.items(value, key) for key in value] == [[], [], [], [1]]


def test_the_first_condition_of_a_type_counts() -> None:
    """What has no such condition has none, and Unknown is neither true nor false."""
    value = {"status": {"conditions": [None, {"type": "A", "status": "Unknown"}, {"type": "A", "status": "True"}]}}
    found = reading.condition(value, "A")
    assert found is not None
    assert (found.true, found.false, found.message) == (False, False, "")
    assert reading.condition(value, "B") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-09-15T10:02:11Z", datetime(2026, 9, 15, 10, 2, 11, tzinfo=UTC)),
        ("2026-09-15T12:02:11+02:00", datetime(2026, 9, 15, 10, 2, 11, tzinfo=UTC)),
        ("2026-09-15T10:02:11", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("soon", None),
        (1, None),
    ],
)
def test_instants(text: object, expected: datetime | None) -> None:
    """A time has a zone and fits the calendar, or is none."""
    assert reading.instant({"at": text}, "at") == expected


def test_versions() -> None:
    """A leading v makes no other version."""
    assert reading.same_version("v1.2.3", "1.2.3")
    assert not reading.same_version("1.2.3", "1.2")
