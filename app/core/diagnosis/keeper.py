"""Is a keeper leading?"""

from collections.abc import Iterator
from typing import Final

from app.core.diagnosis.finding import Check, Finding, Level
from app.core.diagnosis.observation import Lease, Observations, Unseen
from app.core.guard import OnLoss

LEASE: Final = "status-guard-keeper"
"""The Lease's name, in the keeper's namespace."""

_WITHOUT: Final = "what gets past the webhook is not seen, nothing is repaired, and no history is kept"


def leading(seen: Observations) -> Iterator[Finding]:
    """One row."""
    subject = f"Lease {seen.commands.namespace}/{LEASE}"
    pods = f"{seen.commands.kubectl} -n {seen.commands.namespace} get pods"
    if isinstance(seen.lease, Unseen):
        what = f"not looked at: {seen.lease.why}"
        yield Finding(Check.KEEPER, Level.WARNING, subject, what, _WITHOUT, seen.lease.right)
    elif seen.lease is None:
        wanted = any(guard.keeper.on_loss is OnLoss.REPAIR for guard in seen.guards)
        level = Level.WARNING if wanted else Level.INFO
        what = "no keeper has ever led here" + (", and a guard says onLoss: Repair" if wanted else "")
        yield Finding(Check.KEEPER, level, subject, what, _WITHOUT, f"{pods}; {seen.commands.doctor} -n NAMESPACE")
    else:
        yield _of(seen.lease, subject, pods, seen)


def _of(lease: Lease, subject: str, pods: str, seen: Observations) -> Finding:
    if not lease.holder:
        what = "nobody holds it: the last keeper stopped and none has begun"
        return Finding(Check.KEEPER, Level.ERROR, subject, what, _WITHOUT, pods)
    if lease.stale(seen.now):
        when = f"{lease.renewed:%Y-%m-%d %H:%M:%S} UTC" if lease.renewed else "never"
        what = f"{lease.holder} holds it, but renewed it last {when}, and it lasts {lease.seconds} s"
        return Finding(Check.KEEPER, Level.ERROR, subject, what, _WITHOUT, pods)
    return Finding(Check.KEEPER, Level.OK, subject, f"{lease.holder} leads")
