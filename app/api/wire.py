"""Bytes to core values and back: the one place that reads and writes AdmissionReviews."""

from http import HTTPStatus
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
import pybase64
from msgspec import Meta, Raw, Struct

from app.api.faults import Fault
from app.core.review import AdmissionRequest, AdmissionReview
from app.core.verdict import Action, Finding, Verdict

LARGEST_REVIEW: Final = 7 * 1024 * 1024
"""Bytes. The API server takes requests of 3 MiB; a review holds the old and the new object, and 1 MiB for the rest."""

MOST_CAUSES: Final = 100
"""kubectl prints every cause on a line of its own; nobody reads more, and a wiped map may have 60,000 keys."""

_review = msgspec.json.Decoder(AdmissionReview)
_encode = msgspec.json.Encoder().encode


class Cause(Struct, frozen=True, omit_defaults=True, gc=False):
    """``StatusCause`` of meta/v1; kubectl prints ``field: message``."""

    message: str
    field: str
    reason: str = ""


class Details(Struct, frozen=True, omit_defaults=True, gc=False):
    """``StatusDetails`` of meta/v1."""

    name: str
    group: str
    kind: str
    causes: list[Cause]


class DenialStatus(Struct, frozen=True, rename="camel", gc=False):
    """``Status`` of meta/v1, as a denied write's client gets it."""

    message: str
    details: Details
    code: int = HTTPStatus.UNPROCESSABLE_ENTITY.value
    reason: str = "Invalid"
    status: str = "Failure"


Base64: TypeAlias = Annotated[Raw, Meta(extra_json_schema={"type": "string", "contentEncoding": "base64"})]
"""A JSON string of base64; already text, because msgspec's own encoding takes ten times as long as pybase64's."""


class AdmissionResponse(Struct, frozen=True, rename="camel", omit_defaults=True, gc=False):
    """``AdmissionReview.response``; an allowed write that needs nothing has ``uid`` and ``allowed`` alone."""

    uid: str
    allowed: bool
    patch_type: Literal["JSONPatch"] | None = None
    patch: Base64 | None = None
    warnings: tuple[str, ...] = ()
    audit_annotations: dict[str, str] = {}
    status: DenialStatus | None = None


class ReviewAnswer(Struct, frozen=True, rename="camel", gc=False):
    """The envelope of an answer."""

    response: AdmissionResponse
    api_version: Literal["admission.k8s.io/v1"] = "admission.k8s.io/v1"
    kind: Literal["AdmissionReview"] = "AdmissionReview"


def decode(body: bytes) -> AdmissionRequest:
    """Read a review.

    Raises:
        Fault: 400 for anything but a v1 review whose parts agree with each other.
    """
    try:
        # what the decision skips or puts back as it stands is not decoded: its encoding is checked here
        if not body.isascii():
            body.decode()
        request = _review.decode(body).request
    except UnicodeDecodeError:
        raise Fault(HTTPStatus.BAD_REQUEST, "The body is not UTF-8.") from None
    except RecursionError:
        raise Fault(HTTPStatus.BAD_REQUEST, "The body is nested too deeply.") from None
    except msgspec.ValidationError as error:
        detail = f"The body is no AdmissionReview of admission.k8s.io/v1: {_without_value(str(error))}"
        raise Fault(HTTPStatus.BAD_REQUEST, detail) from None
    except msgspec.DecodeError as error:
        raise Fault(HTTPStatus.BAD_REQUEST, f"The body is not JSON: {error}") from None
    _require_agreement(request)
    return request


def _without_value(message: str) -> str:
    """Say what msgspec says: types and a path of ours, but not the apiVersion or kind that it quotes."""
    what, at, path = message.rpartition(" - at ")
    return f"Unexpected value{at}{path}" if what.startswith("Invalid enum value") else message


def _require_agreement(request: AdmissionRequest) -> None:
    """An UPDATE has both objects, and they are of the kind and version it names.

    A crafted or mangled review could otherwise be judged by one kind's rules and stored as another.
    """
    if request.operation != "UPDATE":
        return
    resource, kind = request.resource, request.kind
    version = f"{resource.group}/{resource.version}" if resource.group else resource.version
    if kind.kind and (kind.group, kind.version) != (resource.group, resource.version):
        raise Fault(HTTPStatus.BAD_REQUEST, "request.kind and request.resource are not of the same group and version.")
    for place, thing in (("object", request.object), ("oldObject", request.old_object)):
        if thing is None:
            raise Fault(HTTPStatus.BAD_REQUEST, f"request.{place} is missing from an UPDATE.")
        if thing.api_version not in {"", version} or (kind.kind and thing.kind not in {"", kind.kind}):
            detail = f"request.{place} is not of the kind and version that request.kind and request.resource name."
            raise Fault(HTTPStatus.BAD_REQUEST, detail)


def encode(request: AdmissionRequest, verdict: Verdict) -> bytes:
    """The answer to a review: the uid echoed, and no more than the verdict asks for."""
    if verdict.action is Action.DENIED:
        response = AdmissionResponse(
            request.uid,
            allowed=False,
            warnings=verdict.warnings,
            audit_annotations=verdict.audit_annotations,
            status=DenialStatus(verdict.message, _details(request, verdict)),
        )
    elif verdict.patch:
        response = AdmissionResponse(
            request.uid,
            allowed=True,
            patch_type="JSONPatch",
            patch=Raw(b'"%b"' % pybase64.b64encode(verdict.patch)),
            warnings=verdict.warnings,
            audit_annotations=verdict.audit_annotations,
        )
    else:
        response = AdmissionResponse(
            request.uid,
            allowed=True,
            warnings=verdict.warnings,
            audit_annotations=verdict.audit_annotations,
        )
    return _encode(ReviewAnswer(response))


def _details(request: AdmissionRequest, verdict: Verdict) -> Details:
    causes = [_cause(finding, "FieldValueRequired") for finding in verdict.findings[:MOST_CAUSES]]
    if (more := len(verdict.findings) - MOST_CAUSES) > 0:
        causes.append(Cause(f"and {more} more", verdict.findings[-1].path))
    causes += [_cause(hint) for hint in verdict.hints]
    return Details(request.name or "", request.resource.group, request.kind.kind or request.resource.resource, causes)


def _cause(finding: Finding, reason: str = "") -> Cause:
    return Cause(finding.message, finding.path, reason)
