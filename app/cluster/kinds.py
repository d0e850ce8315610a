"""The kinds of a cluster and their objects, page by page, and what of ours is registered; nothing here writes."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from kubernetes.aio.client import ApiClient
from msgspec import Struct, field

from app.cluster.asking import Asked, ExpiredError, NotServedError, decoded, get
from app.cluster.port import OURS, ClusterError
from app.cluster.port import Kind as ConfigurationKind
from app.core.export import versions
from app.core.export.manifest import Body
from app.core.export.versions import ExportError, KubeVersion
from app.core.exposure.definition import Definition
from app.core.exposure.exposed import Kind
from app.core.exposure.policies import KINDS as POLICIES
from app.core.exposure.policies import Policy
from app.core.exposure.seen import Object

_DEFINITIONS: Final = 50
"""On one page: large definitions are a few hundred kilobytes each."""
_OBJECTS: Final = 250
"""On one page: 5 MB of objects of 20 KB."""

_ADMISSION: Final = "admissionregistration.k8s.io"


class _ListMeta(Struct, rename="camel"):
    continue_: str = field(default="", name="continue")
    remaining_item_count: int | None = None


class _Definitions(Struct):
    items: list[Definition]
    metadata: _ListMeta = field(default_factory=_ListMeta)


class _Objects(Struct):
    items: list[Object]
    metadata: _ListMeta = field(default_factory=_ListMeta)


class _Configurations(Struct):
    items: list[Body]


class _Version(Struct, rename="camel"):
    git_version: str


async def definitions(api: ApiClient) -> tuple[Definition, ...]:
    """Every CustomResourceDefinition.

    Raises:
        ClusterError: they cannot be listed.
    """
    group = "apiextensions.k8s.io"
    asked = Asked("list", f"customresourcedefinitions.{group}", f"/apis/{group}/v1/customresourcedefinitions")
    found: list[Definition] = []
    token = ""
    while True:
        page = decoded(await get(api, asked, limit=_DEFINITIONS, **{"continue": token}), _Definitions, asked)
        found += page.items
        token = page.metadata.continue_
        if not token:
            return tuple(found)


async def objects(api: ApiClient, kind: Kind, namespace: str = "") -> AsyncIterator[tuple[list[Object], int]]:
    """Every object, a page at a time, and how many are still to come.

    A list that takes so long that the API server no longer has its beginning goes on with what is there now.

    Args:
        api: a configured client.
        kind: which.
        namespace: only of this one, where the kind has namespaces; empty for all.

    Raises:
        ClusterError: they cannot be listed.
    """
    spec = kind.definition.spec
    within = f"/namespaces/{namespace}" if namespace and kind.definition.namespaced else ""
    path = f"/apis/{spec.group}/{kind.version.name}{within}/{spec.names.plural}"
    asked = Asked("list", kind.definition.name, path, namespace if within else "")
    token = ""
    while True:
        try:
            page = decoded(await get(api, asked, limit=_OBJECTS, **{"continue": token}), _Objects, asked)
        except ExpiredError as error:
            if not error.token or error.token == token:
                raise
            token = error.token
            continue
        yield page.items, page.metadata.remaining_item_count or 0
        token = page.metadata.continue_
        if not token:
            return


async def configurations(api: ApiClient) -> tuple[Body, ...]:
    """Every webhook configuration with our label, as the API server has it.

    Raises:
        ClusterError: they cannot be listed.
    """
    found: list[Body] = []
    for kind in ConfigurationKind:
        plural = f"{kind.lower()}s"
        asked = Asked("list", f"{plural}.{_ADMISSION}", f"/apis/{_ADMISSION}/v1/{plural}")
        listed = decoded(await get(api, asked, labelSelector="=".join(OURS)), _Configurations, asked)
        found += [{**one, "kind": str(kind)} for one in listed.items]  # items of a list do not say their kind
    return tuple(found)


async def policies(api: ApiClient) -> tuple[Policy, ...]:
    """Every admission policy and binding with our label; none of a kind that the API server does not serve.

    Raises:
        ClusterError: they cannot be listed.
    """
    found: list[Policy] = []
    for kind, plural in POLICIES.items():
        asked = Asked("list", f"{plural}.{_ADMISSION}", f"/apis/{_ADMISSION}/v1/{plural}")
        with suppress(NotServedError):
            listed = decoded(await get(api, asked, labelSelector="=".join(OURS)), _Configurations, asked)
            found += [Policy(kind, one) for one in listed.items]
    return tuple(found)


async def version(api: ApiClient) -> KubeVersion:
    """The API server's release.

    Raises:
        ClusterError: it does not say.
    """
    asked = Asked("get", "the API server's version", "/version")
    try:
        return versions.parse(decoded(await get(api, asked), _Version, asked).git_version)
    except ExportError as error:
        raise ClusterError(f"cannot tell the API server's release: {error}") from None
