"""CEL as text: literals, and questions about JSON that have an answer whatever the JSON is.

An expression that errs, or that costs more than the API server allows, refuses the write under ``failurePolicy: Fail``
without asking anybody. So nothing is read before its place is known to be there and to be of the right type, and
whatever walks a list or a map is bounded (see ``Bounds``). Null counts as absent, as everywhere in the decision.

A dynamic ``==`` compares 1 and 1.0 as equal. That is what the webhook sees as well: the API server writes the double
1.0 into its review as ``1``.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from app.core.jsontext import JSON
from app.core.pointer import Tokens

FALSE: Final = "false"

_ESCAPES: Final = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_INT64: Final = 2**63
_FOUR_DIGITS: Final = 0xFFFF


def quote(text: str) -> str:
    """The string literal."""
    return "'" + "".join(map(_escaped, text)) + "'"


def _escaped(character: str) -> str:
    if character in _ESCAPES or character.isprintable():
        return _ESCAPES.get(character, character)
    code = ord(character)
    return f"\\u{code:04x}" if code <= _FOUR_DIGITS else f"\\U{code:08x}"


def strings(values: Iterable[str]) -> str:
    """The list literal, in order of the alphabet."""
    return f"[{', '.join(map(quote, sorted(values)))}]"


def literal(value: JSON) -> str:
    """The literal of any JSON value; members are made dynamic, because Kubernetes refuses mixed lists and maps."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return quote(value)
        case int() if -_INT64 <= value < _INT64:
            return str(value)
        case int() | Decimal():
            return repr(float(value))  # as the API server reads integers of more than 64 bits
        case list():
            return f"[{', '.join(f'dyn({literal(item)})' for item in value)}]"
        case dict():
            return f"{{{', '.join(f'{quote(key)}: dyn({literal(item)})' for key, item in value.items())}}}"
    raise TypeError(f"{type(value).__name__} is no JSON")


def at(root: str, path: Tokens) -> str:
    """The value at a path, for where it is known to be."""
    return root + "".join(f"[{quote(token)}]" for token in path)


def reachable(root: str, path: Tokens) -> str:
    """Whether there is a member, be it null, at a path through maps."""
    steps = []
    for depth, token in enumerate(path):
        container = at(root, path[:depth])
        steps.append(f"type({container}) == map && {quote(token)} in {container}")
    return " && ".join(steps)


def present(root: str, path: Tokens) -> str:
    """Whether there is a value: neither missing nor null."""
    return f"{reachable(root, path)} && {at(root, path)} != null"


def is_a(kind: str, root: str, path: Tokens) -> str:
    """Whether the value at a path is a ``map`` or a ``list``."""
    found = f"type({at(root, path)}) == {kind}"
    return f"{reachable(root, path)} && {found}" if path else found


def either(branches: Iterable[str]) -> str:
    """The disjunction, a line for each branch; false without any."""
    found = list(branches)
    return "\n|| ".join(found) if found else FALSE


def bind(name: str, value: str, body: str) -> str:
    """``body`` with a name for a value; Kubernetes 1.28 has no ``cel.bind`` yet."""
    return f"[{value}].exists({name},\n{indented(body)})"


def indented(text: str) -> str:
    """The text moved in by two spaces."""
    return "\n".join(f"  {line}" for line in text.split("\n"))
