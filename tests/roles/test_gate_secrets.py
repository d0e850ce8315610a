"""After a full run, nothing that was secret is in anything the gate wrote or said of its own."""

import asyncio
import base64
import json
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from gate_process import Scene
from gate_wire import BODY, Answer

from tests.rancher import ADMIN, HARVESTER_URL, Act, Outage, Step, Trouble

Begin = Callable[..., Awaitable[Scene]]

PASSWORD = "SECRET-in-values-5f2c"
OF_REPO = "SECRET-of-repo-77d1"
CSRF = "SECRETcsrf88c2"
SECRETS = [ADMIN.token, ADMIN.token.partition(":")[2], PASSWORD, OF_REPO, CSRF]
ENCODED = [base64.b64encode(one.encode()).decode().rstrip("=") for one in SECRETS]

VALUES = {"charts": [BODY["charts"][0] | {"values": {"admin": {"password": PASSWORD}}}]}
COOKIES = {
    "authorization": None,
    "cookie": f"R_SESS={ADMIN.token}; CSRF={CSRF}",
    "user_agent": "Mozilla/5.0",
    "x_api_csrf": CSRF,
    "sec_fetch_site": "same-origin",
}
BASIC = {"authorization": f"Basic {base64.b64encode(ADMIN.token.encode()).decode()}"}


async def everything(scene: Scene) -> list[Answer]:
    """Use the gate in every way that ends in words of its own."""
    body = BODY | VALUES
    rancher = scene.rancher
    trouble = Trouble(f"proxyconnect tcp: dial https://admin:{OF_REPO}@proxy.test: connection refused")
    rancher.upstream(index_outage=Outage(trouble))
    rancher.add_repo()
    answers = [await scene.ask(body=body, prefer="wait=2", **who) for who in ({}, COOKIES, BASIC)]
    answers.append(await scene.ask(body=body, prefer="wait=1", accept="text/event-stream"))
    answers.append(await scene.ask(body=body | {"namespace": f"/{PASSWORD}"}))
    answers.append(await scene.ask(body=body, impersonate_user=PASSWORD))
    answers.append(await scene.ask(body=json.dumps(body).encode() + PASSWORD.encode()))
    answers.append(await scene.ask(body=body, path=f"/v1/catalog.cattle.io.clusterrepos/{PASSWORD}?action=install"))
    waiting = await scene.ask(body=body, prefer="respond-async, until=deployed, nudge")
    answers.append(await scene.ask(path=waiting.header("location") or "", method="DELETE"))
    rancher.world.upstreams[HARVESTER_URL].index_outage = None
    rancher.faults.add(Step.HELM, Act.FAIL, error=f"Error: https://u:{OF_REPO}@x.test: password: {PASSWORD}")
    answers.append(await scene.ask(body=body, prefer="respond-async, until=deployed, nudge"))
    where = answers[-1].header("location") or ""
    answers.append(await scene.ask(path=where, method="GET", accept="text/event-stream"))
    answers += [await scene.ask(path=path, method="GET", **BASIC) for path in (where, "/installs")]
    rancher.faults.add(Step.NAMESPACE, Act.LOSE, on="install")
    again = {"charts": [VALUES["charts"][0] | {"releaseName": "second"}]}
    answers.append(await scene.ask(body=body | again, **COOKIES))
    await rancher.balancer.refuse()
    answers.append(await scene.ask(path="/v1/catalog.cattle.io.clusterrepos", method="GET"))
    return answers


async def test_nothing_secret_is_written_or_said(begin: Begin, tmp_path: Path) -> None:
    """Log, metrics, readiness, problems, events, records and journal hold no credential, value or password."""
    journal = tmp_path / "journal.jsonl"
    scene = await begin(journal=journal)
    answers = await everything(scene)
    said: list[Any] = [(answer.status, answer.headers, answer.body.decode()) for answer in answers]
    process = scene.process
    said += [(await asyncio.to_thread(process.ops, path))[2].decode() for path in ("/metrics", "/readyz", "/livez")]
    process.signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.ended) == 0
    said += [process.lines, process.noise, journal.read_text()]
    assert {line["event"] for line in process.lines} >= {"install held", "install ended", "call refused"}
    assert process.noise == []
    text = json.dumps(said)
    assert "connection refused" in text
    assert [secret for secret in SECRETS + ENCODED if secret in text] == []
