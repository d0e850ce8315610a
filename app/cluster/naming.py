"""What a person calls a kind, and which one that is: by plural, singular, short name or kind, as ``kubectl`` takes it.

The API server's own discovery tells (aggregated, Kubernetes 1.27 and later): every authenticated user may read it, and
few may read CustomResourceDefinitions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from msgspec import Struct, field

from app.cluster import observing
from app.cluster.asking import Asked
from app.cluster.exchange import Call, Exchange, decoded
from app.core.guard import Guard, Target
from app.keeper.port import KeeperError, RefusedError, Watched

_AGGREGATED: Final = ",".join(
    f"application/json;g=apidiscovery.k8s.io;v={v};as=APIGroupDiscoveryList" for v in ("v2", "v2beta1")
)
_SHOWN: Final = 5
"""Kinds that are named where a name means several."""


class _Kind(Struct):
    kind: str = ""


class _Subresource(Struct):
    subresource: str


class _Resource(Struct, rename="camel"):
    resource: str
    response_kind: _Kind = field(default_factory=_Kind)
    scope: str = ""
    singular_resource: str = ""
    short_names: list[str] = field(default_factory=list)
    subresources: list[_Subresource] = field(default_factory=list)

    def is_called(self, name: str) -> bool:
        """Whether a lower-case name is one of its."""
        return name in {self.resource, self.singular_resource, self.response_kind.kind.lower(), *self.short_names}


class _Version(Struct):
    version: str
    resources: list[_Resource] = field(default_factory=list)


class _Metadata(Struct):
    name: str = ""


class _Group(Struct):
    metadata: _Metadata
    versions: list[_Version] = field(default_factory=list)


class _Groups(Struct):
    kind: str
    items: list[_Group] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Found:
    group: str
    version: str
    resource: _Resource

    @property
    def name(self) -> str:
        return f"{self.resource.resource}.{self.group}"


async def kind_called(exchange: Exchange, name: str) -> Watched:
    """The one kind of that name, in the version that it is stored as, or where that is not told, the preferred one.

    Args:
        exchange: sends.
        name: ``upgrade``, ``upgrades``, ``Upgrade``, a short name; with ``.GROUP`` or ``.VERSION.GROUP`` behind it.

    Raises:
        KeeperError: there is no such kind, or there are several, or nobody can be asked.
    """
    found = _matching(await _discovered(exchange), name.lower())
    if not found:
        raise KeeperError(
            f"the API server has no kind {name!r}; `kubectl api-resources` lists them (a name, or name.group)"
        )
    if len(found) > 1:
        choice = ", ".join(sorted(one.name for one in found)[:_SHOWN])
        raise KeeperError(f"{name!r} may be any of {choice}: say which, as in {found[0].name}")
    return await _stored(exchange, found[0])


async def _discovered(exchange: Exchange) -> Sequence[_Group]:
    call = Call(Asked("get", "the API server's kinds", "/apis"), accept=_AGGREGATED)
    try:
        found = decoded(await exchange.send(call), _Groups, call)
    except KeeperError as error:
        if str(error).startswith(f"cannot {call}: {HTTPStatus.NOT_ACCEPTABLE.value},"):
            raise KeeperError(_OLD) from None
        raise
    if found.kind != "APIGroupDiscoveryList":
        raise KeeperError(_OLD)
    return found.items


_OLD: Final = "the API server does not tell its kinds in one answer, as those of Kubernetes 1.27 and later do"


def _matching(groups: Sequence[_Group], name: str) -> list[_Found]:
    """The kinds of that name, each in its preferred version unless the name says another."""
    found: list[_Found] = []
    for group in groups:
        matches = [
            _Found(group.metadata.name, version.version, resource)
            for version in group.versions
            for resource in version.resources
            if any(resource.is_called(plain) for plain in _plain(name, group.metadata.name, version.version))
        ]
        first = {one.resource.resource: one for one in reversed(matches)}  # versions come by preference
        found += first.values()
    return found


def _plain(name: str, group: str, version: str) -> set[str]:
    """The name without what says which group and version; none where it says others."""
    ends = ("", f".{group}", f".{version}.{group}")
    return {name.removesuffix(end) for end in ends if name.endswith(end) and "." not in name.removesuffix(end)}


async def _stored(exchange: Exchange, found: _Found) -> Watched:
    resource = found.resource
    status = any(one.subresource == "status" for one in resource.subresources)
    target = Target(found.group, frozenset({"*"}), resource.resource, status_subresource=status)
    guard = Guard(found.name, target)
    try:
        stored = await observing.watched(exchange, [guard])
    except RefusedError:  # who may not read definitions sees what discovery prefers
        stored = {}
    namespaced = resource.scope == "Namespaced"
    return stored.get(guard.name) or Watched(guard, found.version, resource.response_kind.kind, namespaced, status)
