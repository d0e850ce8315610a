"""JSON kept as text."""

import pytest
from msgspec import Raw

from app.core import jsontext

DEEP = b'{"a":' * 5000 + b"1" + b"}" * 5000
DIGITS = b"9" * 5000
EXPONENT = b"1e" + b"9" * 30


def raw(text: str | bytes) -> Raw:
    """The text as a value."""
    return Raw(text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize(("text", "expected"), [("", False), ("null", False), ("0", True), ('""', True), ("{}", True)])
def test_presence(text: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    """Nothing and null are not there; every other value is, empty ones included."""
    assert jsontext.present(raw(text)) is expected


def test_kinds() -> None:
    """Objects, lists and strings are told by their text; anything else has no members, items or text."""
    assert [jsontext.is_object(raw(text)) for text in ("{}", "[]", '"{"', "")] == [True, False, False, False]
    assert [jsontext.is_list(raw(text)) for text in ("{}", "[]", '"["', "")] == [False, True, False, False]
    assert jsontext.text(raw('"\\u0041"')) == "A"
    assert [jsontext.text(raw(text)) for text in ("1", "{}", "")] == [None, None, None]
    assert jsontext.members(raw("[1]")) == {}
    assert jsontext.items(raw('{"a":1}')) == []


@pytest.mark.parametrize(("text", "expected"), [("{}", True), ("{ \n}", True), ('{ "a":1}', False), ("[]", False)])
def test_empty_objects(text: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    """An object without members is empty, white space or not."""
    assert jsontext.is_empty_object(raw(text)) is expected


def test_members_keep_their_text() -> None:
    """Members and items are the text that was there; of a key that is there twice, the last one counts."""
    found = jsontext.members(raw('{ "a" : 1.0 , "b":{ "c":1e3}, "a": 2.50 }'))
    assert {key: bytes(value) for key, value in found.items()} == {"a": b"2.50", "b": b'{ "c":1e3}'}
    assert bytes(jsontext.join_list(jsontext.items(raw('[ 1.0, "\\u0041" ]')))) == b'[1.0,"\\u0041"]'


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ('{"a":1,"b":[1.0,{"c":null}]}', '{ "b": [1.00, {"c": null}], "a": 1 }'),
        ('"A"', '"\\u0041"'),
        ("1e3", "1000.0"),
        (DIGITS, DIGITS),
        (DEEP, DEEP),
        ("", "null"),
    ],
)
def test_same(left: str | bytes, right: str | bytes) -> None:
    """Equal values are the same however they are written."""
    assert jsontext.same(raw(left), raw(right))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1", "1.0"),
        ("1", "true"),
        ("1", '"1"'),
        ("0", "null"),
        ("9007199254740993", "9007199254740992"),
        ("0.1", "0.10000000000000000001"),
        ("[1,2]", "[2,1]"),
        ("[1]", "[1,1]"),
        ('[{"a":1}]', '[{"b":1}]'),
        ('{"a":1}', '{"b":1}'),
        ('{"a":1}', '{"a":2}'),
        ("{}", "[]"),
        (DIGITS, DIGITS + b"9"),
        (EXPONENT, EXPONENT + b"9"),
        (DEEP, b" " + DEEP),
        (b'{"a":' + DIGITS + b"}", b'{"a": ' + DIGITS + b"}"),
    ],
)
def test_not_same(left: str | bytes, right: str | bytes) -> None:
    """Other types, digits, order or keys make other values, and what Python cannot read is only equal as text."""
    assert not jsontext.same(raw(left), raw(right))


def test_identities_tell_types_apart() -> None:
    """Each key value that differs in type or value has its own identity; nothing and null have none."""
    texts = ["1", "1.0", "true", '"1"', '"true"', '{"a":1}', "[1]", DIGITS, DEEP, EXPONENT]
    found = [jsontext.identity(raw(text)) for text in texts]
    assert len(set(found)) == len(texts)
    assert None not in found
    assert jsontext.identity(raw("null")) is None
    assert jsontext.identity(raw("")) is None


def test_identities_ignore_how_a_value_is_written() -> None:
    """Escapes, key order and white space make no other identity."""
    assert jsontext.identity(raw('"\\u0041"')) == jsontext.identity(raw('"A"')) == ("string", "A")
    assert jsontext.identity(raw('{"a":1,"b":2}')) == jsontext.identity(raw('{"b": 2, "a": 1}'))


def test_decode_and_encode() -> None:
    """Decoding nothing gives nothing, and encoding gives compact text."""
    assert jsontext.decode(raw("")) is None
    assert bytes(jsontext.encode({"a": [1, "é"]})) == '{"a":[1,"é"]}'.encode()
