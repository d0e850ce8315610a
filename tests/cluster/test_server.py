"""How the tests find an API server: a test API server, else what envtest ships, else none."""

import os
from pathlib import Path

import pytest
from api_server import NEEDED, api_server
from guarded_cluster import Cluster, crd, tokens
from rbac_server import rbac_server

KUBE_APISERVER = """\
#!/bin/bash
# the test API server with its own storage, called as kube-apiserver is
here=$(dirname "$0")
echo "$@" > "$here/called-with"
for word in "$@"; do
  case $word in
    --etcd-servers | --service-*) skip=yes ;;
    --disable-admission-plugins) skip=yes ;; # names one that it does not have
    --*) skip=no ;;
  esac
  [ "$skip" = yes ] || args+=("$word")
done
exec {binary} --data-dir "$here/data" "${{args[@]}}"
"""
ETCD = '#!/bin/bash\necho "$@" > "$(dirname "$0")/etcd-called-with"\nexec sleep 600\n'


def test_without_a_server_tests_skip_and_say_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With neither variable set nothing is started, and the reason names both and the command that gets one."""
    for name in ("TEST_APISERVER", "KUBEBUILDER_ASSETS"):
        monkeypatch.delenv(name, raising=False)
    with (
        pytest.raises(pytest.skip.Exception, match=r"TEST_APISERVER.*KUBEBUILDER_ASSETS.*setup-envtest use"),
        api_server(tmp_path, []),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    """A folder as envtest's: the one that there is, or one whose kube-apiserver is the test API server."""
    binary, given = os.environ.get("TEST_APISERVER"), os.environ.get("KUBEBUILDER_ASSETS")
    if given and not binary:
        return Path(given)
    if not binary:
        pytest.skip(NEEDED)
    folder = tmp_path / "assets"
    folder.mkdir()
    for name, text in {"kube-apiserver": KUBE_APISERVER.format(binary=binary), "etcd": ETCD}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


@pytest.mark.cluster
def test_what_envtest_ships_will_do(assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with kube-apiserver and etcd: both are started, tokens count, and a restart keeps what was stored."""
    monkeypatch.delenv("TEST_APISERVER", raising=False)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    (tmp_path / "server").mkdir()
    with rbac_server(tmp_path / "server", tokens()) as server:
        cluster = Cluster(server)
        cluster.furnish(crd("harvesterhci.io", "upgrades"))
        made = cluster.create({"apiVersion": "harvesterhci.io/v1beta1", "kind": "Upgrade", "metadata": {}})
        server.process.end()
        server.process.begin()
        cluster.connect()
        cluster.until(lambda: cluster.send("GET", cluster.path()).code == 200, "its RBAC never comes up")
        assert cluster.get(made["metadata"]["name"]) == made
        assert cluster.send("GET", cluster.path(), who="nobody").code == 401
        cluster.close()
    if (assets / "called-with").exists():
        storage, words = ((assets / name).read_text().split() for name in ("etcd-called-with", "called-with"))
        assert words[words.index("--etcd-servers") + 1] == storage[storage.index("--listen-client-urls") + 1]
