"""A request as it reaches the gate: what of it goes to Rancher, who sends it, and from which page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.api.admission import Scope
from app.core.gate import origin
from app.core.gate.forwarding import Arrival, Forwarded, Header, to_rancher
from app.core.gate.origin import Caller, Sender
from app.core.gate.refusal import Refusal
from app.gate.port import Credential

_CREDENTIAL: Final = frozenset({b"authorization", b"cookie", b"user-agent", b"x-api-csrf"})
"""By these Rancher knows a caller, and whether it has to ask a browser for its CSRF token."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request whose headers mean one thing to everybody.

    Attributes:
        forwarded: what of its headers goes on, and by which hosts the client called.
        caller: who calls, without the secret.
        credential: the headers that Rancher knows the caller by.
        crossing: why this caller may not be held or have anything done, if another site's page may have sent this.
    """

    forwarded: Forwarded
    caller: Caller
    credential: Credential
    crossing: Refusal | None


def values(headers: Sequence[Header], name: bytes) -> list[bytes]:
    """The values of all headers of a name in lower case."""
    return [value for key, value in headers if key.lower() == name]


def target(scope: Scope) -> bytes:
    """Raw path and query, as they came."""
    query: bytes = scope["query_string"]
    path: bytes = scope["raw_path"]
    return path + b"?" + query if query else path


def arrive(scope: Scope, key: bytes) -> Arrived | Refusal:
    """Read a request's headers.

    Args:
        scope: of the request.
        key: this process's secret, under which credentials have fingerprints.
    """
    headers: list[Header] = scope["headers"]
    peer = (scope.get("client") or ("",))[0]
    forwarded = to_rancher(headers, Arrival(scope["scheme"].encode(), peer.encode("ascii", "replace")))
    if isinstance(forwarded, Refusal):
        return forwarded
    caller = origin.caller(values(headers, b"authorization"), values(headers, b"cookie"), key)
    if isinstance(caller, Refusal):
        return caller
    sites, origins = tuple(values(headers, b"sec-fetch-site")), tuple(values(headers, b"origin"))
    sender = Sender(sites, origins, forwarded.hosts, forwarded.scheme)
    credential = Credential(tuple(header for header in forwarded.headers if header[0].lower() in _CREDENTIAL))
    return Arrived(forwarded, caller, credential, origin.crossing(caller, sender))
