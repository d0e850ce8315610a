"""What an unquoted YAML scalar means in a rule document: what it would mean in JSON, or text, or nothing certain."""

import math
import re
from typing import Final

import yaml
from yaml.resolver import Resolver

from app.rules.mistakes import quote

_NULLS: Final = ("", "~", "null", "Null", "NULL")
_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_OCTAL: Final = re.compile(r"[-+]?0o[0-7]+")
_MAX_DIGITS: Final = 4300
"""Python refuses to read longer integers (CVE-2020-10735)."""

_DECIMAL: Final = "a number in a form JSON does not have; write it in decimal, or quote it to have text"

_READ_AS: Final = {
    "bool": "a boolean; write true or false, or quote it to have text",
    "int": _DECIMAL,
    "float": _DECIMAL,
    "timestamp": "a date; quote it to have text",
    "merge": "a merge key; write the entries out",
    "value": "a default key; quote it to have text",
}
"""What YAML 1.1 takes a scalar for, by the end of its tag, and what to do about it."""

_yaml_1_1 = Resolver()


class AmbiguousScalarError(ValueError):
    """The scalar means different things to different YAML readers, or nothing JSON could say."""


def plain_value(text: str) -> str | float | bool | None:
    """The value of an unquoted scalar: null, a boolean, an integer, a float or the text itself.

    Raises:
        AmbiguousScalarError: for what YAML 1.1 or 1.2 take for something else than JSON does; says to quote it.
    """
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if number := _NUMBER.fullmatch(text):
        return _number(text, is_float=bool(number[1] or number[2]))
    kind = "int" if _OCTAL.fullmatch(text) else _kind_in_yaml_1_1(text)
    if kind in _READ_AS:
        raise AmbiguousScalarError(f"{quote(text)} is to some YAML readers {_READ_AS[kind]}")
    return text


def _kind_in_yaml_1_1(text: str) -> str:
    tag: str = _yaml_1_1.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return tag.rpartition(":")[2]


def _number(text: str, *, is_float: bool) -> float:
    value = float(text) if is_float or len(text) > _MAX_DIGITS else int(text)
    if math.isinf(value):
        raise AmbiguousScalarError(f"{quote(text)} is larger than any number JSON readers agree on")
    return value
