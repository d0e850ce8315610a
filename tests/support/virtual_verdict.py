"""After a life by chance: was every word true that was told, and was everything done that could be?"""

from collections import Counter
from collections.abc import Callable

from virtual_chance import Asked, Life
from virtual_releases import Wish
from virtual_time import moment

from app.core.gate.answer import Handling
from app.core.gate.messages import TABLE
from app.gate.progress import (
    Answered,
    Cancelled,
    Deployed,
    InstallFailed,
    Interrupted,
    NotReady,
    OutcomeUnknown,
    Progress,
    Refused,
)

RETRIED = {row.cause.value for handling, rows in TABLE if handling is Handling.RETRY for row in rows}
LATE = 16.0
"""Seconds within which an install that can succeed has to be sent: the longest retry, a probe of each replica, the
other users' Operations and the ten seconds that an Operation without a status is respected."""


def wrongs(life: Life, told: Counter[str]) -> list[str]:
    """What was wrong; nothing, one hopes.

    Args:
        life: it.
        told: counts outcomes. A chance that never brings one about proves nothing of it.
    """
    scene = life.scene
    life.wrong += scene.rancher.wrong + scene.seen.wrong
    for who, begun in scene.releases.effects.items():
        if begun > 1:
            life.wrong.append(f"{who} was begun {begun} times")
    for fault in scene.seen.faults:
        life.wrong.append(f"the engine broke: {fault!r}")
    groups: dict[str, list[Asked]] = {}
    for asked in life.asked:
        assert asked.install is not None
        groups.setdefault(asked.install.progress.id, []).append(asked)
    for identity, group in groups.items():
        progress = _told(life, group[0], identity)
        if progress is not None:
            told[type(progress.outcome).__name__] += 1
            _judge(life, group, progress)
    return [f"seed {life.seed}: {text}" for text in life.wrong]


def _judge(life: Life, group: list[Asked], told: Progress) -> None:
    whos = {one.who for one in group}
    begun = sum(life.scene.releases.effects[who] for who in whos)
    if len({(one.body, one.asynchronous) for one in group}) > 1:
        life.wrong.append(f"{whos} are not the same")
    if begun > 1:
        life.wrong.append(f"{whos} were begun {begun} times together")
    if isinstance(told.outcome, Cancelled) and not all(one.disturbed for one in group):
        life.wrong.append(f"{whos} were cancelled by one who left")
    if isinstance(told.outcome, Interrupted) and told.outcome.sent and group[0].drained:
        life.wrong.append(f"{whos} were not drained")
    if told.outcome is None:
        life.wrong.append(f"{whos} has not ended: {told.phase} {told.waits_for}")
    elif not _is_true(life, told, whos, begun):
        life.wrong.append(f"{whos} was told {told.outcome}, begun {begun}")
    elif not any(one.disturbed for one in group):
        _ask_for_more(life, told, group[0])


def _told(life: Life, asked: Asked, identity: str) -> Progress | None:
    assert asked.install is not None
    if not asked.gone:
        return asked.install.progress
    found = life.scene.gate.find(asked.user, "local", identity)
    if found is None and asked.asynchronous:
        life.wrong.append(f"{asked.who} was forgotten over a restart")
    return found.progress if found else None


def _is_true(life: Life, told: Progress, whos: set[str], begun: int) -> bool:
    releases = life.scene.releases
    wanted = told.charts[-1]

    def fits(wish: Wish) -> bool:
        return (wish.release, wish.chart, wish.version) == (wanted.release, wanted.name, wanted.version)

    first = min((at for at, who in life.scene.rancher.posts if who in whos), default=0.0)

    def known(judge: Callable[[Wish], bool], operation: tuple[str, str] | None) -> bool:
        if operation is None:
            return any(fits(app.wish) for _, app in releases.history)
        found = releases.named(operation[1])
        return found is not None and found.created >= first and judge(found.wish)

    match told.outcome:
        case Answered(operation=operation):
            return known(lambda wish: wish.who in whos or fits(wish), operation)
        case Deployed(operation=operation):
            done = any(app.status == "deployed" and fits(app.wish) for _, app in releases.history)
            return done and known(fits, operation)
        case InstallFailed(operation=operation):
            found = releases.named(operation[1]) if operation else None
            return found is not None and found.state == "failed" and fits(found.wish)
        case OutcomeUnknown() | Interrupted(sent=True):
            return True
        case NotReady() | Refused() | Cancelled() | Interrupted(sent=False):
            return begun == 0
    return False


def _ask_for_more(life: Life, told: Progress, asked: Asked) -> None:
    """Whether it was given up too early, or not known though it could have been."""
    outcome = told.outcome
    assert asked.ended is not None
    impossible = told.charts[-1].version != life.scene.repository.version
    user = life.scene.rancher.users[f"Bearer {asked.user}".encode()]
    if isinstance(outcome, NotReady) and moment(asked.ended) < told.deadline:
        life.wrong.append(f"{asked.who} was given up {told.deadline - moment(asked.ended)} before its time")
    if isinstance(outcome, OutcomeUnknown) and life.calm:
        life.wrong.append(f"{asked.who} is not known: {outcome}")
    posts = [who for _, who in life.scene.rancher.posts if who == asked.who]
    if len(posts) > 1 and not user.lists:
        life.wrong.append(f"{asked.who} was sent {len(posts)} times without a baseline")
    unlisted = life.scene.rancher.faults.read > 0 and "could not be listed" in getattr(outcome, "sentence", "")
    if isinstance(outcome, Refused) and outcome.cause in RETRIED and user.lists and not unlisted:
        life.wrong.append(f"{asked.who} was not tried again: {outcome}")
    if isinstance(outcome, NotReady | Refused) and not impossible and asked.ended - asked.bad > LATE and user.lists:
        life.wrong.append(f"{asked.who} could have succeeded for {asked.ended - asked.bad:.0f} s: {outcome}")
