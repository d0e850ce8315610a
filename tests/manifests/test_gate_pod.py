"""The gate's container, as far as a process is one: its own arguments, before a Rancher, from start to end."""

import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from manifest_objects import ROOT, pod_of, the
from server_process import Pki, Process

from tests.rancher import ADMIN, Clock, Release, Threaded, Timing, in_thread

POD = pod_of(the("Deployment", "gate/deployment.yaml"))
(CONTAINER,) = POD["containers"]
ELSEWHERE = {"--host", "--port", "--ops-port", "--rancher-url"}
"""Arguments that are about a cluster's network."""
BODY = {"namespace": "x", "charts": [{"chartName": "harvester", "version": "1.8.1", "releaseName": "harvester"}]}


@pytest.fixture
def rancher() -> Iterator[Threaded]:
    """A Rancher whose repository everybody has."""
    with in_thread(clock=Clock(100), timing=Timing(follower_lag=0.1)) as running:
        running.call(running.rancher.add_repo)
        running.run(running.rancher.downloaded(everywhere=True))
        yield running


@pytest.fixture
def process(rancher: Threaded, pki: Pki, environment: dict[str, str], tmp_path: Path) -> Iterator[Process]:
    """The container's command, with its volumes mounted in a folder."""
    mounts = {mount["mountPath"]: tmp_path / mount["name"] for mount in CONTAINER["volumeMounts"]}
    for folder in mounts.values():
        folder.mkdir()
    files = {"certs": [pki.certificate, pki.key], "rancher-ca": [rancher.rancher.ca_file]}
    for name, sources in files.items():
        for source in sources:
            (tmp_path / name / source.name).write_bytes(source.read_bytes())
    words = []
    for arg in CONTAINER["args"]:
        option, _, value = arg.partition("=")
        folder = next((there for path, there in mounts.items() if value.startswith(f"{path}/")), None)
        if option not in ELSEWHERE:
            words.append(f"{option}={folder / value.rpartition('/')[2]}" if folder else arg)
    here = ["--port=0", "--ops-port=0", f"--rancher-url={rancher.rancher.url}"]
    command = [sys.executable, "-m", "app", *words, *here]
    popen = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE)
    started = Process(popen, pki.client_context())
    started.begin()
    yield started
    if popen.poll() is None:
        started.signal(signal.SIGKILL)
    started.ended()


def test_the_containers_arguments_serve_installs(process: Process, rancher: Threaded, tmp_path: Path) -> None:
    """It is ready, sees Rancher, installs once, keeps its journal to itself, and ends within the grace period."""
    ready, checks = process.ready()
    assert ready
    assert checks["rancher"]["detail"] == "Rancher answers: 200"
    path = "/v1/catalog.cattle.io.clusterrepos/harvester?action=install"
    headers = ADMIN.bearer | {"prefer": "respond-async"}
    with httpx.Client(base_url=process.url, verify=process.context, headers=headers, timeout=30) as client:
        assert client.post(path, json=BODY).status_code == 202
        process.line("install ended", outcome="answered")
    rancher.run(rancher.rancher.settled())
    assert rancher.rancher.record.begun(Release("local", "x", "harvester")) == 1
    journal = tmp_path / "journal/installs.jsonl"
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    assert ADMIN.token.partition(":")[2] not in journal.read_text()
    process.signal(signal.SIGTERM)
    assert process.popen.wait(POD["terminationGracePeriodSeconds"]) == 0
