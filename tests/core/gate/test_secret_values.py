"""Which texts of a body are taken for secrets, and in which forms."""

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.gate.secret_values import secret_values

SECRET = 'hunter2"\\pass'


def body(values: Any) -> bytes:
    """An install with these values."""
    return json.dumps({"charts": [{"chartName": "demo", "values": values}], "namespace": "a-namespace"}).encode()


@pytest.mark.parametrize(
    "values", [{"password": SECRET}, {"a": {"b": [1, None, {"c": SECRET}]}}, {"a": [[SECRET]], "b": True}]
)
def test_texts_are_found_wherever_they_are(values: Any) -> None:
    """However deep a text stands, it is found as it is, quoted, and in base64; nothing outside of values is."""
    found = secret_values(body(values))
    assert found == {SECRET, json.dumps(SECRET)[1:-1], b64encode(SECRET.encode()).decode()}


def test_lines_of_a_text_are_secrets_of_their_own() -> None:
    """Helm prints a file of a Secret line by line."""
    found = secret_values(body({"file": "user: ann\n  secret-of-ann\nx\n"}))
    assert {"user: ann", "secret-of-ann"} <= found
    assert "x" not in found


def test_names_that_are_shown_and_short_texts_are_no_secrets() -> None:
    """A value that is the release's own name would take it out of every sentence, a short one ordinary words."""
    assert secret_values(body({"name": "harvester", "on": "true", "blank": " " * 9}), {"harvester"}) == frozenset()


@given(st.binary())
def test_any_bytes_are_taken(raw: bytes) -> None:
    """Whatever it is, it raises nothing."""
    assert isinstance(secret_values(raw), frozenset)


@pytest.mark.parametrize("raw", [b"[]", b'{"charts": 1}', b'{"charts": [1, {"values": 7}]}', b"[" * 100_000])
def test_other_shapes_hold_nothing(raw: bytes) -> None:
    """What is no install has no values."""
    assert secret_values(raw) == frozenset()
