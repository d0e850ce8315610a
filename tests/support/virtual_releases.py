"""Operations, helm and Apps in virtual time, and the record of who began to change what."""

import asyncio
import itertools
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from virtual_time import seconds


@dataclass
class Wish:
    """What a POST asks for.

    Attributes:
        who: the request that is served; rivals have names of their own.
    """

    who: str
    action: str
    namespace: str
    release: str
    chart: str
    version: str


@dataclass
class Operation:
    """One Operation of Rancher's."""

    name: str
    wish: Wish
    created: float
    state: str = "empty"  # running, succeeded, failed

    def shown(self) -> dict[str, Any]:
        """As Kubernetes gives it."""
        metadata = {"name": self.name, "namespace": self.wish.namespace, "uid": f"uid-{self.name}"}
        if self.state == "empty":
            return {"metadata": metadata}
        wish = self.wish
        file = f"/home/shell/helm/{wish.chart}-{wish.version}.tgz"
        command = [
            "helm",
            wish.action,
            f"--namespace={wish.namespace}",
            *([wish.release] if wish.release else []),
            file,
        ]
        conditions = [
            {"type": "Reconciling", "status": "True" if self.state == "running" else "False", "message": ""},
            {"type": "Stalled", "status": "True" if self.state == "failed" else "False", "message": "exit code: 123"},
        ]
        status = {"action": wish.action, "command": command, "releaseName": wish.release, "conditions": conditions}
        return {"metadata": metadata, "status": status | {"namespace": wish.namespace}}


@dataclass
class App:
    """One release."""

    wish: Wish
    revision: int
    status: str

    def shown(self) -> dict[str, Any]:
        """As Kubernetes gives it."""
        wish = self.wish
        metadata = {"name": wish.release, "namespace": wish.namespace}
        labels = {"catalog.cattle.io/cluster-repo-name": "charts"}
        chart = {"metadata": {"name": wish.chart, "version": wish.version}}
        spec = {"version": self.revision, "info": {"status": self.status}, "chart": chart}
        return {"metadata": metadata | {"labels": labels}, "spec": spec}


@dataclass
class Releases:
    """What there is in the cluster, and what was begun."""

    rng: random.Random
    helm: float = 3.0
    fails: bool = False
    operations: list[Operation] = field(default_factory=list)
    apps: dict[tuple[str, str], App] = field(default_factory=dict)
    history: list[tuple[str, App]] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)
    busy: Counter[tuple[str, str]] = field(default_factory=Counter)
    helms: set[asyncio.Task[None]] = field(default_factory=set)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    last_busy: float = 0.0

    def begin(self, wish: Wish) -> None:
        """Note that something is made for a request."""
        self.effects[wish.who] += 1

    def start(self, wish: Wish) -> Operation:
        """Start helm, and create the Operation, without a status as yet."""
        operation = Operation(f"helm-operation-{next(self.numbers)}", wish, seconds())
        self.operations.append(operation)
        task = asyncio.create_task(self._helm(operation))
        self.helms.add(task)
        task.add_done_callback(self.helms.discard)
        return operation

    async def _helm(self, operation: Operation) -> None:
        wish = operation.wish
        key = (wish.namespace, wish.release or operation.name)
        before = self.apps.get(key)
        taken = self.busy[key] > 0 or (wish.action == "install" and before is not None)
        self.busy[key] += 1
        try:
            await asyncio.sleep(self.helm * self.rng.uniform(0.2, 2))
            if not taken:
                app = App(wish, before.revision + 1 if before else 1, "pending-install")
                self.apps[key] = app
                await asyncio.sleep(self.helm * self.rng.uniform(0.2, 2))
                app.status = "failed" if self.fails else "deployed"
                self.history.append((operation.name, app))
        finally:
            self.busy[key] -= 1
            self.last_busy = seconds()
        if operation.state != "empty":  # whose replica died stays so
            operation.state = "failed" if taken or self.fails else "succeeded"

    def named(self, name: str) -> Operation | None:
        """The Operation of that name."""
        return next((one for one in self.operations if one.name == name), None)
