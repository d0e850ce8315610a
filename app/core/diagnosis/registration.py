"""Is the guard registered, and for which kinds; and do the configurations say what the rules say?"""

from collections.abc import Iterator

from app.core.diagnosis.finding import Check, Finding, Level
from app.core.diagnosis.observation import Observations, Outcome, Side, Unseen, expected
from app.core.exposure import registered as live
from app.core.exposure.registered import Hook, Live
from app.core.guard import Guard, Mode

_UNGUARDED = "the API server asks nobody about writes to this kind, so a lost status is lost"
_DRIFT = "the webhook is asked about other writes than the rules mean, or behaves otherwise while it is down"


def registered(seen: Observations) -> Iterator[Finding]:
    """A row for each guard: which of the two webhooks there are, and whether they are called for its kind."""
    if isinstance(seen.webhooks, Unseen):
        yield _unread(Check.REGISTERED, seen.webhooks)
        return
    if not seen.guards:
        what = "no webhook of status-guard is registered"
        yield Finding(Check.REGISTERED, Level.ERROR, "cluster", what, _UNGUARDED, seen.register)
    for guard in seen.guards:
        yield _of(guard, seen)


def _of(guard: Guard, seen: Observations) -> Finding:
    hooks = [one for one in expected(guard, seen.ours) if one.sees(guard)]
    there = {one.side for one in hooks}
    missing = [side for side in _needed(guard) if side not in there]
    kind = named(guard)
    if not missing:
        by = " and ".join(sorted({f"{one.side} {one.configuration}" for one in hooks}))
        mode = f"mode {guard.mode}" if seen.ruled else f"mode {guard.mode}, as it looks"
        return Finding(Check.REGISTERED, Level.OK, guard.name, f"{kind} is registered in {by} ({mode})")
    what = f"{kind}: no webhook in a {' nor in a '.join(missing)}"
    if not hooks and _guarded_otherwise(guard, seen):
        said = f"{what}, but a dry-run loss was restored or denied all the same"
        why = "policies guard it, as `export map` and `export vap` make them, or somebody else does"
        return Finding(Check.REGISTERED, Level.INFO, guard.name, said, why)
    if Side.MUTATING in missing or guard.mode is Mode.DENY:
        return Finding(Check.REGISTERED, Level.ERROR, guard.name, what, _UNGUARDED, seen.register)
    why = "what could not be put back, or was removed again by another webhook, is stored as it is"
    return Finding(Check.REGISTERED, Level.WARNING, guard.name, what, why, seen.register)


def _guarded_otherwise(guard: Guard, seen: Observations) -> bool:
    held = {Outcome.RESTORED, Outcome.DENIED}
    return any(one.guard == guard.name and one.outcome in held for one in seen.trials)


def _needed(guard: Guard) -> tuple[Side, ...]:
    """As ``export webhook`` registers the modes."""
    if guard.mode is Mode.RESTORE:
        return (Side.MUTATING, Side.VALIDATING)
    return (Side.VALIDATING,) if guard.mode is Mode.DENY else (Side.MUTATING,)


def in_step(seen: Observations) -> Iterator[Finding]:
    """A row for each guard whose live webhooks differ from what its rules would be exported as, and for left-overs."""
    if isinstance(seen.webhooks, Unseen):
        yield _unread(Check.IN_STEP, seen.webhooks)
        return
    if not seen.ruled:
        what = "not compared: no rules were given"
        why = "a configuration that is older than the rules asks about other writes than they mean"
        mend = f"{seen.commands.doctor} --rules DIR"
        yield Finding(Check.IN_STEP, Level.INFO, "rules", what, why, mend)
        return
    hooks = [Hook(one.side, one.body) for one in seen.ours]
    compared, left_over = live.compare(seen.guards, hooks, seen.version)
    for name, one in compared.items():
        if one.live is Live.DIFFERS:
            for said in one.differences:
                yield Finding(Check.IN_STEP, Level.WARNING, name, said, _DRIFT, seen.register)
        elif one.live is Live.IN_STEP:
            yield Finding(Check.IN_STEP, Level.OK, name, "matchConditions and all else are as the rules say")
    for said in left_over:
        why = "a rule was removed and its webhook was not: writes to that kind still wait for it"
        yield Finding(Check.IN_STEP, Level.WARNING, said, f"{said} stands for none of the rules", why, seen.register)


def named(guard: Guard) -> str:
    """A guard's kind as kubectl names it."""
    target = guard.target
    return f"{target.resource}.{target.group}".rstrip(".") + ("/status" if target.status_subresource else "")


def _unread(check: Check, unseen: Unseen) -> Finding:
    what = f"not looked at: {unseen.why}"
    return Finding(check, Level.WARNING, "webhook configurations", what, "nobody knows how it is", unseen.right)
