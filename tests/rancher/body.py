"""The body of an install as Go reads it: leniently."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from .errors import server_error


class Pairs(dict[str, Any]):
    """An object that still knows every key in its order."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs

    def field(self, name: str, sort: type, default: Any) -> Any:
        """A field of a Go struct: any spelling of its name counts, the last one wins, null changes nothing."""
        found = default
        for key, value in self.pairs:
            if key.casefold() == name.casefold() and value is not None:
                if not isinstance(value, sort) or (sort is int and isinstance(value, bool)):
                    raise server_error(f"json: cannot unmarshal {_go_kind(value)} into Go struct field {name}")
                found = value
        return found


def _go_kind(value: Any) -> str:
    return {bool: "bool", str: "string", list: "array", Pairs: "object"}.get(type(value), "number")


DURATION = re.compile(r"[-+]?(0|((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)")


@dataclass(frozen=True)
class ChartWish:
    """One chart of an install."""

    chart: str
    version: str
    release: str
    description: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Wish:
    """What a body asks for."""

    namespace: str
    project: str
    timeout: str
    wait: bool
    charts: tuple[ChartWish, ...]


def read_wish(body: bytes) -> Wish:
    """Read the first JSON value of a body; what follows it, and unknown fields, do not matter.

    Raises:
        Refusal: it is none.
    """
    text = body.decode("utf-8", "replace").lstrip(" \t\r\n")
    if not text:
        raise server_error("EOF")
    try:
        value, _ = json.JSONDecoder(object_pairs_hook=Pairs).raw_decode(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text):
            raise server_error("unexpected EOF") from None
        raise server_error(f"invalid character '{text[error.pos]}' looking for beginning of value") from None
    if not isinstance(value, Pairs):
        raise server_error(f"json: cannot unmarshal {_go_kind(value)} into Go value of type types.ChartInstallAction")
    timeout = value.field("timeout", str, "0s")
    if not DURATION.fullmatch(timeout):
        raise server_error(f'time: invalid duration "{timeout}"')
    return Wish(
        namespace=value.field("namespace", str, "") or "default",
        project=value.field("projectId", str, ""),
        timeout=timeout,
        wait=value.field("wait", bool, default=False),
        charts=tuple(_chart(one) for one in value.field("charts", list, [])),
    )


def _chart(value: Any) -> ChartWish:
    if not isinstance(value, Pairs):
        raise server_error(f"json: cannot unmarshal {_go_kind(value)} into Go struct field ChartInstallAction.charts")
    return ChartWish(
        chart=value.field("chartName", str, ""),
        version=value.field("version", str, ""),
        release=value.field("releaseName", str, ""),
        description=value.field("description", str, ""),
        values=value.field("values", Pairs, {}),
    )
