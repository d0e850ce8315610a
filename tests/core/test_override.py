"""The break-glass annotation."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import Raw

from app.core import override
from app.core.override import ANNOTATION, Override, Unusable
from app.core.review import KubernetesObject, ObjectMeta

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def read(value: object, longest: timedelta | None = timedelta(hours=1)) -> Override | Unusable | None:
    """What an annotation's value comes to."""
    annotations = Raw(json.dumps({ANNOTATION: value}).encode())
    return override.read(KubernetesObject(metadata=ObjectMeta(annotations=annotations)), longest, NOW)


@pytest.mark.parametrize(
    "end",
    [
        "2026-01-31T12:00:01Z",
        "2026-01-31T13:00:00Z",
        "2026-01-31t12:30:00z",
        "2026-01-31T12:00:00.000001Z",
        "2026-01-31T12:30:00.123456789Z",
        "2026-01-31T14:30:00+02:00",
        "2026-01-31T07:00:00.5-05:30",
    ],
)
def test_in_force(end: str) -> None:
    """An end after now and within the longest term counts, in any form of RFC 3339."""
    assert read(f"{end}; *; why") == Override(frozenset(), everything=True)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "form"),
        ("2026-01-31T12:30:00Z", "form"),
        ("2026-01-31T12:30:00Z; *", "form"),
        ("2026-01-31T12:30:00Z; ; why", "form"),
        ("; *; why", "form"),
        (1, "form"),
        (["2026-01-31T12:30:00Z; *; why"], "form"),
        ("2026-01-31; *; why", "RFC 3339"),
        ("2026-01-31 12:30:00Z; *; why", "RFC 3339"),
        ("2026-01-31T12:30:00; *; why", "RFC 3339"),
        ("2026-01-31T12:30Z; *; why", "RFC 3339"),
        ("2026-02-31T12:30:00Z; *; why", "RFC 3339"),
        ("2026-01-31T12:30:00+99:99; *; why", "RFC 3339"),
        ("٢٠٢٦-01-31T12:30:00Z; *; why", "RFC 3339"),
        ("2026-01-31T12:00:00Z; *; why", "expired"),
        ("0001-01-01T00:00:00+23:59; *; why", "expired"),
        ("2026-01-31T13:00:00.000001Z; *; why", "more than 1h ahead"),
        ("9999-12-31T23:59:59-23:59; *; why", "more than 1h ahead"),
        ("2026-01-31T12:30:00Z; //; why", "JSON Pointer"),
        ("2026-01-31T12:30:00Z; a/b; why", "JSON Pointer"),
        ("2026-01-31T12:30:00Z; a, *; why", None),
    ],
)
def test_unusable(value: object, why: str | None) -> None:
    """Whatever is malformed, over or too long does not count, and says why without repeating it."""
    found = read(value)
    if why is None:
        assert isinstance(found, Override)
        assert not found.everything
        return
    assert isinstance(found, Unusable)
    assert why in found.why
    assert not isinstance(value, str) or value == "" or value not in found.why


@pytest.mark.parametrize(("longest", "words"), [("1h30m", "1h30m"), ("45s", "45s"), ("0.5s", "1s"), ("2m5s", "2m5s")])
def test_the_longest_term_is_said_in_gos_words(longest: str, words: str) -> None:
    """The longest term is shown as a rule document would have it."""
    from_words = {"1h30m": 5400, "45s": 45, "0.5s": 0.5, "2m5s": 125}
    found = read("2026-02-28T12:00:00Z; *; why", timedelta(seconds=from_words[longest]))
    assert isinstance(found, Unusable)
    assert f"more than {words} ahead" in found.why


def test_absent() -> None:
    """Without the annotation, or with null for it, there is no override to speak of."""
    assert override.read(KubernetesObject(), timedelta(hours=1), NOW) is None
    assert read(None) is None


def test_a_guard_without_override_takes_none() -> None:
    """Where the guard allows none, the best of overrides does not count."""
    assert read("2026-01-31T12:30:00Z; *; why", longest=None) == Unusable("this guard allows no override")


def test_a_reason_may_hold_anything() -> None:
    """Only the first two separators count: the rest is the reason."""
    assert read("2026-01-31T12:30:00Z; *; ticket 1; see; there") == Override(frozenset(), everything=True)


def test_paths() -> None:
    """Paths are taken as messages write them or relative to the status, and cover what is below them."""
    found = read("2026-01-31T12:30:00Z; a /status/b/c,/metadata/labels , /l/type=A/b~1c; why")
    assert isinstance(found, Override)
    for covered in (
        ("status", "a"),
        ("status", "a", "below"),
        ("status", "b", "c"),
        ("metadata", "labels", "x"),
        ("status", "l", "type=A", "b/c"),
    ):
        assert found.covers(covered)
    for other in (
        ("status",),
        ("status", "b"),
        ("status", "l", "type=B"),
        ("metadata", "finalizers"),
        ("status", "ab"),
    ):
        assert not found.covers(other)


def test_the_whole_status() -> None:
    """Both / and /status cover the status and all that is in it, but nothing of metadata."""
    for text in ("/", "/status"):
        found = read(f"2026-01-31T12:30:00Z; {text}; why")
        assert isinstance(found, Override)
        assert found.covers(("status",))
        assert found.covers(("status", "a"))
        assert not found.covers(("metadata", "finalizers", "a"))
