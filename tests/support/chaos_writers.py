"""Who writes while things go wrong: honest controllers, clients that lose status, and somebody who follows it all."""

import json
import random
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from chaos_cluster import GUARDED
from guarded_cluster import Answer, Cluster, dismissed

Stored = dict[str, Any]

MOST_SLIPS: Final = 2
"""Losses tried on one audited object. The keeper gives up on an object whose loss comes back three times, by design."""


def whole(stored: Stored) -> bool:
    """Whether an object has all that its rule calls never removed."""
    status = stored.get("status") or {}
    return any(condition.get("type") == "Completed" for condition in status.get("conditions", ()))


@dataclass
class Object:
    """What is known of one object by those who write to it.

    Attributes:
        tried: the highest counter that was sent.
        stored: the highest that the API server said it stored.
        slips: losses that were tried where admission lets them through.
    """

    resource: str
    name: str
    tried: int = 0
    stored: int = 0
    slips: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Report:
    """What became of all writes."""

    tried: int = 0
    honest: int = 0
    denied: int = 0
    conflicts: int = 0
    unanswered: int = 0
    restored: int = 0
    slipped: int = 0
    repaired: int = 0
    lost: list[str] = field(default_factory=list)
    refusals: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, answer: Answer | None, *, lossy: bool) -> None:
        """Count one write by its answer."""
        with self.lock:
            self.tried += 1
            if answer is None:
                self.unanswered += 1
            elif answer.code == 409:
                self.conflicts += 1
            elif answer.code >= 400:
                self.denied += 1
                self.refusals[answer.code] += 1
            elif not lossy:
                self.honest += 1
            elif whole(answer.body):
                self.restored += 1
            else:
                self.slipped += 1

    def text(self) -> str:
        """The figures on a line."""
        numbers = {name: getattr(self, name) for name in _FIGURES}
        return json.dumps(numbers | {"lost": len(self.lost), "refusals": dict(sorted(self.refusals.items()))})


_FIGURES: Final = ("tried", "honest", "denied", "conflicts", "unanswered", "restored", "slipped", "repaired")


class Writer(threading.Thread):
    """Writes to objects chosen by a seed until it is told to stop; what went wrong with it is raised by ``end``."""

    def __init__(self, cluster: Cluster, objects: list[Object], report: Report, seed: int) -> None:
        super().__init__()
        self._cluster, self._objects, self._report = cluster, objects, report
        self._pick = random.Random(seed)
        self._over = threading.Event()
        self._error: Exception | None = None

    def run(self) -> None:
        """Write."""
        try:
            while not self._over.wait(self._pick.uniform(0.01, 0.1)):
                self._write(self._pick.choice(self._objects))
        except Exception as error:  # noqa: BLE001 - a thread's error is raised where the thread is ended
            self._error = error

    def end(self) -> None:
        """Stop, and raise what went wrong."""
        self._over.set()
        self.join()
        if self._error:
            raise self._error

    def _write(self, one: Object) -> None:
        do = self._pick.choice([self._honest, self._honest, self._lossy])
        with one.lock:  # one writer an object at a time: whose counter is stored must be known
            try:
                current = self._cluster.send("GET", path(self._cluster, one), who="admin")
                if current.code == 200:
                    do(one, current.body)
            except httpx.TransportError:
                pass

    def _honest(self, one: Object, current: Stored) -> None:
        """A controller's write: spec and status move on together."""
        one.tried += 1
        status = current.get("status")
        body = {**current, "spec": {**current["spec"], "counter": one.tried}}
        if status:
            body["status"] = {**status, "progress": one.tried}
        answer = self._send("PUT", one, body, lossy=False)
        if answer and answer.code == 200:
            one.stored = one.tried

    def _lossy(self, one: Object, current: Stored) -> None:
        """The buggy dismissal, or a patch that removes the status or what counts in it."""
        if not whole(current):
            return
        if one.resource == "parts":
            if one.slips >= MOST_SLIPS:
                return
            one.slips += 1
        match self._pick.randrange(3):
            case 0:
                self._send("PUT", one, dismissed(current), lossy=True)
            case 1:
                self._send("PATCH", one, {"status": None}, lossy=True)
            case _:
                self._send("PATCH", one, {"status": {"conditions": None}}, lossy=True)

    def _send(self, method: str, one: Object, body: Stored, *, lossy: bool) -> Answer | None:
        kind = "application/json" if method == "PUT" else "application/merge-patch+json"
        answer = None
        with suppress(httpx.TransportError):
            answer = self._cluster.send(method, path(self._cluster, one), body, content_type=kind)
        self._report.count(answer, lossy=lossy)
        return answer


class Follower(threading.Thread):
    """Watches one kind from a version on, and counts how often an object is whole again that was not."""

    def __init__(self, cluster: Cluster, resource: str, since: str, report: Report) -> None:
        super().__init__()
        self._cluster, self._resource, self._version, self._report = cluster, resource, since, report
        self._over = threading.Event()
        self._broken: set[str] = set()

    def run(self) -> None:
        """Follow, across whatever ends the watch."""
        while not self._over.is_set():
            with suppress(httpx.TransportError, OSError):
                self._follow()
            self._over.wait(0.2)
        with suppress(httpx.TransportError, OSError):
            self._follow()  # what came in the pause

    def end(self) -> None:
        """Stop, once it has seen all there is."""
        self._over.set()
        self.join()

    def _follow(self) -> None:
        address, trust = self._cluster.server.process.reach()
        query = {"watch": "1", "resourceVersion": self._version, "timeoutSeconds": "2", "allowWatchBookmarks": "true"}
        headers = {"authorization": "Bearer admin"}
        where = self._cluster.path("", self._resource, GUARDED[self._resource])
        with (
            httpx.Client(base_url=address, verify=trust, timeout=10) as client,
            client.stream("GET", where, params=query, headers=headers) as events,
        ):
            for line in events.iter_lines():
                event = json.loads(line)
                if event.get("type") not in {"ADDED", "MODIFIED", "BOOKMARK"}:
                    self._list(client, where, headers)
                    return
                self._version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] == "MODIFIED":
                    self._note(event["object"])

    def _list(self, client: httpx.Client, where: str, headers: dict[str, str]) -> None:
        """Begin anew at what there is: an API server that has been restarted knows no older versions."""
        listed = client.get(where, headers=headers)
        if listed.status_code == 200:
            self._version = listed.json()["metadata"]["resourceVersion"]
            for one in listed.json()["items"]:
                self._note(one)

    def _note(self, stored: Stored) -> None:
        name = stored["metadata"]["name"]
        if not whole(stored):
            self._broken.add(name)
        elif name in self._broken:
            self._broken.discard(name)
            with self._report.lock:
                self._report.repaired += 1


def path(cluster: Cluster, one: Object) -> str:
    """The URL of an object."""
    return cluster.path(one.name, one.resource, GUARDED[one.resource])
