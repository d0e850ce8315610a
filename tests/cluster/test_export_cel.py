"""Everything ``status-guard export`` writes in CEL, evaluated by a real API server: over the case table and beyond."""

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
from case_table import Row, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from policy_server import CALLED, FORMS, GUARDS, Api, policy_server, prepare, ways
from ways_to_write import PUT

from app.api import wire
from app.core import jsontext
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
WRITES = [pytest.param(row, PUT, id=f"{row.file}: {row.name} ({PUT})") for row in ROWS]
WRITES += [
    pytest.param(row, way, id=f"{row.file}: {row.name} ({way})")
    for row in ROWS
    if row.real
    for way in ways(row)
    if way != PUT
]
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


def test_the_api_server_makes_integers_of_whole_doubles(api: Api) -> None:
    """Why one row of the table is about no real write: what was sent as 1.0 is given back, and judged, as 1."""
    status = {"conditions": [{"type": 1.0}], "imageID": "x"}
    answer = api.write("webhook", "upgrades", {"metadata": {}, "status": status}, {"metadata": {}, "status": status})
    assert answer is not None
    assert answer.status_code == 200, answer.text
    assert '"type":1}' in answer.text


def stem(row: Row) -> str:
    """The guard that a row is about."""
    resource = row.review["request"]["resource"]["resource"]
    return next(path.stem for path in row.guards if GUARDS[path.stem].target.resource == resource)


def write(api: Api, form: str, row: Row, way: str = PUT) -> Any:
    """A row as a real write."""
    request = row.review["request"]
    user = request["userInfo"]
    who = {"user": user["username"], "groups": user.get("groups", ())}
    answer = api.write(form, stem(row), request["oldObject"], request["object"], way, **who)
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


@pytest.mark.parametrize(("row", "way"), WRITES)
def test_a_validating_policy_decides_as_the_guard(api: Api, row: Row, way: str) -> None:
    """A ValidatingAdmissionPolicy refuses, or warns of, what the guard has something against, and names the rule."""
    answer = write(api, "vap", row, way)
    mode = GUARDS[stem(row)].mode
    refused = matches(row) and mode in {Mode.RESTORE, Mode.DENY}
    assert answer.status_code == (422 if refused else 200), answer.text
    said = answer.json().get("message", "") if refused else answer.headers.get("warning", "")
    if refused or (matches(row) and mode is Mode.WARN):
        assert any(rule in said for rule in row.expect["rules"])
    else:
        assert said == ""


RESTORING = [
    write
    for write in WRITES
    if GUARDS[stem(write.values[0])].mode is Mode.RESTORE and write.values[0].endpoint == "mutate"
]


@MUTATES
@pytest.mark.parametrize(("row", "way"), RESTORING)
def test_a_mutating_policy_puts_back_what_the_guard_does(api: Api, row: Row, way: str) -> None:
    """A MutatingAdmissionPolicy leaves the object as the guard's patch would; overrides and applies it cannot tell."""
    answer = write(api, "map", row, way)
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


def decide(guard: Guard, old: Any, new: Any) -> Verdict:
    """What the decision says of a write."""
    old, new = ({**thing, "kind": "Upgrade", "metadata": thing["metadata"] | {"name": "a"}} for thing in (old, new))
    request = Row("", {"old": {"object": old}, "new": {"object": new}}, ()).review
    now = datetime(2025, 3, 11, tzinfo=UTC)
    at = replace(guard, target=GUARDS["upgrades"].target)
    return judge(wire.decode(json.dumps(request).encode()), Guards([at]), endpoint=Endpoint.MUTATE, now=now)


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


def protected(thing: Any) -> str:
    """What a guard looks at, as comparable text."""
    metadata = {key: thing["metadata"].get(key) or None for key in ("labels", "finalizers", "ownerReferences")}
    return json.dumps([metadata, thing.get("status")], sort_keys=True)
