"""How revisions and differences are shown: for people, and as plain values for programs."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import Any, Final

from msgspec import Raw
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.cluster.histories import Past
from app.core import pointer
from app.core.history.difference import Change, Sort
from app.core.jsontext import ABSENT
from app.core.printing import printable
from app.keeper.port import Kept

_COLOURS: Final = {Sort.ADDED: "green", Sort.CHANGED: "yellow", Sort.REMOVED: "red"}
_LONGEST: Final = 2000
"""Characters of one value: more is read with -o json."""
_NARROWEST: Final = 160
"""Columns; a uid cut in two cannot be copied, and a terminal wraps by itself."""

Row = tuple[Kept, Counter[Sort] | None]
"""A revision, and how many places of each sort are unlike the one before it."""


def rows(found: Iterable[Row], past: Past) -> Iterator[dict[str, Any]]:
    """Revisions as plain values."""
    for kept, counted in found:
        yield {
            "revision": kept.revision,
            "keptAt": kept.kept_at.isoformat(),
            "uid": kept.uid,
            "current": past.now is not None and kept.uid == past.now.uid,
            "controllerRevision": f"{kept.namespace}/{kept.name}",
            "digest": kept.digest,
            "changes": None if counted is None else {sort.value: counted[sort] for sort in Sort},
        }


def table(found: Sequence[Row], past: Past) -> str:
    """Revisions for people, the newest last."""
    made = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="")
    for name in ("REVISION", "KEPT", "CHANGES", "OBJECT"):
        made.add_column(name, no_wrap=True)
    for kept, counted in found:
        mine = past.now is not None and kept.uid == past.now.uid
        said = "" if counted is None else ", ".join(f"{counted[sort]} {sort}" for sort in Sort if counted[sort])
        owner = Text("this one", "green") if mine else Text(f"earlier: --from-uid {printable(kept.uid, 64)}", "yellow")
        made.add_row(str(kept.revision), kept.kept_at.strftime("%Y-%m-%d %H:%M:%S %Z"), said or "-", owner)
    return _shown([made])


def values(found: Iterable[Change]) -> list[dict[str, Any]]:
    """Differences as plain values; ``null`` where there is nothing."""
    return [
        {
            "path": pointer.render(change.path),
            "change": change.sort.value,
            "before": _value(change.before),
            "after": _value(change.after),
        }
        for change in found
    ]


def difference(found: Iterable[Change], before: str, after: str) -> str:
    """Differences for people: what each line's beginning says, its colour says too."""
    return _shown(_lines(found, before, after))


def _lines(found: Iterable[Change], before: str, after: str) -> Iterator[Text]:
    yield Text(f"--- {before}", "bold")
    yield Text(f"+++ {after}", "bold")
    for change in found:
        path = pointer.render(change.path)
        colour = _COLOURS[change.sort]
        if change.before != ABSENT:
            yield Text(f"- {_line(path, change.before)}", "red" if change.sort is Sort.CHANGED else colour)
        if change.after != ABSENT:
            yield Text(f"+ {_line(path, change.after)}", "green" if change.sort is Sort.CHANGED else colour)


def _line(path: str, value: Raw) -> str:
    return printable(f"{path}: {bytes(value).decode()}", _LONGEST)


def _value(raw: Raw) -> Any:  # noqa: ANN401 - whatever JSON says
    return None if raw == ABSENT else json.loads(bytes(raw))


def _shown(parts: Iterable[Table | Text]) -> str:
    """Coloured where standard output is a terminal and NO_COLOR does not say otherwise."""
    terminal = Console()
    shown = Console(
        file=StringIO(),
        force_terminal=terminal.is_terminal,
        no_color=terminal.no_color,
        width=max(terminal.width, _NARROWEST),
        highlight=False,
    )
    for part in parts:
        shown.print(part, soft_wrap=isinstance(part, Text))
    assert isinstance(shown.file, StringIO)
    return "".join(f"{line.rstrip()}\n" for line in shown.file.getvalue().splitlines())
