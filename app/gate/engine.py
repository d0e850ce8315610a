"""What all installs of a process share."""

from dataclasses import dataclass, field
from random import Random
from typing import Final

from app.core.gate.probe import CacheKey
from app.gate.clock import Clock
from app.gate.index import Indexes
from app.gate.journal import Journal
from app.gate.limits import Limits
from app.gate.observer import Observer
from app.gate.port import Place, Rancher
from app.gate.turns import Queue, Turns

READS_AT_ONCE: Final = 16
"""First and last looks that are under way at once: as many connections as are kept for reads."""
MOST_PROBES_KEPT: Final = 10_000


@dataclass(slots=True)
class Engine:
    """What all installs of a process share.

    Attributes:
        rancher: Rancher.
        clock: the time.
        limits: how much is taken on.
        observer: told of every change.
        journal: of asynchronous installs.
        random: for jitter.
        draining: the process is to stop; nothing that was not sent is sent any more.
        turns: one a release.
        reads: for first and last looks.
        indexes: reads them.
        probed: what http and oci repositories are known to give.
        slots: for those who connect, probe and post.
        lines: for those who try the same chart of a repository: the others need not try what has just failed.
    """

    rancher: Rancher
    clock: Clock
    limits: Limits
    observer: Observer
    journal: Journal
    random: Random = field(default_factory=Random)
    draining: bool = False
    turns: Turns = field(default_factory=Turns)
    reads: Queue = field(default_factory=lambda: Queue(READS_AT_ONCE))
    probed: dict[CacheKey, None] = field(default_factory=dict)
    indexes: Indexes = field(init=False)
    slots: Queue = field(init=False)
    lines: Queue = field(init=False)

    def __post_init__(self) -> None:
        self.indexes = Indexes(self.rancher, self.clock)
        self.slots, self.lines = Queue(self.limits.posts), Queue(self.limits.posts)

    def jitter(self) -> float:
        """From 0 up to 1."""
        return self.random.random()

    def remember_probe(self, key: CacheKey) -> None:
        """Keep a positive probe; the oldest makes room."""
        while len(self.probed) >= MOST_PROBES_KEPT:
            del self.probed[next(iter(self.probed))]
        self.probed[key] = None

    def forget_probes(self, place: Place) -> None:
        """Have everything of a repository probed anew."""
        for key in [key for key in self.probed if (key.cluster, key.repository) == (place.cluster, place.repo)]:
            del self.probed[key]
