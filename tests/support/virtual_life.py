"""A life of guarded objects by chance: honest and lossy writers, a webhook that comes and goes, keepers that die."""

import asyncio
import json
import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import jsonpatch
import msgspec
from virtual_cluster import Key, Stored, VirtualCluster, Weather, observed
from virtual_keeper import Running, Scene, guard, key
from virtual_time import moment, now, run, seconds

from app.core.guard import Guards, OnLoss
from app.core.judge import judge
from app.core.override import ANNOTATION
from app.core.review import AdmissionRequest, GroupVersionResource
from app.core.verdict import Endpoint
from app.keeper import marks

LENGTH = 600.0
"""Seconds in which things go wrong."""
CALM = 150.0
"""Seconds afterwards in which nothing does: somebody leads, reads everything, and the longest back-off ends."""
TAKEOVER = (2.0, 18.0)
"""Seconds from a leader's death until the next one leads; no write takes as long as the shorter."""

NAMES = ("one", "two", "three")


@dataclass
class Life:
    """One.

    Attributes:
        seed: repeats it.
        scene: cluster and keepers.
        webhook: whether admission reviews are answered.
        calm: nothing goes wrong any more.
        removed: times at which a person, or a write, took the word away that repairs were stopped, by uid.
        mine: versions that honest writers stored.
        attended: seconds at which somebody led and nothing was in the way.
        wrong: what should not have happened.
    """

    seed: int
    scene: Scene
    rng: random.Random
    webhook: bool = True
    calm: bool = False
    removed: dict[str, int] = field(default_factory=dict)
    mine: set[int] = field(default_factory=set)
    attended: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def cluster(self) -> VirtualCluster:
        """The cluster."""
        return self.scene.cluster

    async def writer(self, at: Key) -> None:
        """Somebody writes one object, honestly or not, now and then."""
        number = 0
        while not self.calm:
            await asyncio.sleep(self.rng.expovariate(1 / 20))
            number += 1
            if at not in self.cluster.objects:
                self.cluster.create(at, self.rng.choice([None, self._fresh(number)]))
            elif self.rng.random() < 0.02:
                await self._delete(at)
            elif self.rng.random() < 0.65:
                self._honest(at, number)
            else:
                self._lossy(at, number)

    def _fresh(self, number: int) -> str:
        conditions = [{"type": "Completed", "status": "Unknown"}, {"type": "ImageReady", "status": "True"}]
        status = {"conditions": conditions, "imageID": f"image-{number}", "nodeStatuses": {"node1": {"state": number}}}
        return json.dumps(status)

    def _honest(self, at: Key, number: int) -> None:
        """A controller: it changes values, adds, drops what may go, and begins anew where it finds nothing."""
        one = self.cluster.objects[at]
        if not one.status or "conditions" not in (status := json.loads(one.status)):
            if self.rng.random() < 0.2:
                self.mine.add(self.cluster.write(at, self._fresh(number)).version)
            return
        for condition in status["conditions"]:
            if self.rng.random() < 0.5:
                condition |= {"status": self.rng.choice(["True", "Unknown"]), "lastUpdateTime": str(number)}
        match self.rng.randrange(5):
            case 0:
                status["imageID"] = f"image-{number}"
            case 1:
                status.pop("imageID", None)
            case 2:
                status.setdefault("nodeStatuses", {})[f"node{self.rng.randrange(4)}"] = {"state": number}
            case 3:
                status["conditions"] = [c for c in status["conditions"] if c["type"] != "ImageReady"]
            case _:
                status["step"] = number
        self.mine.add(self._store(at, json.dumps(status), {}).version)

    def _lossy(self, at: Key, number: int) -> None:
        """A client that does not know what it drops; sometimes it drops annotations too, sometimes it may."""
        one = self.cluster.objects[at]
        status = json.loads(one.status) if one.status else {}
        rest = {name: value for name, value in status.items() if name != "conditions"}
        conditions = [c for c in status.get("conditions", []) if c["type"] != "Completed"]
        text = self.rng.choice([None, "{}", json.dumps(rest), json.dumps(rest | {"conditions": conditions})])
        metadata: dict[str, Any] = {"labels": {"written": str(number)}}
        chance = self.rng.random()
        if chance < 0.15:
            metadata["annotations"] = {}
        elif chance < 0.25:
            ahead = moment(seconds() + self.rng.choice([60, 3000])).isoformat()
            metadata["annotations"] = {ANNOTATION: f"{ahead}; *; by chance"}
        elif chance < 0.5 and self.rng.random() < 0.5:
            metadata["annotations"] = {
                name: text for name, text in one.metadata.get("annotations", {}).items() if name != marks.REPAIR
            }
        self._store(at, text, metadata)

    def _store(self, at: Key, text: str | None, metadata: dict[str, Any]) -> Stored:
        before = self.cluster.objects[at]
        if self.webhook:
            text = self._admitted(at, before, text, metadata)
        had = marks.REPAIR in before.metadata.get("annotations", {})
        if had and marks.REPAIR not in (before.metadata | metadata).get("annotations", {}):
            self.removed[before.uid] = self.removed.get(before.uid, 0) + 1
        return self.cluster.write(at, text, **metadata)

    def _admitted(self, at: Key, before: Stored, text: str | None, metadata: dict[str, Any]) -> str | None:
        after = Stored(before.uid, 0, 0, before.metadata | metadata, text)
        target = self.scene.guards.find("harvesterhci.io", "v1", at[0], "")
        assert target is not None
        request = AdmissionRequest(
            "1",
            "UPDATE",
            GroupVersionResource(at[0], "harvesterhci.io", "v1"),
            object=observed(at, after).content,
            old_object=observed(at, before).content,
        )
        verdict = judge(request, Guards([target]), endpoint=Endpoint.MUTATE, now=now())
        if not verdict.patch:
            return text
        document = {"metadata": {}, **({} if text is None else {"status": json.loads(text)})}
        made = jsonpatch.apply_patch(document, json.loads(bytes(verdict.patch)))
        return json.dumps(made["status"]) if "status" in made else None

    async def _delete(self, at: Key) -> None:
        if self.rng.random() < 0.5:
            self.cluster.write(at, self.cluster.objects[at].status, deletionTimestamp=now().isoformat())
            await asyncio.sleep(self.rng.random() * 10)
        uid = self.cluster.objects[at].uid
        self.cluster.delete(at)
        if self.rng.random() < 0.5:
            self.cluster.collect(uid)

    async def outages(self) -> None:
        """The webhook is down for a while, the cluster slow or failing, a watch broken."""
        while not self.calm:
            await asyncio.sleep(self.rng.expovariate(1 / 30))
            match self.rng.randrange(4):
                case 0:
                    self.webhook = not self.webhook
                case 1:
                    lag, slow = self.rng.choice([0, 0.1, 8]), self.rng.choice([0, 0.05, 0.9])
                    fails, unknown = self.rng.choice([0, 0, 0.3, 1]), self.rng.choice([0, 0, 0.2])
                    self.cluster.weather = Weather(lag, slow, fails, unknown)
                case 2:
                    self.cluster.weather = Weather()
                case _:
                    self.cluster.broken |= {running.client for running in self.scene.keepers}

    async def deaths(self) -> None:
        """Keepers are killed, or stopped, or lose the lease; another one leads after a while."""
        while not self.calm:
            await asyncio.sleep(self.rng.expovariate(1 / 120))
            leader = next((one for one in self.scene.keepers if one.leadership.leads), None)
            if leader is None:
                continue
            if self.rng.random() < 0.3:
                leader.leadership.set(leads=False)
            else:
                await (leader.stop() if self.rng.random() < 0.3 else leader.kill())
                self.scene.keepers.remove(leader)
            await asyncio.sleep(self.rng.uniform(*TAKEOVER))
            if self.scene.keepers and self.rng.random() < 0.8:
                self.scene.keepers[0].leadership.set(leads=True)
                self.scene.start(leads=False)
            else:
                self._lead_alone()

    async def attention(self) -> None:
        """Note each second when it can be expected that what happens is seen to."""
        while True:
            await asyncio.sleep(1)
            if self.cluster.weather == Weather() and any(one.leadership.leads for one in self.scene.keepers):
                self.attended.append(seconds())

    def _lead_alone(self) -> Running:
        return self.scene.start(leads=True)


async def _live(seed: int) -> Life:
    rng = random.Random(seed)
    scene = Scene(VirtualCluster(rng=random.Random(seed + 1)))
    rules = [
        guard("upgrades", min_interval=timedelta(seconds=rng.choice([1, 30]))),
        guard("reports", on_loss=OnLoss.REPORT, revisions=2),
    ]
    scene.guards = Guards(rules)
    life = Life(seed, scene, rng)
    scene.start()
    scene.start(leads=False)
    places = [key(name) for name in NAMES] + [key("four", "reports")]
    tasks = [asyncio.create_task(life.writer(at)) for at in places]
    tasks += [asyncio.create_task(life.outages()), asyncio.create_task(life.deaths())]
    attention = asyncio.create_task(life.attention())
    await asyncio.sleep(LENGTH)
    life.calm = True
    await asyncio.gather(*tasks)
    scene.cluster.weather, life.webhook = Weather(), True
    if not any(one.leadership.leads for one in scene.keepers):
        scene.start()
    await asyncio.sleep(CALM)
    attention.cancel()
    return life


def live(seed: int) -> Life:
    """Live it, in no time."""
    return run(_live(seed))


def content(stored: Stored) -> Any:
    """A status, decoded."""
    return None if stored.status is None else json.loads(stored.status)


def annotations(stored: Stored) -> dict[str, str]:
    """The annotations of an object."""
    found: dict[str, str] = stored.metadata.get("annotations", {})
    return found


def raw(stored: Stored) -> msgspec.Raw:
    """A status, as it is stored."""
    return msgspec.Raw((stored.status or "").encode())
