"""The bytes of a rule set: which files belong to it, and one reading of all of them that was not taken mid-swap."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.rules.mistakes import Mistake

MAX_FILE_BYTES: Final = 1024 * 1024
"""What a ConfigMap can hold in all, so no file mounted from one is larger."""

READINGS: Final = 6
"""How often a set may differ from the reading before. The kubelet swaps a ConfigMap about once a minute and one reading
takes milliseconds: two swaps in a row are already unheard of."""

UNSETTLED: Final = "unsettled"
"""Stands where the digest would be when no two readings were alike."""

_SUFFIXES: Final = (".yaml", ".yml", ".json")
_NOT_RULES: Final = ("kustomization.yaml", "kustomization.yml")
_OPEN_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe without a writer must not hold us up


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One file as it was read: its bytes, or why there are none."""

    path: Path
    content: bytes = b""
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """One reading of a whole set. Equal digests mean equal names, equal bytes and equal failures to read."""

    files: tuple[RuleFile, ...]
    digest: str


def read_settled(paths: Sequence[Path]) -> Contents:
    """Read the set until two readings in a row agree.

    A ConfigMap changes by one atomic symlink swap, but its files are opened one by one: a reading taken across the swap
    is a mix of two sets, and the next reading differs from it. After ``READINGS`` different ones the result holds no
    file but the complaint.
    """
    before = read(paths)
    for _ in range(READINGS):
        after = read(paths)
        if after.digest == before.digest:
            return after
        before = after
    why = f"the files changed during each of {READINGS} readings; write the set elsewhere and rename it into place"
    first = paths[0] if paths else Path()
    return Contents((RuleFile(first, unreadable=why),), UNSETTLED)


def read(paths: Sequence[Path]) -> Contents:
    """Read every file of the set once."""
    files = tuple(_files(paths))
    digest = hashlib.sha256()
    for file in files:
        for part in (os.fsencode(file.path), file.content, file.unreadable.encode()):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return Contents(files, digest.hexdigest())


def mistake(file: RuleFile) -> Mistake:
    """The complaint about a file that could not be read."""
    return Mistake(str(file.path), 1, "", file.unreadable)


def _files(paths: Sequence[Path]) -> Iterator[RuleFile]:
    """The files the paths stand for, each once: a path may be given twice, or lie within another."""
    seen: set[str] = set()
    for path in paths:
        found = _walk(path, set()) if path.is_dir() else iter([_read_file(path)])
        for file in found:
            name = os.path.abspath(file.path)  # noqa: PTH100 - Path.resolve follows links, which a swap moves
            if name not in seen:
                seen.add(name)
                yield file


def _walk(directory: Path, above: set[str]) -> Iterator[RuleFile]:
    """Every rule file below a directory, in order of name.

    Names with a leading dot are left out: a mounted ConfigMap keeps its ``..data`` machinery there and shows each file,
    and each folder, as a link into it. Links are followed, but not in circles.
    """
    real = os.path.realpath(directory)
    if real in above:
        return
    try:
        entries = sorted(directory.iterdir())
    except OSError as error:
        yield RuleFile(directory, unreadable=f"cannot be listed: {_reason(error)}")
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, above | {real})
        elif entry.name.endswith(_SUFFIXES) and entry.name not in _NOT_RULES:
            yield _read_file(entry)


def _read_file(path: Path) -> RuleFile:
    try:
        with open(path, "rb", opener=lambda name, _: os.open(name, _OPEN_FLAGS)) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                return RuleFile(path, unreadable="is no regular file; name a file or a directory")
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        return RuleFile(path, unreadable=f"cannot be read: {_reason(error)}")
    if len(content) > MAX_FILE_BYTES:
        return RuleFile(path, unreadable=f"is larger than {MAX_FILE_BYTES} bytes; split it into several files")
    return RuleFile(path, content)


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
