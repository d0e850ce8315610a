"""Many who write to the same few objects at once, whose every stored version is looked at afterwards.

Some seconds by default; ``LONG_RUN=1`` makes it half a minute.
"""

import itertools
import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from guarded_cluster import Answer, Cluster, dismissed
from server_process import Process

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

Stored = dict[str, Any]
SECONDS = 30.0 if os.environ.get("LONG_RUN") else 8.0
WRITERS = {"rancher": 15, "controller": 3, "admin": 2}
"""By token: users who lose things, the controller that may, and administrators with overrides."""
OVERRIDE, BY = "statusguard.io/allow-status-loss", "written-by"


@dataclass
class Writer:
    """One of many, by a token; after a conflict it reads again and tries the same again.

    Attributes:
        names: of the objects.
        whole: the status that was there in the beginning.
        answers: what it got, by what it did.
    """

    cluster: Cluster
    who: str
    names: Sequence[str]
    pick: random.Random
    whole: Stored
    answers: list[tuple[str, Answer]] = field(default_factory=list)

    def run(self, end: float) -> None:
        """Write until then."""
        does: dict[str, Sequence[Callable[[Stored], Answer]]] = {
            "rancher": (self.click, self.null, self.edit),
            "admin": (self.override,),
            "controller": (self.shrink, self.refill, self.refill),
        }
        while time.monotonic() < end:
            do = self.pick.choice(does[self.who])
            name = self.pick.choice(self.names)
            answer = do(self.cluster.get(name))
            while answer.code == 409 and time.monotonic() < end:
                answer = do(self.cluster.get(name))
            self.answers.append((do.__name__, answer))

    def click(self, current: Stored) -> Answer:
        """The buggy dismissal."""
        return self._put(dismissed(current))

    def null(self, current: Stored) -> Answer:
        """The same loss by a patch without a version: after a conflict the API server itself tries again."""
        path = self.cluster.path(current["metadata"]["name"])
        return self.cluster.send("PATCH", path, {"status": None}, content_type="application/merge-patch+json")

    def edit(self, current: Stored) -> Answer:
        """An honest write."""
        return self._put({**current, "spec": {**current["spec"], "touched": self.pick.randrange(1000)}})

    def override(self, current: Stored) -> Answer:
        """Remove a node, which an override in the same write allows."""
        end = datetime.now(UTC) + timedelta(minutes=30)  # noqa: TID251 - overrides end by the clock
        node = self.pick.choice(sorted(self.whole["nodeStatuses"]))
        nodes = {name: value for name, value in current["status"].get("nodeStatuses", {}).items() if name != node}
        write = {**current, "status": {**current["status"], "nodeStatuses": nodes}}
        return self._put(signed(write, self, f"{end:%Y-%m-%dT%H:%M:%SZ}; /status/nodeStatuses/{node}; a race"))

    def shrink(self, current: Stored) -> Answer:
        """What the controller alone may do."""
        return self._put(signed({**current, "status": {"conditions": self.whole["conditions"]}}, self))

    def refill(self, current: Stored) -> Answer:
        """All of the status again."""
        return self._put(signed({**current, "status": self.whole}, self))

    def _put(self, body: Stored) -> Answer:
        return self.cluster.send("PUT", self.cluster.path(body["metadata"]["name"]), body, who=self.who)


def signed(write: Stored, writer: Writer, override: str | None = None) -> Stored:
    """The write with a mark that no other write has, and with no override but its own."""
    kept = {key: value for key, value in write["metadata"].get("annotations", {}).items() if key != OVERRIDE}
    own = {BY: f"{writer.who} {writer.pick.random()}"} | ({OVERRIDE: override} if override else {})
    return {**write, "metadata": {**write["metadata"], "annotations": kept | own}}


def protected(version: Stored) -> set[str]:
    """What a version has of what its guard protects."""
    status = version.get("status") or {}
    found = {f"/status/{key}" for key in status if key not in {"conditions", "nodeStatuses", "upgradeLog"}}
    found |= {f"/status/conditions/type={condition['type']}" for condition in status.get("conditions", ())}
    return found | {f"/status/nodeStatuses/{name}" for name in status.get("nodeStatuses", ())}


def licence(before: Stored, after: Stored) -> str:
    """Who may have lost something between two versions: a writer who signed it, or nobody."""
    marks = [version["metadata"].get("annotations", {}).get(BY, "") for version in (before, after)]
    return "" if marks[0] == marks[1] else marks[1].partition(" ")[0]


def test_many_writers_at_once_lose_nothing_but_what_they_may(
    cluster: Cluster, upgrade: Stored, webhook: Process
) -> None:
    """No version in the watch history lacks what the one before it had, unless its writer is listed or overrides it.

    Nobody is refused, and each loss that is not allowed was tried and mended many times.
    """
    made = [cluster.create(upgrade) for _ in range(3)]
    names = [one["metadata"]["name"] for one in made]
    mended = webhook.metric("status_guard_losses_restored_total", rule="SG003")
    kinds = [who for who, count in WRITERS.items() for _ in range(count)]
    writers = [Writer(cluster, who, names, random.Random(seed), upgrade["status"]) for seed, who in enumerate(kinds)]
    end = time.monotonic() + SECONDS
    threads = [threading.Thread(target=writer.run, args=(end,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers = [answer for writer in writers for answer in writer.answers]
    refused = [(name, answer.code, answer.body) for name, answer in answers if answer.code not in {200, 409}]
    assert refused == []
    done = {name for name, answer in answers if answer.code == 200}
    assert done == {"click", "null", "edit", "override", "shrink", "refill"}
    assert webhook.metric("status_guard_losses_restored_total", rule="SG003") > mended + 10
    last = {cluster.get(name)["metadata"]["resourceVersion"] for name in names}
    versions = cluster.history(made[0]["metadata"]["resourceVersion"], last)
    allowed = [losses(one, versions) for one in made]
    assert {who for found in allowed for who in found} == {"controller", "admin"}


def losses(made: Stored, versions: Sequence[Stored]) -> set[str]:
    """Who lost something of one object; nobody may but by licence, and an override's is for one node."""
    own = [made, *(one for one in versions if one["metadata"]["uid"] == made["metadata"]["uid"])]
    found = set()
    for before, after in itertools.pairwise(own):
        lost = protected(before) - protected(after)
        if not lost:
            continue
        found.add(licence(before, after))
        text = after["metadata"]["annotations"].get(OVERRIDE, "")
        assert licence(before, after), (lost, after["metadata"])
        assert licence(before, after) == "controller" or lost == {text.split("; ")[1]}
    return found
