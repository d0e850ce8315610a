"""The course of a restore: what would change, whether the API server takes it, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import Raw

from app.cluster.histories import Archive, Past
from app.core import patch, pointer
from app.core.history import difference
from app.core.history.difference import Change
from app.core.pointer import Tokens
from app.core.printing import printable
from app.keeper.port import ChangedError, KeeperError, Kept

EXIT_UNRECORDED: Final = 3
"""Restored, and nobody can see by whom and why."""

_EVERYTHING: Final[tuple[Tokens, ...]] = ((),)
_MOST_PATHS: Final = 8
_LONGEST_PATH: Final = 100
_LONGEST: Final = 1000
"""Characters of an Event's message; 1024 are taken."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person wants.

    Attributes:
        revision: its number; ``None`` for the newest.
        only: patterns relative to ``/status``; none for everything.
        uid: of an earlier object; empty for the one that is there.
        dry_run: nothing is to be stored.
    """

    revision: int | None
    only: tuple[Tokens, ...]
    uid: str
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done.

    Attributes:
        choice: what is wanted.
        kept: the revision.
        status: what it holds.
        changes: what the object lacks of it.
        before: what the object as it is is called.
        after: what the revision is called.
    """

    choice: Choice
    kept: Kept
    status: Raw = field(repr=False)
    changes: tuple[Change, ...]
    before: str
    after: str

    def lacks(self, status: Raw) -> list[Change]:
        """What a status lacks of what is wanted."""
        return difference.gains(status, self.status, self.choice.only or _EVERYTHING)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it.

    Attributes:
        object: which.
        revision: the revision's number.
        stored: whether anything was written.
        dry_run: whether it was only tried.
        changes: what changed, or would have.
        words: for people.
        warning: what they should know beside; empty for nothing.
        code: for the command to end with.
    """

    object: str
    revision: int
    stored: bool
    dry_run: bool
    changes: tuple[Change, ...] = field(repr=False)
    words: str
    warning: str = ""
    code: int = 0

    def plain(self) -> dict[str, Any]:
        """For programs, without the changes."""
        return {
            "object": self.object,
            "revision": self.revision,
            "restored": self.stored,
            "dryRun": self.dry_run,
            "message": self.words,
        }


async def plan(archive: Archive, past: Past, choice: Choice) -> Plan:
    """Find the revision and what the object lacks of it.

    Raises:
        KeeperError: there is no such object, revision or place.
    """
    now, kept = past.present(), past.revision(choice.revision, choice.uid)
    status = await archive.recall(kept)
    for pattern in choice.only:
        if not difference.names(status, pattern):
            raise KeeperError(f"revision {kept.revision} has nothing at --only {pointer.render(pattern)}")
    found = difference.gains(now.content.status, status, choice.only or _EVERYTHING)
    after = f"revision {kept.revision}, kept {kept.kept_at.isoformat()}; what it has not stays"
    return Plan(choice, kept, status, tuple(found), f"as it is (resourceVersion {now.resource_version})", after)


async def carry_out(archive: Archive, past: Past, planned: Plan, reason: str) -> Outcome:
    """Do it, or in a dry run let the API server try it.

    Raises:
        KeeperError: nothing was written, or nobody knows.
    """
    if not planned.changes:
        return _outcome(past, planned, f"{past} has all of it already: nothing to do.")
    operations = patch.text(difference.additions(planned.changes), past.present().content)
    dry_run = planned.choice.dry_run
    try:
        written = await archive.restore(past, operations, dry_run=dry_run)
    except ChangedError:
        raise KeeperError(
            f"{past} was changed while you looked at it, and nothing was written: run this again to see it as it is now"
        ) from None
    warning = _not_taken(planned.lacks(written.content.status))
    if dry_run:
        return _outcome(past, planned, f"{past}: the API server would take it; nothing was stored.", warning)
    words, code = f"{past}: restored from revision {planned.kept.revision}.", 0
    try:
        await archive.record(past.kind, written, _message(planned, reason, await archive.user()))
    except KeeperError as error:
        warning, code = f"{warning}restored, but that could not be recorded: {error}", EXIT_UNRECORDED
    return _outcome(past, planned, words, warning, code)


def _outcome(past: Past, planned: Plan, words: str, warning: str = "", code: int = 0) -> Outcome:
    dry_run = planned.choice.dry_run
    stored = bool(planned.changes) and not dry_run
    return Outcome(str(past), planned.kept.revision, stored, dry_run, planned.changes, words, warning, code)


def _not_taken(missing: list[Change]) -> str:
    """The API server may drop what its schema does not know, and a webhook may see things differently."""
    if not missing:
        return ""
    return f"the API server, or a webhook, did not leave it at that: {_listed(missing)} differ from the revision. "


def _message(planned: Plan, reason: str, user: str) -> str:
    by = f" by {user}" if user else ""
    source = f"revision {planned.kept.revision}" + (f" of uid {planned.kept.uid}" if planned.choice.uid else "")
    return printable(f"Restored from {source}{by}: {reason}. What came back: {_listed(planned.changes)}", _LONGEST)


def _listed(changes: Sequence[Change]) -> str:
    paths = [printable(pointer.render(change.path), _LONGEST_PATH) for change in changes]
    more = f" and {len(paths) - _MOST_PATHS} more" if len(paths) > _MOST_PATHS else ""
    return ", ".join(paths[:_MOST_PATHS]) + more
