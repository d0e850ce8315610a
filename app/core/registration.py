"""Keeping the webhook configurations as the rules say, in an order in which no step can lock a cluster out.

What is new or changed is stored with ``failurePolicy: Ignore`` first. Only when the API server is seen to have kept the
matchConditions, and there is a CA to trust, does a webhook get the ``Fail`` it is meant to have: without
matchConditions, ``Fail`` would stop every UPDATE of a guarded kind while the webhook is down. A webhook that did not
change keeps what it has, so a new rule opens no gap for the others.

``caBundle`` belongs to whoever looks after certificates: it is carried along and never compared.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from app.core.export.manifest import LABELS, Body

Name: TypeAlias = tuple[str, str]
"""Kind and name of a configuration."""

_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
_CONDITIONS: Final = "matchConditions"
_POLICY: Final = "failurePolicy"
_DEFAULTS: Final[Mapping[str, Any]] = {
    "namespaceSelector": {},
    "objectSelector": {},
    "matchPolicy": "Equivalent",
    _POLICY: "Fail",
    _CONDITIONS: [],
}
"""What the API server fills in where a webhook says nothing (k8s.io/kubernetes, admissionregistration defaults); a
selector that says more than nothing lets writes pass unseen. reinvocationPolicy, Never where it is not said, only
mutating webhooks have, and what we render says it."""


class Action(StrEnum):
    """One write; after each the configurations are looked at anew."""

    CREATE = "create"
    REPLACE = "replace"
    CLOSE = "close"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Move:
    """The next write.

    Attributes:
        action: what it does.
        target: kind and name of the configuration.
        webhooks: all webhooks that it has to have afterwards.
        why: in words that follow "because".
    """

    action: Action
    target: Name
    webhooks: tuple[Body, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How the configurations stand.

    Attributes:
        move: the next write; ``None`` where there is nothing to do.
        remarks: what is not as it should be and cannot be mended by a write, a sentence each.
        in_step: whether every configuration is as the rules say.
    """

    move: Move | None
    remarks: tuple[str, ...] = ()

    @property
    def in_step(self) -> bool:
        """Whether every configuration is as the rules say."""
        return self.move is None and not self.remarks


def standing(wanted: Sequence[Body], live: Mapping[Name, Body], dropped: frozenset[str] = frozenset()) -> Standing:
    """What to do next.

    Args:
        wanted: the configurations as ``app.core.export.webhook`` renders them.
        live: the configurations of our names as the API server has them, by kind and name.
        dropped: webhooks whose matchConditions the API server did not keep when they were sent.
    """
    remarks = []
    for body in wanted:
        target = (body["kind"], body["metadata"]["name"])
        present = live.get(target)
        if present is not None and not _is_ours(present):
            remarks.append(_foreign(target))
            continue
        move = _move(target, body["webhooks"], present, dropped)
        if move is not None:
            return Standing(move, tuple(remarks))
        remarks += _kept_open(target, body["webhooks"], present, dropped)
    names = {(body["kind"], body["metadata"]["name"]) for body in wanted}
    for target, present in live.items():
        if target not in names and _is_ours(present):
            return Standing(Move(Action.REMOVE, target, (), "no rule needs it any more"), tuple(remarks))
    return Standing(None, tuple(remarks))


def not_kept(sent: Iterable[Body], stored: Body) -> frozenset[str]:
    """The names of webhooks that were sent with matchConditions and are stored without."""
    has = {webhook["name"] for webhook in stored.get("webhooks") or () if webhook.get(_CONDITIONS)}
    return frozenset(one["name"] for one in sent if one.get(_CONDITIONS) and one["name"] not in has)


def _is_ours(body: Body) -> bool:
    return (body["metadata"].get("labels") or {}).get(_MANAGED_BY) == LABELS[_MANAGED_BY]


def _move(target: Name, wanted: Sequence[Body], present: Body | None, dropped: frozenset[str]) -> Move | None:
    if present is None:
        return Move(Action.CREATE, target, tuple(map(_opened, wanted)), "it is not there")
    has = {webhook["name"]: webhook for webhook in present.get("webhooks") or ()}
    bundle = next((found for one in has.values() if (found := _bundle(one))), "")
    differ = [one["name"] for one in wanted if not _in_step(one, has.get(one["name"]), dropped)]
    extra = [name for name in has if name not in {one["name"] for one in wanted}]
    if differ or extra or list(has) != [one["name"] for one in wanted]:
        webhooks = [
            _opened(_trusting(one, has, bundle)) if one["name"] in differ else has[one["name"]] for one in wanted
        ]
        return Move(Action.REPLACE, target, tuple(webhooks), _why_replace(differ, extra))
    closing = [one["name"] for one in wanted if _may_close(one, has[one["name"]])]
    if closing:
        webhooks = [has[one["name"]] | ({_POLICY: "Fail"} if one["name"] in closing else {}) for one in wanted]
        return Move(
            Action.CLOSE, target, tuple(webhooks), f"the API server kept the matchConditions of {_few(closing)}"
        )
    return None


def _in_step(wanted: Body, present: Body | None, dropped: frozenset[str]) -> bool:
    """Whether a webhook is as it should be, but for who is trusted and for what it may fail to."""
    if present is None:
        return False
    expected = _comparable(wanted)
    # What a later API server may add to a webhook is neither ours to judge nor ours to remove.
    found = {key: value for key, value in _comparable(present).items() if key in expected}
    if wanted["name"] in dropped and not present.get(_CONDITIONS):
        expected[_CONDITIONS] = found[_CONDITIONS]
    # Failing closed without having been asked to, or without matchConditions to bound it, is undone at once.
    closed_by_mistake = _fails(present) and (not _fails(wanted) or (wanted.get(_CONDITIONS) and not found[_CONDITIONS]))
    return expected == found and not closed_by_mistake


def _comparable(webhook: Body) -> Body:
    compared = {**_DEFAULTS, **webhook}
    del compared[_POLICY]
    client = dict(compared["clientConfig"])
    client.pop("caBundle", None)
    return compared | {"clientConfig": client}


def _may_close(wanted: Body, present: Body) -> bool:
    return _fails(wanted) and not _fails(present) and bool(present.get(_CONDITIONS)) and bool(_bundle(present))


def _kept_open(target: Name, wanted: Sequence[Body], present: Body | None, dropped: frozenset[str]) -> list[str]:
    has = {webhook["name"]: webhook for webhook in (present or {}).get("webhooks") or ()}
    still = [one["name"] for one in wanted if _fails(one) and not _fails(has[one["name"]])]
    remarks = []
    if without := [name for name in still if name in dropped]:
        remarks.append(
            f"{' '.join(target)} stays at failurePolicy Ignore for {_few(without)}: the API server drops"
            " matchConditions (before Kubernetes 1.28, or the feature gate is off), so Fail would stop every UPDATE"
            " while the webhook is down. Lost status is put back while it runs"
        )
    if untrusted := [name for name in still if name not in dropped]:
        remarks.append(
            f"{' '.join(target)} stays at failurePolicy Ignore for {_few(untrusted)}: there is no caBundle yet; whoever"
            " looks after certificates (certs ensure, or cert-manager's CA injector) has to publish one"
        )
    return remarks


def _foreign(target: Name) -> str:
    return (
        f"{' '.join(target)} carries no label {_MANAGED_BY}={LABELS[_MANAGED_BY]}, so it is somebody else's and is left"
        f" alone; label it if status-guard may replace it, else the guard is not registered there"
    )


def _fails(webhook: Body) -> bool:
    return bool(webhook.get(_POLICY, _DEFAULTS[_POLICY]) == "Fail")


def _bundle(webhook: Body) -> str:
    return str(webhook["clientConfig"].get("caBundle") or "")


def _opened(webhook: Body) -> Body:
    return webhook | {_POLICY: "Ignore"}


def _trusting(webhook: Body, has: Mapping[str, Body], common: str) -> Body:
    """The webhook with the CA that it, or its neighbours, trusted so far; all of them are one server."""
    bundle = _bundle(has[webhook["name"]]) if webhook["name"] in has else ""
    bundle = bundle or common
    if not bundle:
        return webhook
    return webhook | {"clientConfig": {**webhook["clientConfig"], "caBundle": bundle}}


def _why_replace(differ: Sequence[str], extra: Sequence[str]) -> str:
    told = [f"{_few(differ)} differs from the rules"] if differ else []
    told += [f"no rule needs {_few(extra)} any more"] if extra else []
    return " and ".join(told) or "its webhooks stand in another order"


def _few(names: Sequence[str]) -> str:
    shown = 3  # a sentence, not a list: the rest is in the rules
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
