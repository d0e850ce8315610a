"""A set of files to a rule set, or to one report of every mistake in any of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.core.guard import Guards, Target
from app.rules import files
from app.rules.checking import check, name_of, target_of
from app.rules.files import Contents
from app.rules.mistakes import Mistake, RulesError
from app.rules.yamltext import Document, documents


@dataclass(frozen=True, slots=True)
class Place:
    """Where a guard's document begins."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All guards of one set of files, as they were at one moment."""

    guards: Guards
    digest: str
    """SHA-256, in hex, over names and contents of the files."""
    files: tuple[Path, ...]
    places: Mapping[str, Place]
    """By the guard's name."""

    @property
    def count(self) -> int:
        """How many guards there are."""
        return len(self.guards)


def load(paths: Sequence[Path]) -> RuleSet:
    """Read the rule documents of files and directories.

    A directory stands for every ``*.yaml``, ``*.yml`` and ``*.json`` in it and below, without names that begin with a
    dot and without ``kustomization.yaml``.

    Raises:
        RulesError: with every mistake of every file.
    """
    return build(files.read_settled(paths))


def build(contents: Contents) -> RuleSet:
    """The rule set of contents already read.

    Raises:
        RulesError: with every mistake of every file.
    """
    mistakes = [files.mistake(file) for file in contents.files if file.unreadable]
    found = [
        document
        for file in contents.files
        if not file.unreadable
        for document in documents(str(file.path), file.content)
    ]
    guards = [(guard, document) for document in found if (guard := check(document))]
    mistakes += (mistake for document in found for mistake in document.mistakes)
    mistakes += _same_names(found)
    mistakes += _same_targets(found)
    if not guards and not mistakes:
        mistakes.append(_nothing(contents))
    if mistakes:
        raise RulesError(mistakes)
    return RuleSet(
        guards=Guards(guard for guard, _ in guards),
        digest=contents.digest,
        files=tuple(file.path for file in contents.files),
        places={guard.name: _place(document) for guard, document in guards},
    )


def _nothing(contents: Contents) -> Mistake:
    if not contents.files:
        return Mistake(".", 1, "", "there is no rule file (*.yaml, *.yml, *.json) under the paths given")
    return Mistake(
        str(contents.files[0].path), 1, "", "there is no StatusGuard document in this file or any other given"
    )


def _same_names(found: Iterable[Document]) -> Iterator[Mistake]:
    first: dict[str, Document] = {}
    for document in found:
        name = name_of(document)
        if name is not None and (other := first.setdefault(name, document)) is not document:
            message = f"{name!r} is the name of the guard at {_place(other)} already; names tell guards apart"
            yield _mistake(document, "metadata.name", message)


def _same_targets(found: Iterable[Document]) -> Iterator[Mistake]:
    by_kind: dict[tuple[str, str, bool], list[tuple[Target, Document]]] = {}
    for document in found:
        target = target_of(document)
        if target is None:
            continue
        kind = by_kind.setdefault((target.group, target.resource, target.status_subresource), [])
        other = next((place for known, place in kind if target.overlaps(known)), None)
        if other is not None:
            message = f"is guarded by the document at {_place(other)} already; make one of the two"
            yield _mistake(document, "spec.target", message)
        kind.append((target, document))


def _mistake(document: Document, path: str, message: str) -> Mistake:
    line = document.lines[tuple(path.split("."))]
    return Mistake(document.file, line, path, message)


def _place(document: Document) -> Place:
    return Place(document.file, document.line)
