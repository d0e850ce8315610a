"""What live objects add up to."""

from typing import Any

import msgspec
import pytest

from app.core.exposure.seen import MOST_SAMPLES, Object, Seen


def seen(*objects: dict[str, Any]) -> Seen:
    """The sum of these."""
    found = Seen()
    for one in objects:
        found.add(msgspec.json.decode(msgspec.json.encode(one), type=Object))
    return found


@pytest.mark.parametrize(
    ("body", "at_risk"),
    [({}, 0), ({"status": None}, 0), ({"status": {}}, 0), ({"status": {"a": 1}}, 1), ({"status": "x"}, 1)],
)
def test_an_object_with_a_status_is_at_risk(body: dict[str, Any], at_risk: int) -> None:
    """Absent, null and empty statuses have nothing to lose."""
    found = seen(body)
    assert (found.objects, found.at_risk) == (1, at_risk)


def test_only_a_few_statuses_are_kept() -> None:
    """All are counted, and what is kept is bounded by number and by size."""
    assert len(seen(*[{"status": {"a": 1}}] * (MOST_SAMPLES + 5)).samples) == MOST_SAMPLES
    large = {"status": {"a": "x" * 1_500_000}}
    found = seen(*[large] * 4, {"status": {"a": 1}})
    assert (found.at_risk, len(found.samples)) == (5, 3)


def test_a_status_that_is_no_object_or_cannot_be_read_is_counted_and_no_sample() -> None:
    """A text, and a list nested deeper than anybody reads."""
    deep = msgspec.Raw(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    found = seen({"status": "text"})
    found.add(Object(status=deep))
    assert (found.at_risk, found.samples) == (2, [])


def test_owners_and_writers_are_counted() -> None:
    """Owner references, and the field managers that have written to status, with how they write."""
    entries = [
        {"manager": "harvester", "operation": "Update", "fieldsV1": {"f:status": {}}},
        {"manager": "kubectl", "operation": "Apply", "fieldsV1": {"f:spec": {}}},
        {"manager": "odd"},
    ]
    one = {"metadata": {"managedFields": entries, "ownerReferences": [{"uid": "u"}]}, "status": {"a": 1}}
    found = seen(one, one, {"status": {"a": 1}})
    assert found.owned == 2
    assert found.managers == {("harvester", "Update"): 2}
