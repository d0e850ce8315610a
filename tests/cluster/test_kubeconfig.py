"""A kubeconfig that cannot be used is named, and nobody sees a traceback."""

import os
import re
from pathlib import Path

import pytest
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import incluster_config

from app.cluster.kubeconfig import configure
from app.cluster.port import ClusterError

GOOD = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://here.example"}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
users: [{name: u, user: {token: t}}]
"""


@pytest.mark.parametrize("content", [b"", b"a: [b", b"\x00\xff\xfe", b"only text", b"[]", b"clusters: 7"])
async def test_what_is_no_kubeconfig_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    """Whatever stands in the file."""
    path = tmp_path / "config"
    path.write_bytes(content)
    with pytest.raises(ClusterError, match="no way to a cluster") as refused:
        await configure(Configuration(), str(path), None)
    assert str(path) in str(refused.value)
    assert "--kubeconfig" in str(refused.value)


async def test_where_it_was_looked_for_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All the paths, and not that this is no pod."""
    paths = [str(tmp_path / "one"), str(tmp_path / "two")]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(paths))
    with pytest.raises(ClusterError, match=re.escape(", ".join(paths))):
        await configure(Configuration(), None, None)


async def test_of_several_files_those_that_are_there_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As with kubectl."""
    path = tmp_path / "config"
    path.write_text(GOOD)
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(tmp_path / "none"), str(path)]))
    configuration = Configuration()
    await configure(configuration, None, None)
    assert configuration.host == "https://here.example"


async def test_in_a_pod_without_its_account_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A pod whose ServiceAccount is not mounted has no way, and hears why."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    with pytest.raises(ClusterError, match="no way to a cluster"):
        await configure(Configuration(), None, None)


async def test_in_a_pod_its_account_is_the_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Address, CA and token are the pod's, where there is no kubeconfig, and none was asked for."""
    for name, file, content in (("TOKEN", "token", "secret"), ("CERT", "ca.crt", "a CA")):
        (tmp_path / file).write_text(content)
        monkeypatch.setattr(incluster_config, f"SERVICE_{name}_FILENAME", str(tmp_path / file))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    configuration = Configuration()
    await configure(configuration, None, None)
    assert (configuration.host, configuration.ssl_ca_cert) == ("https://[fd00::1]:6443", str(tmp_path / "ca.crt"))
    assert await configuration.get_api_key_with_prefix("BearerToken") == "bearer secret"
    with pytest.raises(ClusterError, match="there is no kubeconfig at"):
        await configure(configuration, None, "of-a-kubeconfig")
