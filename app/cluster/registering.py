"""Carrying out what ``app.core.registration`` decides: the two webhook configurations, made, mended and removed."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

from kubernetes.aio.client import AdmissionregistrationV1Api, ApiClient, VersionApi
from msgspec import Struct

from app.cluster.calls import JSON_PATCH, call, decoded, only_at
from app.cluster.port import ClusterError, ConflictError, Kind
from app.core import registration
from app.core.export import webhook as form
from app.core.export.manifest import API_VERSION, LABELS, Body, Endpoint
from app.core.export.versions import ExportError, KubeVersion, parse
from app.core.guard import Guards
from app.core.registration import Action, Move, Name, Standing

MANAGER: Final = "status-guard-keeper"
"""The field manager: ``kubectl get --show-managed-fields`` tells who registered the webhook."""

OUR_NAMES: Final[tuple[Name, ...]] = (
    (Kind.MUTATING, form.MUTATING),
    (Kind.VALIDATING, form.VALIDATING),
)

_MOST_MOVES: Final = 12
"""Two configurations take five writes at most (make, mend, close, for each but the mutating one, which never closes).
More mean that somebody undoes them as fast as they are made; that is told, and tried again at the next look."""

_CONFLICTS: Final = 3
"""Somebody else's write between looking and writing is no reason to give up at once: certificates are published in the
same objects."""

Say = Callable[[str], None]


class _Version(Struct, rename="camel"):
    git_version: str


class Registrar:
    """The webhook configurations of one installation.

    Args:
        api: a configured client.
        endpoint: where the API server finds the webhook.
    """

    def __init__(self, api: ApiClient, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._version = VersionApi(api).get_code_without_preload_content
        admission = AdmissionregistrationV1Api(api)
        self._calls: dict[str, dict[str, Callable[..., Awaitable[Any]]]] = {
            kind: {
                verb: getattr(admission, f"{verb}_{resource}_configuration_without_preload_content")
                for verb in ("read", "create", "patch", "delete")
            }
            for kind, resource in (
                (Kind.MUTATING, "mutating_webhook"),
                (Kind.VALIDATING, "validating_webhook"),
            )
        }
        self._dropped: frozenset[str] = frozenset()

    async def settle(self, guards: Guards, say: Say) -> Standing:
        """Bring the configurations in step with the guards.

        Args:
            guards: what has to be registered.
            say: is told each write, in a sentence.

        Returns:
            How they stand then. What no write can mend is in its remarks.

        Raises:
            ClusterError: something cannot be read or written, or a guard cannot be registered.
        """
        try:
            wanted = [
                manifest.body for manifest in form.export(guards, await self._kube_version(), self._endpoint).manifests
            ]
        except ExportError as error:
            raise ClusterError(f"the rules cannot be registered: {error}") from None
        conflicts = 0
        for _ in range(_MOST_MOVES):
            live = await self._live()
            standing = registration.standing(wanted, {name: body for name, (body, _) in live.items()}, self._dropped)
            if standing.move is None:
                return standing
            try:
                await self._carry_out(standing.move, live, say)
            except ConflictError:
                conflicts += 1
                if conflicts > _CONFLICTS:
                    raise
        raise ClusterError(
            f"the webhook configurations are not settled after {_MOST_MOVES} writes: somebody undoes them; find out who"
            " (kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations --show-managed-fields -o yaml)"
        )

    async def _kube_version(self) -> KubeVersion:
        answer = await call("ask the API server for its version", self._version)
        return parse(decoded(answer, _Version, "the API server's version").git_version)

    async def _live(self) -> dict[Name, tuple[Body, str]]:
        """The configurations of our names that exist, each with its resourceVersion."""
        found: dict[Name, tuple[Body, str]] = {}
        for kind, name in OUR_NAMES:
            what = f"{kind} {name}"
            answer = await call(f"read {what}", self._calls[kind]["read"], name, or_absent=True)
            if not answer.absent:
                body = decoded(answer, dict[str, Any], what)
                found[kind, name] = (body, str(body["metadata"]["resourceVersion"]))
        return found

    async def _carry_out(self, move: Move, live: dict[Name, tuple[Body, str]], say: Say) -> None:
        kind, name = move.target
        what, calls = f"{kind} {name}", self._calls[kind]
        match move.action:
            case Action.CREATE:
                body = {
                    "apiVersion": API_VERSION,
                    "kind": str(kind),
                    "metadata": {"name": name, "labels": dict(LABELS)},
                    "webhooks": list(move.webhooks),
                }
                answer = await call(f"create {what}", calls["create"], body, field_manager=MANAGER)
            case Action.REMOVE:
                version = live[move.target][1]
                options = {"preconditions": {"resourceVersion": version}}
                answer = await call(f"delete {what}", calls["delete"], name, body=options, or_absent=True)
            case Action.REPLACE | Action.CLOSE:
                operations = [
                    only_at(live[move.target][1]),
                    {"op": "add", "path": "/webhooks", "value": list(move.webhooks)},
                ]
                answer = await call(
                    f"write {what}",
                    calls["patch"],
                    name,
                    operations,
                    _content_type=JSON_PATCH,
                    field_manager=MANAGER,
                )
        self._note(
            move.webhooks, {} if answer.status == HTTPStatus.NOT_FOUND else decoded(answer, dict[str, Any], what)
        )
        say(_DONE[move.action].format(what=what, why=move.why))

    def _note(self, sent: Sequence[Body], stored: Body) -> None:
        """Remember whose matchConditions did not survive, and forget it when they do."""
        if sent:
            names = {one["name"] for one in sent}
            self._dropped = (self._dropped - names) | registration.not_kept(sent, stored)


_DONE: Final = {
    Action.CREATE: "Made {what}, failing open, because {why}.",
    Action.REPLACE: "Wrote the webhooks of {what}, the changed ones failing open, because {why}.",
    Action.CLOSE: "Let {what} fail closed for writes that lose status, because {why}.",
    Action.REMOVE: "Removed {what}, because {why}.",
}
