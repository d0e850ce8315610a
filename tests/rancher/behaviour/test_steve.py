"""Rancher's API: its forms against recorded ones, writes with versions, and lists that lag."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rancher import Timing, catalogue

Start = Callable[..., Awaitable[Any]]
SAMPLES = Path(__file__).parent.parent.parent / "data" / "rancher"
REPO = "/v1/catalog.cattle.io.clusterrepos/harvester"
ENTRIES = json.loads((SAMPLES / "errors-catalogue.json").read_text())
LATER = "2026-09-15T10:02:41Z"


def sample(name: str) -> dict[str, Any]:
    """A sample object."""
    return dict(json.loads((SAMPLES / f"{name}.json").read_text()))


def shape(value: Any, *, without: tuple[str, ...] = ()) -> Any:
    """The keys of an object and of all within."""
    if isinstance(value, dict):
        return {key: shape(one, without=without) for key, one in value.items() if key not in without}
    if isinstance(value, list):
        return [shape(one, without=without) for one in value] if value and isinstance(value[0], dict) else list
    return str if value is None else type(value)


async def test_a_ready_repository_has_the_samples_form(start: Start) -> None:
    """Keys and types of a downloaded git repository are those of the sample."""
    scene = await start()
    shown = (await scene.http.get(REPO)).json()
    shown["spec"]["forceUpdate"] = LATER
    assert (await scene.http.put(REPO, json=shown)).status_code == 200
    await scene.rancher.downloaded()
    shown = (await scene.http.get(REPO)).json()
    skipped = ("fields",)
    assert shape(shown, without=skipped) == shape(sample("clusterrepo-ready-git"), without=skipped)


async def test_operations_and_apps_have_the_samples_form(start: Start) -> None:
    """What follows an install looks like the samples, but for what nobody reads."""
    scene = await start()
    chart = {"chartName": "harvester", "version": "1.8.1", "releaseName": "harvester", "description": "harvester"}
    name = (await scene.install(charts=[chart])).json()["operationName"]
    await scene.rancher.settled()
    operation = await scene.operation(name)
    expected = sample("operation-done")
    skipped = ("fields", "uid")
    assert shape(operation, without=skipped) == shape(expected, without=skipped)
    assert operation["status"]["command"] == expected["status"]["command"]
    app = (await scene.http.get("/v1/catalog.cattle.io.apps/cattle-ui-plugin-system/harvester")).json()
    expected = sample("app-deployed")
    for part in ("id", "type", "apiVersion", "kind"):
        assert app[part] == expected[part]
    assert shape(app["spec"]["info"]) == shape(expected["spec"]["info"])
    assert app["status"] == {"observedGeneration": app["metadata"]["generation"], "summary": {"state": "deployed"}}
    assert set(app["links"]) == set(expected["links"])


@pytest.mark.parametrize(
    "entry", json.loads((SAMPLES / "errors-catalogue.json").read_text()), ids=lambda one: one["id"]
)
def test_the_catalogue_is_complete(entry: dict[str, Any]) -> None:
    """Every known error is there under its id, with its status and its parts."""
    answer = catalogue()[entry["id"]].answer
    assert answer.status == entry["status"]
    if entry["body"] is None:
        assert answer.body == b""
    elif entry["id"] == "pod-webhook":  # the sample leaves the URL's path out
        assert json.loads(answer.body)["message"].startswith(entry["body"]["message"].partition("...")[0])
    else:
        assert json.loads(answer.body) == entry["body"]


def test_errors_are_on_exact_bytes() -> None:
    """An error has its type twice, at both ends."""
    assert catalogue()["checkout-missing"].answer.body == (SAMPLES / "error-500.json").read_bytes().strip()


async def test_a_write_needs_the_version_that_it_read(start: Start) -> None:
    """An old version is a conflict, none at all is an error, and a write that changes nothing is none."""
    scene = await start()
    read = (await scene.http.get(REPO)).json()
    again = (await scene.http.put(REPO, json=read)).json()
    assert again["metadata"]["resourceVersion"] == read["metadata"]["resourceVersion"]
    read["spec"]["forceUpdate"] = LATER
    assert (await scene.http.put(REPO, json=read)).json()["metadata"]["generation"] == 2
    late = await scene.http.put(REPO, json=read)
    assert (late.status_code, late.json()["code"]) == (409, "Conflict")
    assert late.json()["message"].startswith(
        'Operation cannot be fulfilled on clusterrepos.catalog.cattle.io "harvester": the object has been modified'
    )
    del read["metadata"]["resourceVersion"]
    assert (await scene.http.put(REPO, json=read)).status_code == 500


async def test_the_leaders_write_makes_a_readers_version_old(start: Start) -> None:
    """A status that the leader writes between GET and PUT is a 409 for the PUT, as in the dashboard."""
    scene = await start(ready=False)
    scene.rancher.add_repo()
    read = (await scene.http.get(REPO)).json()
    await scene.rancher.downloaded()
    read["spec"]["forceUpdate"] = LATER
    assert (await scene.http.put(REPO, json=read)).status_code == 409


async def test_a_repository_can_be_created_and_deleted(start: Start) -> None:
    """A POST makes one, a second is 409, and a DELETE removes it."""
    scene = await start(ready=False)
    made = {"type": "catalog.cattle.io.clusterrepo", "metadata": {"name": "harvester"}, "spec": {"url": "http://x"}}
    path = "/v1/catalog.cattle.io.clusterrepos"
    statuses = [(await scene.http.post(path, json=made)).status_code for _ in range(2)]
    statuses += [(await scene.http.delete(REPO)).status_code, (await scene.http.get(REPO)).status_code]
    assert statuses == [201, 409, 204, 404]


async def test_lists_lag_and_single_objects_do_not(start: Start) -> None:
    """A new object is there by its name, in the raw list, and not yet in Steve's list."""
    scene = await start(timing=Timing(follower_lag=0.5, list_lag=100_000))
    scene.rancher.add_repo("other", url="http://x")
    assert (await scene.http.get("/v1/catalog.cattle.io.clusterrepos/other")).status_code == 200
    raw = await scene.http.get("/k8s/clusters/local/apis/catalog.cattle.io/v1/clusterrepos")
    assert [one["metadata"]["name"] for one in raw.json()["items"]] == ["harvester", "other"]
    assert (await scene.http.get("/v1/catalog.cattle.io.clusterrepos")).json()["data"] == []


async def test_lists_come_in_pages_where_they_are_asked_for(start: Start) -> None:
    """A limit gives a part and where it continues."""
    scene = await start(timing=Timing(follower_lag=0.5, list_lag=0))
    scene.rancher.add_repo("other", url="http://x")
    page = (await scene.http.get("/v1/catalog.cattle.io.clusterrepos", params={"limit": 1})).json()
    more = {"limit": 1, "continue": page["continue"]}
    rest = (await scene.http.get("/v1/catalog.cattle.io.clusterrepos", params=more)).json()
    assert [one["id"] for one in page["data"] + rest["data"]] == ["harvester", "other"]
    assert "continue" not in rest


async def test_links_are_built_with_the_host_that_the_client_used(start: Start) -> None:
    """X-API-Host wins over X-Forwarded-Host and Host."""
    scene = await start()
    for headers, base in (
        ({"x-forwarded-host": "rancher.example.com", "x-forwarded-proto": "http"}, "http://rancher.example.com/v1/"),
        ({"x-api-host": "api.example.com", "x-forwarded-host": "no"}, "https://api.example.com/v1/"),
    ):
        shown = (await scene.http.get(REPO, headers=headers)).json()
        assert shown["actions"]["install"].startswith(base)
