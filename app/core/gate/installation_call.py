"""Which calls are the gate's: one request line in, what to do with it out.

Rancher's own path is the gate's path: ``POST [/k8s/clusters/{id}]/v1/catalog.cattle.io.clusterrepos/{name}`` with
``?action=install`` or ``?action=upgrade`` is held, everything else there passes. Rancher finds the type without regard
to case and in its singular too, decodes the path, takes the method from ``_method`` if that is in the query, and lets
``link`` win over ``action``; a proxy in between may see all of that otherwise. Whatever could be read as an install by
one and as something else by the other is refused, so that nothing gets past the hold by its spelling.

WebSockets (``/v1/subscribe``) are not forwarded: 501 with words. The route in front of the gate sends them to Rancher
directly.
"""

import re
from enum import StrEnum
from http import HTTPStatus
from typing import Final, TypeAlias
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from app.core.gate.refusal import NO_WEBSOCKETS, Refusal, Slug, bad_request

COLLECTION: Final = "catalog.cattle.io.clusterrepos"
LOCAL: Final = "local"
"""Rancher's id for the cluster it runs in, whose path needs no prefix."""

LONGEST_TARGET: Final = 8192
"""Bytes of path and query together: what nginx takes by default (large_client_header_buffers)."""
LONGEST_NAME: Final = 253
"""Characters of an RFC 1123 subdomain."""

_LABEL: Final = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_SUBDOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_ONE_LABEL: Final = re.compile(_LABEL)

_CANONICAL: Final = re.compile(
    rb"(?P<prefix>/k8s/clusters/(?P<cluster>[^/]+))?/v1/catalog\.cattle\.io\.clusterrepos(?P<rest>/.*)?"
)
_FOLDED: Final = re.compile(rb"(?:/k8s/clusters/[^/]+)?/v1/catalog\.cattle\.io\.clusterrepos?(?:/.*)?", re.DOTALL)
_SUBSCRIBE: Final = re.compile(rb"(?:/k8s/clusters/[^/]+)?/v1/subscribe/?")
_ABSOLUTE: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_NOT_PLAIN: Final = re.compile(rb"[^A-Za-z0-9/._~!$&'()*+,=:@-]")
"""Bytes that a canonical path on the collection has no use for; ``%``, ``;``, ``\\``, ``#`` and controls among them."""
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_NOT_A_QUERY: Final = re.compile(rb"[^!-~]|[#;\"<>\\^`{|}]")
"""RFC 3986 has no such bytes in a query; Go drops every pair with a ``;`` from it without a word."""
_READING: Final = frozenset({b"GET", b"HEAD", b"OPTIONS"})
_ROUNDS: Final = 4
"""Readings of a path or a word: as it stands, decoded by Rancher, and by two more on the way."""


class Action(StrEnum):
    """What Rancher is asked to do with a chart."""

    INSTALL = "install"
    UPGRADE = "upgrade"


_ACTIONS: Final = frozenset(action.value.encode() for action in Action)


class InstallCall(Struct, frozen=True, gc=False):
    """A call to hold.

    Attributes:
        cluster: the Rancher cluster id; ``local`` where the path has no prefix, because that is the same cluster.
        repo: the ClusterRepo's name, valid in a URL as it is.
        action: install or upgrade.
        prefix: what stands before ``/v1`` in URLs of this cluster, as the client wrote it.
    """

    cluster: str
    repo: str
    action: Action
    prefix: str = ""


class IndexRead(Struct, frozen=True, gc=False):
    """``GET …/{name}?link=index``: what the dashboard asks before it installs, and may opt to be held for."""

    cluster: str
    repo: str
    prefix: str = ""


class PassThrough(Struct, frozen=True, gc=False):
    """Not the gate's to hold.

    Attributes:
        on_collection: whether it is on the path the gate stands for; elsewhere it is not Rancher's answer that is
            wanted, unless the gate has a host of its own.
    """

    on_collection: bool


Call: TypeAlias = InstallCall | IndexRead | PassThrough | Refusal


def is_subdomain(name: str) -> bool:
    """Whether this is a name Kubernetes gives objects (RFC 1123): lower case, digits, ``-`` and ``.``."""
    return len(name) <= LONGEST_NAME and _SUBDOMAIN.fullmatch(name) is not None


def is_label(name: str) -> bool:
    """Whether this is a name Kubernetes gives namespaces: as ``is_subdomain``, without dots, at most 63."""
    return _ONE_LABEL.fullmatch(name) is not None


def read(method: bytes, path: bytes, query: bytes) -> Call:
    """Say what a request is; total over any bytes.

    Args:
        method: as it came.
        path: the raw path, still percent-encoded.
        query: the raw query, without the question mark.
    """
    if len(path) + len(query) > LONGEST_TARGET:
        detail = f"The path and query are longer than {LONGEST_TARGET} bytes; an install needs a few hundred at most."
        return Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, Slug.AMBIGUOUS_PATH, detail)
    readings = _readings(path)
    if any(map(_SUBSCRIBE.fullmatch, readings)):
        return NO_WEBSOCKETS
    if not any(map(_FOLDED.fullmatch, readings)):
        return PassThrough(on_collection=False)
    canonical = _CANONICAL.fullmatch(path)
    refused = _ambiguous_path(path) or _ambiguous_query(query, reading=method in _READING)
    if refused or canonical is None:
        return refused or _OTHER_SPELLING
    return _on_collection(method, canonical, query)


def _readings(path: bytes) -> set[bytes]:
    """What the path is to readers who decode it once, more often or not at all, and who clean it up or do not."""
    readings = set()
    for _ in range(_ROUNDS):
        readings |= {path.lower(), _cleaned(path)}
        path = unquote_to_bytes(path)
    return readings


def _cleaned(path: bytes) -> bytes:
    """The path without what means nothing to the most obliging reader, in lower case."""
    path = _ABSOLUTE.sub(b"", path, count=1) if _ABSOLUTE.match(path) else path
    segments: list[bytes] = []
    for segment in re.split(rb"[/\\]", re.split(rb"[?#]", path, maxsplit=1)[0]):
        name = segment.split(b";")[0].strip(b"\0\t\n\r\v\f ")
        if name == b"..":
            segments = segments[:-1]
        elif name not in {b"", b"."}:
            segments.append(name)
    return b"/" + b"/".join(segments).lower()


_OTHER_SPELLING: Final = bad_request(
    Slug.AMBIGUOUS_PATH,
    f"The path is another spelling of {COLLECTION}; write it in lower case and in the plural, as Rancher's links do.",
)


def _ambiguous_path(path: bytes) -> Refusal | None:
    if not path.startswith(b"/"):
        detail = "The request names a whole URL; send the path alone and the host in the Host header."
        return bad_request(Slug.AMBIGUOUS_PATH, detail)
    if odd := _NOT_PLAIN.search(path):
        detail = f"The path holds {_named(odd[0])}, which proxies and Rancher may read differently; write it plainly."
        return bad_request(Slug.AMBIGUOUS_PATH, detail)
    if re.search(rb"//|/\.{1,2}(?=/|$)", path):
        detail = "The path has an empty or a dot segment; write it without //, /./ and /../."
        return bad_request(Slug.AMBIGUOUS_PATH, detail)
    return None


def _named(odd: bytes) -> str:
    words = {b"%": "a percent-encoded character", b";": "a ;", b"\\": "a backslash", b"#": "a fragment", b"\0": "a NUL"}
    return words.get(odd, "a character that needs encoding")


def _ambiguous_query(query: bytes, *, reading: bool) -> Refusal | None:
    keys = [pair.partition(b"=")[0] for pair in re.split(rb"[&;]", query)]
    read_as = [_folded(key) for key in keys]
    # a query that only reads goes as it came: browsers leave some characters in it as they are
    if not reading and (_NOT_A_QUERY.search(query) or _BAD_ESCAPE.search(query)):
        detail = "The query holds a ;, a broken percent-encoding or a character that has to be encoded; encode it."
        return bad_request(Slug.AMBIGUOUS_QUERY, detail)
    if b"_method" in read_as:
        detail = "The query holds _method, which would make Rancher see another method than proxies; leave it out."
        return bad_request(Slug.AMBIGUOUS_QUERY, detail)
    if read_as.count(b"action") > 1 or (b"action" in read_as and b"link" in read_as):
        detail = "The query names action more than once, or link beside it; which of them counts depends on the reader."
        return bad_request(Slug.AMBIGUOUS_QUERY, detail)
    if b"action" in read_as and b"action" not in keys:
        detail = "The query spells action in another way; write action=install or action=upgrade in plain lower case."
        return bad_request(Slug.AMBIGUOUS_QUERY, detail)
    return None


def _folded(text: bytes) -> bytes:
    for _ in range(_ROUNDS - 1):
        text = unquote_to_bytes(text)
    return text.replace(b"+", b" ").strip(b"\0\t\n\r\v\f ").lower()


def _values(query: bytes, key: bytes) -> list[bytes]:
    pairs = (pair.partition(b"=") for pair in query.split(b"&"))
    return [value for name, _, value in pairs if name == key]


def _on_collection(method: bytes, path: re.Match[bytes], query: bytes) -> Call:
    passing = PassThrough(on_collection=True)
    if method == b"GET":
        return _index(path, query) or passing
    action = next(iter(_values(query, b"action")), b"")
    if method.upper() != b"POST" or _folded(action) not in _ACTIONS:
        return passing
    if method != b"POST":
        return bad_request(Slug.BAD_METHOD, "The method is POST in another spelling; methods are case-sensitive.")
    if action not in _ACTIONS:
        detail = (
            "The query spells the action in another way; write action=install or action=upgrade in plain lower case."
        )
        return bad_request(Slug.AMBIGUOUS_QUERY, detail)
    if refused := _names(path):
        return refused
    cluster, repo, prefix = _located(path)
    return InstallCall(cluster, repo, Action(action.decode()), prefix)


def _names(path: re.Match[bytes]) -> Refusal | None:
    cluster, repo = path["cluster"], (path["rest"] or b"")[1:]
    if cluster is not None and not is_subdomain(cluster.decode("ascii")):
        return bad_request(
            Slug.BAD_NAME, "The cluster id in the path is no valid Kubernetes name; take it from Rancher."
        )
    if not is_subdomain(repo.decode("ascii")):
        detail = (
            f"What follows {COLLECTION}/ is not one valid Kubernetes name (lower case, digits, - and .); "
            "write the ClusterRepo's name there and nothing after it."
        )
        return bad_request(Slug.BAD_NAME, detail)
    return None


def _index(path: re.Match[bytes], query: bytes) -> IndexRead | None:
    if _values(query, b"link") != [b"index"] or _names(path):
        return None
    return IndexRead(*_located(path))


def _located(path: re.Match[bytes]) -> tuple[str, str, str]:
    cluster = (path["cluster"] or LOCAL.encode()).decode()
    return cluster, path["rest"][1:].decode(), (path["prefix"] or b"").decode()
