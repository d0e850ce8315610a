"""The admission review (admission.k8s.io/v1), as far as the decision reads it.

One pass over the request's bytes makes these; every part that is not declared is checked for being JSON and skipped,
and every part declared ``Raw`` stays the text it was.
"""

from typing import Literal

from msgspec import Raw, Struct, field


class GroupVersionKind(Struct, frozen=True, gc=False):
    """``request.kind``."""

    group: str = ""
    version: str = ""
    kind: str = ""


class GroupVersionResource(Struct, frozen=True, gc=False):
    """``request.resource``: the resource as the webhook's rule named it."""

    resource: str
    group: str = ""
    version: str = ""


class UserInfo(Struct, frozen=True, gc=False):
    """Who writes. Behind an impersonating proxy this is the impersonated user."""

    username: str = ""
    groups: list[str] | None = None


class ObjectMeta(Struct, frozen=True, rename="camel", gc=False):
    """The object's metadata; ``Raw`` because most requests need none of it."""

    deletion_timestamp: Raw = field(default_factory=Raw)
    labels: Raw = field(default_factory=Raw)
    annotations: Raw = field(default_factory=Raw)
    finalizers: Raw = field(default_factory=Raw)
    owner_references: Raw = field(default_factory=Raw)
    managed_fields: Raw = field(default_factory=Raw)


class KubernetesObject(Struct, frozen=True, rename="camel", gc=False):
    """A custom resource, old or new."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Raw = field(default_factory=Raw)
    status: Raw = field(default_factory=Raw)


class Options(Struct, frozen=True, rename="camel", gc=False):
    """``request.options``; UpdateOptions for PUT, PATCH and apply alike (recorded from a real API server)."""

    field_manager: str | None = None


class AdmissionRequest(Struct, frozen=True, rename="camel", gc=False):
    """``AdmissionReview.request``."""

    uid: str
    operation: str
    resource: GroupVersionResource
    kind: GroupVersionKind = field(default_factory=GroupVersionKind)
    sub_resource: str | None = None
    name: str | None = None
    namespace: str | None = None
    user_info: UserInfo = field(default_factory=UserInfo)
    object: KubernetesObject | None = None
    old_object: KubernetesObject | None = None
    dry_run: bool | None = None
    options: Options | None = None


class AdmissionReview(Struct, frozen=True, rename="camel", gc=False):
    """The envelope."""

    api_version: Literal["admission.k8s.io/v1"]
    kind: Literal["AdmissionReview"]
    request: AdmissionRequest
