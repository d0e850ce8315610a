"""JSON Pointers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import pointer
from app.core.pointer import BadPointerError


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("/", ()),
        ("name", ("name",)),
        ("/name", ("name",)),
        ("a=b c", ("a=b c",)),
        ("/a/b", ("a", "b")),
        ("/a~1b/c~0d", ("a/b", "c~d")),
        ("/~01", ("~1",)),
    ],
)
def test_parse(text: str, tokens: tuple[str, ...]) -> None:
    """A pointer's tokens are unescaped; a plain name stands for itself and / for the whole status."""
    assert pointer.parse(text) == tokens


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("a/b", "has to start with '/'"),
        ("a~0b", "has to start with '/'"),
        ("//a", "has an empty part"),
        ("/a/", "has an empty part"),
        ("/a~2", "neither '~0' nor '~1'"),
        ("/~", "neither '~0' nor '~1'"),
        ("/~0~", "neither '~0' nor '~1'"),
    ],
)
def test_refused(text: str, why: str) -> None:
    """What is no pointer is refused with the reason."""
    with pytest.raises(BadPointerError, match=why):
        pointer.parse(text)


@given(st.lists(st.text(min_size=1), min_size=1).map(tuple))
def test_render_and_parse_are_inverse(tokens: tuple[str, ...]) -> None:
    """A rendered pointer parses to the tokens it was made of."""
    assert pointer.parse(pointer.render(tokens)) == tokens


def test_long_pointers_are_rendered_and_forgotten() -> None:
    """A pointer with a very long token is rendered, and not kept in memory."""
    before = pointer._remembered.cache_info()
    assert pointer.render(("status", "~" * 100_000)) == "/status/" + "~0" * 100_000
    assert pointer._remembered.cache_info() == before
