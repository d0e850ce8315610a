"""Who may do what, and how a request says who it is from."""

import binascii
from base64 import b64decode
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from .errors import api_error, forbidden_words, unauthenticated
from .store import CORE, GROUP

SEE = "clusterrepos.see"
"""The type ClusterRepo exists for the user; without it Steve answers 404 with an empty body."""

EVERYTHING = frozenset(
    {
        SEE,
        *(f"{resource}.{verb}" for resource in ("clusterrepos", "operations", "apps", "uiplugins", "configmaps")
          for verb in ("get", "list", "create", "update", "patch", "delete")),
        "namespaces.get",
        "namespaces.create",
        "helm",
    }
)  # fmt: skip
READER = frozenset({SEE, "clusterrepos.get", "clusterrepos.list"})
"""Enough to POST an install, which then fails at its namespace."""

HAPLESS = READER | {"namespaces.get", "namespaces.create"}
"""Enough for 201; helm, which runs as the caller, may then make nothing."""


@dataclass(frozen=True)
class User:
    """A Rancher user with one token."""

    id: str
    name: str
    token: str
    rights: frozenset[str] = EVERYTHING
    clusters: frozenset[str] | None = None
    """The clusters that the rights are for; None means all."""

    def may(self, right: str, cluster: str) -> bool:
        """Whether the user has a right in a cluster; rights hold in all namespaces."""
        return right in self.rights and (self.clusters is None or cluster in self.clusters)

    def forbidden(self, verb: str, resource: str, name: str = "", namespace: str = "") -> str:
        """What Kubernetes says when the user lacks the right."""
        group = "" if resource in CORE else GROUP
        return forbidden_words(self.id, verb, resource, group, name=name, namespace=namespace)

    @property
    def bearer(self) -> dict[str, str]:
        """Headers that say so."""
        return {"authorization": f"Bearer {self.token}"}


ADMIN = User("u-abc12", "admin", "token-abc12:wkx6zq8r4t2m9v7c5b3n1l0k8j6h4g2f")
RIVAL = User("u-riv4l", "rival", "token-riv4l:p9o7i5u3y1t8r6e4w2q0a9s7d5f3g1h2")
JANE = User("u-jane5", "jane", "token-jane5:m3n5b7v9c1x2z4l6k8j0h9g7f5d3s1a2", READER)
LUKE = User("u-luke6", "luke", "token-luke6:z1x3c5v7b9n2m4a6s8d0f1g3h5j7k9l2", HAPLESS)


def authenticate(users: dict[str, User], headers: dict[str, str]) -> User:
    """The user of a request: Authorization, Bearer or Basic, wins over the cookie R_SESS.

    Raises:
        Refusal: Rancher's own 401.
    """
    user = users.get(_token(headers))
    if user is None:
        raise unauthenticated()
    return user


def _token(headers: dict[str, str]) -> str:
    given = headers.get("authorization", "").strip()
    if not given:
        return cookies(headers).get("R_SESS", "")
    scheme, _, value = given.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(value.strip(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def cookies(headers: dict[str, str]) -> dict[str, str]:
    """The cookies of a request."""
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def is_browser(headers: dict[str, str]) -> bool:
    """What Rancher takes for a browser."""
    return "mozilla" in headers.get("user-agent", "").lower()


def check_csrf(method: str, headers: dict[str, str], query: dict[str, str]) -> None:
    """Hold a browser that has the cookie CSRF to sending it as a header, or in the query, with every write.

    Raises:
        Refusal: it did not.
    """
    kept = cookies(headers).get("CSRF")
    if method == "GET" or kept is None or not is_browser(headers):
        return
    if kept not in (headers.get("x-api-csrf"), query.get("CSRF")):
        raise api_error(422, "InvalidCSRFToken", "Invalid CSRF token")
