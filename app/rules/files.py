"""The bytes of a rule set: which files belong to it, and one reading of all of them that was not taken mid-swap."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

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


Stamp: TypeAlias = tuple[int, int, int, int]
"""Which file was opened, and its state: device, inode, and the times of its last changes in nanoseconds."""


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One file as it was read: its bytes, or why there are none."""

    path: Path
    content: bytes = b""
    unreadable: str = ""
    stamp: Stamp | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """One reading of a whole set. Equal digests mean equal names, equal bytes and equal failures to read."""

    files: tuple[RuleFile, ...]
    digest: str


def read_settled(paths: Sequence[Path]) -> Contents:
    """Read the set until two readings in a row opened the same files in the same state.

    A ConfigMap changes by one atomic symlink swap, but its files are opened one by one, so a reading may be a mix of
    two sets. No swap brings back the very files of an earlier one. Hence if every file was the same in both readings,
    none was swapped from its first opening to its second, and all of these spans share the moment between the readings.
    Equal bytes would not do: sets that take turns can give the same mix twice. After ``READINGS`` different ones the
    result holds no file but the complaint.
    """
    before = read(paths)
    for _ in range(READINGS):
        after = read(paths)
        if after == before:
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
        found = _walk(path, set()) if _is_directory(path) else iter([_read_file(path)])
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
        if _is_directory(entry):
            yield from _walk(entry, above | {real})
        elif entry.name.endswith(_SUFFIXES) and entry.name not in _NOT_RULES:
            yield _read_file(entry)


def _is_directory(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises where a folder above may not be searched


def _read_file(path: Path) -> RuleFile:
    try:
        with open(path, "rb", opener=lambda name, _: os.open(name, _OPEN_FLAGS)) as stream:
            state = os.fstat(stream.fileno())
            if not stat.S_ISREG(state.st_mode):
                return RuleFile(path, unreadable="is no regular file; name a file or a directory")
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        return RuleFile(path, unreadable=f"cannot be read: {_reason(error)}")
    if len(content) > MAX_FILE_BYTES:
        return RuleFile(path, unreadable=f"is larger than {MAX_FILE_BYTES} bytes; split it into several files")
    stamp = (state.st_dev, state.st_ino, state.st_mtime_ns, state.st_ctime_ns)
    return RuleFile(path, content, stamp=stamp)


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
