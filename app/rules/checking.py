"""One document to one guard, or to everything that is wrong with it."""

import json
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Final, TypeVar

from msgspec import Raw
from pydantic import BaseModel, ValidationError

from app.core import duration, guard, pointer
from app.rules.complaints import complaints
from app.rules.documents import FinalPart, KeeperPart, Metadata, ProtectPart, Spec, StatusGuard, TargetPart, WritersPart
from app.rules.mistakes import Location
from app.rules.yamltext import Document

Part = TypeVar("Part", bound=BaseModel)

_FREE_FORM: Final = ("spec", "emptyStatus")
"""Below this entry anything goes that is JSON."""


def check(document: Document) -> guard.Guard | None:
    """The guard the document stands for; ``None`` if there are mistakes, which are then in the document."""
    if not isinstance(document.value, dict):
        if not document.mistakes:
            document.complain((), "has to be a mapping with apiVersion, kind, metadata and spec")
        return None
    found = [(at, message) for at, message in _structure(document.value) if not _within(at, document.holes)]
    known = {location for location, _ in found} | document.holes
    model = None
    try:
        model = StatusGuard.model_validate(document.value)
    except ValidationError as error:
        found += ((at, message) for at, message in complaints(error) if not _within(at, known))
    foreign = [(at, message) for at, message in found if at in {("apiVersion",), ("kind",)}]
    for location, message in foreign or found:  # of another kind of document, the rest would be noise
        document.complain(location, message)
    return None if document.mistakes or model is None else _guard(model)


def name_of(document: Document) -> str | None:
    """The document's name, if that part of it is in order."""
    metadata = _part(document, Metadata, "metadata")
    return metadata.name if metadata else None


def target_of(document: Document) -> guard.Target | None:
    """The document's target, if that part of it is in order."""
    target = _part(document, TargetPart, "spec", "target")
    return _target(target) if target else None


def _part(document: Document, model: type[Part], *path: str) -> Part | None:
    value = document.value
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    try:
        return model.model_validate(value)
    except ValidationError:
        return None


def _within(location: Location, known: set[Location]) -> bool:
    """Whether the location, or something around it, has its complaint already."""
    return any(location[:length] in known for length in range(len(location) + 1))


def _structure(value: Any, at: Location = ()) -> Iterator[tuple[Location, str]]:  # noqa: ANN401 - a YAML value
    """What is wrong whatever the key: keys without a value, and lists that say something twice."""
    if value is None:
        yield at, "has no value; give it one or leave the key out"
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _structure(member, (*at, key))
    elif isinstance(value, list):
        first: dict[str, int] = {}
        for index, item in enumerate(value):
            earlier = first.setdefault(_canonical(item), index)
            if item is not None and earlier != index:
                yield (*at, index), f"is in the list already, as entry [{earlier}]"
            elif at != _FREE_FORM:
                yield from _structure(item, (*at, index))


def _canonical(item: Any) -> str:  # noqa: ANN401 - a YAML value
    """Equal for entries that mean the same; ``/name`` and ``name`` are one path."""
    return json.dumps(item.removeprefix("/") or item if isinstance(item, str) else item, sort_keys=True)


def _guard(document: StatusGuard) -> guard.Guard:
    spec = document.spec
    return guard.Guard(
        name=document.metadata.name,
        target=_target(spec.target),
        mode=spec.mode,
        writers=_writers(spec.writers),
        protect=_protect(spec.protect),
        empty_status=_empty_status(spec),
        final=tuple(map(_final, spec.final)),
        when_spec_also_changes=spec.when_spec_also_changes,
        override_max_duration=duration.parse(spec.override.max_duration) if spec.override else None,
        keeper=_keeper(spec.keeper),
    )


def _target(part: TargetPart) -> guard.Target:
    return guard.Target(part.group, frozenset(part.versions), part.resource, part.status_subresource)


def _writers(part: WritersPart) -> guard.Writers:
    accounts = (account.replace("/", ":") for account in part.service_accounts)
    usernames = frozenset(part.users) | {f"system:serviceaccount:{account}" for account in accounts}
    return guard.Writers(usernames, frozenset(part.groups))


def _protect(part: ProtectPart) -> guard.Protect:
    return guard.Protect(
        fields=_tokens(part.fields),
        maps=_tokens(part.maps),
        lists=tuple(guard.ProtectedList(pointer.parse(entry.path), entry.key) for entry in part.lists),
        labels=part.labels,
        finalizers=part.finalizers,
        owner_references=part.owner_references,
    )


def _empty_status(spec: Spec) -> tuple[Raw, ...]:
    return tuple(Raw(json.dumps(status).encode()) for status in spec.empty_status)


def _final(part: FinalPart) -> guard.Final:
    return guard.Final(
        when_labels=MappingProxyType({key: frozenset(values) for key, values in part.when.labels.items()}),
        keep_labels=part.keep.labels,
        keep_conditions=MappingProxyType(dict(part.keep.conditions)),
    )


def _keeper(part: KeeperPart) -> guard.KeeperRules:
    return guard.KeeperRules(
        revisions=part.revisions,
        ignore=_tokens(part.ignore),
        min_interval=duration.parse(part.min_interval),
        never_removed=_tokens(part.never_removed),
        on_loss=part.on_loss,
    )


def _tokens(paths: tuple[str, ...]) -> tuple[pointer.Tokens, ...]:
    return tuple(map(pointer.parse, paths))
