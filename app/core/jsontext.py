"""JSON kept as text: what the decision asks of a value without decoding more than it must.

Values travel as :class:`msgspec.Raw`, a view of the request's own bytes, so that what is put back is byte for byte
what was there (`1.0`, `1e3`, integers above 2^53, escapes, key order). An empty ``Raw`` means "not there".
JSON ``null`` counts as not there everywhere: the API server drops it from non-nullable fields, and Go's omitempty
writers cannot tell the two apart.
"""

import json
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Raw

JSON: TypeAlias = Any
"""A decoded JSON value; only ``decode`` makes them."""

Identity: TypeAlias = tuple[str, str]

ABSENT: Final = Raw(b"")

_NULL: Final = Raw(b"null")
_UNREADABLE: Final = (RecursionError, ValueError, InvalidOperation)
"""JSON beyond Python's means; no API server stores numbers like that, but a review may hold them."""

_OPEN_OBJECT: Final = ord("{")
_OPEN_LIST: Final = ord("[")
_QUOTE: Final = ord('"')
_SPACE_OR_CLOSE: Final = b"} \t\r\n"

_members = msgspec.json.Decoder(dict[str, Raw])
_items = msgspec.json.Decoder(list[Raw])
_text = msgspec.json.Decoder(str)


def present(raw: Raw) -> bool:
    """Whether there is a value: neither missing nor ``null``."""
    return raw not in (ABSENT, _NULL)


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


def join_list(raws: Iterable[Raw]) -> Raw:
    """A list of these values, each as it was written."""
    return Raw(b"[" + b",".join(raws) + b"]")


def text(raw: Raw) -> str | None:
    """The string, if the value is one."""
    return _text.decode(raw) if raw != ABSENT and memoryview(raw)[0] == _QUOTE else None


def decode(raw: Raw) -> JSON:
    """The value itself; ``None`` where there is none. Numbers keep all their digits (``Decimal`` for fractions).

    Raises:
        RecursionError: for a value nested deeper than Python's stack.
        ValueError: for an integer of more digits than Python reads (CVE-2020-10735).
        decimal.InvalidOperation: for an exponent of more digits than a ``Decimal`` has.
    """
    return json.loads(bytes(raw), parse_float=Decimal) if raw != ABSENT else None


def encode(value: JSON) -> Raw:
    """The compact text of a decoded value."""
    return Raw(msgspec.json.encode(value))


def same(left: Raw, right: Raw) -> bool:
    """Whether two texts hold the same JSON value. Key order and white space do not matter, types do: 1, 1.0, true.

    What Python cannot read (``decode`` says what) is the same only if the texts are.
    """
    if left == right:
        return True
    try:
        # of large objects that differ, most differ in their keys already
        if is_object(left) and is_object(right) and members(left).keys() != members(right).keys():
            return False
        return _same_values(decode(left), decode(right))
    except _UNREADABLE:
        return False


def _same_values(left: JSON, right: JSON) -> bool:
    pairs = [(left, right)]
    while pairs:  # a loop, because a value may be nested nearly as deep as the stack
        a, b = pairs.pop()
        if type(a) is not type(b):
            return False
        if isinstance(a, dict):
            if a.keys() != b.keys():
                return False
            pairs += ((a[key], b[key]) for key in a)
        elif isinstance(a, list):
            if len(a) != len(b):
                return False
            pairs += zip(a, b, strict=True)
        elif a != b:
            return False
    return True


def identities(raw: Raw, key: str) -> list[Identity | None]:
    """The identity of each list item's member ``key``, in order; ``None`` where an item has none or is no object."""
    if not is_list(raw):
        return []
    try:  # nearly all keys are strings: one pass then reads them and skips the rest
        return [None if item.key is None else ("string", item.key) for item in _keyed(key).decode(raw)]
    except msgspec.ValidationError:
        return [identity(members(item).get(key, ABSENT)) for item in items(raw)]


class _Keyed(msgspec.Struct, gc=False):
    """What is read of a list item whose key is a string."""

    key: str | None = None


@lru_cache(maxsize=256)
def _keyed(key: str) -> "msgspec.json.Decoder[list[_Keyed]]":
    """A decoder of lists that reads the member ``key`` alone; rules name the keys, so there are few."""
    field = ("key", str | None, msgspec.field(default=None, name=key))
    named = msgspec.defstruct("Named", [field], bases=(_Keyed,), gc=False)
    return msgspec.json.Decoder(list[named])  # type: ignore[valid-type]


def identity(raw: Raw) -> Identity | None:
    """A hashable stand-in for the value of a list item's key, distinct for 1, 1.0, "1" and true; ``None`` for none.

    The second part is how messages show it: the string itself, the text of anything else with its keys in order.
    """
    if not present(raw):
        return None
    string = text(raw)
    if string is not None:
        return ("string", string)
    try:
        return ("other", json.dumps(json.loads(bytes(raw)), sort_keys=True))
    except _UNREADABLE:
        return ("other", bytes(raw).decode())
