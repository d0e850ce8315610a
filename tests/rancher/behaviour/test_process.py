"""The stand-in outside of a test's loop: as a process with its control listener, and in a thread."""

import json
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.rancher import Act, Clock, Step, Timing, in_thread

REPOSITORY = Path(__file__).parent.parent.parent.parent
INSTALL = {"action": "install"}
REPO = "/v1/catalog.cattle.io.clusterrepos/harvester"
BODY = {"charts": [{"chartName": "harvester", "version": "1.8.1", "releaseName": "harvester"}], "namespace": "x"}


@pytest.fixture
def said() -> Iterator[dict[str, Any]]:
    """A process, and what it says first; it ends in order."""
    words = ("--factor", "200", "--follower-lag", "0.1", "--repo")
    command = [sys.executable, "-m", "tests.rancher", *words]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def installable(http: httpx.Client) -> None:
    """Wait until every replica can install."""
    for _ in range(1000):
        probes = {"link": "info", "chartName": "harvester", "version": "1.8.1"}
        if all(http.get(REPO, params=probes, headers={"connection": "close"}).is_success for _ in range(3)):
            return
    pytest.fail("the repository was never ready")


def test_a_process_serves_takes_faults_and_counts(said: dict[str, Any]) -> None:
    """What a test does in Python can be done over HTTP."""
    context = ssl.create_default_context(cafile=said["ca"])
    headers = {"authorization": f"Bearer {said['token']}"}
    with (
        httpx.Client(base_url=said["url"], verify=context, headers=headers, timeout=30) as http,
        httpx.Client(base_url=said["control"], timeout=30) as control,
    ):
        installable(http)
        fault = {"at": "answer", "do": "lose", "on": "install"}
        assert control.post("/faults", json=fault).json()["at"] == "answer"
        with pytest.raises(httpx.RemoteProtocolError):
            http.post(REPO, params=INSTALL, json=BODY)
        counted = {"cluster": "local", "namespace": "x", "release": "harvester", "begun": 1, "pods": 1}
        assert control.get("/counts").json() == [counted]
        assert control.get("/faults").json()[0]["times"] == 0
        assert [event["step"] for event in control.get("/record?what=fault").json()] == ["answer"]
        assert control.get("/state").json()["leaders"] == {"local": "rancher-0"}
        assert control.post("/faults", json={"at": "nowhere", "do": "lose"}).status_code == 400
        assert control.get("/nothing").status_code == 404
        rival = control.post("/rival", json={"namespace": "y", "release": "z"})
        assert rival.json()["operation"].startswith("helm-operation-")
        charts = [{"name": "other", "version": "1.0.0"}]
        outage = {"trouble": 503, "times": 1}
        offered = {"url": "http://x", "kind": "http", "charts": charts, "chart_outage": outage}
        assert control.post("/upstreams", json=offered).status_code == 200
        assert control.post("/repos", json={"name": "other", "spec": {"url": "http://x"}}).status_code == 200
        assert control.post("/depose", json={}).status_code == 200
        assert control.get("/state").json()["leaders"] == {"local": "rancher-1"}
        assert control.post("/refuse").status_code == 200
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{said['url']}/ping", verify=context)
        assert control.post("/accept").status_code == 200
        assert httpx.get(f"{said['url']}/ping", verify=context).text == "pong"
        assert control.post("/restart", json={"replica": 2, "seconds": 1}).json() == {"name": "rancher-2"}
        assert (control.delete("/record").status_code, control.delete("/faults").status_code) == (200, 200)


def test_a_thread_serves_tests_that_are_not_asynchronous() -> None:
    """A client that blocks is answered, and calls into the thread are made there."""
    with in_thread(replicas=1, clock=Clock(200), timing=Timing(follower_lag=0.1)) as running:
        rancher = running.rancher
        running.call(rancher.add_repo)
        running.run(rancher.downloaded(everywhere=True))
        running.call(rancher.faults.add, Step.LOOKUP, Act.REFUSE, on="install", error="unavailable")
        headers = {"authorization": f"Bearer {next(iter(rancher.users))}"}
        context = rancher.client_context()
        with httpx.Client(base_url=rancher.url, verify=context, headers=headers, timeout=30) as http:
            statuses = [http.post(REPO, params=INSTALL, json=BODY).status_code for _ in range(2)]
        running.run(rancher.settled())
        assert (statuses, rancher.record.begun()) == ([503, 201], 1)
