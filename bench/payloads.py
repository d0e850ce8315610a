"""The AdmissionReviews the bench sends: a Harvester Upgrade that is being written, in three sizes.

The same bytes on every machine and in every run. The texts are laid out as the API server lays them out: compact,
the keys of a custom resource sorted, the envelope in the order of its Go struct.
"""

import copy
import json
import uuid
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

GROUP, VERSION, RESOURCE = "harvesterhci.io", "v1beta1", "upgrades"
NAME, NAMESPACE = "hvst-upgrade-x7k2p", "harvester-system"
BYSTANDER = "system:serviceaccount:cattle-system:rancher"
CONTROLLER = "system:serviceaccount:harvester-system:harvester"
"""Listed as a writer by the guard for Upgrades."""

LOST_CONDITION = "NodesPrepared"
CONDITIONS = (
    "Completed",
    "LogReady",
    "ImageReady",
    "RepoReady",
    LOST_CONDITION,
    "SystemServicesUpgraded",
    "NodesUpgraded",
)
VOCABULARY = (
    "node",
    "drained",
    "job",
    "apply-upgrade",
    "on",
    "host",
    "phase",
    "Images",
    "preloading",
    "waiting",
    "for",
)
Object = dict[str, Any]


class Kind(StrEnum):
    """What the write does to the status."""

    LOST = "lost"
    INTACT = "intact"
    PARTIAL = "partial"
    """One condition is missing."""
    WRITER = "writer"
    """The whole status is missing, and the writer may do that."""


@dataclass(frozen=True)
class Size:
    """How large a review is, and how much of it is status."""

    name: str
    bytes: int
    """Of the review that lost its status; one with two statuses is larger by one status."""
    nodes: int
    words: int
    """Length of the messages of conditions and nodes."""


SIZES = (
    Size("8k", 8 << 10, nodes=3, words=36),
    Size("64k", 64 << 10, nodes=3, words=46),
    Size("1m", 1 << 20, nodes=400, words=25),  # the largest that still fits etcd's 1.5 MB as an object
)


@dataclass(frozen=True)
class Payload:
    """One review as it goes over the wire, and what a right answer does with it."""

    size: str
    kind: Kind
    body: bytes
    status: bytes
    """The old status, byte for byte as in the body."""

    @property
    def name(self) -> str:
        """Such as ``8k-lost``."""
        return f"{self.size}-{self.kind}"

    def write(self, folder: Path) -> Path:
        """Put the body where the load generator can read it."""
        path = folder / f"{self.name}.json"
        path.write_bytes(self.body)
        return path


def make() -> dict[str, Payload]:
    """All payloads by name: every size lost and intact, the smallest also partial and by a listed writer."""
    made = [_payload(size, kind) for size in SIZES for kind in (Kind.LOST, Kind.INTACT)]
    made += [_payload(SIZES[0], kind) for kind in (Kind.PARTIAL, Kind.WRITER)]
    return {payload.name: payload for payload in made}


def _payload(size: Size, kind: Kind) -> Payload:
    status = _status(size)
    padding = 0
    entries = [_entry(0, size.nodes)]
    while len(_text(_review(size, Kind.LOST, entries, padding))) < size.bytes:
        entries.append(_entry(len(entries), size.nodes))
    if len(entries) > 1:
        entries.pop()
    missing = size.bytes - len(_text(_review(size, Kind.LOST, entries, padding)))
    padding = missing // 2  # the annotation stands in both objects
    return Payload(size.name, kind, _text(_review(size, kind, entries, padding)), _text(status))


def _text(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _message(seed: int, words: int) -> str:
    return " ".join(VOCABULARY[(seed * 7 + i * 5) % len(VOCABULARY)] for i in range(words))


def _time(seed: int) -> str:
    return f"2025-03-10T{10 + seed % 3}:{seed * 7 % 60:02}:{seed * 11 % 60:02}Z"


def _status(size: Size) -> Object:
    conditions = [
        {
            "lastTransitionTime": _time(i),
            "lastUpdateTime": _time(i + 1),
            "message": _message(i, size.words) if i % 2 else "",
            "reason": "Executing" if i % 3 else "",
            "status": "Unknown" if name == "Completed" else "True",
            "type": name,
        }
        for i, name in enumerate(CONDITIONS)
    ]
    nodes = {
        f"harvester-node-{i}": {"message": _message(i, size.words), "reason": "", "state": "Pre-drained"}
        for i in range(size.nodes)
    }
    return {
        "conditions": conditions,
        "imageID": f"{NAMESPACE}/{NAME}",
        "nodeStatuses": dict(sorted(nodes.items())),
        "previousVersion": "v1.4.1",
        "repoInfo": "release:\n  harvester: v1.4.2\n  os: Harvester v1.4.2\n  kubernetes: v1.31.4+rke2r1\n",
        "upgradeLog": f"{NAME}-upgradelog",
    }


def _entry(number: int, nodes: int) -> Object:
    """One managedFields entry: they are what makes real objects large, and no rule reads into them."""
    owned: Object = {f"f:harvester-node-{i}": {".": {}, "f:message": {}, "f:state": {}} for i in range(min(nodes, 40))}
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:metadata": {"f:annotations": {".": {}, f"f:{GROUP}/step-{number:04}": {}}, "f:finalizers": {".": {}}},
            "f:status": {".": {}, "f:conditions": {}, "f:nodeStatuses": {".": {}, **owned}},
        },
        "manager": f"controller-{number:04}",
        "operation": "Update",
        "time": _time(number),
    }


def _object(entries: list[Object], padding: int) -> Object:
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Upgrade",
        "metadata": {
            "annotations": {f"{GROUP}/note": "x" * padding},
            "creationTimestamp": _time(0),
            "finalizers": ["wrangler.cattle.io/harvester-upgrade-controller"],
            "generateName": "hvst-upgrade-",
            "generation": 14,
            "labels": {f"{GROUP}/latestUpgrade": "true", f"{GROUP}/upgradeState": "UpgradingNodes"},
            "managedFields": entries,
            "name": NAME,
            "namespace": NAMESPACE,
            "resourceVersion": "1482057",
            "uid": str(uuid.UUID(int=0x3F6D2A8E5B1C4C7E9A406E2F8D1B7C35)),
        },
        "spec": {"image": "", "logEnabled": True, "version": "v1.4.2"},
    }


def _review(size: Size, kind: Kind, entries: list[Object], padding: int) -> Object:
    old, new = _object(entries, padding), copy.deepcopy(_object(entries, padding))
    old["status"] = _status(size)
    new["metadata"]["labels"][f"{GROUP}/read-message"] = "true"
    if kind in {Kind.INTACT, Kind.PARTIAL}:
        new["status"] = _status(size)
    if kind is Kind.PARTIAL:
        kept = [item for item in new["status"]["conditions"] if item["type"] != LOST_CONDITION]
        new["status"]["conditions"] = kept
    resource = {"group": GROUP, "version": VERSION, "resource": RESOURCE}
    group_kind = {"group": GROUP, "version": VERSION, "kind": "Upgrade"}
    return {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-41e8-b7cc-42010a800002",
            "kind": group_kind,
            "resource": resource,
            "requestKind": group_kind,
            "requestResource": resource,
            "name": NAME,
            "namespace": NAMESPACE,
            "operation": "UPDATE",
            "userInfo": {
                "username": CONTROLLER if kind is Kind.WRITER else BYSTANDER,
                "uid": "0c1e6f0e-cd09-4d2c-b2d2-7d8ba2d5ae72",
                "groups": ["system:serviceaccounts", "system:authenticated"],
            },
            "object": new,
            "oldObject": old,
            "dryRun": False,
            "options": {"kind": "UpdateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "rancher"},
        },
    }
