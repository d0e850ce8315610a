"""Objects of guarded kinds as an API server spells them, and their kinds as CustomResourceDefinitions do."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import MsgspecError, Struct, json

from app.cluster.asking import Asked
from app.cluster.exchange import AbsentError, Call, Exchange, decoded
from app.core.exposure.definition import Definition, Version
from app.core.guard import Guard
from app.core.review import KubernetesObject, ObjectMeta
from app.keeper.port import KeeperError, Observed, RefusedError, Watched

_GROUP = "apiextensions.k8s.io"


class _Metadata(ObjectMeta, frozen=True, rename="camel", gc=False, kw_only=True):
    name: str
    uid: str
    resource_version: str
    creation_timestamp: datetime
    namespace: str = ""


class _Object(KubernetesObject, frozen=True, rename="camel", gc=False, kw_only=True):
    metadata: _Metadata


class _Version(Struct, frozen=True, rename="camel"):
    resource_version: str


class _Versioned(Struct, frozen=True):
    metadata: _Version


def observed(text: bytes) -> Observed:
    """An object.

    Args:
        text: of its own: the parts of what is returned are views of it, and keep all of it in memory.

    Raises:
        KeeperError: it is not what an API server sends.
    """
    try:
        found = json.decode(text, type=_Object)
    except (MsgspecError, UnicodeDecodeError) as error:
        raise KeeperError(f"cannot read an object: it is not what an API server sends ({error})") from None
    about = found.metadata
    return Observed(
        about.namespace, about.name, about.uid, about.resource_version, about.creation_timestamp, content=found
    )


def version_of(text: bytes) -> str:
    """The resourceVersion of a bookmark, or of anything else.

    Raises:
        KeeperError: it is not what an API server sends.
    """
    try:
        return json.decode(text, type=_Versioned).metadata.resource_version
    except (MsgspecError, UnicodeDecodeError) as error:
        raise KeeperError(f"cannot read a bookmark: it is not what an API server sends ({error})") from None


def path(kind: Watched, namespace: str = "") -> str:
    """Where a kind's objects are: all, or those of a namespace."""
    target = kind.guard.target
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{target.group}/{kind.version}{within}/{target.resource}"


def resource(kind: Watched) -> str:
    """``plural.group``, as ``kubectl`` takes it."""
    return f"{kind.guard.target.resource}.{kind.guard.target.group}"


async def watched(exchange: Exchange, guards: Sequence[Guard]) -> Mapping[str, Watched]:
    """See :class:`app.keeper.port.Cluster`. Each definition is read by its name: that is all the right there is."""
    asked = Asked("get", f"customresourcedefinitions.{_GROUP}", f"/apis/{_GROUP}/v1/customresourcedefinitions")
    found: dict[str, Watched] = {}
    for guard in guards:
        call = Call(asked, f"{guard.target.resource}.{guard.target.group}")
        try:
            definition = decoded(await exchange.send(call), Definition, call)
        except AbsentError:
            continue
        except RefusedError as error:
            raise RefusedError(
                f"{error}; the ClusterRole has to name each guarded kind: `status-guard export rbac` prints it"
            ) from None
        if version := _readable(definition):
            found[guard.name] = Watched(
                guard,
                version.name,
                definition.spec.names.kind,
                definition.namespaced,
                version.subresources is not None and version.subresources.status is not None,
            )
    return found


def _readable(definition: Definition) -> Version | None:
    """The storage version, or where that is not served the first that is."""
    return min(definition.served, key=lambda version: not version.storage, default=None)
