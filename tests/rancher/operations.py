"""Operations: the pod in which helm runs, and what the leader writes of it."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from .cluster import Cluster
from .helm import FAILED_IN_POD, Command, Failed, Killed, run_helm
from .store import Object
from .users import User

POD_NAMESPACE = "cattle-system"


@dataclass(eq=False)
class Pod:
    """The pod of one operation."""

    name: str
    namespace: str
    """Of the Operation, not of the pod."""

    commands: tuple[Command, ...]
    user: User
    token: str
    state: str = "waiting"
    """waiting, running, terminated or gone."""

    exit_code: int = 0
    log: list[str] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when helm has ended and the leader was told."""


class Operations:
    """The pods and Operations of one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.world = cluster.world
        self.pods: dict[str, Pod] = {}

    def start_pod(self, namespace: str, commands: tuple[Command, ...], user: User) -> Pod:
        """Make the pod; from now on helm runs, with or without an Operation."""
        name = f"helm-operation-{self.world.names.suffix()}"
        pod = self.pods[name] = Pod(name, namespace, commands, user, self.world.names.suffix(54))
        self.world.background.start(self._live(pod))
        self.world.background.start(pod.ended.wait(), passing=True)
        return pod

    def make_operation(self, pod: Pod) -> Object:
        """Make the Operation, with nothing in its status yet."""
        owner = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "name": f"pod-impersonation-helm-op-{pod.name[-5:]}",
        }
        metadata = {"name": pod.name, "namespace": pod.namespace, "ownerReferences": [owner]}
        return self.cluster.store.create("operations", {"metadata": metadata})

    def fill_status(self, pod: Pod, action: str, project: str) -> None:
        """Write what the Operation is about, as the handler of the POST does."""
        arguments: list[str] = []
        for command in pod.commands:
            arguments += [";"] * bool(arguments) + list(command.arguments)
        filled = {
            "action": action,
            "command": arguments,
            "namespace": pod.namespace,
            "observedGeneration": 0,
            "podName": pod.name,
            "podNamespace": POD_NAMESPACE,
            "releaseName": pod.commands[-1].release if pod.commands else "",
            "token": pod.token,
        } | ({"projectId": project} if project else {})
        self.cluster.store.write_status("operations", pod.name, lambda status: status.update(filled), pod.namespace)
        self.world.background.start(self._observe(pod), passing=True)

    async def _live(self, pod: Pod) -> None:
        """The pod from its start to the end of all that belongs to it."""
        clock, timing = self.world.clock, self.world.timing
        began = clock.seconds()
        self.world.background.start(self._observe(pod), passing=True)
        await clock.sleep(timing.pod_start)
        self._become(pod, "running")
        try:
            for command in pod.commands:
                pod.log.append(f"{' '.join(command.arguments)}\n")
                pod.log.append(f"{await run_helm(self.cluster, command, pod.user)}\n")
        except Failed as failure:
            pod.exit_code = FAILED_IN_POD
            pod.log.append(f"{failure}\n")
        except Killed:
            self._note_end(pod, None)
            self._become(pod, "gone")
        if pod.state != "gone":
            self._note_end(pod, pod.exit_code)
            self._become(pod, "terminated")
            kept = min(timing.pod_kept, began + timing.operation_kept - clock.seconds())
            await clock.sleep(kept)
            self._become(pod, "gone")
        await clock.sleep(began + timing.operation_kept - clock.seconds())
        self.cluster.store.delete("operations", pod.name, pod.namespace)
        self.pods.pop(pod.name, None)

    def _note_end(self, pod: Pod, code: int | None) -> None:
        releases = [command.release for command in pod.commands]
        self.world.record.add(
            "helm", cluster=self.cluster.id, operation=pod.name, exit=code, releases=releases, user=pod.user.id
        )

    def _become(self, pod: Pod, state: str) -> None:
        pod.state = state
        self.world.background.start(self._observe(pod), passing=True)
        if state in ("terminated", "gone"):
            pod.ended.set()

    async def _observe(self, pod: Pod) -> None:
        """The leader's handler: it sees the pod as it is by then, and nothing where the status is still empty."""
        await self.world.clock.sleep(self.world.timing.watch)
        await self.cluster.led_by()
        operation = self.cluster.store.get("operations", pod.name, pod.namespace)
        if operation is None or "podName" not in operation.get("status", {}):
            return
        self.cluster.store.write_status(
            "operations", pod.name, lambda status: self._describe(status, pod), pod.namespace
        )

    def _describe(self, status: dict[str, Any], pod: Pod) -> None:
        if pod.state == "gone":
            self._set(status, reconciling="", stalled="")  # so a failed one turns active
            return
        status["observedGeneration"] = 1
        if pod.state == "waiting":
            self._set(status, reconciling="waiting to run operation", stalled="")
            return
        status["podCreated"] = True
        if pod.state == "running":
            self._set(status, reconciling="running operation", stalled="")
        else:
            self._set(status, reconciling="", stalled=f" exit code: {pod.exit_code}" if pod.exit_code else "")

    def _set(self, status: dict[str, Any], *, reconciling: str, stalled: str) -> None:
        """Both conditions; an empty message means False. Their times change with them."""
        old = {one["type"]: one for one in status.get("conditions", [])}
        written = []
        for sort, message in (("Reconciling", reconciling), ("Stalled", stalled)):
            new = {"type": sort, "status": "True" if message else "False"}
            if message:
                new |= {"reason": sort, "message": message}
            before = old.get(sort, {})
            same = {name: value for name, value in before.items() if name != "lastUpdateTime"} == new
            written.append(before if same else new | {"lastUpdateTime": self.world.clock.stamp()})
        status["conditions"] = written
