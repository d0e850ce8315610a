"""One guarded cluster for all tests here that leave its configuration as it was."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from guarded_cluster import Answer, Cluster, crd, dismissed, tokens, with_an_older_version
from kube_version import VERSION
from policy_server import Api, policy_server, prepare
from rbac_server import rbac_server
from server_process import Pki, Process

REPOSITORY = Path(__file__).parents[2]
EXTRA = """\
apiVersion: statusguard.io/v1alpha1
kind: StatusGuard
metadata: {name: test-scales}
spec:
  target: {group: example.io, versions: ["*"], resource: scales, statusSubresource: true}
  protect: {lists: [{path: conditions, key: type}]}
---
apiVersion: statusguard.io/v1alpha1
kind: StatusGuard
metadata: {name: test-defaulteds}
spec:
  target: {group: example.io, versions: ["*"], resource: defaulteds, statusSubresource: false}
  emptyStatus: [{phase: New}]
---
apiVersion: statusguard.io/v1alpha1
kind: StatusGuard
metadata: {name: test-doubles}
spec:
  target: {group: example.io, versions: [v1beta1], resource: doubles, statusSubresource: false}
  protect: {fields: [phase, detail]}
"""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Where a server has been promised (``REQUIRE_CLUSTER``), a test that skips has not been run: a failure."""
    del item, call
    report: Any = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("REQUIRE_CLUSTER"):
        report.outcome = "failed"
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What a release does not have yet (``since``) is not tested on it: left out, which is no skip."""
    early = [item for item in items if any(mark.args[0] > VERSION for mark in item.iter_markers("since"))]
    config.hook.pytest_deselected(items=early)
    items[:] = [item for item in items if item not in early]


@pytest.fixture(scope="session")
def upgrade() -> dict[str, Any]:
    """A succeeded Upgrade with full status."""
    found: dict[str, Any] = json.loads((REPOSITORY / "tests/data/objects/upgrade-succeeded.json").read_text())
    return found


@pytest.fixture(scope="session")
def guarding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rules in force: Upgrade as shipped, and kinds made for these tests."""
    folder = tmp_path_factory.mktemp("guarding")
    shipped = (REPOSITORY / "manifests/rules/upgrades.harvesterhci.io.yaml").read_text()
    (folder / "upgrades.yaml").write_text(shipped)
    (folder / "extra.yaml").write_text(EXTRA)
    return folder


@pytest.fixture(scope="session")
def open_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with the kinds, in which everybody may do everything, and no guard yet."""
    with rbac_server(tmp_path_factory.mktemp("cluster"), tokens()) as server:
        cluster = Cluster(server)
        cluster.furnish(
            crd("harvesterhci.io", "upgrades"),
            crd("example.io", "scales", subresources=True),
            crd("example.io", "defaulteds", status={"default": {"phase": "New"}}),
            with_an_older_version(crd("example.io", "doubles"), newer="detail"),
        )
        yield cluster
        cluster.close()


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API server with every guard of the case table in every form that is exported, none of which can be called."""
    with policy_server(tmp_path_factory.mktemp("api")) as found:
        prepare(found)
        yield found


@pytest.fixture(scope="session")
def unguarded(open_cluster: Cluster, upgrade: dict[str, Any]) -> tuple[Answer, dict[str, Any]]:
    """The click before there was a guard: the answer, and what was stored."""
    made = open_cluster.create(upgrade)
    name = made["metadata"]["name"]
    return open_cluster.send("PUT", open_cluster.path(name), dismissed(made)), open_cluster.get(name)


@pytest.fixture(scope="session")
def authority(pki: Pki) -> Path:
    """The CA that the webhooks' certificates lead to."""
    path = pki.directory / "ca.crt"
    path.write_bytes(pki.authority.certificate)
    return path


@pytest.fixture(scope="session")
def webhook(starter: Callable[..., Process], guarding: Path) -> Process:
    """The webhook process that the cluster calls."""
    return starter(rules=guarding)


@pytest.fixture(scope="session")
def cluster(  # noqa: PLR0917 - fixtures are asked for by name
    open_cluster: Cluster,
    unguarded: tuple[Answer, dict[str, Any]],
    webhook: Process,
    guarding: Path,
    authority: Path,
    upgrade: dict[str, Any],
) -> Cluster:
    """The cluster with the guard registered, once the API server calls it."""
    open_cluster.register(guarding, webhook.url, authority)
    probe = open_cluster.create(upgrade)
    path = open_cluster.path(probe["metadata"]["name"]) + "?dryRun=All"
    open_cluster.until(lambda: "status" in open_cluster.send("PUT", path, dismissed(probe)).body, "it is never called")
    without_status = {**probe, "status": None}

    def refused() -> bool:
        skipped = open_cluster.send("PUT", path, without_status, who="proxy", Impersonate_User="nobody")
        return skipped.code == 403 or "status" in skipped.body

    open_cluster.until(refused, "the configurations are not in force")
    return open_cluster
