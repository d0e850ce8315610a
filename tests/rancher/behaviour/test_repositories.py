"""ClusterRepos: what the leader writes, when it tries again, and how the lines of Rancher differ."""

import asyncio
import gzip
from base64 import b64decode
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.rancher import DNS, HARVESTER, HARVESTER_URL, Chart, Outage, Trouble

Start = Callable[..., Awaitable[Any]]
LINES = [(2, minor) for minor in range(10, 16)]
GIT = {"gitRepo": HARVESTER_URL, "gitBranch": "gh-pages"}
HTTP = "https://charts.example.com"
OCI = "oci://registry.example.com/extensions"


def conditions(repo: dict[str, Any]) -> dict[str, str]:
    """Statuses by condition type."""
    return {one["type"]: one["status"] for one in repo.get("status", {}).get("conditions", [])}


async def until(scene: Any, holds: Callable[[dict[str, Any]], Any], name: str = "harvester") -> dict[str, Any]:
    """Wait until a status holds; return the repository."""

    def met() -> bool:
        return bool(holds(scene.rancher.repo(name).get("status", {})))

    await asyncio.wait_for(scene.rancher.until(met), 30)
    return dict(scene.rancher.repo(name))


@pytest.mark.parametrize("line", LINES)
async def test_conditions_are_absent_before_the_first_finish(start: Start, line: tuple[int, int]) -> None:
    """From 2.15 a new repository has no status; before, followers say FollowerDownloaded, which proves nothing."""
    scene = await start(ready=False, line=line)
    scene.rancher.upstream(clone_seconds=10_000)
    scene.rancher.add_repo()
    await scene.rancher.clock.sleep(20)
    repo = scene.rancher.repo()
    if line >= (2, 15):
        assert "status" not in repo
    else:
        assert (conditions(repo), repo["status"]["observedGeneration"]) == ({"FollowerDownloaded": "True"}, 0)
        assert "commit" not in repo["status"]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(
    ("spec", "kind", "sort"), [(GIT, "git", "Downloaded"), ({"url": HTTP}, "http", "Downloaded"),
                               ({"url": OCI}, "oci", "OCIDownloaded")]
)  # fmt: skip
async def test_a_download_sets_what_its_kind_and_line_have(
    start: Start, line: tuple[int, int], spec: dict[str, str], kind: str, sort: str
) -> None:
    """Each kind has its condition, url and index; branch and commit only git, FollowerDownloaded only old lines."""
    scene = await start(ready=False, line=line)
    scene.rancher.upstream(spec.get("url", HARVESTER_URL), kind=kind)
    scene.rancher.add_repo(**spec)
    await asyncio.wait_for(scene.rancher.downloaded(everywhere=True), 30)
    await scene.rancher.clock.sleep(10)
    repo = scene.rancher.repo()
    status, uid = repo["status"], repo["metadata"]["uid"]
    assert conditions(repo) == {sort: "True"} | ({"FollowerDownloaded": "True"} if line < (2, 15) else {})
    assert set(status) - {"conditions", "branch", "commit"} == {
        *("url", "downloadTime", "observedGeneration"),
        *("indexConfigMapName", "indexConfigMapNamespace", "indexConfigMapResourceVersion"),
    }
    assert (status["url"], status["observedGeneration"]) == (spec.get("gitRepo") or spec["url"], 1)
    assert {"branch", "commit"} & set(status) == ({"branch", "commit"} if kind == "git" else set())
    stored = scene.rancher.local.store.get("configmaps", f"harvester-0-{uid}", "cattle-system")
    assert stored["metadata"]["ownerReferences"][0]["uid"] == uid
    assert b'"1.8.1"' in gzip.decompress(b64decode(stored["spec"]["content"]))


async def test_the_first_clone_is_written_twice_from_2_15(start: Start) -> None:
    """The leader goes over a new git repository a second time at once, and says so in between."""
    scene = await start(ready=False)
    scene.rancher.upstream(fetch_seconds=500)
    scene.rancher.add_repo()
    repo = await until(scene, lambda status: status.get("commit"))
    assert repo["status"]["shouldNotSkip"] is True
    await until(scene, lambda status: "shouldNotSkip" not in status)
    assert len(scene.rancher.record.of("pass")) == 2


@pytest.mark.parametrize("spec", [GIT | {"enabled": False}, {"url": ""}])
async def test_what_is_not_fetched_counts_as_downloaded_without_an_index(start: Start, spec: dict[str, Any]) -> None:
    """A disabled repository, and one that names no source, are Downloaded and have no index."""
    scene = await start(ready=False)
    scene.rancher.local.store.create("clusterrepos", {"metadata": {"name": "harvester"}, "spec": spec})
    repo = await until(scene, lambda status: status)
    assert conditions(repo) == {"Downloaded": "True"}
    assert set(repo["status"]) == {"conditions", "observedGeneration"}
    assert scene.rancher.record.of("download") == []


async def test_a_failed_first_clone_waits_five_minutes_then_longer_then_an_hour(start: Start) -> None:
    """The wait doubles from 5 to 20 minutes, three times; the status says when, the condition why."""
    scene = await start(ready=False, factor=20_000)
    scene.rancher.upstream(index_outage=Outage(DNS, times=4))
    scene.rancher.add_repo()
    repo = await until(scene, lambda status: status.get("numberOfRetries"))
    (said,) = repo["status"]["conditions"]
    assert (said["type"], said["status"], said["reason"]) == ("Downloaded", "False", "Error")
    assert said["message"].startswith("head failure: git clone --depth=1 -n --branch=gh-pages -- ")
    assert said["message"].endswith("Could not resolve host: github.com\n. Will retry after 5m0s")
    assert repo["status"]["observedGeneration"] == 1
    assert "nextRetryAt" in repo["status"]
    await until(scene, lambda status: status.get("indexConfigMapName"))
    starts = [event.at for event in scene.rancher.record.of("download")]
    waits = [later - earlier for earlier, later in pairwise(starts)]
    for waited, least in zip(waits, (300, 600, 1200, 3600), strict=False):
        assert least <= waited


async def test_a_new_generation_ends_the_back_off(start: Start) -> None:
    """A PUT of forceUpdate makes the leader try at once and forget its retries: the user's second click."""
    scene = await start(ready=False, factor=500)
    scene.rancher.upstream(index_outage=Outage(DNS, times=1))
    scene.rancher.add_repo()
    await until(scene, lambda status: status.get("nextRetryAt"))
    path = "/v1/catalog.cattle.io.clusterrepos/harvester"
    shown = (await scene.http.get(path)).json()
    shown["spec"]["forceUpdate"] = "2026-09-15T10:02:41Z"
    assert (await scene.http.put(path, json=shown)).status_code == 200
    repo = await until(scene, lambda status: status.get("indexConfigMapName") and "shouldNotSkip" not in status)
    assert (repo["metadata"]["generation"], repo["status"]["observedGeneration"]) == (2, 2)
    assert {"numberOfRetries", "nextRetryAt"} & set(repo["status"]) == set()


async def test_during_a_re_sync_only_the_generation_lags(start: Start) -> None:
    """Downloaded stays True while the leader fetches again."""
    scene = await start()
    scene.rancher.world.upstreams[HARVESTER_URL].fetch_seconds = 10_000
    repo = scene.rancher.repo()
    changed = repo | {"spec": repo["spec"] | {"forceUpdate": "2026-09-15T10:02:41Z"}}
    scene.rancher.local.store.update("clusterrepos", changed)
    await scene.rancher.clock.sleep(20)
    repo = scene.rancher.repo()
    assert (repo["metadata"]["generation"], repo["status"]["observedGeneration"]) == (2, 1)
    assert conditions(repo) == {"Downloaded": "True"}


async def test_a_failed_refresh_leaves_the_index_usable(start: Start) -> None:
    """Downloaded turns False, and installs go on from the old index and the old checkout."""
    scene = await start()
    scene.rancher.world.upstreams[HARVESTER_URL].index_outage = Outage(DNS)
    repo = scene.rancher.repo()
    changed = repo | {"spec": repo["spec"] | {"forceUpdate": "2026-09-15T10:02:41Z"}}
    scene.rancher.local.store.update("clusterrepos", changed)
    repo = await until(scene, lambda status: status.get("numberOfRetries"))
    assert conditions(repo) == {"Downloaded": "False"}
    assert "fetch origin -- gh-pages error" in repo["status"]["conditions"][0]["message"]
    assert (await scene.install()).status_code == 201


async def test_a_negative_interval_never_tries_again(start: Start) -> None:
    """After a failed first download only a change of the spec helps."""
    scene = await start(ready=False, factor=20_000)
    scene.rancher.upstream(index_outage=Outage(DNS, times=1))
    scene.rancher.add_repo(**GIT, refreshInterval=-1)
    repo = await until(scene, lambda status: status.get("conditions"))
    assert {"numberOfRetries", "nextRetryAt"} & set(repo["status"]) == set()
    await scene.rancher.clock.sleep(8000)
    assert len(scene.rancher.record.of("download")) == 1


@pytest.mark.parametrize(("status", "fetches"), [(401, 1), (403, 1), (404, 1), (503, 1), (429, 6)])
async def test_a_registry_is_asked_again_only_after_429(start: Start, status: int, fetches: int) -> None:
    """OCI: five quick tries after 429; after other errors nothing within hours, after 401, 403, 404 nothing ever."""
    scene = await start(ready=False, factor=10_000)
    scene.rancher.upstream(OCI, kind="oci", index_outage=Outage(Trouble(status=status)))
    scene.rancher.add_repo(url=OCI)
    await until(scene, lambda status: status.get("conditions"))
    await scene.rancher.clock.sleep(5000)
    assert len(scene.rancher.record.of("download")) == fetches
    assert conditions(scene.rancher.repo()) == {"OCIDownloaded": "False"}


async def test_a_lost_index_is_written_again(start: Start) -> None:
    """When the ConfigMap is gone the leader makes it anew."""
    scene = await start()
    name = scene.rancher.repo()["status"]["indexConfigMapName"]
    scene.rancher.local.store.delete("configmaps", name, "cattle-system")
    await asyncio.wait_for(
        scene.rancher.until(lambda: scene.rancher.local.store.get("configmaps", name, "cattle-system")), 30
    )


async def test_a_new_commit_reaches_followers_later(start: Start) -> None:
    """After a refresh the new version is in every index, and a follower without the commit does not find it."""
    scene = await start()
    scene.rancher.local.members[1].lag = 10_000
    scene.rancher.world.upstreams[HARVESTER_URL].publish(Chart("harvester", "1.8.2"))
    repo = scene.rancher.repo()
    before = repo["status"]["commit"]
    changed = repo | {"spec": repo["spec"] | {"forceUpdate": "2026-09-15T10:02:41Z"}}
    scene.rancher.local.store.update("clusterrepos", changed)
    await until(scene, lambda status: status["commit"] != before)
    await scene.rancher.clock.sleep(5)
    assert (await scene.probe(await scene.at(0), version="1.8.2")).status_code == 200
    late = await scene.at(1)
    assert (
        b"failed to find chartName harvester version 1.8.2: NotFound 404"
        in (await scene.probe(late, version="1.8.2")).content
    )
    assert (await scene.probe(late, version=HARVESTER.version)).status_code == 200


async def test_a_large_index_is_chained_over_several_configmaps(start: Start) -> None:
    """An index above 100 kB compressed continues in the ConfigMap that its annotation names."""
    scene = await start(ready=False)
    charts = [Chart(f"chart-{scene.rancher.world.names.suffix(40)}", f"1.{n}.0") for n in range(3000)]
    scene.rancher.upstream(HARVESTER_URL, *charts)
    scene.rancher.add_repo()
    await asyncio.wait_for(scene.rancher.downloaded(everywhere=True), 30)
    await scene.rancher.clock.sleep(1)
    assert len(scene.rancher.local.store.list("configmaps")) > 1
    assert (await scene.probe(scene.http, charts[-1].name, charts[-1].version)).status_code == 200


def force(scene: Any, stamp: str) -> None:
    """Write forceUpdate as a client does."""
    repo = scene.rancher.repo()
    scene.rancher.local.store.update("clusterrepos", repo | {"spec": repo["spec"] | {"forceUpdate": stamp}})


async def test_a_new_generation_counts_retries_anew(start: Start) -> None:
    """When it fails again after a change of the spec, that is the first failure."""
    scene = await start(ready=False, factor=2000)
    scene.rancher.upstream(index_outage=Outage(DNS))
    scene.rancher.add_repo()
    await until(scene, lambda status: status.get("numberOfRetries") == 2)
    force(scene, "2026-09-15T10:02:41Z")
    repo = await until(scene, lambda status: status.get("observedGeneration") == 2)
    assert repo["status"]["numberOfRetries"] == 1
    assert repo["status"]["conditions"][0]["message"].endswith("Will retry after 5m0s")


@pytest.mark.parametrize(("status", "again"), [(401, False), (403, False), (404, False), (503, True)])
async def test_a_registrys_final_answer_outlasts_the_interval(start: Start, status: int, again: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """After other errors the next refresh asks again; after 401, 403 and 404 only a change of the spec does."""
    scene = await start(ready=False, factor=2000)
    upstream = scene.rancher.upstream(OCI, kind="oci", index_outage=Outage(Trouble(status=status), times=1))
    scene.rancher.add_repo(url=OCI, refreshInterval=200)
    await until(scene, lambda status: status.get("conditions"))
    await scene.rancher.clock.sleep(1000)
    assert (len(scene.rancher.record.of("download")) > 1) is again
    upstream.index_outage = None
    force(scene, "2026-09-15T10:02:41Z")
    await until(scene, lambda status: status.get("indexConfigMapName"))


async def test_a_line_without_follower_downloaded_removes_what_older_ones_left(start: Start) -> None:
    """After an upgrade to 2.15 the leader's next pass drops the old condition."""
    scene = await start()
    legacy = {"type": "FollowerDownloaded", "status": "True", "lastUpdateTime": "2026-09-15T10:02:11Z"}
    scene.rancher.local.store.write_status("clusterrepos", "harvester", lambda one: one["conditions"].append(legacy))
    force(scene, "2026-09-15T10:02:41Z")
    repo = await until(scene, lambda status: status["observedGeneration"] == 2)
    assert conditions(repo) == {"Downloaded": "True"}


async def test_the_same_seed_makes_the_same_names(start: Start) -> None:
    """Uids and the names of operations follow from the seed."""
    made = []
    for seed in (1, 1, 2):
        scene = await start(seed=seed, replicas=1)
        made.append((scene.rancher.repo()["metadata"]["uid"], (await scene.install()).json()["operationName"]))
    assert made[0] == made[1]
    assert set(made[0]) & set(made[2]) == set()
