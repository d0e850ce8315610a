"""All checks, in the order in which they are shown."""

from typing import Final

from app.core.diagnosis import certificates, conditions, keeper, native, order, registration, subresources, trials
from app.core.diagnosis.finding import Finding
from app.core.diagnosis.observation import Observations

CHECKS: Final = (
    registration.registered,
    registration.in_step,
    conditions.kept,
    certificates.reachable,
    certificates.trust,
    certificates.expiry,
    trials.losses,
    subresources.fitting,
    order.last,
    keeper.leading,
    native.allowed,
)


def diagnose(seen: Observations) -> tuple[Finding, ...]:
    """Everything that there is to say."""
    return tuple(finding for check in CHECKS for finding in check(seen))
