"""Do other mutating webhooks for the same kinds sort after ours?"""

from collections.abc import Iterator

from app.core.diagnosis.finding import Check, Finding, Level
from app.core.diagnosis.observation import Observations, Side, Unseen, Webhook
from app.core.diagnosis.registration import named

_WHY = (
    "mutating webhooks run in the order of their configurations' names; what one removes after ours is not put back,"
    " and the validating webhook then refuses the write. If it never touches status, all is well"
)


def last(seen: Observations) -> Iterator[Finding]:
    """A row for each such configuration, or one for all."""
    ours = [one for one in seen.ours if one.side is Side.MUTATING]
    if isinstance(seen.webhooks, Unseen) or not ours:
        return
    first = min(one.configuration for one in ours)
    later: dict[str, set[str]] = {}
    for hook in seen.webhooks:
        if hook.side is Side.MUTATING and not hook.ours and hook.configuration > first:
            kinds = _shared(hook, seen)
            if kinds:
                later.setdefault(hook.configuration, set()).update(kinds)
    for name, kinds in sorted(later.items()):
        what = f"it sorts after {first} and sees updates of {', '.join(sorted(kinds))}"
        mend = f"{seen.commands.kubectl} get mutatingwebhookconfiguration {name} -o yaml"
        subject = f"{Side.MUTATING} {name}"
        yield Finding(Check.ORDER, Level.WARNING, subject, what, _WHY, mend)
    if not later:
        what = f"no other mutating webhook for these kinds sorts after {first}"
        yield Finding(Check.ORDER, Level.OK, f"{Side.MUTATING} {first}", what)


def _shared(hook: Webhook, seen: Observations) -> set[str]:
    return {named(guard) for guard in seen.guards if hook.sees(guard)}
