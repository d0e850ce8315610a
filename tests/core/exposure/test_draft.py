"""The document that a guess is written down in."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from definitions import ANYTHING, HARVESTER, TEXT, UPGRADE_STATUS, definition, read, version
from hypothesis import given
from hypothesis import strategies as st

from app.core.exposure import exposed
from app.core.exposure.draft import document
from app.core.exposure.seen import Object, Seen
from app.core.guard import Guard, Mode
from app.rules import load

FULL = {
    "conditions": [{"type": "Completed"}, {"type": "LogReady"}],
    "nodeStatuses": {"node-1": {"state": "Succeeded"}},
    "repoInfo": "y",
}


def drafted(body: dict[str, Any], *objects: dict[str, Any]) -> str:
    """The document for a kind with these objects."""
    kind, seen = exposed.kind(read(body)), Seen()
    for one in objects:
        seen.add(msgspec.json.decode(msgspec.json.encode(one), type=Object))
    assert kind
    return document(kind, seen)


def loaded(text: str, folder: Path) -> Guard:
    """The guard that the document is."""
    (folder / "guard.yaml").write_text(text)
    [guard] = load([folder]).guards
    return guard


def test_it_is_a_rule_document(tmp_path: Path) -> None:
    """What is sure or likely is protected, in mode Audit, and what is unsure is not."""
    guard = loaded(drafted(HARVESTER["upgrades"], *[{"status": FULL}] * 3), tmp_path)
    assert (guard.name, guard.mode) == ("upgrades.harvesterhci.io", Mode.AUDIT)
    assert (guard.target.group, guard.target.resource) == ("harvesterhci.io", "upgrades")
    assert (guard.target.versions, guard.target.status_subresource) == ({"*"}, False)
    assert guard.protect.fields == (("repoInfo",),)
    assert guard.protect.maps == (("nodeStatuses",),)
    assert [(one.path, one.key) for one in guard.protect.lists] == [(("conditions",), "type")]
    assert not guard.protect.owner_references


def test_each_entry_has_its_reason_above_it() -> None:
    """How sure it is and why; what is left out is a comment that can be taken in as it stands."""
    lines = drafted(HARVESTER["upgrades"], *[{"status": FULL}] * 3).splitlines()
    for entry in ("- repoInfo", "- nodeStatuses", "- path: conditions", "# - imageID"):
        above = lines[lines.index(f"      {entry}") - 1].strip()
        assert above.startswith(("# Sure: ", "# Likely: ", "# Unsure: ")), above
    assert yaml.safe_load("\n".join(lines).replace("# - imageID", "- imageID"))["spec"]["protect"]["fields"] == [
        "imageID",
        "repoInfo",
    ]


def test_what_the_objects_tell_of_their_writers_is_passed_on(tmp_path: Path) -> None:
    """Field managers by name, and owner references where there are any."""
    entries = [{"manager": "harvester", "operation": "Update", "fieldsV1": {"f:status": {}}}]
    metadata = {"managedFields": entries, "ownerReferences": [{"uid": "u"}]}
    text = drafted(HARVESTER["upgrades"], {"metadata": metadata, "status": FULL})
    assert "harvester by Update on 1" in " ".join(text.split())
    assert loaded(text, tmp_path).protect.owner_references


def test_what_the_schema_does_to_an_empty_status_is_passed_on(tmp_path: Path) -> None:
    """Defaults as ``emptyStatus``, and a required status as a remark."""
    phase = {"type": "object", "default": {}, "properties": {"phase": {"type": "string", "default": "New"}}}
    guard = loaded(drafted(definition("things", version(phase))), tmp_path)
    assert [msgspec.json.decode(one) for one in guard.empty_status] == [{"phase": "New"}]
    assert "requires a status" in drafted(HARVESTER["blockdevices"])
    assert "requires a status" not in drafted(HARVESTER["upgrades"])


@pytest.mark.parametrize("name", ["yes", "a b", "a: b", "# x", "'", '"', "a/b~c", "ü", "- a", "{", "1"])
def test_any_name_can_be_written(name: str, tmp_path: Path) -> None:
    """Names that YAML or a JSON Pointer would read as something else are quoted and escaped."""
    text = drafted(definition("yes", version(ANYTHING)), *[{"status": {name: 1}}] * 3)
    assert loaded(text, tmp_path).protect.fields == ((name,),)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
STATUS = st.sampled_from([ANYTHING, UPGRADE_STATUS, {"type": "object", "properties": {"a": TEXT, "b": ANYTHING}}])


@given(status=STATUS, objects=st.lists(st.dictionaries(st.text(max_size=4), JSON, max_size=4), max_size=4))
def test_whatever_the_objects_hold_the_document_can_be_loaded(
    status: dict[str, Any], objects: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Statuses of any shape make a document without mistakes."""
    text = drafted(definition("things", version(status)), *[{"status": one} for one in objects])
    loaded(text, tmp_path_factory.mktemp("draft"))
