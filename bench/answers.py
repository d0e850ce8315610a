"""Whether a webhook's answer to a payload is right. Nothing is measured that was not found right first."""

import base64
import json
from typing import Any

import jsonpatch
from payloads import Kind, Payload


class WrongAnswerError(Exception):
    """The answer is not what the payload calls for; the text says in which way."""


def verify(payload: Payload, answer: bytes) -> None:
    """Check one answer.

    Raises:
        WrongAnswerError: what is wrong with it.
    """
    review = json.loads(payload.body)["request"]
    said = json.loads(answer)
    response = said["response"]
    if (said["apiVersion"], said["kind"]) != ("admission.k8s.io/v1", "AdmissionReview"):
        raise WrongAnswerError(f"{payload.name}: not an AdmissionReview of v1")
    if response["uid"] != review["uid"]:
        raise WrongAnswerError(f"{payload.name}: the uid is not echoed")
    if response["allowed"] is not True:
        raise WrongAnswerError(f"{payload.name}: denied: {response.get('status', {}).get('message')}")
    if payload.kind in {Kind.INTACT, Kind.WRITER}:
        if response.get("patch") or response.get("patchType"):
            raise WrongAnswerError(f"{payload.name}: patched, and nothing was to be restored")
        return
    if response.get("patchType") != "JSONPatch":
        raise WrongAnswerError(f"{payload.name}: patchType is {response.get('patchType')!r}")
    _verify_patch(payload, review, base64.b64decode(response["patch"], validate=True))


def _verify_patch(payload: Payload, review: dict[str, Any], patch: bytes) -> None:
    operations = json.loads(patch)
    if any(operation["op"] != "add" for operation in operations):
        raise WrongAnswerError(f"{payload.name}: the patch does more than add")
    if payload.kind is Kind.LOST:
        if len(operations) != 1 or operations[0]["path"] != "/status" or payload.status not in patch:
            raise WrongAnswerError(f"{payload.name}: the old status is not put back byte for byte")
        return
    restored = jsonpatch.apply_patch(review["object"], operations)["status"]
    if _by_type(restored) != _by_type(review["oldObject"]["status"]):
        raise WrongAnswerError(f"{payload.name}: the patched status is not the old one")


def _by_type(status: dict[str, Any]) -> dict[str, Any]:
    return {**status, "conditions": {item["type"]: item for item in status["conditions"]}}
