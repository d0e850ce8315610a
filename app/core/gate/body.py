"""What an install's body asks for, read so strictly that Rancher cannot read it otherwise; the bytes stay as they came.

Rancher decodes with Go's encoding/json into structs: keys match their fields without regard to case (Unicode's simple
folding, which takes U+017F for an s), of several keys the last one counts, text after the first value is
ignored, what is no UTF-8 or no surrogate pair becomes U+FFFD, and unknown keys are dropped. What depends on that is
refused; unknown keys pass. ``values`` may hold passwords: nothing of them is in what is kept of a body.
"""

import hashlib
import json
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from app.core.gate import go_duration
from app.core.gate.installation_call import is_label, is_subdomain
from app.core.gate.refusal import Refusal, Slug, bad_request

LARGEST_BODY: Final = 2 * 1024 * 1024
"""Bytes: Rancher's own limit for the bodies it parses itself. The values end in a Secret of 1 MiB beside the chart."""
DEEPEST: Final = 100
"""Levels of nesting. Helm's largest charts have about fifteen; Go gives up at 10,000 and Python sooner."""
MOST_CHARTS: Final = 16
"""Charts in one request, each of which is probed; Rancher's dashboard sends two (the chart and its CRDs)."""
LONGEST_TEXT: Final = 253
"""Characters of a chart's name, a version or a project, which travel in URLs, logs and pages."""
LONGEST_RELEASE: Final = 53
"""Characters: helm's limit, which leaves ten of a label's 63 to what charts append."""
DEFAULT_NAMESPACE: Final = "default"
"""Where Rancher installs if the body names no namespace."""

_Object: TypeAlias = dict[str, Any]
_NUMBER: Final = object()
"""Stands for every number: none is asked for, and Python would spend seconds on long ones (CVE-2020-10735)."""

_TOP: Final = frozenset({
    *("timeout", "wait", "noHooks", "disableOpenAPIValidation", "skipSchemaValidation", "serverSide", "namespace"),
    *("projectId", "operationTolerations", "automaticCPTolerations", "charts", "skipCRDs"),
    *("force", "takeOwnership", "historyMax", "install", "cleanupOnFail"),
})  # fmt: skip
_CHART: Final = frozenset({
    *("chartName", "version", "releaseName", "description", "values", "annotations", "force", "resetValues"),
    *("namespace", "generateName", "nameTemplate"),
})  # fmt: skip
_TOLERATION: Final = frozenset({"key", "operator", "value", "effect", "tolerationSeconds"})


class Chart(Struct, frozen=True, gc=False):
    """One chart of a request.

    Attributes:
        name: as the repository's index has it.
        version: empty where Rancher is to take the newest.
        release: helm's name for it; empty where helm is to make one up.
        has_values: whether anything was set; what was is not kept.
    """

    name: str
    version: str
    release: str
    has_values: bool


class InstallBody(Struct, frozen=True, gc=False):
    """What is known, and kept, of a body.

    Attributes:
        namespace: where to, ``default`` if nothing was said.
        project: the Rancher project the namespace is put into; empty for none.
        charts: at least one, in the order in which helm runs.
        timeout: seconds that helm is given; ``None`` where the body does not say. Go allows 0 and less.
        wait: whether helm waits until everything it made is ready.
        digest: SHA-256 of the bytes. It is as good as the values where those are short and the rest is known: compare
            it, never write it down.
    """

    namespace: str
    project: str
    charts: tuple[Chart, ...]
    timeout: float | None
    wait: bool
    digest: bytes

    @property
    def decisive(self) -> Chart:
        """The chart that runs last: its release tells whether the request ran to its end."""
        return self.charts[-1]

    @property
    def names_are_given(self) -> bool:
        """Whether every release has its name, so that it can be found again: else no coalescing, no second sending."""
        return all(chart.release for chart in self.charts)

    @property
    def versions_are_given(self) -> bool:
        """Whether every chart is pinned; an unpinned one is whatever the replica's index has as the newest."""
        return all(chart.version for chart in self.charts)

    def __repr__(self) -> str:
        """Everything but the digest."""
        return f"InstallBody({self.namespace!r}, {self.project!r}, {self.charts!r}, {self.timeout!r}, {self.wait!r})"


class _Refused(Exception):
    def __init__(self, slug: Slug, detail: str) -> None:
        super().__init__(detail)
        self.refusal = bad_request(slug, detail)


def read(body: bytes, largest: int = LARGEST_BODY) -> InstallBody | Refusal:
    """Read a body; total over any bytes.

    Args:
        body: the whole of it.
        largest: bytes beyond which it is refused unread.
    """
    if len(body) > largest:
        detail = f"The body is larger than {largest} bytes; its values have to fit into a Secret of 1 MiB in the end."
        return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Slug.BODY_TOO_LARGE, detail)
    try:
        top = _require_struct(_decoded(body), _TOP, "The body")
        for place, toleration in enumerate(_list(top, "operationTolerations", "The body")):
            _require_struct(toleration, _TOLERATION, f"operationTolerations[{place}]")
        return InstallBody(
            namespace=_namespace(top),
            project=_text(top, "projectId", "The body"),
            charts=_charts(top),
            timeout=_timeout(_text(top, "timeout", "The body")),
            wait=_flag(top, "wait"),
            digest=hashlib.sha256(body).digest(),
        )
    except _Refused as refused:
        return refused.refusal


def _decoded(body: bytes) -> Any:  # noqa: ANN401 - JSON
    """The body as JSON without a duplicate key anywhere.

    msgspec is as strict as the RFC (no NaN, no BOM, no trailing data, whole surrogate pairs) and fast; only Python's
    own decoder shows the keys that are there twice.
    """
    try:
        text = body.decode()
        msgspec.json.decode(body, type=msgspec.Raw)
        tree = json.loads(text, object_pairs_hook=_object, parse_int=_number, parse_float=_number)
    except UnicodeDecodeError:
        raise _Refused(Slug.BODY_NOT_JSON, "The body is not UTF-8; encode it so.") from None
    except RecursionError:
        raise _too_deep() from None
    except msgspec.DecodeError:
        detail = "The body is not one JSON value and nothing else (no BOM, no NaN, no comment, no text after it)."
        raise _Refused(Slug.BODY_NOT_JSON, detail) from None
    if text.count("[") + text.count("{") > DEEPEST:
        _require_shallow(tree)
    return tree


def _number(_text: str) -> object:
    return _NUMBER


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    members = dict(pairs)
    if len(members) < len(pairs):
        detail = "An object in the body has a key twice; readers differ in which of them counts, so leave one out."
        raise _Refused(Slug.AMBIGUOUS_BODY, detail)
    return members


def _require_shallow(tree: Any) -> None:  # noqa: ANN401 - JSON
    level = [tree]
    for _ in range(DEEPEST):
        containers = (node.values() if isinstance(node, dict) else node for node in level)
        level = [inner for members in containers for inner in members if isinstance(inner, dict | list)]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> _Refused:
    return _Refused(
        Slug.BAD_BODY, f"The body is nested deeper than {DEEPEST} levels, more than any chart's values are."
    )


def _folded(key: str) -> str:
    """The key as Go compares it with a field's name, which is ASCII: U+017F and U+212A fold to s and k, too."""
    return key.translate(_FOLDS)


_FOLDS: Final = {
    **{upper: upper + ord("a") - ord("A") for upper in range(ord("A"), ord("Z") + 1)},
    0x17F: ord("s"),
    0x212A: ord("k"),
}


def _require_struct(value: Any, fields: frozenset[str], place: str) -> _Object:  # noqa: ANN401 - JSON
    """An object whose keys Go can match with its fields in one way only."""
    if not isinstance(value, dict):
        raise _Refused(Slug.BAD_BODY, f"{place} is not a JSON object; send what Rancher's dashboard would send.")
    known = _FIELDS[fields]
    seen: set[str] = set()
    for key in value:
        folded = _folded(key)
        field = known.get(folded, key)
        if field != key or folded in seen:
            what = f"{field} in another spelling" if folded in known else "two keys that differ in case only"
            detail = (
                f"{place} has {what}; Rancher ignores case and proxies do not, so write each key once, in its own case."
            )
            raise _Refused(Slug.AMBIGUOUS_BODY, detail)
        seen.add(folded)
    return value


_FIELDS: Final = {fields: {_folded(name): name for name in fields} for fields in (_TOP, _CHART, _TOLERATION)}


def _mistyped(key: str, place: str, what: str) -> _Refused:
    return _Refused(
        Slug.BAD_BODY,
        f"{key} in {place.lower() if place[:3] == 'The' else place} is not {what}; Rancher would fail on it.",
    )


def _list(members: _Object, key: str, place: str) -> list[Any]:
    value = members.get(key)
    if value is not None and not isinstance(value, list):
        raise _mistyped(key, place, "a list")
    return value or []


def _text(members: _Object, key: str, place: str) -> str:
    value = members.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _mistyped(key, place, "a string")
    if len(value) > LONGEST_TEXT or not value.isprintable():
        raise _mistyped(key, place, f"at most {LONGEST_TEXT} printable characters")
    return value


def _flag(members: _Object, key: str) -> bool:
    value = members.get(key)
    if value is not None and not isinstance(value, bool):
        raise _mistyped(key, "The body", "true or false")
    return bool(value)


def _namespace(top: _Object) -> str:
    namespace = _text(top, "namespace", "The body") or DEFAULT_NAMESPACE
    if not is_label(namespace):
        detail = "namespace in the body is no valid Kubernetes name (lower case, digits and -, at most 63); correct it."
        raise _Refused(Slug.BAD_NAME, detail)
    return namespace


def _charts(top: _Object) -> tuple[Chart, ...]:
    listed = _list(top, "charts", "The body")
    if not 1 <= len(listed) <= MOST_CHARTS:
        detail = (
            f"charts in the body names {len(listed)} charts; name one, or up to {MOST_CHARTS} that belong together."
        )
        raise _Refused(Slug.BAD_BODY, detail)
    return tuple(_chart(item, f"charts[{place}]") for place, item in enumerate(listed))


def _chart(item: Any, place: str) -> Chart:  # noqa: ANN401 - JSON
    members = _require_struct(item, _CHART, place)
    name, release = _text(members, "chartName", place), _text(members, "releaseName", place)
    if not name:
        raise _Refused(Slug.BAD_BODY, f"{place} has no chartName; say which chart of the repository is meant.")
    if release and not (len(release) <= LONGEST_RELEASE and is_subdomain(release)):
        detail = (
            f"releaseName in {place} is no name helm takes (lower case, digits, - and ., at most {LONGEST_RELEASE})."
        )
        raise _Refused(Slug.BAD_NAME, detail)
    values = members.get("values")
    if values is not None and not isinstance(values, dict):
        raise _mistyped("values", place, "an object")
    return Chart(name, _text(members, "version", place), release, has_values=bool(values))


def _timeout(text: str) -> float | None:
    seconds = go_duration.seconds(text) if text else None
    if text and seconds is None:
        raise _Refused(Slug.BAD_BODY, "timeout in the body is no duration; write it like 600s, 10m or 1h30m.")
    return seconds
