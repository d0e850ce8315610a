"""A process that takes installs on, sends and ends them as fast as its journal can, and says what is on the disk."""

import asyncio
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from app.core.gate.installation_call import Action
from app.gate.journal import Accepted, Ended
from app.gate.progress import Answered, ChartProgress
from app.roles.journal import open_journal
from app.roles.journal_lines import Keeping

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEEPING = Keeping(86_400.0, 20)
LEAST = 4000
"""Bytes: so few that the file is written anew all the time."""


def line(identity: str) -> Accepted:
    """An install that is taken on."""
    charts = (ChartProgress("harvester", "1.8.1", "harvester"),)
    return Accepted(identity, "local", "harvester", Action.INSTALL, "ns", charts, "u-ann", NOW, NOW)


def say(what: str, number: int) -> None:
    """A line, at once."""
    sys.stdout.write(f"{what} {number}\n")
    sys.stdout.flush()


async def main(path: Path) -> None:
    """Every tenth install goes on for ever, half of those are being sent; the others end."""
    journal, _ = open_journal(path, NOW, KEEPING, LEAST)
    for number in count():
        await journal.accepted(line(str(number)))
        if number % 10:
            await journal.ended(Ended(str(number), NOW, Answered(201)))
            continue
        say("held", number)
        if number % 20:
            await journal.sending(str(number))
            say("sent", number)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
