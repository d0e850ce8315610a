"""After a life by chance: is everything there that nobody may remove, and did the keepers do no harm?"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from virtual_cluster import Key, Stored, observed
from virtual_life import Life, annotations, content
from virtual_time import moment

from app.core import override
from app.core.guard import OnLoss
from app.keeper import marks

UNSEEN: Final = 45
"""Seconds: what was there for no longer, nobody may have seen to: after a failure it is tried again within 30."""


def wrongs(life: Life, seen: Counter[str]) -> list[str]:
    """What was wrong; nothing, one hopes.

    Args:
        life: it.
        seen: counts what came about. A chance that never brings something about proves nothing of it.
    """
    found = [*life.wrong, *(f"a fault: {fault!r}" for fault in life.scene.told.faults)]
    for at, one in life.cluster.objects.items():
        found += _at_the_end(life, at, one, seen)
    for _, who, at, before, after in life.cluster.written:
        found += (f"{who} {at[2]}: {text}" for text in _harm(life, at, before, after, seen))
    found += _too_often(life)
    seen["kept"] += sum(life.scene.told.recorded.values())
    for said in life.cluster.said:
        seen[said.reason] += 1
    return [f"seed {life.seed}: {text}" for text in found]


def _is_whole(status: Any) -> bool:
    conditions = status.get("conditions", []) if isinstance(status, dict) else []
    return any(condition.get("type") == "Completed" for condition in conditions)


def _allowed(life: Life, at: Key, one: Stored, when: datetime) -> bool:
    guard = next(guard for guard in life.scene.guards if guard.name == at[0])
    return isinstance(override.read(observed(at, one).content, guard.override_max_duration, when), override.Override)


def _at_the_end(life: Life, at: Key, one: Stored, seen: Counter[str]) -> Iterator[str]:
    """Whole, or with a good reason not to be; and the last good status is kept."""
    history = life.cluster.history(at)
    guard = next(guard for guard in life.scene.guards if guard.name == at[0])
    if len(history) > guard.keeper.revisions:
        yield f"{at[2]} has {len(history)} revisions"
    numbers = Counter(kept.revision for kept in life.cluster.kept.values() if kept.uid == one.uid)
    if twice := [number for number, times in numbers.items() if times > 1]:
        yield f"{at[2]} has the revision {twice} more than once"
    if "deletionTimestamp" in one.metadata:
        return
    status = content(one)
    if _is_whole(status):
        seen["whole"] += 1
        if not history or _without_times(history[-1]) != _without_times(status):
            yield f"{at[2]} is good and not the last-known-good: {status} {history}"
        return
    if not history:
        seen["never good"] += 1
        return
    if not any(said.reason == "StatusLost" and said.uid == one.uid for said in life.cluster.said):
        yield f"{at[2]} lost something and nobody was told"
    reason = "reported" if guard.keeper.on_loss is OnLoss.REPORT else _reason(life, at, one)
    seen[reason] += 1
    if not reason:
        yield f"{at[2]} is not whole: {status} {annotations(one)} {history}"


def _reason(life: Life, at: Key, one: Stored) -> str:
    """Why an object may be left as it is, though it lacks something; empty if for no reason."""
    if marks.REPAIR in annotations(one):
        return "stopped"
    if marks.STOPPED in life.cluster.latest(at).annotations:
        return "stopped, and the word taken away twice"
    if _let_go(life, at, one):
        return "let go"
    allowed = override.ANNOTATION in annotations(one) and _allowed(life, at, one, moment(one.at + 1))
    return "allowed" if allowed else ""


def _let_go(life: Life, at: Key, one: Stored) -> bool:
    """Whether an override was in force where the keepers say so, and it did not come back since where they saw it."""
    version = marks.number(life.cluster.latest(at).annotations.get(marks.PERMITTED, "").partition(";")[0])
    since = [other for where, other in life.cluster.log if where == at and other.version >= version]
    ends = [*(other.at for other in since[1:]), one.at + 1]
    whole = [(other.at, end) for other, end in zip(since, ends, strict=True) if _is_whole(content(other))]
    was_there = sum(begin < second < end for second in life.attended for begin, end in whole)
    allowed = any(_allowed(life, at, since[0], moment(when)) for when in (since[0].at, ends[0]))
    return allowed and not _is_whole(content(since[0])) and was_there <= UNSEEN


def _without_times(status: Any) -> Any:
    conditions = [{**condition, "lastUpdateTime": ""} for condition in status.get("conditions", [])]
    return {**status, "conditions": conditions}


def _harm(life: Life, at: Key, before: Stored, after: Stored, seen: Counter[str]) -> Iterator[str]:
    """Whether a keeper's write took anything away, changed anything, or brought what was never there."""
    if before.uid != after.uid:
        yield "wrote across uids"
    if before.status == after.status:
        seen["annotated"] += 1
        return
    if at[0] == "reports":
        yield "was to report only"
    if _allowed(life, at, before, moment(after.at)):
        yield "put back what an override allows to be gone"
    if "deletionTimestamp" in before.metadata:
        yield "wrote to an object that is being deleted"
    if annotations(before) != annotations(after):
        yield "changed annotations in passing"
    yield from _made_up(life, at, before, after, seen)


def _made_up(life: Life, at: Key, before: Stored, after: Stored, seen: Counter[str]) -> Iterator[str]:
    """What a keeper's write changed beside what it put back, or put back though it had not been there."""
    had, has = content(before), content(after)
    mine = [content(one) for where, one in life.cluster.log if where == at and one.uid == after.uid]
    if not had:
        seen["whole status repaired"] += 1
        if has not in mine:
            yield f"made a status up: {has}"
        return
    seen["part repaired"] += 1
    if {name: value for name, value in has.items() if name != "conditions"} != {
        name: value for name, value in had.items() if name != "conditions"
    }:
        yield f"touched what nobody asked it to: {had} {has}"
    earlier = [condition for status in mine if status for condition in status.get("conditions", [])]
    added = [condition for condition in has["conditions"] if condition not in had.get("conditions", [])]
    kept = [condition for condition in has["conditions"] if condition in had.get("conditions", [])]
    if kept != had.get("conditions", []) or any(condition not in earlier for condition in added):
        yield f"changed conditions: {had} {has}"


def _too_often(life: Life) -> Iterator[str]:
    """No object is repaired more than three times in a row, and as often again only where it was told to go on."""
    repairs: dict[str, list[float]] = {}
    for when, _, _, before, after in life.cluster.written:
        if before.status != after.status:
            repairs.setdefault(after.uid, []).append(when)
    for uid, times in repairs.items():
        assert all(earlier <= later for earlier, later in pairwise(times))
        most = 3 * (1 + life.removed.get(uid, 0))
        if len(times) > most or len(times) > 6:
            yield f"{uid} was repaired {len(times)} times, told to go on {life.removed.get(uid, 0)} times"
