"""What pydantic finds wrong with a document, in words that say what to write instead."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final, TypeAlias, get_args

from pydantic import BaseModel, ValidationError

from app.rules.documents import StatusGuard
from app.rules.mistakes import Location, quote

Path: TypeAlias = tuple[str, ...]
"""A location without its list indices."""

_WORDS: Final[Mapping[str, str]] = {
    "string_type": "has to be text, not {value}; put it in quotes",
    "string_unicode": "has characters that are no valid Unicode",
    "bool_type": "has to be true or false, without quotes, not {value}",
    "int_type": "has to be a whole number, without quotes, not {value}",
    "tuple_type": "has to be a list, not {value}",
    "dict_type": "has to be a mapping (key: value), not {value}",
    "model_type": "has to be a mapping (key: value), not {value}",
    "enum": "has to be {expected}, not {value}",
    "literal_error": "has to be {expected}{quotes}, not {value}",
    "greater_than_equal": "has to be at least {ge}, not {value}",
    "less_than_equal": "has to be at most {le}, not {value}",
    "form": "{why}",
}
"""By pydantic's error type; a test holds that the models can produce no other."""

_DURATIONS: Final = {("spec", "override", "maxDuration"), ("spec", "keeper", "minInterval")}

_MISSING: Final[Mapping[Path, str]] = {
    ("spec", "target", "statusSubresource"): (
        "is missing; write true if the CRD has 'subresources: {status: {}}' for this version, else false"
    ),
    ("spec", "target", "resource"): "is missing; write the lower-case plural, as in 'kubectl api-resources'",
    ("spec", "target", "group"): "is missing; write the API group, like harvesterhci.io",
    ("spec", "target"): "is missing; it names the kind to guard: group, resource, statusSubresource",
    ("spec", "protect", "lists", "key"): "is missing; write the key that tells items apart, like type",
}


def complaints(error: ValidationError, at: Location = ()) -> Iterator[tuple[Location, str]]:
    """Each finding: where it is and what to say about it."""
    for detail in error.errors(include_url=False):
        location = (*at, *detail["loc"])
        if location[-1:] == ("[key]",):  # how pydantic marks that a key of a mapping is meant, not its value
            location = location[:-1]
        yield location, _words(location, detail["type"], detail["input"], detail.get("ctx", {}))


def _words(location: Location, kind: str, value: object, context: Mapping[str, Any]) -> str:
    path = tuple(part for part in location if isinstance(part, str))
    if kind == "missing":
        return _MISSING.get(path, "is missing")
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "string_type" and path in _DURATIONS:
        return f"has to be a duration like 30s, 10m or 1h30m, not {quote(value)}"
    quotes = ", in quotes" if kind == "literal_error" and isinstance(value, bool) else ""
    return _WORDS[kind].format_map({"value": quote(value), "quotes": quotes, **context})


def _unknown_key(path: Path) -> str:
    known = _KNOWN_KEYS[path[:-1]]
    if similar := get_close_matches(path[-1], known, n=1):
        return f"is no key of a StatusGuard; did you mean {similar[0]}?"
    return f"is no key of a StatusGuard; known here: {', '.join(known)}"


def _known_keys(model: type[BaseModel], at: Path = ()) -> Iterator[tuple[Path, list[str]]]:
    """The keys of a model and of every model below it."""
    keys = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    yield at, list(keys)
    for key, annotation in keys.items():
        for below in _models(annotation):
            yield from _known_keys(below, (*at, key))


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


_KNOWN_KEYS: Final[Mapping[Path, list[str]]] = dict(_known_keys(StatusGuard))
