"""Lives of guarded objects by chance. A seed that fails is repeated by CHAOS_FROM=seed CHAOS_RUNS=8."""

import os
from collections import Counter

import pytest
from virtual_life import live
from virtual_truth import wrongs

FROM = int(os.environ.get("CHAOS_FROM", "0"))
RUNS = int(os.environ.get("CHAOS_RUNS", "504"))
PARTS = 8
SEEN_IN = 50
"""Runs that bring everything about."""

EVERYTHING = {
    *("whole", "never good", "reported", "stopped", "let go", "annotated"),
    *("whole status repaired", "part repaired", "kept"),
    *("StatusLost", "StatusRepaired", "RepairStopped", "StatusNotCarriedOver"),
}


@pytest.mark.unmeasured
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_happens_nothing_stays_lost_and_nothing_honest_is_undone(part: int) -> None:
    """Each object ends whole or with a reason not to be, and no keeper did more than put back what nobody removes."""
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    seeds = range(FROM + part, FROM + RUNS, PARTS)
    for seed in seeds:
        wrong += wrongs(live(seed), seen)
    assert not wrong, "\n".join(wrong[:10])
    if len(seeds) >= SEEN_IN:
        assert seen.keys() >= EVERYTHING, seen
