"""The examples of the OpenAPI document: a write that leaves status out, and how each endpoint answers it.

They are true for the guard in manifests/rules; a test posts them.
"""

from base64 import b64encode
from typing import Any, Final

from msgspec import json

_KIND: Final = {"group": "harvesterhci.io", "version": "v1beta1", "kind": "Upgrade"}
_RESOURCE: Final = {"group": "harvesterhci.io", "version": "v1beta1", "resource": "upgrades"}
_STATUS: Final = {"conditions": [{"type": "Completed", "status": "True"}]}
_METADATA: Final = {"name": "hvst-upgrade-t7k2m", "namespace": "harvester-system"}
_OLD: Final = {
    "apiVersion": "harvesterhci.io/v1beta1",
    "kind": "Upgrade",
    "metadata": _METADATA,
    "spec": {"version": "v1.4.2"},
    "status": _STATUS,
}
_NEW: Final = {
    **{key: value for key, value in _OLD.items() if key != "status"},
    "metadata": {**_METADATA, "labels": {"harvesterhci.io/read-message": "true"}},
}
_UID: Final = "7b1c9f0e-2f6d-4a53-9d0c-5c8e2f4f1a60"

LOSSY_REVIEW: Final[dict[str, Any]] = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "request": {
        "uid": _UID,
        "kind": _KIND,
        "resource": _RESOURCE,
        "name": _METADATA["name"],
        "namespace": _METADATA["namespace"],
        "operation": "UPDATE",
        "userInfo": {"username": "u-4j7xk", "groups": ["system:authenticated"]},
        "object": _NEW,
        "oldObject": _OLD,
        "dryRun": False,
    },
}

RESTORED: Final[dict[str, Any]] = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "response": {
        "uid": _UID,
        "allowed": True,
        "patchType": "JSONPatch",
        "patch": b64encode(json.encode([{"op": "add", "path": "/status", "value": _STATUS}])).decode(),
        "warnings": ["status-guard put back what this write left out or undid: /status (SG003)"],
        "auditAnnotations": {"restored": "harvester-upgrades: /status (SG003)"},
    },
}

DENIED: Final[dict[str, Any]] = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "response": {
        "uid": _UID,
        "allowed": False,
        "auditAnnotations": {"denied": "harvester-upgrades SG018: /status (SG003)"},
        "status": {
            "message": "status-guard keeps upgrades.harvesterhci.io harvester-system/hvst-upgrade-t7k2m as it is:"
            " /status (SG003)",
            "details": {
                "name": _METADATA["name"],
                "group": _KIND["group"],
                "kind": _KIND["kind"],
                "causes": [
                    {
                        "message": "SG003: the whole status would be gone",
                        "field": "/status",
                        "reason": "FieldValueRequired",
                    },
                    {
                        "message": "SG018: status-guard's mutating webhook did not put it back: it was not called, or a"
                        " webhook that runs after it removed it again (kubectl get mutatingwebhookconfigurations)",
                        "field": "/status",
                    },
                    {
                        "message": "send the object with its status, or change only what you mean to (kubectl label,"
                        " annotate, patch); to remove it on purpose, set statusguard.io/allow-status-loss:"
                        ' "<RFC 3339 end>; <paths or *>; <reason>"',
                        "field": "/metadata/annotations/statusguard.io~1allow-status-loss",
                    },
                ],
            },
            "code": 422,
            "reason": "Invalid",
            "status": "Failure",
        },
    },
}
