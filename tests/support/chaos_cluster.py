"""A whole installation on the loopback for things to go wrong in: two guards, two keepers, and what a node does.

The API server of the tests has no controllers, so a thread here mounts the Secret and the ConfigMap as files, and a TCP
balancer is the Service. The keepers have exactly the rights that the manifests ship.
"""

import asyncio
import base64
import json
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from balancer import Backend, Balancer
from guarded_cluster import Cluster, crd, tokens
from manifest_objects import documents, rendered
from rbac_server import Server, rbac_server
from server_process import Process

NAMESPACE: Final = "status-guard"
KEEPER: Final = "system:serviceaccount:status-guard:status-guard-keeper"
GUARDED: Final = {"upgrades": "harvesterhci.io", "parts": "example.io"}
"""Upgrades are restored at admission; parts are only audited there, so that each of their losses is the keeper's."""
OTHERS: Final = "others"
LOOK_EVERY: Final = 0.3
"""Seconds between two looks at what is to be mounted."""

_RULE: Final = """\
apiVersion: statusguard.io/v1alpha1
kind: StatusGuard
metadata: {{name: {resource}}}
spec:
  target: {{group: {group}, versions: ["*"], resource: {resource}, statusSubresource: false}}
  mode: {mode}
  protect:
    fields: [imageID, progress]
    maps: [nodeStatuses]
    lists: [{{path: conditions, key: type}}]
  keeper:
    revisions: {revisions}
    minInterval: 1s
    neverRemoved: [/, /conditions/type=Completed]
    onLoss: {on_loss}
"""


def rules(generation: int) -> dict[str, str]:
    """The rule documents; every other generation has a further guard and keeps less."""
    modes = {"upgrades": "Restore", "parts": "Audit"}
    groups = dict(GUARDED)
    if generation % 2:
        modes, groups = modes | {OTHERS: "Deny"}, groups | {OTHERS: "example.io"}
    return {
        f"{resource}.yaml": _RULE.format(
            resource=resource,
            group=groups[resource],
            mode=mode,
            revisions=5 + generation,
            on_loss="Repair" if resource in GUARDED else "Report",
        )
        for resource, mode in modes.items()
    }


class Keeper(Process):
    """A keeper process: it has an operations listener and no other."""

    def begin(self) -> None:
        """Follow the log until the process serves."""
        self._reader = threading.Thread(target=self._follow)
        self._reader.start()
        self.ops_port = int(self.line("serving")["ops"].rpartition(":")[2])

    @property
    def leads(self) -> bool:
        """Whether it says that it leads."""
        with suppress(OSError):
            return self.metric("status_guard_keeper_leading") == 1
        return False


@dataclass
class Installation:
    """The parts, and the ways to harm them.

    Attributes:
        cluster: the API server, spoken to as different people.
        folder: what is mounted.
        pick: chooses by a seed.
    """

    cluster: Cluster
    folder: Path
    pick: random.Random
    guards: list[Process] = field(default_factory=list)
    keepers: list[Keeper] = field(default_factory=list)
    harmed: list[str] = field(default_factory=list)
    generation: int = 0
    balancer: Balancer = field(default_factory=Balancer)
    _ended: list[Process] = field(default_factory=list)

    @property
    def server(self) -> Server:
        """The API server."""
        return self.cluster.server

    def mount(self) -> bool:
        """Bring the files up to date, as kubelet would; true if all of them are there."""
        listed = self.server.get("secret/status-guard-certs", "configmap/status-guard-rules", f"-n{NAMESPACE}")["items"]
        secret, documents_ = (dict(one.get("data") or {}) for one in listed)
        pair = {key: base64.b64decode(secret[key]) for key in ("tls.crt", "tls.key") if key in secret}
        self._write("certs", pair)
        self._write("rules", {key: value.encode() for key, value in documents_.items()})
        return len(pair) == 2

    def _write(self, volume: str, files: dict[str, bytes]) -> None:
        folder = self.folder / volume
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if path.name not in files:
                path.unlink()
        for name, content in files.items():
            path = folder / name
            if not path.exists() or path.read_bytes() != content:
                path.write_bytes(content)

    def start_guard(self) -> None:
        """One more guard, which gets calls as soon as it is ready."""
        certs = self.folder / "certs"
        files = [f"--tls-cert={certs / 'tls.crt'}", f"--tls-key={certs / 'tls.key'}"]
        process = Process(self._serve("webhook", "--port=0", *files), _no_context())
        process.begin()
        self.guards.append(process)
        self.balancer.backends.append(Backend(process.port, process.ops_port))

    def start_keeper(self) -> None:
        """One more keeper, with the ServiceAccount's token."""
        kubeconfig = self.server.kubeconfig_for("keeper")
        duties = ["--webhook-service=status-guard", "--certs-secret=status-guard-certs"]
        process = Keeper(
            self._serve("keeper", f"--kubeconfig={kubeconfig}", f"--namespace={NAMESPACE}", *duties), _no_context()
        )
        process.begin()
        self.keepers.append(process)

    def _serve(self, role: str, *options: str) -> subprocess.Popen[bytes]:
        words = ["serve", f"--roles={role}", f"--rules={self.folder / 'rules'}", "--ops-port=0", "--drain=0s", *options]
        command = [sys.executable, "-m", "app", *words]
        return subprocess.Popen(command, env=self.server.environment(), stderr=subprocess.PIPE)

    def kill_a_guard(self) -> None:
        """One of the guards is gone without a word; another comes in its place."""
        at = self.pick.randrange(len(self.guards))
        backend = self.balancer.backends.pop(at)
        self._end(self.guards.pop(at))
        backend.ready = False
        self.start_guard()

    def kill_all_guards(self) -> None:
        """For a moment nobody answers admission reviews."""
        self.balancer.backends.clear()
        while self.guards:
            self._end(self.guards.pop())
        self.start_guard()
        self.start_guard()

    def kill_the_leader(self) -> None:
        """The keeper that leads is gone without a word; another one comes, as a follower."""
        self.cluster.until(lambda: any(one.leads for one in self.keepers), "nobody leads")
        leader = next(one for one in self.keepers if one.leads)
        self.keepers.remove(leader)
        self._end(leader)
        self.start_keeper()

    def restart_the_api_server(self) -> None:
        """The API server ends and comes back over the same data."""
        self.server.process.end()
        self.server.process.begin()
        self.cluster.connect()

    def rotate_the_certificate(self) -> None:
        """A new CA is published and a certificate of it served, while the keeper looks after the same Secret."""
        options = [f"--namespace={NAMESPACE}", "--service=status-guard", "--rotate-ca", "--settle=2s"]
        self.server.status_guard("certs", "ensure", *options)

    def change_the_rules(self) -> None:
        """A guard more or less, and another number of revisions for all."""
        self.generation += 1
        self.write_rules()

    def write_rules(self) -> None:
        """Store the rule documents of this generation."""
        meta = {"name": "status-guard-rules", "namespace": NAMESPACE}
        self.server.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": rules(self.generation)})

    @property
    def harms(self) -> list[Callable[[], None]]:
        """Everything that can go wrong."""
        return [
            self.kill_a_guard,
            self.kill_the_leader,
            self.rotate_the_certificate,
            self.restart_the_api_server,
            self.change_the_rules,
            self.kill_all_guards,
        ]

    def harm(self, do: Callable[[], None]) -> None:
        """Do one of them, and remember it."""
        self.harmed.append(do.__name__)
        do()

    def _end(self, process: Process) -> None:
        process.signal(signal.SIGKILL)
        process.ended()
        self._ended.append(process)

    def log(self) -> list[dict[str, Any]]:
        """What all processes said, those that are gone included."""
        return [line for process in (*self._ended, *self.guards, *self.keepers) for line in process.lines]

    def stop(self) -> None:
        """End every process."""
        processes: list[Process] = [*self.guards, *self.keepers]
        for process in processes:
            process.signal(signal.SIGTERM)
        for process in processes:
            try:
                process.ended()
            except subprocess.TimeoutExpired:
                process.popen.kill()
                process.ended()


def _no_context() -> Any:
    """Nobody here speaks to a guard but the API server."""
    return None


@contextmanager
def installation(folder: Path, seed: int) -> Iterator[Installation]:
    """An installation that works: guards registered, a keeper leading."""
    account = '"system:serviceaccounts,system:serviceaccounts:status-guard,system:authenticated"'
    with rbac_server(folder, [*tokens(), f"keeper,{KEEPER},keeper,{account}"]) as server:
        cluster = Cluster(server)
        cluster.furnish(*(crd(group, plural) for plural, group in (GUARDED | {OTHERS: "example.io"}).items()))
        whole = Installation(cluster, folder / "node", random.Random(seed))
        try:
            with _balanced(whole.balancer) as port:
                _install(whole, port)
                with _kubelet(whole):
                    yield whole
                    whole.stop()
        finally:
            cluster.close()


def _install(whole: Installation, port: int) -> None:
    """The manifests that matter here, with the rights rendered for these rules, and one run of each process."""
    server = whole.server
    shipped = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ServiceAccount")
    server.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    server.apply(*(one for one in rendered("keeper/base") if one["kind"] in shipped))
    secret = documents("base/certs/secret.yaml")[0]
    service = documents("base/webhook/service.yaml")[0]
    for one in (secret, service):
        one["metadata"]["namespace"] = NAMESPACE
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "status-guard-1",
            "namespace": NAMESPACE,
            "labels": {"kubernetes.io/service-name": service["metadata"]["name"]},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }
    server.apply(secret, service, slice_)
    whole.generation = 1  # with every guard there is, for the rights to be rendered
    whole.write_rules()
    made = server.status_guard("certs", "ensure", f"--namespace={NAMESPACE}", "--service=status-guard")
    assert made.returncode == 0, made.stderr
    assert whole.mount()
    rights = server.status_guard("export", "rbac", "--rules", str(whole.folder / "rules"))
    assert rights.returncode == 0, rights.stderr
    server.kubectl("apply", "--filename=-", stdin=rights.stdout)
    for _ in range(2):
        whole.start_guard()
        whole.start_keeper()
    registered = ["get", "validatingwebhookconfigurations", "status-guard", "--ignore-not-found", "--output=json"]

    def closed() -> bool:
        said = server.kubectl(*registered).stdout
        return bool(said) and all(one["failurePolicy"] == "Fail" for one in json.loads(said)["webhooks"])

    whole.cluster.until(closed, "the keeper does not register the guard")


@contextmanager
def _kubelet(whole: Installation) -> Iterator[None]:
    """Mounts what changes, until the end."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_EVERY):
            with suppress(subprocess.CalledProcessError):  # while the API server is away
                whole.mount()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _balanced(balancer: Balancer) -> Iterator[int]:
    """Run the balancer in a thread of its own; gives its port."""
    loop = asyncio.new_event_loop()
    started, over = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with balancer:
            started.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert started.wait(30)
    try:
        yield balancer.port
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
