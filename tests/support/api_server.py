"""A real API server: a test API server with etcd inside, or kube-apiserver and etcd as envtest ships them."""

import base64
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from kube_version import EMULATED, emulating

from app.certificates import issue_leaf, new_authority

PATIENCE = 30.0
"""Seconds until a server that does not come up is given up on."""

NEEDED = (
    "needs kubectl, and an API server: TEST_APISERVER naming a test API server, or KUBEBUILDER_ASSETS naming the "
    "folder that `setup-envtest use --print path` prints (CONTRIBUTING.md)"
)
ENVTEST_ADMIN = "envtest-admin"


@dataclass
class ApiServer:
    """An API server that can be stopped and started again over the same data.

    Attributes:
        folder: what belongs to it.
        command: starts it.
        writes_kubeconfig: whether it makes its administrator's kubeconfig itself, anew at each start.
    """

    folder: Path
    command: Sequence[str]
    writes_kubeconfig: bool
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def kubeconfig(self) -> Path:
        """Its administrator's."""
        return self.folder / "kubeconfig"

    def begin(self) -> None:
        """Start it, and wait until it is ready."""
        if self.writes_kubeconfig:
            self.kubeconfig.unlink(missing_ok=True)
        process = _run(self.command, self.folder / "server.log")
        self._processes.append(process)
        probe = ["kubectl", "--kubeconfig", str(self.kubeconfig), "get", "--raw=/readyz"]

        def ready() -> bool:
            assert process.poll() is None, (self.folder / "server.log").read_text()[-2000:]
            return self.kubeconfig.exists() and subprocess.run(probe, capture_output=True, check=False).returncode == 0

        until(ready, "the API server does not come up")

    def reach(self) -> tuple[str, ssl.SSLContext]:
        """Its address, and what trusts it: a server that is started again may have made itself a new certificate."""
        cluster = yaml.safe_load(self.kubeconfig.read_text())["clusters"][0]["cluster"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        return str(cluster["server"]), ssl.create_default_context(cadata=authority)

    def end(self) -> None:
        """Stop it, if it runs."""
        while self._processes:
            _stop(self._processes.pop())


@contextmanager
def api_server(folder: Path, tokens: Sequence[str], *flags: str) -> Iterator[ApiServer]:
    """Start a server and stop it afterwards; skips the test where there is none.

    Args:
        folder: for its data.
        tokens: lines of a token file: token, user, uid, groups.
        flags: what kube-apiserver knows and the test needs.
    """
    binary, assets = os.environ.get("TEST_APISERVER"), os.environ.get("KUBEBUILDER_ASSETS")
    if not (binary or assets) or shutil.which("kubectl") is None:
        pytest.skip(NEEDED)
    port = free_port()
    admin = f"{ENVTEST_ADMIN},envtest-admin,envtest-admin,system:masters"
    (folder / "tokens.csv").write_text("\n".join([*tokens, admin]) + "\n")
    common = ["--secure-port", str(port), "--token-auth-file", str(folder / "tokens.csv"), *flags]
    if not any(flag.startswith("--emulated-version") for flag in flags):
        common += emulating(EMULATED)
    with ExitStack() as stack:
        if binary:
            server = ApiServer(folder, [binary, "--data-dir", str(folder), *common], writes_kubeconfig=True)
        else:
            own = stack.enter_context(_envtest(Path(str(assets)), folder, port))
            server = ApiServer(folder, [*own, *common], writes_kubeconfig=False)
        stack.callback(server.end)
        server.begin()
        yield server


def free_port() -> int:
    """A port of the loopback that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def until(state: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Ask until the answer is yes; an API server has no way to tell us that it has noticed something.

    Args:
        state: what to ask.
        what: is wrong if it stays no.
        patience: seconds until it is given up on.
    """
    end = time.monotonic() + patience
    while not state():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@contextmanager
def _envtest(assets: Path, folder: Path, port: int) -> Iterator[list[str]]:
    """Run etcd; gives the start of kube-apiserver's command line."""
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    etcd = [str(assets / "etcd"), "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync"]
    etcd += ["--listen-client-urls", client, "--advertise-client-urls", client]
    etcd += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"]
    now = datetime.now(UTC)  # noqa: TID251 - a certificate is valid now, or it is none
    authority = new_authority("envtest", now)
    pair = issue_leaf(authority, ["localhost", "127.0.0.1"], now)
    certificate, key = folder / "apiserver.crt", folder / "apiserver.key"
    certificate.write_bytes(pair.certificate)
    key.write_bytes(pair.key)
    (folder / "kubeconfig").write_text(yaml.safe_dump(_kubeconfig(f"https://127.0.0.1:{port}", authority.certificate)))
    process = _run(etcd, folder / "etcd.log")
    try:
        command = [str(assets / "kube-apiserver"), "--etcd-servers", client]
        command += ["--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1"]
        command += ["--tls-cert-file", str(certificate), "--tls-private-key-file", str(key)]
        command += ["--service-cluster-ip-range", "10.0.0.0/24", "--disable-admission-plugins", "ServiceAccount"]
        # kube-apiserver insists on being able to sign tokens of ServiceAccounts; nobody asks for one here
        command += ["--service-account-issuer", "https://127.0.0.1", "--service-account-key-file", str(key)]
        yield [*command, "--service-account-signing-key-file", str(key)]
    finally:
        _stop(process)


def _kubeconfig(url: str, authority: bytes) -> dict[str, Any]:
    cluster = {"server": url, "certificate-authority-data": base64.b64encode(authority).decode()}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": ENVTEST_ADMIN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }


def _run(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as said:
        return subprocess.Popen(command, stdout=said, stderr=said)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
