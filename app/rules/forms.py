"""What a single entry of a rule document may look like.

Each function answers with what is wrong, or with nothing. The Kubernetes ones repeat what its API server checks
(``k8s.io/apimachinery/pkg/util/validation``), so that a rule that can never match is refused here and not found out
after a loss.
"""

import re
from collections.abc import Callable, Sized
from typing import Final, TypeVar

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from app.core import duration, pointer
from app.rules.mistakes import quote

T = TypeVar("T")

ANYTHING: Final = "*"

_LABEL_NAME: Final = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_DNS_LABEL: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_DNS_SUBDOMAIN: Final = re.compile(rf"(?=.{{1,253}}\Z){_DNS_LABEL.pattern}(?:\.{_DNS_LABEL.pattern})*")
_RESOURCE: Final = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")


def form(check: Callable[[T], str | None]) -> AfterValidator:
    """A pydantic validator that refuses with the words of ``check``."""

    def validate(value: T) -> T:
        if why := check(value):
            raise PydanticCustomError("form", "{why}", {"why": why})
        return value

    return AfterValidator(validate)


def text(value: str) -> str | None:
    """Any text that is there and prints."""
    if value == "":
        return "is empty"
    return None if value.isprintable() else f"{quote(value)} has characters that do not print"


def something(values: Sized) -> str | None:
    """A list or mapping that may not be empty."""
    return None if values else "is empty; name at least one"


def name(value: str) -> str | None:
    """The name of a document: a DNS subdomain, as every object's."""
    if _DNS_SUBDOMAIN.fullmatch(value):
        return None
    return f"{quote(value)} is no name; use lower-case letters, digits, '-' and '.', at most 253 characters"


def group(value: str) -> str | None:
    """An API group of custom resources; the API server asks for a dot, which keeps the built-in groups out."""
    if _DNS_SUBDOMAIN.fullmatch(value) and "." in value:
        return None
    return f"{quote(value)} is no group of custom resources; write a domain like harvesterhci.io"


def version(value: str) -> str | None:
    """An API version without its group, or ``*``."""
    if value == ANYTHING or _DNS_LABEL.fullmatch(value):
        return None
    return f"{quote(value)} is no version; write one like v1beta1, or '*' for all"


def versions(values: tuple[str, ...]) -> str | None:
    """The versions of one target."""
    if not values:
        return "is empty, so the guard would never act; write ['*'] for all versions"
    return "has '*' beside other versions; '*' alone stands for all" if ANYTHING in values[1:] + values[:-1] else None


def resource(value: str) -> str | None:
    """A resource by its plural name."""
    if value.endswith("/status"):
        return f"{quote(value)} names a subresource; leave '/status' out and set statusSubresource: true"
    if _RESOURCE.fullmatch(value):
        return None
    return f"{quote(value)} is no resource; write the lower-case plural, as in 'kubectl api-resources'"


def service_account(value: str) -> str | None:
    """A service account as ``namespace/name``."""
    namespace, slash, account = value.partition("/")
    if slash and _DNS_LABEL.fullmatch(namespace) and _DNS_SUBDOMAIN.fullmatch(account):
        return None
    return f"{quote(value)} is no service account; write namespace/name, like harvester-system/harvester"


def writer(value: str) -> str | None:
    """A user or group name, compared as a whole."""
    if value != "" and "*" in value:
        return f"{quote(value)} has a '*', but names are compared as they are; list each one"
    return text(value)


def label_key(value: str) -> str | None:
    """A label key or, by the same rule, a finalizer: ``name`` or ``domain/name``."""
    prefix, slash, short = value.rpartition("/")
    if _LABEL_NAME.fullmatch(short) and (not slash or _DNS_SUBDOMAIN.fullmatch(prefix)):
        return None
    return f"{quote(value)} is no name as Kubernetes writes label keys and finalizers; write name or domain/name"


def label_value(value: str) -> str | None:
    """A label value; Kubernetes allows an empty one."""
    if value == "" or _LABEL_NAME.fullmatch(value):
        return None
    return f"{quote(value)} is no label value; use at most 63 letters, digits, '-', '_' and '.'"


def path(value: str) -> str | None:
    """The path of a part of the status, literally."""
    if value == "/":
        return "'/' is the whole status, which is protected anyway; name a part of it or leave this out"
    if why := pattern(value):
        return why
    if any(token == ANYTHING or "=" in token for token in pointer.parse(value)):
        return f"{quote(value)} is a pattern; only the keeper's paths may be, for list items use protect.lists"
    return None


def ignored(value: str) -> str | None:
    """A pattern of what makes no new revision."""
    return "'/' would ignore every change; name parts of the status" if value == "/" else pattern(value)


def pattern(value: str) -> str | None:
    """A pattern of the keeper: a path whose tokens may be ``*`` or ``key=value``, or ``/`` for the whole status."""
    if why := text(value):
        return why
    try:
        tokens = pointer.parse(value)
    except pointer.BadPointerError as error:
        return f"{error}; it is a JSON Pointer below /status"
    for token in tokens:
        key, equals, item = token.partition("=")
        if equals and not (key and item):
            return f"{quote(value)} has {quote(token)}, where key=value needs both a key and a value"
    return None


def period(value: str) -> str | None:
    """A positive duration."""
    try:
        duration.parse(value)
    except duration.BadDurationError as error:
        return str(error)
    return None
