"""YAML text to plain documents that still know their lines.

Built from the parser's events rather than by ``yaml.load``: it keeps the line of every value, sees duplicate keys, and
leaves out what rule documents have no use for and attackers have (anchors and aliases that expand, tags, depth).
Scalars are read the way JSON would read them. What YAML 1.1 and 1.2 read differently (``yes``, ``0777``, dates) has to
be quoted, so that a document cannot mean one thing here and another to the next tool.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import yaml

from app.rules.mistakes import Location, Mistake, render
from app.rules.scalars import AmbiguousScalarError, plain_value

MAX_DEPTH: Final = 64
"""Levels of nesting. A StatusGuard needs 7; the rest is for ``emptyStatus``. Kubernetes schemas stay far below."""

_Loader: TypeAlias = type[yaml.SafeLoader] | type[yaml.CSafeLoader]

LOADER: Final[_Loader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser where PyYAML was built with it: ten times faster, the same events."""

_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML does not allow in a stream. Found here, because the parser reports no line for it."""


@dataclass(slots=True)
class Document:
    """One document of a file."""

    file: str
    line: int
    value: Any = None
    lines: dict[Location, int] = field(default_factory=dict)
    """Where each value begins; for a member of a mapping, where its key stands."""
    holes: set[Location] = field(default_factory=set)
    """Where something was refused already and stands in as ``None`` or as text: no further complaint about these."""
    mistakes: list[Mistake] = field(default_factory=list)

    def complain(self, location: Location, message: str, line: int | None = None) -> None:
        """Add a mistake; without a line, on that of the location or of the nearest value around it."""
        if line is None:
            around = location
            while around and around not in self.lines:
                around = around[:-1]
            line = self.lines.get(around, self.line)
        self.mistakes.append(Mistake(self.file, line, render(location), message))


@dataclass(slots=True)
class _Open:
    """A container whose end has not come yet."""

    value: dict[str, Any] | list[Any]
    location: Location
    key: str | None = None
    lines: dict[str, int] = field(default_factory=dict)


class _UnreadableError(Exception):
    """Nothing after this line can be made sense of."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def documents(file: str, content: bytes, loader: _Loader = LOADER) -> Iterator[Document]:
    """The documents of a file, without the empty ones.

    A file that cannot be read to its end gives what came before, and then a document without a value that holds the
    mistake. Never raises.
    """
    try:
        for document in _parse(file, _text(content), loader):
            if document.value is not None or document.mistakes:
                yield document
    except _UnreadableError as error:
        yield _broken(file, error.line, str(error))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        yield _broken(file, mark.line + 1 if mark else 1, f"is not valid YAML: {error.problem or error.context}")
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the parser in Python lets the last two through
        yield _broken(file, 1, f"is not valid YAML: {type(error).__name__}")


def _broken(file: str, line: int, message: str) -> Document:
    return Document(file, line, mistakes=[Mistake(file, line, "", message)])


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _UnreadableError(line, "is not UTF-8 text; save the file as UTF-8") from None
    if found := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise _UnreadableError(line, f"has the character U+{ord(found[0]):04X}, which YAML does not allow")
    return text


def _parse(file: str, text: str, loader: _Loader) -> Iterator[Document]:
    builder = _Builder(Document(file, 1))
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.DocumentStartEvent):
            builder = _Builder(Document(file, _line(event)))
        elif isinstance(event, yaml.NodeEvent):
            builder.node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            builder.end()
        elif isinstance(event, yaml.DocumentEndEvent):
            yield builder.document


class _Builder:
    """Puts one document together. A loop over events, so that no nesting reaches Python's stack."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._open: list[_Open] = []

    def node(self, event: yaml.NodeEvent) -> None:
        """A key, a scalar or the beginning of a container."""
        line = _line(event)
        top = self._open[-1] if self._open else None
        if top and isinstance(top.value, dict) and top.key is None:
            self._key(event, line, top, top.value)
            return
        location = self._place(top)
        self.document.lines.setdefault(location, line)
        if not location:
            self.document.line = line
        self._refuse_extras(event, location)
        if isinstance(event, yaml.CollectionStartEvent):
            self._begin([] if isinstance(event, yaml.SequenceStartEvent) else {}, location, line)
        elif isinstance(event, yaml.ScalarEvent):
            self._attach(self._scalar(event, location))
        else:
            self._attach(None)  # an alias

    def end(self) -> None:
        """The end of the innermost container."""
        self._open.pop()

    def _key(self, event: yaml.NodeEvent, line: int, top: _Open, mapping: dict[str, Any]) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            raise _UnreadableError(line, "has a key that is no text (a list, a mapping or an alias); write it out")
        top.key = event.value
        location = (*top.location, event.value)
        if event.value in mapping:
            message = f"the key stands here a second time; the first is on line {top.lines[event.value]}"
            self.document.complain(location, message, line)
        else:
            self.document.lines.setdefault(location, line)
            top.lines[event.value] = line
        self._refuse_extras(event, location)
        if not event.tag and not isinstance(_value(event), str):
            self._refuse(location, "is no text, as a key has to be; put it in quotes", line)

    def _place(self, top: _Open | None) -> Location:
        """Where the value that begins now stands."""
        if top is None:
            return ()
        if isinstance(top.value, list):
            return (*top.location, len(top.value))
        assert top.key is not None
        return (*top.location, top.key)

    def _refuse_extras(self, event: yaml.NodeEvent, location: Location) -> None:
        line = _line(event)
        if isinstance(event, yaml.AliasEvent):
            self._refuse(location, f"is an alias (*{event.anchor}); aliases are not supported, write it out", line)
        elif event.anchor is not None:
            self.document.complain(location, f"has an anchor (&{event.anchor}); anchors are not supported", line)
        if getattr(event, "tag", None) is not None:
            self._refuse(location, "has a YAML tag (!...); tags are not supported, to have text quote it", line)

    def _scalar(self, event: yaml.ScalarEvent, location: Location) -> Any:  # noqa: ANN401 - a YAML value
        if event.tag is not None:
            return None
        value = _value(event)
        if isinstance(value, AmbiguousScalarError):
            self._refuse(location, str(value), _line(event))
            return None
        return value

    def _begin(self, container: dict[str, Any] | list[Any], location: Location, line: int) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise _UnreadableError(line, f"is nested deeper than {MAX_DEPTH} levels")
        self._attach(container)
        self._open.append(_Open(container, location))

    def _attach(self, value: Any) -> None:  # noqa: ANN401 - a YAML value
        if not self._open:
            self.document.value = value
            return
        top = self._open[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        else:
            assert top.key is not None
            top.value.setdefault(top.key, value)  # of a key that stands twice the first one counts
            top.key = None

    def _refuse(self, location: Location, message: str, line: int) -> None:
        self.document.holes.add(location)
        self.document.complain(location, message, line)


def _value(event: yaml.ScalarEvent) -> Any:  # noqa: ANN401 - a YAML value
    """The scalar's value, or why it has none."""
    if not event.implicit[0]:
        return event.value
    try:
        return plain_value(event.value)
    except AmbiguousScalarError as error:
        return error


def _line(event: yaml.Event) -> int:
    """The line an event begins on; the stubs allow for none, the parsers always say."""
    return event.start_mark.line + 1 if event.start_mark else 1
