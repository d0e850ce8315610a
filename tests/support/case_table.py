"""The rows of tests/data/cases, read as its README.md says."""

import json
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonpatch
import yaml

FOLDER = Path(__file__).parent.parent / "data/cases"

_ROW = {"name", "guards", "real", "endpoint", "now", "review", "operation", "old", "new", "user", "groups"} | {
    "fieldManager",
    "group",
    "version",
    "resource",
    "subresource",
    "dryRun",
    "expect",
}
_EXPECTED = {"action", "rules", "paths", "patch", "warnings", "stored", "hints"}


@dataclass(frozen=True)
class Row:
    """One row: ``given`` and ``expect`` as they stand in the file."""

    file: str
    given: dict[str, Any]
    guards: tuple[Path, ...]

    @property
    def name(self) -> str:
        """What has to hold."""
        return str(self.given["name"])

    @property
    def real(self) -> bool:
        """Whether an API server could send this."""
        return bool(self.given.get("real", True))

    @property
    def endpoint(self) -> str:
        """Which webhook is asked."""
        return str(self.given.get("endpoint", "mutate"))

    @property
    def now(self) -> datetime:
        """The clock."""
        return datetime.fromisoformat(self.given.get("now", "2025-03-11T08:15:00Z"))

    @property
    def expect(self) -> dict[str, Any]:
        """The verdict."""
        return dict(self.given["expect"])

    @property
    def review(self) -> dict[str, Any]:
        """The whole AdmissionReview."""
        if "review" in self.given:
            return deepcopy(_json(FOLDER / self.given["review"]))
        old = build(self.given["old"])
        return {
            "kind": "AdmissionReview",
            "apiVersion": "admission.k8s.io/v1",
            "request": _request(self.given, old, build(self.given["new"], old=old)),
        }

    @property
    def stored(self) -> Any:
        """The object that the API server would store, if the row says."""
        request = self.review["request"]
        return build(self.expect["stored"], old=request["oldObject"], new=request["object"])


def rows() -> list[Row]:
    """Every row of the table."""
    return [row for file in sorted(FOLDER.glob("*.yaml")) for row in _rows(file)]


def _rows(file: Path) -> list[Row]:
    content = yaml.safe_load(file.read_text())
    found = []
    for given in content["cases"]:
        unknown = (given.keys() - _ROW) | (given["expect"].keys() - _EXPECTED)
        assert not unknown, f"{file.name}: {given['name']}: unknown {sorted(unknown)}"
        guards = given.get("guards", content["guards"])
        found.append(Row(file.stem, given, tuple(FOLDER / guard for guard in guards)))
    return found


def build(spec: dict[str, Any] | None, **known: Any) -> Any:
    """An object as a row describes it; ``known`` are the objects it may start from."""
    if spec is None:
        return None
    return jsonpatch.apply_patch(deepcopy(_start(spec, known)), spec.get("patch", []))


def _start(spec: dict[str, Any], known: dict[str, Any]) -> Any:
    if "object" in spec:
        return spec["object"]
    source = spec.get("from", "old")
    return known[source] if source in known else _json(FOLDER / source)


@cache
def _json(path: Path) -> Any:
    return json.loads(path.read_text())


def _request(given: dict[str, Any], old: Any, new: Any) -> dict[str, Any]:
    group, version = given.get("group", "harvesterhci.io"), given.get("version", "v1beta1")
    thing = new or old
    kind = {"group": group, "version": version, "kind": thing["kind"]}
    resource = {"group": group, "version": version, "resource": given.get("resource", "upgrades")}
    subresource = given.get("subresource")
    request = {
        "uid": "3c0f6b1e-7e64-4d0e-9a53-0f8f7c5d2b10",
        "kind": kind,
        "resource": resource,
        "requestKind": kind,
        "requestResource": resource,
        "name": thing["metadata"]["name"],
        "namespace": thing["metadata"].get("namespace"),
        "operation": given.get("operation", "UPDATE"),
        "userInfo": {
            "username": given.get("user", "user-x7k2p"),
            "groups": given.get("groups", ["system:authenticated"]),
        },
        "object": new,
        "oldObject": old,
        "dryRun": given.get("dryRun", False),
        "options": {"kind": "UpdateOptions", "apiVersion": "meta.k8s.io/v1"},
    }
    if subresource:
        request |= {"subResource": subresource, "requestSubResource": subresource}
    if "fieldManager" in given:
        request["options"]["fieldManager"] = given["fieldManager"]
    return request
