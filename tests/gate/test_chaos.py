"""Lives of the gate by chance. A seed that fails is repeated by CHAOS_FROM=seed CHAOS_RUNS=8."""

import os
from collections import Counter

import pytest
from virtual_chance import live
from virtual_verdict import wrongs

from app.gate import progress

FROM = int(os.environ.get("CHAOS_FROM", "0"))
RUNS = int(os.environ.get("CHAOS_RUNS", "2000"))
PARTS = 8
TOLD_IN = 200
"""Runs that bring every outcome about; the rarest is in one of twenty."""


@pytest.mark.unmeasured
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_happens_nothing_is_done_twice_and_nothing_told_wrong(part: int) -> None:
    """At most one POST with effects a request, true words or "unknown", and no install given up that could succeed."""
    told: Counter[str] = Counter()
    wrong: list[str] = []
    seeds = range(FROM + part, FROM + RUNS, PARTS)
    for seed in seeds:
        wrong += wrongs(live(seed), told)
    assert not wrong, "\n".join(wrong[:10])
    if len(seeds) >= TOLD_IN:
        assert told.keys() >= {kind.__name__ for kind in progress.Outcome.__args__}, told
