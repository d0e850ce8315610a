"""JSON kept as text: what the decision asks of a value without decoding more than it must.

Values travel as :class:`msgspec.Raw`, a view of the request's own bytes, so that what is put back is byte for byte
what was there (`1.0`, `1e3`, integers above 2^53, escapes, key order). An empty ``Raw`` means "not there".
JSON ``null`` counts as not there everywhere: the API server drops it from non-nullable fields, and Go's omitempty
writers cannot tell the two apart.
"""

import json
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Raw

JSON: TypeAlias = Any
"""A decoded JSON value; only ``decode`` makes them."""

ABSENT: Final = Raw(b"")

_OPEN_OBJECT: Final = ord("{")
_OPEN_LIST: Final = ord("[")
_SPACE_OR_CLOSE: Final = b"} \t\r\n"

_members = msgspec.json.Decoder(dict[str, Raw])
_items = msgspec.json.Decoder(list[Raw])


def present(raw: Raw) -> bool:
    """Whether there is a value: neither missing nor ``null``."""
    return raw != ABSENT and raw != b"null"


def is_object(raw: Raw) -> bool:
    """Whether the value is a JSON object."""
    return raw != ABSENT and memoryview(raw)[0] == _OPEN_OBJECT


def is_list(raw: Raw) -> bool:
    """Whether the value is a JSON list."""
    return raw != ABSENT and memoryview(raw)[0] == _OPEN_LIST


def is_empty_object(raw: Raw) -> bool:
    """Whether the value is ``{}``; looks at two bytes unless the text has white space."""
    if not is_object(raw) or memoryview(raw)[1] not in _SPACE_OR_CLOSE:
        return False
    return not members(raw)


def members(raw: Raw) -> dict[str, Raw]:
    """The members of an object, each still text; of anything else, none. Of duplicate keys the last one counts."""
    return _members.decode(raw) if is_object(raw) else {}


def items(raw: Raw) -> list[Raw]:
    """The items of a list, each still text; of anything else, none."""
    return _items.decode(raw) if is_list(raw) else []


def text(raw: Raw) -> str | None:
    """The string, if the value is one."""
    decoded = decode(raw)
    return decoded if isinstance(decoded, str) else None


def decode(raw: Raw) -> JSON:
    """The value itself; ``None`` where there is none. Numbers keep all their digits (``Decimal`` for fractions)."""
    return json.loads(bytes(raw), parse_float=Decimal) if raw != ABSENT else None


def encode(value: JSON) -> Raw:
    """The compact text of a decoded value."""
    return Raw(msgspec.json.encode(value))


def same(left: Raw, right: Raw) -> bool:
    """Whether two texts hold the same JSON value. Key order and white space do not matter, types do: 1, 1.0, true."""
    if left == right:
        return True
    todo = [(decode(left), decode(right))]
    while todo:  # a loop, because a value may be nested deeper than Python's stack
        a, b = todo.pop()
        if type(a) is not type(b):
            return False
        if isinstance(a, dict):
            if a.keys() != b.keys():
                return False
            todo.extend((a[key], b[key]) for key in a)
        elif isinstance(a, list):
            if len(a) != len(b):
                return False
            todo.extend(zip(a, b, strict=True))
        elif a != b:
            return False
    return True


def identity(raw: Raw) -> tuple[str, object] | None:
    """A hashable stand-in for the value of a list item's key, distinct for 1, 1.0, "1" and true; ``None`` for none."""
    if not present(raw):
        return None
    value = decode(raw)
    if isinstance(value, dict | list):
        return ("json", json.dumps(value, sort_keys=True, default=str))
    return (type(value).__name__, value)
