"""The guard on older Kubernetes releases, each emulated by the API server: the click, and who else may write.

One test a release of what this suite holds against the newest; ``make test-releases`` runs all of the suite on each.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from guarded_cluster import CONTROLLER, Cluster, crd, dismissed, tokens
from kube_version import emulating
from rbac_server import rbac_server
from server_process import Process

from app.core.export.versions import parse

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

MERGE = "application/merge-patch+json"


@pytest.fixture(params=["1.33", "1.34", "1.35"])
def release(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    webhook: Process,
    guarding: Path,
    authority: Path,
) -> Iterator[Cluster]:
    """An API server of an older release that calls the webhook for Upgrades."""
    with rbac_server(tmp_path, tokens(), *emulating(request.param)) as server:
        cluster = Cluster(server, parse(request.param))
        said = cluster.send("GET", "/version", who="admin").body
        assert f"{said['emulationMajor']}.{said['emulationMinor']}" == request.param
        cluster.furnish(crd("harvesterhci.io", "upgrades"))
        cluster.register(guarding, webhook.url, authority)
        yield cluster
        cluster.close()


def test_an_older_release_calls_the_guard_as_the_newest_does(
    release: Cluster, webhook: Process, upgrade: dict[str, Any]
) -> None:
    """A lossy PUT or patch by anybody comes back whole, the controller's passes, and healthy ones are not asked."""
    made = release.create(upgrade)
    path = release.path(made["metadata"]["name"])
    release.until(lambda: "status" in release.send("PUT", f"{path}?dryRun=All", dismissed(made)).body, "never called")
    lossy: dict[str, Callable[[], Any]] = {
        "a PUT": lambda: release.send("PUT", path, dismissed(release.get(made["metadata"]["name"]))),
        "a merge patch": lambda: release.send("PATCH", path, {"status": None}, content_type=MERGE),
        "a JSON patch": lambda: release.send(
            "PATCH", path, [{"op": "remove", "path": "/status"}], content_type="application/json-patch+json"
        ),
        "an administrator's PUT": lambda: release.send(
            "PUT", path, dismissed(release.get(made["metadata"]["name"])), who="admin"
        ),
        "an impersonated user's": lambda: release.send(
            "PATCH", path, {"status": None}, who="proxy", content_type=MERGE, Impersonate_User="u-4j7xk"
        ),
    }
    for name, write in lossy.items():
        answer = write()
        assert (answer.code, answer.body.get("status")) == (200, upgrade["status"]), name
        assert any("/status (SG003)" in warning for warning in answer.warnings), name
    asked = webhook.metric("status_guard_requests_total")
    assert release.send("PATCH", path, {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE).code == 200
    assert webhook.metric("status_guard_requests_total") == asked
    bare = {key: value for key, value in release.get(made["metadata"]["name"]).items() if key != "status"}
    own = release.send("PUT", path, bare, who="proxy", Impersonate_User=CONTROLLER)
    assert (own.code, "status" in own.body) == (200, False)


def test_an_older_release_gets_no_policy_that_mutates(release: Cluster, guarding: Path) -> None:
    """``export vap`` has manifests for it that it takes; ``export map`` says why not, and names another way."""
    options = ["--rules", str(guarding), "--kube-version", str(release.version)]
    policies = release.server.status_guard("export", "vap", *options)
    assert policies.returncode == 0, policies.stderr
    release.apply_text(policies.stdout)
    refused = release.server.status_guard("export", "map", *options)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "1.36" in refused.stderr
    assert "status-guard export webhook" in refused.stderr
