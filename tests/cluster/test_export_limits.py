"""How large an object the expressions of each exported form can look through, on a real API server, and beyond that."""

import json
from typing import Any

import pytest
from policy_server import CALLED, FAR, FORMS, GUARDS, Api

from app.core.export import loss, vap
from app.core.export import map as mutating_policies
from app.core.export.versions import MUTATING_POLICIES

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

MUTATES = pytest.mark.since(MUTATING_POLICIES)
FINISHED = {"harvesterhci.io/read-message": "true", "harvesterhci.io/upgradeState": "Succeeded"}
BOUNDS = mutating_policies.bounds(GUARDS["upgrades"])
"""The smallest of the three."""
ASKED = loss.bounds(GUARDS["upgrades"], asks=True)
POLICY_BOUNDS = vap.bounds(GUARDS["upgrades"])


def large(items: int, entries: int, inner: int) -> Any:
    """An object with two lists of so many items, and two maps; short, because etcd takes 1.5 MB with managedFields."""
    conditions = [{"type": f"Condition-{number}", "status": "True"} for number in range(items)]
    numbered = [{"id": number} for number in range(items)]
    nodes = {f"{number:x}": 0 for number in range(entries)}
    deep = {"map": {f"{number:x}": 0 for number in range(inner)}, "list": numbered}
    status = {"conditions": conditions, "nodeStatuses": nodes, "deep": deep}
    return {"metadata": {"labels": dict(FINISHED)}, "status": {"imageID": "x", **status}}


def changed(thing: Any) -> Any:
    """The same object after a healthy write: other values, an entry and an item more."""
    new = json.loads(json.dumps(thing))
    for item in (*new["status"]["conditions"], *new["status"]["deep"]["list"]):
        item["changed"] = 1
    for entries in (new["status"]["nodeStatuses"], new["status"]["deep"]["map"]):
        entries["one-more"] = 1
    return new


FULL = {
    "webhook": (ASKED.items - 1, ASKED.entries, ASKED.entries),
    "vap": (POLICY_BOUNDS.items - 1, POLICY_BOUNDS.entries, 10),  # each by an expression of its own
    "map": (BOUNDS.items - 1, BOUNDS.entries, BOUNDS.entries),
}
BEYOND = [(5_000, 10, 10), (10, 60_000, 10)]


@pytest.mark.parametrize("form", FORMS)
def test_as_much_as_is_walked_costs_no_healthy_write(api: Api, form: str) -> None:
    """With every list and map at its bound a healthy write passes, and a loss is found."""
    old = large(*FULL[form])
    healthy, lossy = (api.write(form, "upgrades", old, new, user="user-x7k2p") for new in (changed(old), without(old)))
    assert healthy is not None
    assert lossy is not None
    assert healthy.status_code == 200, healthy.text[:500]
    assert healthy.headers.get("warning") is None
    assert {
        "webhook": lossy.status_code == 500 and CALLED in lossy.json()["message"],
        "vap": lossy.status_code == 422,
        "map": lossy.status_code == 200 and lossy.json()["status"] == old["status"],
    }[form], lossy.text[:500]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", BEYOND, ids=["5000 conditions", "60000 entries"])
def test_beyond_its_bounds_a_policy_lets_pass_and_a_webhook_is_called(
    api: Api, form: str, size: tuple[int, int, int]
) -> None:
    """A healthy write to a larger object passes every policy without an error; the webhook is asked."""
    old = large(*size)
    answer = api.write(form, "upgrades", old, changed(old), user="user-x7k2p")
    assert answer is not None
    if form == "webhook":
        assert CALLED in answer.json()["message"]
    else:
        assert answer.status_code == 200, answer.text[:500]


def without(thing: Any) -> Any:
    """The same object without one entry and one item."""
    new = json.loads(json.dumps(thing))
    del new["status"]["nodeStatuses"]["3"], new["status"]["conditions"][-1]
    return new


LARGEST = [
    ("one-map", "webhook", loss.MOST_ENTRIES),
    ("one-map", "vap", loss.MOST_ENTRIES),
    pytest.param("one-map", "map", mutating_policies.bounds(GUARDS["one-map"]).entries, marks=MUTATES),
    ("one-list", "webhook", loss.MOST_ITEMS),
    ("one-list", "vap", loss.MOST_ITEMS),
    pytest.param("one-list", "map", mutating_policies.bounds(GUARDS["one-list"]).items, marks=MUTATES),
]


@pytest.mark.parametrize(("name", "form", "size"), LARGEST)
def test_one_list_or_map_is_walked_up_to_its_bound(api: Api, name: str, form: str, size: int) -> None:
    """At the bound, and however deep the path: a healthy write passes, a loss of every part is found."""
    parts = {f"{number:x}": 0 for number in range(size)} if name == "one-map" else [{"id": n} for n in range(size)]
    healthy = dict.fromkeys(parts, 1) if isinstance(parts, dict) else [{"id": n, "x": 1} for n in range(size)]
    old, new, empty = ({"metadata": {}, "status": within(value)} for value in (parts, healthy, type(parts)()))
    passed, lossy = (api.write(form, name, old, thing) for thing in (new, empty))
    assert passed is not None
    assert lossy is not None
    assert passed.status_code == 200, passed.text[:500]
    assert lossy.status_code == {"webhook": 500, "vap": 422, "map": 200}[form], lossy.text[:500]
    if form == "map":
        assert lossy.json()["status"] == old["status"]
    else:
        assert {"webhook": CALLED, "vap": "SG00"}[form] in lossy.json()["message"]


def within(value: Any) -> Any:
    """A status that has the value at the far path."""
    for token in reversed(FAR):
        value = {token: value}
    return value


@MUTATES
def test_a_mutating_policy_makes_strings_of_large_integers(api: Api) -> None:
    """What docs/export.md says of integers from 2^53 on is so: the policy brings them back as strings."""
    old = {"metadata": {}, "status": {"imageID": 2**53}}
    answer = api.write("map", "upgrades", old, {"metadata": {}})
    assert answer is not None
    assert answer.json()["status"] == {"imageID": str(2**53)}
