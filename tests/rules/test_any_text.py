"""Whatever stands in a rule file, loading it gives a rule set or a report."""

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.rules import RulesError, load
from app.rules.yamltext import documents

FULL: dict[str, Any] = {
    "apiVersion": "statusguard.io/v1alpha1",
    "kind": "StatusGuard",
    "metadata": {"name": "a"},
    "spec": {
        "target": {"group": "a.io", "versions": ["v1"], "resource": "things", "statusSubresource": False},
        "mode": "Audit",
        "writers": {"serviceAccounts": ["a/b"], "users": ["u"], "groups": ["g"]},
        "protect": {
            "fields": ["a"],
            "maps": ["b"],
            "lists": [{"path": "c", "key": "type"}],
            "labels": ["l"],
            "finalizers": ["f"],
            "ownerReferences": True,
        },
        "emptyStatus": [{"a": 1}],
        "final": [{"when": {"labels": {"l": ["v"]}}, "keep": {"labels": ["l"], "conditions": {"Ready": "True"}}}],
        "whenSpecAlsoChanges": "Deny",
        "override": {"maxDuration": "1h"},
        "keeper": {
            "revisions": 1,
            "ignore": ["/a"],
            "minInterval": "1s",
            "neverRemoved": ["/"],
            "onLoss": "Report",
        },
    },
}

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
YAML_PIECES = st.sampled_from(
    [*"[]{}:,-?&*!|>'\"%@`#~ \n\t\0", "- ", ": ", "? ", "\n  ", "---\n", "...\n", "&a ", "*a", "!!int ", "<<: ", "kind"]
)


def places(value: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The way to everything in a document."""
    pairs: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    return [at, *(place for key, member in pairs for place in places(member, (*at, key)))]


def load_or_report(content: bytes) -> None:
    """Load one file of these bytes; every mistake has a line of the file."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.yaml"
        path.write_bytes(content)
        try:
            assert load([path]).count
        except RulesError as error:
            mistakes = error.mistakes
        else:
            return
    assert mistakes
    for mistake in mistakes:
        assert mistake.file == str(path)
        assert mistake.line >= 1
        assert mistake.message
        assert "\n" not in str(mistake)
        assert "pydantic" not in str(mistake)


@settings(deadline=None)
@given(st.text() | st.lists(YAML_PIECES | st.text(max_size=3)).map("".join))
@example("? *a\n: b")
@example("&a [*a]")
@example("%TAG ! tag:x,2000:\n---\n!a b")
def test_any_text_is_loaded_or_reported(text: str) -> None:
    """No text makes loading fail in another way than by its report, with either of PyYAML's parsers."""
    content = text.encode("utf-8", "surrogatepass")
    load_or_report(content)
    list(documents("a.yaml", content, yaml.SafeLoader))


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_loaded_or_reported(content: bytes) -> None:
    """Nor do bytes that are no text."""
    load_or_report(content)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(places(FULL)), ANY_JSON, st.none() | st.text(max_size=8))
@example(("spec", "final", 0, "when", "labels", "l"), ["v"], "[key]")
def test_any_value_anywhere_is_loaded_or_reported(
    place: tuple[str | int, ...], value: Any, new_key: str | None
) -> None:
    """A good document with any JSON in one place, under its own key or another, is loaded or reported."""
    root = {"": copy.deepcopy(FULL)}
    parent: Any = root
    way = ("", *place)
    for key in way[:-1]:
        parent = parent[key]
    if new_key is not None and isinstance(parent, dict) and parent is not root:
        parent[new_key] = value
    else:
        parent[way[-1]] = value
    load_or_report(json.dumps(root[""], ensure_ascii=False).encode())
