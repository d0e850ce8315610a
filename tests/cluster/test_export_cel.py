"""Everything ``status-guard export`` writes in CEL, evaluated by a real API server: over the case table and beyond."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
from case_table import Row, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from policy_server import CALLED, FAR, FORMS, GUARDS, Api, policy_server, prepare

from app.api import wire
from app.core import jsontext
from app.core.export import loss, vap
from app.core.export import map as mutating_policies
from app.core.export.versions import MUTATING_POLICIES
from app.core.guard import Guard, Guards, Mode
from app.core.judge import judge
from app.core.verdict import Action, Endpoint, Verdict

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

MUTATES = pytest.mark.since(MUTATING_POLICIES)
AS_SENT = "The keys of list items are compared with their type"
"""The API server reads 1.0 as a double and writes it as 1, so that neither the webhook nor CEL can tell them apart."""
ROWS = [row for row in rows() if row.expect["rules"] != ["SG001"] and row.name != AS_SENT]
"""All but the writes that no guard is about: the rules of the registration, not its CEL, leave those out."""
FINISHED = {"harvesterhci.io/read-message": "true", "harvesterhci.io/upgradeState": "Succeeded"}
VALUES = st.sampled_from([None, True, 0, 1, 2**53 - 1, 0.5, "", "1", "x", [], {}, [1, "1"], {"type": 1}])
KEYS = st.sampled_from(["type", "id", "status", "é", "x"])
ITEMS = st.lists(
    VALUES | st.dictionaries(KEYS, VALUES | st.sampled_from(["Completed", "True"]), max_size=3), max_size=4
)
MAPS = st.dictionaries(st.sampled_from(["", "a", "a/b~c", "~1", "'", "type"]), VALUES, max_size=3)
BELOW = st.fixed_dictionaries({"things": MAPS})
PARTS = {
    "imageID": VALUES,
    "conditions": ITEMS | VALUES,
    "nodeStatuses": MAPS | VALUES,
    "deep": VALUES | st.fixed_dictionaries({}, optional={"er": MAPS | VALUES, "map": MAPS, "list": ITEMS | VALUES}),
    "phase": VALUES | st.just("Pending"),
    "with/slash": MAPS.map(lambda entries: {f"{key}it's": value for key, value in entries.items()}),
    "nodes": MAPS | VALUES,
    "far": VALUES | st.fixed_dictionaries({}, optional={"below": BELOW, "list": ITEMS}),
}
DEFAULT = jsontext.decode(GUARDS["everything"].empty_status[0])
STATUSES = VALUES | st.just(json.loads(json.dumps(DEFAULT, default=float))) | st.fixed_dictionaries({}, optional=PARTS)
LABELS = st.dictionaries(
    st.sampled_from([*FINISHED, "example.com/tenant", "example.io/tenant", "example.io/result"])
    | st.sampled_from(["example.io/done", "example.io/failed"]),
    st.sampled_from(["true", "yes", "Succeeded"]),
)
CHANGES = LABELS.map(lambda labels: (labels, labels)) | st.tuples(LABELS, LABELS)

NOT_IN_CEL = {"SG011", "SG012"}
"""Reasons to forgive that only the webhook knows; docs/export.md lists them."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A fresh API server with every guard of the table in every form."""
    with policy_server(tmp_path_factory.mktemp("api")) as found:
        prepare(found)
        yield found


def stem(row: Row) -> str:
    """The guard that a row is about."""
    resource = row.review["request"]["resource"]["resource"]
    return next(path.stem for path in row.guards if GUARDS[path.stem].target.resource == resource)


def write(api: Api, form: str, row: Row) -> Any:
    """A row as a real PUT."""
    request = row.review["request"]
    user = request["userInfo"]
    answer = api.write(
        form, stem(row), request["oldObject"], request["object"], user=user["username"], groups=user.get("groups", ())
    )
    if answer is None:
        assert not row.real
        pytest.skip("no API server stores this")
    return answer


def matches(row: Row) -> bool:
    """Whether CEL has something against a row's write."""
    expect = row.expect
    return expect["action"] not in {"allowed", "exempted"} or bool(NOT_IN_CEL & set(expect["rules"]))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.file}: {row.name}")
def test_a_webhook_is_called_for_what_it_has_something_to_say_about(api: Api, row: Row) -> None:
    """The match conditions hold for just the writes that lose something and whose writer is not listed."""
    answer = write(api, "webhook", row)
    if matches(row):
        assert answer.status_code == 500
        assert CALLED in answer.json()["message"]
    else:
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.file}: {row.name}")
def test_a_validating_policy_decides_as_the_guard(api: Api, row: Row) -> None:
    """A ValidatingAdmissionPolicy refuses, or warns of, what the guard has something against, and names the rule."""
    answer = write(api, "vap", row)
    mode = GUARDS[stem(row)].mode
    refused = matches(row) and mode in {Mode.RESTORE, Mode.DENY}
    assert answer.status_code == (422 if refused else 200), answer.text
    said = answer.json().get("message", "") if refused else answer.headers.get("warning", "")
    if refused or (matches(row) and mode is Mode.WARN):
        assert any(rule in said for rule in row.expect["rules"])
    else:
        assert said == ""


RESTORING = [row for row in ROWS if GUARDS[stem(row)].mode is Mode.RESTORE and row.endpoint == "mutate"]


@MUTATES
@pytest.mark.parametrize("row", RESTORING, ids=lambda row: f"{row.file}: {row.name}")
def test_a_mutating_policy_puts_back_what_the_guard_does(api: Api, row: Row) -> None:
    """A MutatingAdmissionPolicy leaves the object as the guard's patch would; overrides and applies it cannot tell."""
    answer = write(api, "map", row)
    assert answer.status_code == 200, answer.text
    if NOT_IN_CEL & set(row.expect["rules"]):
        assert protected(answer.json()) != protected(row.review["request"]["object"])
        return
    assert protected(answer.json()) == protected(expected(row))


def expected(row: Row) -> Any:
    """The object that the guard's patch leaves; the API server drops what a write to /status says of metadata."""
    if GUARDS[stem(row)].target.status_subresource:
        status = jsonpatch.apply_patch(row.review["request"]["object"], row.expect.get("patch", [])).get("status")
        return {**row.review["request"]["oldObject"], "status": status}
    if "stored" in row.expect:
        return row.stored
    return jsonpatch.apply_patch(row.review["request"]["object"], row.expect.get("patch", []))


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


@settings(max_examples=300, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(["upgrades", "everything"]), statuses=st.tuples(STATUSES, STATUSES), labels=CHANGES)
def test_no_json_makes_an_error_or_another_answer(api: Api, name: str, statuses: Any, labels: Any) -> None:
    """Whatever an object holds, CEL finds a loss exactly where the decision does."""
    objects = [{"metadata": {"labels": has}, "status": said} for has, said in zip(labels, statuses, strict=True)]
    before, after = json.loads(json.dumps(objects))  # examples share their empty lists, and a patch would fill them all
    answers = {form: api.write(form, name, before, after, user="user-x7k2p") for form in FORMS}
    if None in answers.values():
        return  # the server stores another status than that: null
    expected = decide(GUARDS[name], before, after)
    found = {form: answer.status_code for form, answer in answers.items() if answer is not None}
    lossy = expected.action is Action.RESTORED
    codes = {"webhook": 500 if lossy else 200, "vap": 422 if lossy else 200, "map": 200}
    assert found == {form: codes[form] for form in FORMS}
    if (answer := answers.get("map")) is not None:
        mended = jsonpatch.apply_patch(after, json.loads(expected.patch or b"[]"))
        assert protected(answer.json()) == protected(mended)


@MUTATES
def test_a_mutating_policy_makes_strings_of_large_integers(api: Api) -> None:
    """What docs/export.md says of integers from 2^53 on is so: the policy brings them back as strings."""
    old = {"metadata": {}, "status": {"imageID": 2**53}}
    answer = api.write("map", "upgrades", old, {"metadata": {}})
    assert answer is not None
    assert answer.json()["status"] == {"imageID": str(2**53)}


def decide(guard: Guard, old: Any, new: Any) -> Verdict:
    """What the decision says of a write."""
    old, new = ({**thing, "kind": "Upgrade", "metadata": thing["metadata"] | {"name": "a"}} for thing in (old, new))
    request = Row("", {"old": {"object": old}, "new": {"object": new}}, ()).review
    now = datetime(2025, 3, 11, tzinfo=UTC)
    at = replace(guard, target=GUARDS["upgrades"].target)
    return judge(wire.decode(json.dumps(request).encode()), Guards([at]), endpoint=Endpoint.MUTATE, now=now)


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


@pytest.mark.parametrize("version", ["1.33", "1.34", "1.35"])
def test_older_releases_read_the_same_expressions(tmp_path: Path, version: str) -> None:
    """Each guard in each form that such a release has notices a loss and lets a healthy write pass."""
    forms = ["webhook", "vap"]
    with policy_server(tmp_path, f"--emulated-version=kube={version}") as older:
        prepare(older, forms)  # sees each guard take notice of a loss
        for form, name in itertools.product(forms, GUARDS):
            old = {"metadata": {}, "status": {"conditions": [{"type": "A"}], "imageID": "x"}}
            new = {"metadata": {}, "status": {"conditions": [{"type": "B"}, {"type": "A"}], "imageID": "y"}}
            answer = older.write(form, name, old, new)
            assert answer is not None
            assert answer.status_code == 200, answer.text


def within(value: Any) -> Any:
    """A status that has the value at the far path."""
    for token in reversed(FAR):
        value = {token: value}
    return value


def protected(thing: Any) -> str:
    """What a guard looks at, as comparable text."""
    metadata = {key: thing["metadata"].get(key) or None for key in ("labels", "finalizers", "ownerReferences")}
    return json.dumps([metadata, thing.get("status")], sort_keys=True)
