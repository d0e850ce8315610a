"""A cluster in which nothing is guarded at admission, and keeper processes with exactly the shipped rights."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from api_server import until
from chaos_cluster import KEEPER, NAMESPACE, Keeper
from guarded_cluster import Cluster, crd, tokens
from manifest_objects import rendered
from rbac_server import rbac_server

_RULES: Final = """\
apiVersion: statusguard.io/v1alpha1
kind: StatusGuard
metadata: {name: upgrades}
spec:
  target: {group: harvesterhci.io, versions: ["*"], resource: upgrades, statusSubresource: false}
  protect:
    fields: [imageID]
    lists: [{path: conditions, key: type}]
  override: {maxDuration: 1h}
  keeper:
    minInterval: 1s
    neverRemoved: [/, /conditions/type=Completed]
    onLoss: Repair
---
apiVersion: statusguard.io/v1alpha1
kind: StatusGuard
metadata: {name: scales}
spec:
  target: {group: example.io, versions: ["*"], resource: scales, statusSubresource: true}
  keeper: {minInterval: 1s, neverRemoved: [/], onLoss: Repair}
"""


@dataclass
class KeptCluster:
    """The cluster and its keepers."""

    cluster: Cluster
    folder: Path
    apart: str = ""
    keepers: list[Keeper] = field(default_factory=list)

    @property
    def rules(self) -> Path:
        """The rule documents."""
        return self.folder / "rules"

    def start(self, *options: str) -> Keeper:
        """Start a keeper, with the ServiceAccount's token."""
        server = self.cluster.server
        given = ["--roles=keeper", f"--rules={self.rules}", "--ops-port=0", "--drain=0s", f"--namespace={NAMESPACE}"]
        given += [f"--history-namespace={self.apart}"] if self.apart else []
        command = [sys.executable, "-m", "app", "serve", *given, f"--kubeconfig={server.kubeconfig_for('keeper')}"]
        popen = subprocess.Popen([*command, *options], env=server.environment(), stderr=subprocess.PIPE)
        keeper = Keeper(popen, None)  # type: ignore[arg-type]  # it has no TLS endpoint
        self.keepers.append(keeper)
        keeper.begin()
        return keeper

    def begin(self) -> Keeper:
        """A keeper that leads and has seen everything."""
        keeper = self.start()
        keeper.line("keeper leading")
        keeper.until(lambda: keeper.ready()[0])
        return keeper

    def end(self, keeper: Keeper, how: signal.Signals = signal.SIGTERM) -> int:
        """Stop a keeper."""
        self.keepers.remove(keeper)
        keeper.signal(how)
        return keeper.ended()

    def history(self, made: dict[str, Any]) -> list[dict[str, Any]]:
        """What is kept of an object, the oldest first."""
        uid = made["metadata"]["uid"]
        found = self.cluster.server.get("controllerrevisions", "-A", "-l", f"statusguard.io/uid={uid}")["items"]
        return [one["data"]["status"] for one in sorted(found, key=lambda one: one["revision"])]

    def events(self, made: dict[str, Any]) -> list[str]:
        """The reasons of the Events about an object, in their order."""
        return [one["reason"] for one in self.told(made)]

    def told(self, made: dict[str, Any]) -> list[dict[str, Any]]:
        """The Events about an object, in their order."""
        found = self.cluster.server.get("events", "-A")["items"]
        about = [one for one in found if one["involvedObject"].get("uid") == made["metadata"]["uid"]]
        return sorted(about, key=lambda one: int(one["metadata"]["resourceVersion"]))

    def until(self, state: Any, what: str) -> None:
        """Wait for a state."""
        until(state, what)


@contextmanager
def kept_cluster(folder: Path, apart: str = "") -> Iterator[KeptCluster]:
    """Start one; keepers that still run in the end are stopped.

    Args:
        folder: for its data.
        apart: a namespace that all histories are to lie in, with rights that allow for no other.
    """
    account = '"system:serviceaccounts,system:serviceaccounts:status-guard,system:authenticated"'
    shipped = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ServiceAccount")
    with rbac_server(folder, [*tokens(), f"keeper,{KEEPER},keeper,{account}"]) as server:
        cluster = Cluster(server)
        cluster.furnish(crd("harvesterhci.io", "upgrades"), crd("example.io", "scales", subresources=True))
        for name in filter(None, (NAMESPACE, apart)):
            server.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        server.apply(*(one for one in rendered("keeper/base") if one["kind"] in shipped))
        whole = KeptCluster(cluster, folder, apart)
        whole.rules.mkdir()
        (whole.rules / "rules.yaml").write_text(_RULES)
        where = ["--history-namespace", apart] if apart else []
        rights = server.status_guard("export", "rbac", "--rules", str(whole.rules), *where)
        assert rights.returncode == 0, rights.stderr
        server.kubectl("apply", "--filename=-", stdin=rights.stdout)
        try:
            yield whole
        finally:
            for keeper in tuple(whole.keepers):
                if keeper.popen.poll() is None:
                    whole.end(keeper)
            cluster.close()
