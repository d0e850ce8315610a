"""What ``scan --write-rules`` writes: a file a kind, whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.core.exposure.draft import document

if TYPE_CHECKING:
    from app.core.exposure.findings import Findings

_MODE: Final = 0o644
"""Rules are no secret, and a file made by mkstemp is its owner's alone."""


def write(found: "Findings", directory: Path, *, force: bool) -> Iterator[str]:
    """Write a document for each kind that is exposed and unguarded, and say of each what became of it.

    Args:
        found: the scan.
        directory: is made where it is not there.
        force: replace a file that is there.

    Raises:
        OSError: a file cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    guarded = [row for row in found.rows if row.exposed and row.guards]
    for row in found.rows:
        if not row.unguarded:
            continue
        path = directory / f"{row.kind.definition.name}.yaml"
        if row.seen is None:
            yield f"Left out {path}: its objects could not be looked at, and a guess without them says little."
        elif _store(path, document(row.kind, row.seen), force=force):
            yield f"Wrote {path}."
        else:
            yield f"Kept {path}, which was there; --force replaces it."
    if guarded:
        names = ", ".join(row.kind.definition.name for row in guarded)
        yield f"Nothing written for what is guarded already: {names}."


def _store(path: Path, text: str, *, force: bool) -> bool:
    """Put the whole file in its place, at once; False where one is there that may not be replaced."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(_MODE)
        if force:
            Path(name).replace(path)
            return True
        os.link(name, path)  # unlike a rename, refuses where there is a file
    except FileExistsError:
        return False
    finally:
        Path(name).unlink(missing_ok=True)
    return True
