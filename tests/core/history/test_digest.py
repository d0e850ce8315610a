"""Two contents share a digest exactly if they say the same, what is ignored left aside."""

import json

import pytest
from arbitrary import render, statuses
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from app.core import jsontext, pointer
from app.core.history import digest


def of(text: str, *ignore: str) -> str:
    """The digest of a status by its text."""
    return digest(Raw(text.encode()), tuple(map(pointer.parse, ignore)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a":1,"b":2}', ' {\n"b" : 2, "a":1} '),
        ('{"a":"\\u0041"}', '{"a":"A"}'),
        ('{"a":1e2}', '{"a":100.0}'),
    ],
)
def test_how_it_is_written_makes_no_difference(one: str, other: str) -> None:
    """White space, order of keys, escapes, and ways to write one number."""
    assert of(one) == of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a":1}', '{"a":1.0}'),
        ('{"a":1}', '{"a":true}'),
        ('{"a":1}', '{"a":"1"}'),
        ('{"a":null}', "{}"),
        ('{"a":[1,2]}', '{"a":[2,1]}'),
        ('{"a":9007199254740993}', '{"a":9007199254740992}'),
        ("", "{}"),
        ("", "null"),
    ],
)
def test_what_it_says_makes_one(one: str, other: str) -> None:
    """Types, nulls, order of items and large numbers."""
    assert of(one) != of(other)


CONDITIONS = '{"conditions":[{"type":"A","at":%s,"status":"True"},{"type":"B","at":%s}],"n":{"x":%s,"y":%s}}'


@pytest.mark.parametrize(
    ("pattern", "same"),
    [
        ("/conditions/*/at", (1, 1, 0, 0)),
        ("/conditions/type=A/at", (1, 0, 0, 0)),
        ("/conditions/1/at", (0, 1, 0, 0)),
        ("/conditions/type=B", (0, 1, 0, 0)),
        ("/conditions/type=C/at", (0, 0, 0, 0)),
        ("/conditions/gone=A/at", (0, 0, 0, 0)),
        ("/n/*", (0, 0, 1, 1)),
        ("/n/x", (0, 0, 1, 0)),
        ("/n/x/deeper", (0, 0, 0, 0)),
        ("/*", (1, 1, 1, 1)),
    ],
)
def test_what_is_ignored_makes_no_difference(pattern: str, same: tuple[int, ...]) -> None:
    """A change where a pattern points leaves the digest as it was, and any other changes it."""
    before = of(CONDITIONS % (1, 1, 1, 1), pattern)
    for at in range(4):
        values = tuple(2 if place == at else 1 for place in range(4))
        assert (of(CONDITIONS % values, pattern) == before) == bool(same[at]), at


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, f'{{"a":{"9" * 5000}}}'])
def test_what_cannot_be_read_is_told_apart_by_its_text(text: str) -> None:
    """A depth bomb or an endless number has a digest all the same."""
    assert of(text, "/a/*") == of(text)
    assert of(text) != of(f"{text} ")


@settings(deadline=None)
@given(statuses(), st.sampled_from(["", " ", "\n "]))
def test_the_same_value_has_the_same_digest_however_it_is_spaced(tree: object, space: str) -> None:
    """Also for values that are written in unusual ways."""
    assert of(render(tree)) == of(render(tree, space)) or _unreadable(render(tree))


@settings(deadline=None)
@given(statuses(), statuses())
def test_different_values_have_different_digests(one: object, other: object) -> None:
    """If two statuses share a digest, the guard's own comparison calls them the same, or Python reads them as one."""
    left, right = render(one), render(other)
    if of(left) == of(right) and not _unreadable(left):
        assert jsontext.same(Raw(left.encode()), Raw(right.encode())) or json.loads(left) == json.loads(right)


def _unreadable(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return True
    return False
