"""The ways in which a client can turn one object into another, as far as a way can express it."""

import json
from dataclasses import dataclass
from typing import Any

import jsonpatch

PUT, JSON_PATCH, MERGE_PATCH, APPLY = WAYS = ("put", "json patch", "merge patch", "apply")


@dataclass(frozen=True)
class Way:
    """A request without its path.

    Attributes:
        method: of HTTP.
        content_type: of the body.
        body: as JSON values.
        query: further parameters.
    """

    method: str
    content_type: str
    body: Any
    query: dict[str, str]


def turn(before: Any, after: Any, way: str) -> Way | None:
    """The request that makes one object of another; ``None`` if this way cannot say it.

    Args:
        before: as it is stored, without what the API server alone writes.
        after: the same as it shall be, its resourceVersion included if the way is to carry one.
        way: one of ``WAYS``; ``apply`` is a server-side apply by a manager that has not written to the object before,
            and takes over what it names.
    """
    match way:
        case "put":
            return Way("PUT", "application/json", after, {})
        case "json patch":
            return Way("PATCH", "application/json-patch+json", list(jsonpatch.make_patch(before, after)), {})
        case "merge patch":
            patch = _difference(before, after)
            merged = _text(_merged(before, patch)) == _text(after)
            return Way("PATCH", "application/merge-patch+json", patch, {}) if merged else None
        case _:
            query = {"fieldManager": "a-stranger", "force": "true"}
            return Way("PATCH", "application/apply-patch+yaml", after, query) if _only_adds(before, after) else None


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)  # tells 1, 1.0 and true apart


def _difference(before: Any, after: Any) -> Any:
    """The merge patch (RFC 7386) from one object to another."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return after
    gone = {key: None for key in before if key not in after}
    new = {key: value for key, value in after.items() if key not in before or _text(before[key]) != _text(value)}
    return gone | {key: _difference(before.get(key), value) for key, value in new.items()}


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


def _only_adds(before: Any, after: Any) -> bool:
    """Whether no key of a map goes: an apply removes nothing but what its manager owned, and replaces lists whole.

    The lists of metadata are none of those: they have keys, and nothing goes from them either.
    """
    if not isinstance(before, dict):
        return not isinstance(after, dict) or before is not None
    if not isinstance(after, dict):
        return False
    for name in ("finalizers", "ownerReferences"):
        if not {*map(_text, before.get(name) or ())} <= {*map(_text, after.get(name) or ())}:
            return False
    return all(key in after and _only_adds(value, after[key]) for key, value in before.items())
