"""The text of CEL expressions. What they mean, tests/cluster/test_export_cel.py asks an API server."""

from decimal import Decimal
from typing import Any

import pytest

from app.core.export import cel


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0, "0"),
        (-(2**63), "-9223372036854775808"),
        (2**63, "9.223372036854776e+18"),
        (Decimal("0.50"), "0.5"),
        (Decimal("1.0"), "1.0"),
        ("it's", r"'it\'s'"),
        ([1, "a"], "[dyn(1), dyn('a')]"),
        ({"a": {"b": []}}, "{'a': dyn({'b': dyn([])})}"),
    ],
)
def test_a_literal_holds_any_json(value: Any, text: str) -> None:
    """Each JSON value has its literal; numbers as the API server reads them, members dynamic."""
    assert cel.literal(value) == text


def test_what_is_no_json_has_no_literal() -> None:
    """A value that JSON cannot hold is a mistake of ours."""
    with pytest.raises(TypeError, match="set is no JSON"):
        cel.literal(set())


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("plain é 漢", "'plain é 漢'"),
        ("a\\b'c\"", "'a\\\\b\\'c\"'"),
        ("\n\r\t\x00", r"'\n\r\t\u0000'"),
        ("\U000e0001", r"'\U000e0001'"),
    ],
)
def test_quoted_text_is_one_token(text: str, quoted: str) -> None:
    """What could end a string, or does not print, is escaped."""
    assert cel.quote(text) == quoted


def test_a_value_is_looked_for_step_by_step() -> None:
    """Each container is known to be a map with the member before the member is read, and null is absent."""
    assert cel.present("s", ("a", "b")) == (
        "type(s) == map && 'a' in s && type(s['a']) == map && 'b' in s['a'] && s['a']['b'] != null"
    )
    assert cel.is_a("list", "s", ()) == "type(s) == list"


def test_nothing_to_ask_is_no() -> None:
    """A disjunction of nothing does not hold."""
    assert cel.either([]) == "false"
    assert cel.either(["a", "b"]) == "a\n|| b"
