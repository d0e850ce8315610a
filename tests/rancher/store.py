"""What the API server of one cluster keeps: objects with versions, and enough of the past to read it late."""

import asyncio
from collections import deque
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from .clock import Clock
from .names import Names

Object = dict[str, Any]
Status = Callable[[dict[str, Any]], None]

REMEMBERED = 64
"""States kept of each object; a reader that lags by more changes than this sees the oldest of them."""

GROUP = "catalog.cattle.io"
KINDS = {
    "clusterrepos": "ClusterRepo",
    "operations": "Operation",
    "apps": "App",
    "uiplugins": "UIPlugin",
    "configmaps": "ConfigMap",
    "namespaces": "Namespace",
}
CORE = {"configmaps", "namespaces"}


class Conflict(Exception):
    """The object has another version than the writer read."""


class Exists(Exception):
    """There is one of this name already."""


class Store:
    """Objects by resource, namespace and name.

    What it hands out is what it keeps: readers leave it as it is, writers bring a copy.
    """

    def __init__(self, clock: Clock, names: Names) -> None:
        self.clock = clock
        self.names = names
        self.version = 100_000
        self._states: dict[str, dict[tuple[str, str], deque[tuple[float, Object | None]]]] = {}
        self._changed = asyncio.Event()

    def get(self, resource: str, name: str, namespace: str = "", lag: float = 0.0) -> Object | None:
        """An object as it was ``lag`` seconds ago."""
        states = self._states.get(resource, {}).get((namespace, name))
        return self._at(states, lag) if states else None

    def list(self, resource: str, namespace: str | None = None, lag: float = 0.0) -> list[Object]:
        """All objects of a resource as they were, sorted by namespace and name."""
        kept = sorted(self._states.get(resource, {}).items())
        found = (self._at(states, lag) for (where, _), states in kept if namespace in (None, where))
        return [one for one in found if one is not None]

    def _at(self, states: deque[tuple[float, Object | None]], lag: float) -> Object | None:
        if not lag:
            return states[-1][1]
        moment = self.clock.seconds() - lag
        oldest = states[0][1] if len(states) == REMEMBERED else None
        return next((one for at, one in reversed(states) if at <= moment), oldest)

    def create(self, resource: str, made: Object) -> Object:
        """Keep a new object; a status comes later, as with every resource that has a status subresource.

        Raises:
            Exists: there is one of this name.
        """
        made = deepcopy(made)
        metadata = made["metadata"]
        if self.get(resource, metadata["name"], metadata.get("namespace", "")):
            raise Exists
        version = "v1" if resource in CORE else f"{GROUP}/v1"
        metadata |= {"uid": self.names.uid(), "generation": 1, "creationTimestamp": self.clock.stamp()}
        return self._keep(resource, {"apiVersion": version, "kind": KINDS[resource]} | made)

    def update(self, resource: str, changed: Object) -> Object:
        """Replace an object except for its status; nothing happens where nothing differs.

        Raises:
            Conflict: the version is not the current one.
            KeyError: there is none of this name.
        """
        metadata = changed["metadata"]
        old = self.get(resource, metadata["name"], metadata.get("namespace", ""))
        if old is None:
            raise KeyError(metadata["name"])
        if metadata.get("resourceVersion") not in (None, old["metadata"]["resourceVersion"]):
            raise Conflict
        new = deepcopy(old)
        new["spec"] = deepcopy(changed.get("spec", {}))
        for part in ("labels", "annotations"):
            if part in metadata:
                new["metadata"][part] = deepcopy(metadata[part])
        if new == old:
            return old
        new["metadata"]["generation"] += new["spec"] != old.get("spec")
        return self._keep(resource, new)

    def write_status(self, resource: str, name: str, change: Status, namespace: str = "") -> Object | None:
        """Change an object's status in place of a controller; none where the object is gone."""
        old = self.get(resource, name, namespace)
        if old is None:
            return None
        new = deepcopy(old)
        change(new.setdefault("status", {}))
        return self._keep(resource, new) if new != old else old

    def delete(self, resource: str, name: str, namespace: str = "") -> None:
        """Forget an object, but not that it was there."""
        states = self._states.get(resource, {}).get((namespace, name))
        if states and states[-1][1] is not None:
            self.version += 1
            states.append((self.clock.seconds(), None))
            self._tell()

    def _keep(self, resource: str, made: Object) -> Object:
        self.version += 1
        metadata = made["metadata"]
        metadata["resourceVersion"] = str(self.version)
        key = (metadata.get("namespace", ""), metadata["name"])
        states = self._states.setdefault(resource, {}).setdefault(key, deque(maxlen=REMEMBERED))
        states.append((self.clock.seconds(), made))
        self._tell()
        return made

    def touch(self) -> None:
        """Let everybody look again, though nothing has changed here."""
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def changed(self) -> asyncio.Event:
        """Set at the next change; take it before looking, then wait for it."""
        return self._changed
