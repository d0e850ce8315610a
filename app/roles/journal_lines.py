"""The lines of a journal's file: which of them are kept when it is written anew."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from msgspec import json

from app.gate.journal import Accepted, Ended, Line, Sending, ending, replayed
from app.gate.progress import Progress
from app.telemetry import log

_LINE: Final = json.Decoder(Line)


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept of a journal: all that has not ended, and the latest of what has.

    Attributes:
        seconds: after which an ended install is forgotten.
        records: installs, ended ones included.
    """

    seconds: float
    records: int


def encoded(line: Line) -> bytes:
    """A line as it stands in the file."""
    return json.encode(line) + b"\n"


def read(path: Path) -> list[Line]:
    """What can be read. A line that was torn when the machine stopped is no reason not to start."""
    found: list[Line] = []
    for number, text in enumerate(path.read_bytes().splitlines(), 1):
        try:
            if text:
                found.append(_LINE.decode(text))
        except msgspec.MsgspecError:
            log.warning("a line of the journal cannot be read, and is left out", file=str(path), line=number)
    return found


def needed(lines: list[Line], now: datetime, keeping: Keeping) -> list[Line]:
    """The fewest lines that tell the same of all that is kept, whatever has not ended first of all.

    The installs are in the order in which they were accepted.
    """
    accepted = {line.id: line for line in lines if isinstance(line, Accepted)}
    ended = {line.id: line for line in lines if isinstance(line, Ended) and line.id in accepted}
    kept = _latest(ended, now, keeping, len(accepted) - len(ended))
    sent: set[str] = set()
    for line in lines:
        if not isinstance(line, Accepted | Ended):
            (sent.add if isinstance(line, Sending) else sent.discard)(line.id)
    found: list[Line] = []
    for identity, line in accepted.items():
        if identity in kept:
            found += [line, ended[identity]]
        elif identity not in ended:
            found += [line, *([Sending(identity)] if identity in sent else [])]
    return found


def interrupted(
    lines: list[Line], now: datetime, keeping: Keeping
) -> tuple[list[tuple[Progress, datetime]], list[Line]]:
    """After a restart: how each install that is kept has ended, and when, and the lines that say so."""
    past = [(progress, at or now) for progress, at in replayed(lines)]
    ends: list[Line] = [ending(progress, at) for progress, at in past]
    kept = needed([*(line for line in lines if isinstance(line, Accepted)), *ends], now, keeping)
    ids = {line.id for line in kept}
    return [(progress, at) for progress, at in past if progress.id in ids], kept


def _latest(ended: dict[str, Ended], now: datetime, keeping: Keeping, living: int) -> set[str]:
    """Those that ended last, as far as there is room beside the living, and not too long ago."""
    room = max(0, keeping.records - living)
    young = [line for line in ended.values() if now - line.at < timedelta(seconds=keeping.seconds)]
    young.sort(key=lambda line: line.at, reverse=True)
    return {line.id for line in young[:room]}
