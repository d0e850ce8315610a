"""When the gate does what. All in seconds; jitter is an argument from 0 up to 1, drawn anew for each use."""

from math import ceil, inf, log
from typing import Final

FIRST_RETRY: Final = 0.5
"""A probe of a checkout that lags costs Rancher a file look-up; below half a second there is little to gain."""
LONGEST_RETRY: Final = 3.0
"""A wait that ends at random within a delay of d is found out d/2 late on average: 1.5, within the aim of 2."""
GROWTH: Final = 1.5
"""0.5, 0.75, 1.1, 1.7, 2.5, 3: four probes within the first 5 seconds, the follower lag on record (dashboard#17543)."""
POLL: Final = 1.0
"""Between two looks at a repository, one poller for all that wait for it. Half of it is lost on average."""
SETTLE: Final = 45.0
"""How long to look for an Operation after the answer was lost: 30 for a chart's download, which comes first and is cut
there; twice the 2 between two looks at the service account's token; 10 for the dozen objects that are created between;
rounded up. Rancher may take longer still, so its end proves nothing."""
NUDGE_INTERVAL: Final = 60.0
"""At most one nudge per repository in this time: each makes Rancher fetch the source anew and resets its back-off."""
RELEASE_SPREAD: Final = 0.25
"""Callers that are released together are spread over this per one that may post at a time."""


def retry_delay(attempt: int, jitter: float) -> float:
    """How long to wait before a probe or an install that failed is tried again.

    Args:
        attempt: how many have failed, from 1.
        jitter: spreads the delay over its upper half, so that those who failed together do not return together.
    """
    grown = FIRST_RETRY * GROWTH ** min(max(attempt, 1) - 1, 32)  # bounded before the power can overflow
    return min(grown, LONGEST_RETRY) * (0.5 + jitter / 2)


def poll_delay(jitter: float) -> float:
    """How long to wait before a repository is looked at again: ``POLL``, a fifth more or less."""
    return POLL * (0.8 + 0.4 * jitter)


def release_delay(position: int, concurrent: int, jitter: float) -> float:
    """How long the one at ``position`` (from 0) waits when all are released, ``concurrent`` posting at once."""
    return (position // max(concurrent, 1) + jitter) * RELEASE_SPREAD


def fresh_probes(replicas: int, miss: float = 0.01) -> int:
    """How many probes on connections of their own make a miss rarer than ``miss``, behind a proxy for each request.

    One replica of R lags. K probes miss it with (1 - 1/R)^K, and the install then meets it with 1/R: for R = 3 and 1 %
    that is 9 probes.
    """
    if replicas <= 1:
        return 1
    return max(1, ceil(log(miss * replicas) / log(1 - 1 / replicas))) if miss * replicas < 1 else 1


def nudge_due(retry_in: float | None, remaining: float, since_last: float = inf) -> bool:
    """Whether to move ``forceUpdate`` now.

    Args:
        retry_in: until the controller tries again by itself; ``inf`` if it never will, None if nothing failed.
        remaining: until the deadline.
        since_last: since this repository was last nudged by anybody here.
    """
    return retry_in is not None and retry_in > remaining > 0 and since_last >= NUDGE_INTERVAL
