"""What a terminal or a header would obey is not printed."""

import pytest

from app.core.printing import printable


@pytest.mark.parametrize(
    ("text", "longest", "expected"),
    [
        ("a\r\n\x1b[31m\u202eb", 100, "a\ufffd\ufffd\ufffd[31m\ufffdb"),
        ("a\r\n\x1b[31m\u202eb", None, "a\ufffd\ufffd\ufffd[31m\ufffdb"),
        ("plain ☂", None, "plain ☂"),
        ("abcdef", 4, "abc…"),
        ("\x00bcdef", 4, "\ufffdbc…"),
    ],
)
def test_nothing_unprintable_is_said(text: str, longest: int | None, expected: str) -> None:
    """Line breaks, escapes and direction marks of a key do not reach a terminal or a header."""
    assert printable(text, longest) == expected
