"""What a body's values hold that helm may print without a name beside it, and no pattern would know for a secret.

A password in ``values`` comes back as it went: in a template's error, in an admission webhook's words, base64-encoded
in a Secret that could not be applied. So each text of the values is taken for a secret while its install lives.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

SHORTEST: Final = 6
"""Characters: a shorter text would blank out ordinary words, and is guessed at once."""


def secret_values(body: bytes, shown: Iterable[str] = ()) -> frozenset[str]:
    """Each text of the charts' values, in the forms in which it could come back; total over any bytes.

    Args:
        body: of an install, as it came.
        shown: names that are shown beside the words anyway; a value that is one of them is no secret.
    """
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return frozenset()
    charts = tree.get("charts") if isinstance(tree, dict) else None
    values = [chart.get("values") for chart in charts if isinstance(chart, dict)] if isinstance(charts, list) else []
    known = set(shown)
    return frozenset(form for text in _texts(values) if text not in known for form in _forms(text))


def _texts(tree: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """All strings but keys, without recursion: the body was allowed a hundred levels, other callers may not ask."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, dict):
            left.extend(node.values())
        elif isinstance(node, list):
            left.extend(node)


def _forms(text: str) -> Iterator[str]:
    """The text itself, as it stands in JSON or Go's quotes, in base64, and line by line, as logs are read."""
    if len(text.strip()) < SHORTEST:
        return
    yield text
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield b64encode(text.encode()).decode()
    yield from (line for part in text.splitlines() if len(line := part.strip()) >= SHORTEST)
