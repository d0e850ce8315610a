"""The JSON Patch text (RFC 6902) of a set of additions, around the original bytes of their values."""

from collections.abc import Iterable

import msgspec
from msgspec import Raw

from app.core import jsontext, pointer
from app.core.losses import APPEND, METADATA, Addition
from app.core.review import KubernetesObject

_LABELS = (METADATA, "labels")


def text(additions: Iterable[Addition], new: KubernetesObject) -> bytes:
    """The patch, smallest first come: each place once, missing containers made around what goes into them.

    Args:
        additions: what is to be put back, in the order it was found.
        new: the object the patch is for.
    """
    operations = [_operation(addition) for addition in _once(_with_labels_container(additions, new))]
    return b"[" + b",".join(operations) + b"]"


def _operation(addition: Addition) -> bytes:
    path = msgspec.json.encode(pointer.render(addition.path))
    return b"".join((b'{"op":"add","path":', path, b',"value":', addition.value, b"}"))


def _once(additions: Iterable[Addition]) -> list[Addition]:
    """Several losses may share one remedy: the container that held them all."""
    seen = set()
    kept = []
    for addition in additions:
        if addition.path[-1] == APPEND or addition.path not in seen:
            seen.add(addition.path)
            kept.append(addition)
    return kept


def _with_labels_container(additions: Iterable[Addition], new: KubernetesObject) -> Iterable[Addition]:
    """Where the new object has no labels at all, one addition makes them, with only what has to come back."""
    if jsontext.is_object(new.metadata.labels):
        return additions
    additions = list(additions)
    labels = {addition.path[-1]: addition.value for addition in additions if addition.path[:2] == _LABELS}
    if not labels:
        return additions
    others = [addition for addition in additions if addition.path[:2] != _LABELS]
    return [*others, Addition(_LABELS, Raw(msgspec.json.encode(labels)))]
