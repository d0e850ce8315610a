"""The patch's text."""

from msgspec import Raw

from app.core import patch
from app.core.losses import Addition
from app.core.review import KubernetesObject, ObjectMeta

LABELLED = KubernetesObject(metadata=ObjectMeta(labels=Raw(b"{}")))


def addition(path: str, value: bytes) -> Addition:
    """An addition at a path without escapes."""
    return Addition(tuple(path.split("/")[1:]), Raw(value))


def test_values_are_kept_as_they_are() -> None:
    """A value stands in the patch as the bytes it was given."""
    value = b'{ "b": 1e3,\n"a":"\\u0041\\/" }'
    assert (
        patch.text([addition("/status", value)], LABELLED) == b'[{"op":"add","path":"/status","value":' + value + b"}]"
    )


def test_paths_are_escaped() -> None:
    """Paths are escaped as JSON Pointers and then as JSON."""
    text = patch.text([Addition(("status", 'a/b~"\n'), Raw(b"1"))], LABELLED)
    assert text == b'[{"op":"add","path":"/status/a~1b~0\\"\\n","value":1}]'


def test_a_place_is_filled_once() -> None:
    """A container that restores several losses is added once; items of a list are added each."""
    container, item = addition("/status/a", b"{}"), addition("/status/l/-", b"1")
    text = patch.text([container, container, item, item], LABELLED)
    assert text.count(b'"/status/a"') == 1
    assert text.count(b'"/status/l/-"') == 2


def test_labels_are_made_where_there_are_none() -> None:
    """Without labels in the new object, one addition makes them, with each label in it."""
    added = [addition("/metadata/labels/b", b'"1"'), addition("/status", b"{}"), addition("/metadata/labels/a", b'"2"')]
    operations = b'[{"op":"add","path":"/status","value":{}},{"op":"add","path":"/metadata/labels","value":%b}]'
    assert patch.text(added, KubernetesObject()) == operations % b'{"b":"1","a":"2"}'


def test_no_labels_are_made_for_nothing() -> None:
    """Where no label has to come back, none are made."""
    assert patch.text([addition("/status", b"{}")], KubernetesObject()) == b'[{"op":"add","path":"/status","value":{}}]'
