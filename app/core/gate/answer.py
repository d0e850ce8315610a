"""What an answer of Rancher's comes to: one frozen value, for installs and for probes."""

from enum import StrEnum

from msgspec import Struct


class Handling(StrEnum):
    """What may be done after an answer."""

    ACCEPTED = "accepted"  # 201, and the Operation is named
    RETRY = "retry"  # nothing has happened, and sending again may succeed
    FINAL = "final"  # nothing was installed, and sending the same again will not change that
    RECONCILE = "reconcile"  # something may have happened
    AUTHENTICATION = "authentication"  # Rancher's own 401, the only one that is passed on as such


class Cause(StrEnum):
    """A row of the table. An id is never reused and never changes its meaning."""

    ACCEPTED = "accepted"
    UNREADABLE_ACCEPTANCE = "acceptance-unreadable"
    REDIRECTED = "redirected"
    AUTHENTICATION = "authentication"
    INDEX_OWNER = "index-owner-mismatch"
    DOWNLOAD_STATUS = "chart-download-status"
    DOWNLOAD_REFUSED = "chart-download-refused"
    FOREIGN_AUTHENTICATION = "foreign-authentication"
    CHECKOUT = "checkout-missing"
    INDEX_NAME = "index-name-empty"
    INDEX_MISSING = "index-missing"
    CHART_NAME = "chart-name-missing"
    CHART_VERSION = "chart-version-missing"
    REPOSITORY_CACHE = "repository-not-in-cache"
    DOWNLOAD = "chart-download-failed"
    DOWNLOAD_CUT = "chart-download-cut"
    REGISTRY_BUSY = "registry-busy"
    REGISTRY_REFUSED = "registry-refused"
    CHART_SIZE = "chart-too-large"
    CHART_KIND = "artifact-is-no-chart"
    BODY = "body-not-read"
    VERSION = "version-not-understood"
    NAMESPACE = "namespace-forbidden"
    PROJECT = "project-roles"
    REPOSITORY = "repository-missing"
    SCHEMA = "schema-missing"
    ACTION = "no-such-action"
    CSRF = "csrf"
    BUSY = "too-many-requests"
    REQUEST_LOST = "request-given-up"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Answer(Struct, frozen=True, gc=False):
    """What an answer comes to.

    Attributes:
        cause: the row of the table.
        handling: what may be done.
        told: the status to tell the client if this is the end; 401 for Rancher's own authentication answer only.
        sentence: for people.
        words: the answer's message, untouched: redact before showing.
        operation: namespace and name of the Operation, when accepted.
    """

    cause: Cause
    handling: Handling
    told: int
    sentence: str
    words: str = ""
    operation: tuple[str, str] | None = None
