"""A write that would lose status, sent to the API server as a dry run, in somebody else's name.

Nothing is stored, whatever comes of it: ``dryRun=All`` ends at the store. The API server calls webhooks all the same,
ours among them (``sideEffects: None``), so this is the one check in which all parts take part as in earnest.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp import ClientError
from kubernetes.aio.client import ApiClient
from msgspec import MsgspecError, Raw, Struct, field, json
from multidict import CIMultiDict

from app.cluster.asking import Asked, get
from app.cluster.port import ClusterError
from app.core import jsontext
from app.core.diagnosis.observation import Outcome, Trial
from app.core.export.manifest import DOMAIN
from app.core.guard import Guard
from app.core.judge import being_deleted, listed_writer
from app.core.losses import whole_status
from app.core.printing import printable
from app.core.review import KubernetesObject, ObjectMeta, UserInfo

_TIMEOUT: Final = 30.0
"""Seconds: two webhooks of ours at 3 s each, and as much again for everybody else's."""
_PAGE: Final = 20
_MOST_PAGES: Final = 25
"""Objects are looked through until one has a status; among 500 without any there is hardly one further on."""

_LONGEST: Final = 600
"""Characters of a refusal. Enough for the names of a webhook and an x509 error; schemas may quote whole values."""

_AUTHORIZER: Final = 'forbidden: User "'
_MERGE: Final = "application/merge-patch+json"
_OUR_WARNING: Final = "status-guard"
_NOT_CALLED: Final = "failed calling webhook"
_OURS: Final = re.compile(
    rf"""(admission webhook|{_NOT_CALLED}|ValidatingAdmissionPolicy) ["'][^"']+\.{re.escape(DOMAIN)}["']"""
)
"""How the API server names who refused, before what they said; users and kinds may have names like ours."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who writes: a name and groups to impersonate; without a name, the user of the kubeconfig."""

    name: str = ""
    groups: tuple[str, ...] = ()


class _Metadata(ObjectMeta, frozen=True, rename="camel", gc=False):
    name: str = ""
    namespace: str = ""


class _Object(Struct, frozen=True, gc=False):
    metadata: _Metadata
    status: Raw = jsontext.ABSENT


class _ListMeta(Struct, frozen=True):
    continue_: str = field(default="", name="continue")


class _Page(Struct, frozen=True):
    items: list[_Object]
    metadata: _ListMeta = _ListMeta()


class _Status(Struct, frozen=True):
    message: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    warnings: tuple[str, ...]

    @property
    def said(self) -> str:
        """Why it was refused."""
        try:
            return json.decode(self.body, type=_Status).message or f"HTTP {self.status}"
        except (MsgspecError, UnicodeDecodeError):
            return f"HTTP {self.status}"


async def lose(api: ApiClient, guard: Guard, version: str, person: Person) -> Trial:
    """Try to remove the status of one object that has one.

    Args:
        api: a configured client.
        guard: whose kind.
        version: the API version to write.
        person: in whose name.
    """
    if person.name and listed_writer(UserInfo(person.name, list(person.groups)), guard.writers):
        return Trial(guard.name, Outcome.EXEMPT, user=person.name)
    path = f"/apis/{guard.target.group}/{version}"
    try:
        found = await _with_status(api, guard, f"{path}/{guard.target.resource}")
        if found is None:
            return Trial(guard.name, Outcome.NO_OBJECT, user=person.name)
        namespace, name = found.metadata.namespace, found.metadata.name
        within = f"/namespaces/{namespace}" if namespace else ""
        below = "/status" if guard.target.status_subresource else ""
        answer = await _remove(api, f"{path}{within}/{guard.target.resource}/{name}{below}", person)
    except ClusterError as error:
        return Trial(guard.name, Outcome.UNREADABLE, user=person.name, said=str(error))
    outcome = _outcome(answer, found, guard, person)
    # what an object that came back says is nobody's concern here
    said = printable(answer.said, _LONGEST) if answer.status >= HTTPStatus.BAD_REQUEST else ""
    return Trial(guard.name, outcome, f"{namespace}/{name}".lstrip("/"), person.name, said)


async def _with_status(api: ApiClient, guard: Guard, path: str) -> _Object | None:
    asked = Asked("list", f"{guard.target.resource}.{guard.target.group}", path)
    token = ""
    for _ in range(_MOST_PAGES):
        body = await get(api, asked, limit=_PAGE, **{"continue": token})
        try:
            page = json.decode(body, type=_Page)
        except (MsgspecError, UnicodeDecodeError):
            raise ClusterError(f"cannot {asked}: the answer is not what an API server sends") from None
        for one in page.items:
            lost = whole_status(one.status, jsontext.ABSENT, guard.empty_status)
            if lost and not being_deleted(KubernetesObject(metadata=one.metadata)):
                return one
        token = page.metadata.continue_
        if not token:
            break
    return None


async def _remove(api: ApiClient, path: str, person: Person) -> _Answer:
    """A patch says only what is to go, so nothing else of the object can suffer on its way."""
    _, url, headers, _, _ = await api.param_serialize(
        "PATCH",
        path,
        query_params=[("dryRun", "All")],
        header_params={"Accept": "application/json", "Content-Type": _MERGE},
        auth_settings=["BearerToken"],
    )
    sent = CIMultiDict(headers)
    if person.name:
        sent["Impersonate-User"] = person.name
        for group in person.groups:
            sent.add("Impersonate-Group", group)
    try:
        answer = await api.call_api("PATCH", url, sent, {"status": None}, _request_timeout=_TIMEOUT)
        body = bytes(await answer.response.read())
    except (ClientError, OSError, TimeoutError) as error:
        raise ClusterError(f"the API server did not answer a dry run ({type(error).__name__}: {error})") from None
    warnings = tuple(answer.response.headers.getall("Warning", ()))
    return _Answer(answer.response.status, body, warnings)


def _outcome(answer: _Answer, before: _Object, guard: Guard, person: Person) -> Outcome:
    if answer.status >= HTTPStatus.BAD_REQUEST:
        return _refusal(answer, person)
    after = json.decode(answer.body, type=_Object).status
    if whole_status(before.status, after, guard.empty_status) is None:
        return Outcome.RESTORED
    warned = any(_OUR_WARNING in warning for warning in answer.warnings)
    return Outcome.WARNED if warned else Outcome.LOST


def _refusal(answer: _Answer, person: Person) -> Outcome:
    said = answer.said
    if _OURS.search(said):
        return Outcome.UNCALLED if _NOT_CALLED in said else Outcome.DENIED
    # an admission plugin may say 403 too; the authorizer says of whom
    unauthorized = answer.status == HTTPStatus.UNAUTHORIZED or (
        answer.status == HTTPStatus.FORBIDDEN and _AUTHORIZER in said
    )
    if unauthorized:
        return Outcome.NO_IMPERSONATION if person.name and "impersonate" in said else Outcome.NO_RIGHT
    return Outcome.OTHERS
