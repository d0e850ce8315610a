"""That our reading of a body and Go's cannot differ, whatever the keys."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.gate import body
from app.core.gate.body import InstallBody
from app.core.gate.refusal import Refusal, Slug

LONG_S, KELVIN = "\N{LATIN SMALL LETTER LONG S}", "\N{KELVIN SIGN}"

pytestmark = pytest.mark.unmeasured

FIELDS = ["charts", "namespace", "chartName", "version", "releaseName", "key"]


def folded(key: str) -> str:
    """Unicode's simple case folding: the key with each character that has one taken to it, as Go's EqualFold does."""
    return "".join(low if len(low := character.casefold()) == 1 else character for character in key)


def spelt(field: str) -> st.SearchStrategy[str]:
    """A field's name in any case, and with the letters outside of ASCII that fold to its own."""
    variants = {"s": ["s", "S", LONG_S], "k": ["k", "K", KELVIN]}
    choices = [st.sampled_from(variants.get(letter.lower(), [letter.lower(), letter.upper()])) for letter in field]
    return st.one_of(st.just(field), st.just(field), st.tuples(*choices).map("".join))


def keys(*fields: str) -> st.SearchStrategy[str]:
    """Keys that are mostly some spelling of these fields."""
    return st.one_of(
        *map(spelt, fields), st.sampled_from(["x", "X", "values"]), st.text("\u0131\u0130\u0131ßsSkK", max_size=2)
    )


def written(value: object) -> str:
    """The JSON text of a tree whose objects are pairs."""
    if isinstance(value, tuple):
        return "{" + ",".join(f"{json.dumps(key)}:{written(member)}" for key, member in value) + "}"
    return "[" + ",".join(map(written, value)) + "]" if isinstance(value, list) else json.dumps(value)


NAMES = st.sampled_from(["a", "b", "c"])
CHARTS = st.lists(
    st.lists(st.tuples(keys("chartName", "version", "releaseName"), NAMES), max_size=4).map(tuple), max_size=2
)
BODIES = st.lists(
    st.one_of(st.tuples(keys("charts"), CHARTS), st.tuples(keys("namespace", "projectId"), NAMES)), max_size=4
).map(tuple)


def gos_reading(pairs: Any, *fields: str) -> dict[str, Any]:
    """A struct as Go's decoder fills it: keys folded, the last one counts."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        for field in fields:
            if folded(key) == folded(field):
                found[field] = value
    return found


@settings(max_examples=800, deadline=None)
@given(BODIES)
def test_what_is_accepted_reads_the_same_in_go(tree: Any) -> None:
    """A body that is not refused means the same to Go's folding reader and to one that takes the first exact key."""
    found = body.read(written(tree).encode())
    if isinstance(found, Refusal):
        return
    top = gos_reading(tree, "charts", "namespace", "projectId")
    assert found.namespace == top.get("namespace", "default")
    assert found.project == top.get("projectId", "")
    for ours, theirs in zip(found.charts, top["charts"], strict=True):
        go = gos_reading(theirs, "chartName", "version", "releaseName")
        exact = dict(reversed(theirs))
        for field, value in (("chartName", ours.name), ("version", ours.version), ("releaseName", ours.release)):
            assert value == go.get(field, "") == exact.get(field, "")


@settings(max_examples=800, deadline=None)
@given(BODIES)
def test_only_ambiguity_is_called_ambiguous(tree: Any) -> None:
    """A body is refused as ambiguous if and only if some key is there twice or stands for a field it is not."""
    found = body.read(written(tree).encode())

    def ambiguous(pairs: Any, fields: tuple[str, ...]) -> bool:
        names = [key for key, _ in pairs]
        unfolded = [key for key in names if any(folded(key) == folded(field) and key != field for field in fields)]
        return len({*map(folded, names)}) < len(names) or bool(unfolded)

    top = dict(tree)
    anywhere = ambiguous(tree, tuple(body._TOP))
    charts = [chart for key, value in tree if isinstance(value, list) for chart in value]
    doubled = any(len({*(key for key, _ in chart)}) < len(chart) for chart in charts)
    if isinstance(found, Refusal) and found.slug is Slug.AMBIGUOUS_BODY:
        assert anywhere or any(ambiguous(chart, tuple(body._CHART)) for chart in charts)
    elif anywhere or doubled:
        pytest.fail(f"{tree} was not refused as ambiguous")
    elif isinstance(found, InstallBody):
        assert not any(ambiguous(chart, tuple(body._CHART)) for chart in top["charts"])


@pytest.mark.parametrize("fields", [body._TOP, body._CHART, body._TOLERATION])
def test_our_folding_is_unicodes(fields: frozenset[str]) -> None:
    """For each field and each character of Unicode, a key with that character in it folds as Go folds it."""
    letters = set("".join(fields).lower())
    alike = {letter: {letter} for letter in letters}
    for point in [*range(0xD800), *range(0xE000, 0x110000)]:
        low = chr(point).casefold()
        if low in letters:
            alike[low].add(chr(point))
            assert body._folded(chr(point)) == low
        else:
            assert body._folded(chr(point)) not in letters
    assert alike.get("k", {"k", "K", KELVIN}) == {"k", "K", KELVIN}
    assert alike["s"] == {"s", "S", LONG_S}


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=100).map(str.encode)))
def test_any_bytes(raw: bytes) -> None:
    """Whatever bytes come, there is a reading or a refusal."""
    assert isinstance(body.read(raw), InstallBody | Refusal)


MEMBERS = st.sampled_from([*FIELDS, "values", "timeout", "wait", "operationTolerations"])
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(MEMBERS, inner), max_leaves=12)


@settings(max_examples=300, deadline=None)
@given(TREES)
def test_any_json(tree: Any) -> None:
    """Whatever JSON comes, of whatever types, there is a reading or a refusal."""
    assert isinstance(body.read(json.dumps(tree).encode()), InstallBody | Refusal)
