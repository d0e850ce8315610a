"""What a correct rule document comes to."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.core.guard import (
    Final,
    Guard,
    KeeperRules,
    Mode,
    OnLoss,
    Protect,
    ProtectedList,
    Target,
    WhenSpecAlsoChanges,
    Writers,
)
from app.rules import load
from app.rules.scalars import plain_value
from app.rules.yamltext import documents

FULL = """\
apiVersion: statusguard.io/v1alpha1
kind: StatusGuard
metadata: {name: full.example}
spec:
  target: {group: example.io, versions: [v1, v2], resource: things, statusSubresource: true}
  mode: Deny
  writers:
    serviceAccounts: [system-a/writer.one]
    users: ["jane@example.io"]
    groups: [example:writers]
  protect:
    fields: [plain, /nested/field, /odd~1name]
    maps: [nodes]
    lists: [{path: conditions, key: type}]
    labels: [example.io/state]
    finalizers: [example.io/cleanup]
    ownerReferences: true
  emptyStatus: [{}, {n: 1}, {n: 1.0}, {n: true}, {n: null, t: "ü"}]
  final:
    - when: {labels: {example.io/state: [Done, ""]}}
      keep: {labels: [example.io/state], conditions: {Ready: "True"}}
  whenSpecAlsoChanges: Deny
  override: {maxDuration: 1h30m}
  keeper:
    revisions: 3
    ignore: [/conditions/*/lastUpdateTime]
    minInterval: 10s
    neverRemoved: [/, /conditions/type=Ready]
    onLoss: Repair
"""


def only(path: Path) -> Guard:
    """The one guard of a file."""
    (guard,) = load([path]).guards
    return guard


def test_every_key_arrives(write: Callable[..., Path]) -> None:
    """Each key of the document is the value of the guard it stands for."""
    guard = only(write("a.yaml", FULL))
    assert guard.name == "full.example"
    assert guard.target == Target("example.io", frozenset({"v1", "v2"}), "things", status_subresource=True)
    assert guard.mode is Mode.DENY
    usernames = frozenset({"jane@example.io", "system:serviceaccount:system-a:writer.one"})
    assert guard.writers == Writers(usernames, frozenset({"example:writers"}))
    assert guard.protect == Protect(
        fields=(("plain",), ("nested", "field"), ("odd/name",)),
        maps=(("nodes",),),
        lists=(ProtectedList(("conditions",), "type"),),
        labels=("example.io/state",),
        finalizers=("example.io/cleanup",),
        owner_references=True,
    )
    assert guard.final == (
        Final({"example.io/state": frozenset({"Done", ""})}, ("example.io/state",), {"Ready": "True"}),
    )
    assert guard.when_spec_also_changes is WhenSpecAlsoChanges.DENY
    assert guard.override_max_duration == timedelta(hours=1, minutes=30)
    assert guard.keeper == KeeperRules(
        revisions=3,
        ignore=(("conditions", "*", "lastUpdateTime"),),
        min_interval=timedelta(seconds=10),
        never_removed=((), ("conditions", "type=Ready")),
        on_loss=OnLoss.REPAIR,
    )


def test_empty_statuses_keep_their_types(write: Callable[..., Path]) -> None:
    """Of an emptyStatus, integers, fractions, booleans and null arrive as what they are."""
    texts = [bytes(raw).decode() for raw in only(write("a.yaml", FULL)).empty_status]
    assert texts == ["{}", '{"n": 1}', '{"n": 1.0}', '{"n": true}', '{"n": null, "t": "\\u00fc"}']


def test_what_is_left_out_has_the_defaults_of_the_core(write: Callable[..., Path], minimal: Callable[..., str]) -> None:
    """The least document is a guard with every default, and those are the ones the core has."""
    target = Target("example.io", frozenset({"*"}), "things", status_subresource=False)
    assert only(write("a.yaml", minimal())) == Guard("things", target)


def test_a_document_may_be_json(write: Callable[..., Path]) -> None:
    """The same document in JSON is the same guard."""
    as_json = json.dumps(yaml.safe_load(FULL), indent="\t")
    assert only(write("a.json", as_json)) == only(write("a.yaml", FULL))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("Null", None),
        ("True", True),
        ("false", False),
        ("0", 0),
        ("-12", -12),
        ("9007199254740993", 9007199254740993),
        ("1e3", 1000.0),
        ("-0.5E-1", -0.05),
        ("y", "y"),
        ("1h", "1h"),
        ("v1", "v1"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_plain_scalars_mean_what_json_says(text: str, value: Any) -> None:
    """An unquoted scalar is null, a boolean or a number only where JSON has the same, and otherwise text."""
    found = plain_value(text)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("loader", [yaml.SafeLoader, yaml.CSafeLoader])
def test_both_parsers_of_pyyaml_give_the_same(loader: type[yaml.SafeLoader]) -> None:
    """A PyYAML without libyaml reads the same values on the same lines."""
    (found,) = documents("a.yaml", FULL.encode(), loader)
    (usual,) = documents("a.yaml", FULL.encode())
    assert found == usual
    assert found.lines["spec", "final", 0, "keep"] == 21
    assert found.lines["spec", "protect", "lists", 0, "key"] == 14


@pytest.mark.parametrize("text", ['a: "\\UFFFFFFFF"', 'a: "\\ud800"', "%YAML 9.9\n---\na", "a: [", "{a: b"])
def test_the_parser_in_python_never_escapes(text: str) -> None:
    """What the parser in Python raises, its stray ValueErrors included, becomes a mistake or a value."""
    for document in documents("a.yaml", text.encode(), yaml.SafeLoader):
        assert document.mistakes or document.value is not None
