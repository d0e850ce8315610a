"""Keeps a rule set current: reads again when asked, takes a new set whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.rules import files
from app.rules.loading import RuleSet, build, load
from app.rules.mistakes import RulesError


class Outcome(StrEnum):
    """What one look at the files came to."""

    UNCHANGED = "unchanged"
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Reload:
    """The answer of one look; ``error`` is there when a new set was refused."""

    outcome: Outcome
    error: RulesError | None = None


class RuleSource:
    """The rules of some paths, at the last good state of these.

    Any thread may read the properties; only one at a time may call ``reload_if_changed``. Nothing here logs or waits.

    Raises:
        RulesError: by the constructor, if there is no good set to begin with.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self._current = load(self._paths)
        self._generation = 1
        self._failures = 0
        self._refused: str | None = None
        self._last_error: RulesError | None = None

    @property
    def current(self) -> RuleSet:
        """The last good set."""
        return self._current

    @property
    def generation(self) -> int:
        """How many sets were accepted, the first one included."""
        return self._generation

    @property
    def failures(self) -> int:
        """How many sets were refused; the same bad content in a row counts once."""
        return self._failures

    @property
    def last_error(self) -> RulesError | None:
        """Why the files as they are now cannot be used; ``None`` while ``current`` is what the files say."""
        return self._last_error

    def reload_if_changed(self) -> Reload:
        """Look at the files; by content, so that a touched file is no change. Blocks on the disk, never raises."""
        contents = files.read_settled(self._paths)
        if contents.digest == self._current.digest:
            self._refused = self._last_error = None
            return Reload(Outcome.UNCHANGED)
        if contents.digest == self._refused:
            return Reload(Outcome.UNCHANGED)
        try:
            self._current = build(contents)
        except RulesError as error:
            self._refused, self._last_error = contents.digest, error
            self._failures += 1
            return Reload(Outcome.REFUSED, error)
        self._refused = self._last_error = None
        self._generation += 1
        return Reload(Outcome.ACCEPTED)
