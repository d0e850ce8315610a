"""What a check says."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from msgspec import Struct


class Check(StrEnum):
    """The checks, in the order in which they are shown; docs/doctor.md has a section for each."""

    REGISTERED = "registered"
    IN_STEP = "in-step"
    CONDITIONS = "match-conditions"
    REACHABLE = "reachable"
    TRUST = "trust"
    EXPIRY = "expiry"
    LOSS = "dry-run-loss"
    SUBRESOURCE = "subresource"
    ORDER = "order"
    KEEPER = "keeper"
    NATIVE = "native"


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_EXIT_CODES: Final = {Level.OK: 0, Level.INFO: 0, Level.WARNING: 1, Level.ERROR: 2}


class Finding(Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        check: which check.
        level: how bad it is.
        subject: what it is about: a guard, a configuration, an address.
        what: what was found.
        why: why it matters; empty where all is well.
        mend: the command that mends it, or shows what is needed to; empty where there is nothing to do.
    """

    check: Check
    level: Level
    subject: str
    what: str
    why: str = ""
    mend: str = ""


def exit_code(findings: Iterable[Finding]) -> int:
    """The exit code of the worst finding."""
    return max((_EXIT_CODES[finding.level] for finding in findings), default=0)
