"""One write of the log, judged as the webhook would have judged it.

An event holds what was stored, not what was there before: that is what a response showed of the object last. A patch
is not applied, since the response holds what came of it. So a write that the guard had mended loses nothing here.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from app.core import losses
from app.core.audit.event import Event, ObjectRef, Stored
from app.core.audit.known import Known, newer
from app.core.audit.report import Doubt, Loss, Unknown
from app.core.guard import Guard, Guards
from app.core.judge import judge
from app.core.printing import printable
from app.core.review import AdmissionRequest, GroupVersionKind, GroupVersionResource, KubernetesObject, Options
from app.core.verdict import Action, Endpoint, Finding
from app.core.wording import finding

NOT_ASKED: Final = "not-asked"
"""What the webhook would have done about a CREATE."""

_MOST_FINDINGS: Final = 50
"""As many parts of one object are listed, like in the webhook's own messages (app/core/wording.py)."""
_LONGEST: Final = 300
"""Characters of what a client may choose freely, such as its user agent."""


class Write(Struct, frozen=True):
    """A write that succeeded, with what it stored and what was there before, as far as the log tells.

    Attributes:
        event: what was logged.
        ref: what it was about.
        stored: the object in the answer.
        before: what is known of the object of that name.
        guard: the one that looks after it.
        place: file and line.
    """

    event: Event
    ref: ObjectRef
    stored: Stored
    before: Known | None
    guard: Guard
    place: str

    @property
    def after(self) -> KubernetesObject:
        """What was stored, as a verdict reads it."""
        found = self.stored
        return KubernetesObject(found.api_version, found.kind, found.metadata, found.spec, found.status)


def weigh(write: Write, guards: Guards) -> Loss | Unknown | None:
    """What a write to an object that was there lost; ``None`` if nothing."""
    before = write.before
    if before is None or before.uid != write.stored.metadata.uid:
        return Unknown.FIRST_SEEN
    if newer(before.resource_version, write.stored):
        return Unknown.OUT_OF_ORDER
    if before.content.api_version != write.stored.api_version or not write.guard.target.covers(write.ref.api_version):
        return Unknown.OTHER_VERSION
    # without a time no override is known to hold
    now = write.event.received or datetime.min.replace(tzinfo=UTC)
    verdict = judge(_request(write, before.content), guards, endpoint=Endpoint.MUTATE, now=now)
    if verdict.action is Action.ALLOWED:
        return None
    return _loss(write, verdict.action, verdict.rules, verdict.findings, _doubt(write, before))


def made_anew(write: Write) -> Loss | None:
    """The loss, where a create took the name of an object that had a status.

    No webhook is asked to compare the two, and it may be meant: Harvester documents it as the way to start an upgrade
    again.
    """
    before = write.before
    if before is None or before.uid == write.stored.metadata.uid:
        return None
    lost = losses.whole_status(before.content.status, write.stored.status, write.guard.empty_status)
    if lost is None:
        return None
    return _loss(write, NOT_ASKED, (lost.rule,), (finding(lost.rule, "/status"),), Doubt.NONE)


def _request(write: Write, old: KubernetesObject) -> AdmissionRequest:
    event, ref, metadata = write.event, write.ref, write.stored.metadata
    return AdmissionRequest(
        uid=event.audit_id,
        operation="UPDATE",
        resource=GroupVersionResource(ref.resource, ref.api_group, ref.api_version),
        kind=GroupVersionKind(ref.api_group, ref.api_version, write.stored.kind),
        sub_resource=ref.subresource,
        name=metadata.name,
        namespace=metadata.namespace,
        user_info=event.writer,
        object=write.after,
        old_object=old,
        options=Options(event.field_manager),
    )


def _doubt(write: Write, before: Known) -> Doubt:
    if before.blurred:
        return Doubt.UNSEEN_WRITE
    generation = write.stored.metadata.generation
    # with a status subresource, writes of status leave the generation as it is
    counts = bool(before.generation) and not write.guard.target.status_subresource
    return Doubt.GAP if counts and generation > before.generation + 1 else Doubt.NONE


def _loss(write: Write, would_have: str, rules: Sequence[str], findings: Sequence[Finding], doubt: Doubt) -> Loss:
    event, ref, metadata = write.event, write.ref, write.stored.metadata
    return Loss(
        place=write.place,
        time=_said(event.request_received_timestamp),
        audit_id=_said(event.audit_id),
        guard=write.guard.name,
        resource=f"{ref.resource}.{ref.api_group}".rstrip("."),
        version=_said(ref.api_version),
        object=_said(f"{metadata.namespace}/{metadata.name}".lstrip("/")),
        uid=_said(metadata.uid),
        verb="create" if event.created else event.verb,
        user=_said(event.writer.username),
        impersonated_by=_said(event.user.username) if event.impersonated_user else "",
        client=_said(event.user_agent),
        source=tuple(map(_said, event.source_ips)),
        would_have=str(would_have),
        rules=tuple(map(str, rules)),
        findings=tuple(findings[:_MOST_FINDINGS]),
        more=max(0, len(findings) - _MOST_FINDINGS),
        doubt=doubt,
    )


def _said(text: str) -> str:
    """Text of somebody else's, safe for a terminal and of a length that can be kept."""
    return printable(text, _LONGEST)
