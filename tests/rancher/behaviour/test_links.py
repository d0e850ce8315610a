"""Links of a repository: what they show, and what a probe costs."""

import asyncio
import io
import json
import tarfile
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.rancher import DIAL, DNS, EOF, HARVESTER, TIMEOUT, X509, Chart, Outage, Trouble

Start = Callable[..., Awaitable[Any]]
URL = "https://charts.example.com"
REPO = "/v1/catalog.cattle.io.clusterrepos/harvester"


async def remote(start: Start, *charts: Chart, kind: str = "http", **details: Any) -> Any:
    """A scene with a repository whose charts are downloaded when they are wanted."""
    scene = await start(ready=False)
    url = URL if kind == "http" else "oci://registry.example.com/extensions"
    scene.rancher.upstream(url, *charts, kind=kind, **details)
    scene.rancher.add_repo(url=url)
    await asyncio.wait_for(scene.rancher.downloaded(), 30)
    await scene.rancher.clock.sleep(1)
    return scene


async def test_the_index_leaves_out_what_is_not_for_this_rancher(start: Start) -> None:
    """A version that is filtered from the index is there with skipFilter, and can be installed."""
    scene = await remote(start, HARVESTER, Chart("harvester", "1.9.0", hidden=True))
    for asked, versions in (({}, ["1.8.1"]), ({"skipFilter": "true"}, ["1.9.0", "1.8.1"])):
        index = (await scene.http.get(REPO, params={"link": "index"} | asked)).json()
        assert [one["version"] for one in index["entries"]["harvester"]] == versions
    assert (await scene.probe(scene.http, version="1.9.0")).status_code == 200


@pytest.mark.parametrize(("kind", "downloads"), [("http", 2), ("oci", 2), ("git", 0)])
async def test_a_probe_downloads_the_chart_unless_it_is_in_a_checkout(start: Start, kind: str, downloads: int) -> None:
    """Each probe of an http or oci repository fetches the chart again; of a git repository it reads the disk."""
    scene = await (start() if kind == "git" else remote(start, kind=kind))
    for _ in range(2):
        assert (await scene.probe(scene.http)).json()["chart"]["version"] == "1.8.1"
    fetched = [event.file for event in scene.rancher.record.of("download") if event.file != "index"]
    assert fetched == ["harvester-1.8.1.tgz"] * downloads


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        (DNS, 'Get "{}": dial tcp: lookup charts.example.com on 10.43.0.10:53: no such host'),
        (DIAL, 'Get "{}": dial tcp 10.43.12.7:443: connect: connection refused'),
        (X509, 'Get "{}": tls: failed to verify certificate: x509: certificate signed by unknown authority'),
        (TIMEOUT, 'Get "{}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'),
        (EOF, "unexpected EOF"),
    ],
)
async def test_a_download_that_fails_is_told_in_gos_words(start: Start, trouble: Trouble, message: str) -> None:
    """Probe and install both answer 500 with the words of Go's client, before any side effect."""
    scene = await remote(start, chart_outage=Outage(trouble))
    for reply in (await scene.probe(scene.http), await scene.install()):
        said = message.format(f"{URL}/harvester-1.8.1.tgz")
        assert (reply.status_code, reply.json()["code"], reply.json()["message"]) == (500, "ServerError", said)
    assert scene.rancher.record.begun() == 0


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
async def test_a_downloads_status_is_passed_through_without_words(start: Start, status: int) -> None:
    """The status of the chart's server becomes Rancher's, with an empty code and an empty message."""
    scene = await remote(start, chart_outage=Outage(Trouble(status=status)))
    reply = await scene.install()
    body = '{"type":"error","links":{},"code":"","message":"","status":%d,"type":"error"}'
    assert (reply.status_code, reply.text) == (status, body % status)


async def test_a_chart_above_five_megabytes_is_refused(start: Start) -> None:
    """An http repository's chart has a limit."""
    scene = await remote(start, Chart("harvester", "1.8.1", size=5 * 1024 * 1024 + 1))
    assert (await scene.probe(scene.http)).status_code == 500


async def test_the_chart_itself_is_an_archive(start: Start) -> None:
    """The link chart sends what helm would install."""
    scene = await start()
    asked = {"link": "chart", "chartName": "harvester", "version": "1.8.1"}
    reply = await scene.http.get(REPO, params=asked)
    assert reply.headers["content-type"] == "application/gzip"
    with tarfile.open(fileobj=io.BytesIO(reply.content)) as archive:
        member = archive.extractfile("harvester/Chart.yaml")
        assert member is not None
        assert json.load(member)["version"] == "1.8.1"


@pytest.mark.parametrize(
    ("chart", "version", "message"),
    [
        ("longhorn", "1.8.1", "no chart name found"),
        ("harvester", "9.9.9", "no chart version found for harvester-9.9.9"),
    ],
)
async def test_what_the_index_lacks_is_a_server_error(start: Start, chart: str, version: str, message: str) -> None:
    """A chart or version that is not in the index is 500, as everything is that the API server does not know."""
    scene = await start()
    reply = await scene.probe(scene.http, chart, version)
    assert (reply.status_code, reply.json()["message"]) == (500, message)


async def test_a_version_may_be_a_constraint_so_answers_name_another_one(start: Start) -> None:
    """A version that is none is taken as a constraint, and the newest that fits is answered with."""
    scene = await remote(start, HARVESTER, Chart("harvester", "1.9.0"))
    for asked, found in (("^1.8", "1.9.0"), ("~1.8", "1.8.1"), ("", "1.9.0")):
        assert (await scene.probe(scene.http, version=asked)).json()["chart"]["version"] == found


async def test_without_a_name_there_is_nothing_to_find(start: Start) -> None:
    """A probe without a chart's name is 404."""
    scene = await start()
    assert (await scene.probe(scene.http, "")).status_code == 404
