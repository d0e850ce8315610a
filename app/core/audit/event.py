"""One line of an audit log (audit.k8s.io/v1), as far as the replay reads it."""

from datetime import datetime
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Raw, Struct, field
from msgspec.structs import replace

from app.core.jsontext import ABSENT
from app.core.review import ObjectMeta, UserInfo

COMPLETE: Final = "ResponseComplete"
"""The one stage at which an event says what became of a request."""
WHOLE: Final = "RequestResponse"
"""The one level at which an event holds the object that was stored."""
WRITES: Final = frozenset({"create", "update", "patch"})
READS: Final = frozenset({"get", "list"})

_DRY_RUN: Final = "dryRun"
_FIELD_MANAGER: Final = "fieldManager"
_CREATED: Final = 201
_FAILED: Final = range(300, 1000)


class NoEventError(ValueError):
    """The line is no audit event; the text says what it is instead, and quotes nothing of it."""


class ObjectRef(Struct, frozen=True, rename="camel", gc=False):
    """``objectRef``: what a request was about. ``name`` is empty for a list, and for a create in some releases."""

    resource: str = ""
    namespace: str = ""
    name: str = ""
    api_group: str = ""
    api_version: str = ""
    subresource: str = ""


class ResponseStatus(Struct, frozen=True, gc=False):
    """``responseStatus``; ``code`` is the HTTP status."""

    code: int = 0


class Event(Struct, frozen=True, rename="camel", gc=False):
    """An audit event."""

    kind: str
    stage: str
    level: str = ""
    verb: str = ""
    audit_id: str = field(default="", name="auditID")
    request_uri: str = field(default="", name="requestURI")
    user: UserInfo = field(default_factory=UserInfo)
    impersonated_user: UserInfo | None = None
    source_ips: list[str] = field(default_factory=list, name="sourceIPs")
    user_agent: str = ""
    object_ref: ObjectRef | None = None
    response_status: ResponseStatus | None = None
    response_object: Raw = ABSENT
    request_received_timestamp: str = ""
    annotations: dict[str, str] | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the API server did what it was asked."""
        return self.response_status is not None and self.response_status.code not in _FAILED

    @property
    def created(self) -> bool:
        """Whether the object was not there before; an apply can create too."""
        return self.verb == "create" or (self.response_status is not None and self.response_status.code == _CREATED)

    @property
    def writer(self) -> UserInfo:
        """Who writes, as admission sees it: the impersonated user where there is one."""
        return self.impersonated_user or self.user

    @property
    def received(self) -> datetime | None:
        """When the API server took the request; ``None`` where the event does not say."""
        try:
            found = datetime.fromisoformat(self.request_received_timestamp.upper())
        except ValueError:
            return None
        return found if found.tzinfo else None

    @property
    def dry_run(self) -> bool:
        """Whether nothing was to be stored."""
        return _DRY_RUN in self._query

    @property
    def field_manager(self) -> str | None:
        """The field manager that the client named, as ``options.fieldManager`` of an AdmissionReview says it."""
        return self._query.get(_FIELD_MANAGER, [None])[0]

    @property
    def _query(self) -> dict[str, list[str]]:
        try:
            return parse_qs(urlsplit(self.request_uri).query)
        except ValueError:
            return {}


class Metadata(ObjectMeta, frozen=True, rename="camel", gc=False):
    """The metadata of an object in a response."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0


class Stored(Struct, frozen=True, rename="camel", gc=False):
    """An object in a response."""

    api_version: str = ""
    kind: str = ""
    metadata: Metadata = field(default_factory=Metadata)
    spec: Raw = ABSENT
    status: Raw = ABSENT


class Listed(Struct, frozen=True, rename="camel", gc=False):
    """The answer to a list."""

    api_version: str = ""
    items: list[Stored] | None = None


_event = msgspec.json.Decoder(Event)
_stored = msgspec.json.Decoder(Stored)
_listed = msgspec.json.Decoder(Listed)


def read(line: bytes) -> Event:
    """Read one line.

    Raises:
        NoEventError: it is no audit event.
    """
    try:
        if not line.isascii():
            line.decode()  # objects stay text, and are cut into pieces later
        found = _event.decode(line)
    except msgspec.ValidationError as error:
        raise NoEventError(f"is JSON, but no audit event ({_shape(error)})") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NoEventError("is not JSON: cut off, or no audit log of the JSON format") from None
    except RecursionError:
        raise NoEventError("is nested too deeply to be read") from None
    if found.kind != "Event":
        raise NoEventError("is an object of another kind than Event of audit.k8s.io")
    return found


def objects(event: Event) -> list[Stored]:
    """The objects in an event's response, one or those of a list; none where it holds something else.

    A table of columns, an object's metadata alone and a Status are of another group than what was asked about.
    """
    ref, raw = event.object_ref, event.response_object
    if ref is None or raw == ABSENT:
        return []
    version = f"{ref.api_group}/{ref.api_version}" if ref.api_group else ref.api_version
    try:
        if event.verb == "list":
            listed = _listed.decode(raw)
            found = [*(listed.items or ())] if listed.api_version == version else []
        else:
            found = [_stored.decode(raw)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    return [replace(one, api_version=version) for one in found if one.api_version in {version, ""} and one.metadata.uid]


def _shape(error: msgspec.ValidationError) -> str:
    """What msgspec says names types and places of ours, never a value: no field here is an enumeration."""
    return str(error)
