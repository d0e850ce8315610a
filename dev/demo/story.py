"""What the demo tells: the same request, first to Rancher itself and then to the gate."""

import json
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
from processes import DemoError

REPOS = "/v1/catalog.cattle.io.clusterrepos"
SOURCE = {"gitRepo": "https://github.com/harvester/harvester-ui-extension", "gitBranch": "gh-pages"}
INSTALL = f"{REPOS}/harvester?action=install"
BODY = {
    "namespace": "cattle-ui-plugin-system",
    "charts": [{"chartName": "harvester", "version": "1.8.1", "releaseName": "harvester"}],
}
PATIENCE = 100.0
"""Seconds for one answer: twice what the gate holds an install by default."""

PHASES = {
    "queued": "the repository says that it is ready; does the replica that would take the request have the chart?",
    "sending": "it has; the request is on its way, on the connection that was asked",
}
"""What the phases mean in which nothing is waited for."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Scene:
    """Who takes part.

    Attributes:
        rancher: the stand-in's address.
        gate: the gate's.
        control: where the stand-in tells what it counted.
        token: of its administrator.
        trust: the CAs of both.
        factor: how many times as fast as the wall's the stand-in's time runs.
    """

    rancher: str
    gate: str
    control: str
    token: str
    trust: ssl.SSLContext
    factor: float

    def client(self) -> httpx.Client:
        """Somebody who is logged in."""
        headers = {"authorization": f"Bearer {self.token}"}
        return httpx.Client(verify=self.trust, headers=headers, timeout=PATIENCE, trust_env=False)


def tell(scene: Scene, say: Say) -> None:
    """Tell all of it.

    Raises:
        DemoError: it did not come about as told.
    """
    with scene.client() as client:
        _without(scene, client, say)
        _through(scene, client, say)
    _counted(scene, say)


def _without(scene: Scene, client: httpx.Client, say: Say) -> None:
    say("1. Somebody adds a chart repository to Rancher and installs a chart of it, as scripts and dashboards do.\n")
    made = client.post(scene.rancher + REPOS, json={"metadata": {"name": "harvester"}, "spec": SOURCE})
    _expect(made.status_code == HTTPStatus.CREATED, f"the repository was not created: {made.text}")
    say(f"   POST {REPOS}\n     {made.status_code}, the repository harvester is there")
    time.sleep(1 / scene.factor)
    answer = client.post(scene.rancher + INSTALL, json=BODY)
    said = answer.json()
    say(f"   POST {INSTALL}\n     {answer.status_code} {said.get('code')}: {said.get('message')}\n")
    _expect(answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR, "an install that comes too early did not fail")
    say("   Too early: Rancher has yet to clone the repository, and then each of its replicas has to check it out.")
    say("   Nothing was installed, and nothing in this answer says that waiting would have helped.\n")


def _through(scene: Scene, client: httpx.Client, say: Say) -> None:
    say("2. The same request to the gate. It is held, and `Accept: text/event-stream` shows what it waits for.\n")
    say(f"   POST {INSTALL}")
    began, shown = time.monotonic(), ""
    accept = {"accept": "text/event-stream"}
    result: dict[str, Any] = {}
    with client.stream("POST", scene.gate + INSTALL, json=BODY, headers=accept) as answer:
        for name, data in _events(answer.iter_lines()):
            if name == "result":
                result = data
                continue
            line = PHASES.get(data["phase"], "") or data["waitsFor"]
            if line and line != shown:
                say(f"   {time.monotonic() - began:5.1f} s  {data['phase']}: {line}")
                shown = line
    body = result.get("body", {})
    told = f"{result.get('status')}, {body.get('type')} {body.get('operationName')}"
    say(f"   {time.monotonic() - began:5.1f} s  {told}\n")
    _expect(result.get("status") == HTTPStatus.CREATED, f"the gate's answer was {result}")


def _counted(scene: Scene, say: Say) -> None:
    counts = httpx.get(f"{scene.control}/counts", trust_env=False).json()
    begun = sum(one["begun"] for one in counts if one["release"] == "harvester")
    say(f"   Rancher's own answer, at the first try. Side effects begun for the release, as Rancher counts: {begun}\n")
    _expect(begun == 1, f"side effects were begun {begun} times")


def _events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Name and data of each event; comments are none."""
    name = ""
    for line in lines:
        key, _, value = line.partition(": ")
        if key == "event":
            name = value
        elif key == "data":
            yield name, json.loads(value)


def _expect(held: bool, otherwise: str) -> None:  # noqa: FBT001 - as an assertion
    if not held:
        raise DemoError(f"This is not how the story goes: {otherwise}")
