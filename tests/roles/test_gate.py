"""The gate as a process of its own, before a Rancher of three replicas: what callers get, over TLS, end to end."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from gate_process import Scene
from gate_wire import BODY
from raw_client import make_review
from server_process import Pki

from app.roles.webhook import CONNECTIONS
from tests.rancher import ADMIN, DNS, JANE, RIVAL, Act, Outage, Release, Step, Timing

RELEASE = Release("local", "cattle-ui-plugin-system", "harvester")


Begin = Callable[..., Awaitable[Scene]]


async def test_a_first_install_succeeds_at_the_first_try(begin: Begin) -> None:
    """Sent before the repository was even cloned, the install is answered with 201, and Rancher began it once."""
    scene = await begin(timing=Timing(follower_lag=200.0))
    scene.rancher.add_repo()
    answer = await scene.ask(body=BODY)
    assert (answer.status, answer.json["type"]) == (201, "chartActionOutput"), answer.body
    await scene.rancher.settled()
    assert scene.rancher.record.begun(RELEASE) == 1


async def test_an_install_is_followed_to_its_end(begin: Begin) -> None:
    """until=deployed answers when the release is deployed and its extension is served, with Rancher's own answer."""
    scene = await begin()
    await scene.ready()
    answer = await scene.ask(body=BODY, prefer="until=deployed")
    assert (answer.status, answer.header("preference-applied")) == (201, "until=deployed")
    app = scene.rancher.local.store.get("apps", "harvester", "cattle-ui-plugin-system")
    assert app is not None
    assert app["spec"]["info"]["status"] == "deployed"


async def test_what_does_not_get_ready_is_told_with_the_controllers_words(begin: Begin) -> None:
    """A repository whose first clone fails ends the wait with 503, each check, and when to ask again."""
    scene = await begin()
    scene.rancher.upstream(index_outage=Outage(DNS))
    scene.rancher.add_repo()
    answer = await scene.ask(body=BODY, prefer="wait=2")
    said = answer.assert_problem(503, "not-ready")
    waiting = {check["id"]: check["words"] for check in said["checks"] if check["outcome"] == "waiting"}
    assert "Could not resolve host" in waiting["repository-downloaded"]
    assert int(answer.header("retry-after") or 0) > 0
    assert scene.rancher.record.begun(RELEASE) == 0


async def test_ranchers_refusals_are_its_own(begin: Begin) -> None:
    """A token that Rancher does not know, a missing CSRF header and a missing right are told as Rancher tells them."""
    scene = await begin()
    await scene.ready()
    stranger = await scene.ask(body=BODY, authorization="Bearer token-nobody:xyzxyzxyz")
    assert (stranger.status, stranger.json["type"]) == (401, "error")
    browser = {"cookie": f"R_SESS={ADMIN.token}; CSRF=abcdefgh", "user_agent": "Mozilla/5.0", "authorization": None}
    page = browser | {"sec_fetch_site": "same-origin"}
    forged = await scene.ask(body=BODY, **page)
    assert (forged.status, forged.json["code"]) == (422, "InvalidCSRFToken")
    reader = await scene.ask(JANE, body=BODY)
    assert reader.status == 403, reader.body
    assert scene.rancher.record.begun(RELEASE) == 0
    mine = await scene.ask(body=BODY, x_api_csrf="abcdefgh", **page)
    assert mine.status == 201, mine.body


async def test_an_asynchronous_install_is_looked_at_until_its_end(begin: Begin) -> None:
    """202 says where to look; the stream there ends with the result, and nobody else sees any of it."""
    scene = await begin()
    await scene.ready()
    answer = await scene.ask(body=BODY, prefer="respond-async, until=deployed")
    assert answer.status == 202, answer.body
    where = answer.header("location") or ""
    (await scene.ask(RIVAL, path=where, method="GET")).assert_problem(404, "no-such-install")
    events = (await scene.ask(path=where, method="GET", accept="text/event-stream")).events
    assert {name for name, _ in events} == {"progress", "result"}
    assert events[-1][1]["status"] == 201
    shown = (await scene.ask(path=where, method="GET")).json
    assert (shown["phase"], shown["outcome"]["kind"]) == ("ended", "deployed")


async def test_helms_log_is_shown_where_helm_failed(begin: Begin) -> None:
    """An install that helm fails is 502 with helm's words, and its record shows the log to its owner."""
    scene = await begin()
    await scene.ready()
    scene.rancher.faults.add(Step.HELM, Act.FAIL, error="Error: the chart wants more than there is")
    answer = await scene.ask(body=BODY, prefer="respond-async, until=deployed")
    where = answer.header("location") or ""
    said = (await scene.ask(path=where, method="GET", accept="text/event-stream")).events[-1][1]
    assert (said["status"], said["body"]["type"]) == (502, "urn:status-guard:problem:install-failed")
    shown = (await scene.ask(path=where, method="GET")).json
    assert "the chart wants more than there is" in shown.get("log", "") + shown["outcome"]["log"]


async def test_other_calls_pass_to_rancher(begin: Begin) -> None:
    """Reads and writes of repositories go through as they are, links built for the host the client called."""
    scene = await begin()
    await scene.ready()
    listed = await scene.ask(path="/v1/catalog.cattle.io.clusterrepos/harvester", method="GET")
    assert (listed.status, listed.json["id"]) == (200, "harvester")
    assert listed.header("via") == "1.1 status-guard"
    made = await scene.ask(
        path="/v1/catalog.cattle.io.clusterrepos",
        body={
            "type": "catalog.cattle.io.clusterrepo",
            "metadata": {"name": "other"},
            "spec": {"url": "https://x.test"},
        },
    )
    assert made.status == 201, made.body
    missing = await scene.ask(path="/v1/catalog.cattle.io.clusterrepos/none", method="GET")
    assert missing.status == 404


async def test_the_dashboards_read_of_the_index_waits(begin: Begin) -> None:
    """With --hold-index the first read of a new repository's index succeeds instead of failing before any POST."""
    scene = await begin(hold_index="25s")
    scene.rancher.add_repo()
    answer = await scene.ask(path="/v1/catalog.cattle.io.clusterrepos/harvester?link=index", method="GET")
    assert answer.status == 200, answer.body
    assert "harvester" in answer.json["entries"]


async def test_held_callers_are_told_when_the_gate_stops(begin: Begin) -> None:
    """SIGTERM answers those who are held with 503 and Retry-After, takes nothing on any more, and ends with 0."""
    scene = await begin()
    scene.rancher.upstream(index_outage=Outage(DNS))
    scene.rancher.add_repo()
    wires = [await scene.begin(body=BODY, prefer=f"wait={60 + number}") for number in range(3)]
    await asyncio.to_thread(scene.process.line, "install held")
    scene.process.signal(signal.SIGTERM)
    for wire in wires:
        answer = await wire.answer()
        answer.assert_problem(503, "interrupted")
        assert answer.header("retry-after")
        assert answer.header("connection") == "close"
    assert await asyncio.to_thread(scene.process.ended) == 0
    assert scene.rancher.record.begun(RELEASE) == 0


async def test_what_is_being_sent_is_finished_first(begin: Begin) -> None:
    """An install on its way when SIGTERM comes gets Rancher's answer, and the process ends after it."""
    scene = await begin()
    await scene.ready()
    scene.rancher.faults.add(Step.ANSWER, Act.SLOW, on="install", seconds=200.0)
    wire = await scene.begin(body=BODY)
    await asyncio.to_thread(scene.process.line, "install released")
    scene.process.signal(signal.SIGTERM)
    assert (await wire.answer()).status == 201
    assert await asyncio.to_thread(scene.process.ended) == 0
    assert scene.rancher.record.begun(RELEASE) == 1


async def test_an_asynchronous_install_on_its_way_is_finished_first(begin: Begin, tmp_path: Path) -> None:
    """SIGTERM waits for a POST that no caller waits for any more, and the journal knows what became of it."""
    scene = await begin(journal=tmp_path / "journal")
    await scene.ready()
    scene.rancher.faults.add(
        Step.ANSWER, Act.SLOW, on="install", seconds=2000.0
    )  # longer than callers are lingered for
    answer = await scene.ask(body=BODY, prefer="respond-async")
    assert answer.status == 202
    await asyncio.to_thread(scene.process.line, "install released")
    scene.process.signal(signal.SIGTERM)
    assert await asyncio.to_thread(scene.process.ended) == 0
    assert scene.process.line("install ended")["outcome"] == "answered"
    assert '"kind":"answered"' in (tmp_path / "journal").read_text()
    assert scene.rancher.record.begun(RELEASE) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "the gate role needs --rancher-url (or STATUS_GUARD_RANCHER_URL)"),
        ({"rancher_url": "https://rancher.test", "client_ca": "ca.crt"}, "--client-ca does not go with the gate role"),
        ({"rancher_url": "https://rancher.test", "rancher_ca": "/none.crt"}, "Rancher's CA /none.crt cannot be read"),
        ({"rancher_url": "https://rancher.test", "journal": "/none/j"}, "cannot use the journal /none/j: No such file"),
        ({"rancher_url": "https://u:hunter2@rancher.test"}, "without user, path, query or fragment"),
    ],
)
def test_what_cannot_be_served_is_said(
    options: dict[str, str], words: str, pki: Pki, environment: dict[str, str]
) -> None:
    """Settings that cannot work end with exit code 2 and one text that says what to do."""
    given = {"roles": "gate", "port": 0, "ops_port": 0, "tls_cert": pki.certificate, "tls_key": pki.key} | options
    typed = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    result = subprocess.run(
        [sys.executable, "-m", "app", "serve", *typed], env=environment, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert "hunter2" not in result.stderr


async def test_a_rancher_that_is_away_does_not_make_the_gate_unready(begin: Begin) -> None:
    """Readiness says whether Rancher answers, and stays ready: callers who are held must not lose their gate."""
    scene = await begin()
    ok, checks = await asyncio.to_thread(scene.process.ready)
    assert (ok, checks["rancher"]["detail"]) == (True, "Rancher answers: 200")
    await scene.rancher.balancer.refuse()
    ok, checks = await asyncio.to_thread(scene.process.ready)
    assert ok
    assert checks["rancher"]["detail"].startswith("Rancher does not answer: ")


async def test_an_install_waits_for_a_rancher_that_comes_back(begin: Begin) -> None:
    """Sent while Rancher is away, the install succeeds when it is back within the time."""
    scene = await begin()
    await scene.ready()
    await scene.rancher.balancer.refuse()
    wire = await scene.begin(body=BODY)
    await asyncio.to_thread(
        scene.process.until, lambda: scene.process.metric("status_guard_gate_requests_in_flight") == 1
    )
    await scene.rancher.balancer.start()
    assert (await wire.answer()).status == 201


async def test_both_roles_serve_on_one_port(begin: Begin) -> None:
    """The webhook answers reviews, the gate installs, and one document describes both."""
    scene = await begin(roles="webhook,gate")
    await scene.ready()
    review = await scene.ask(path="/mutate", body=make_review("both"))
    assert review.json["response"]["uid"] == "both"
    assert (await scene.ask(body=BODY)).status == 201
    document = (await scene.ask(path="/openapi.json", method="GET")).json
    assert {"/mutate", "/installs"} <= set(document["paths"])
    _, checks = await asyncio.to_thread(scene.process.ready)
    assert set(checks) == {"serving", "certificate", "tls", "rules", "rancher"}


async def test_more_are_held_than_the_webhook_has_connections(begin: Begin) -> None:
    """Held installs have connections of their own number, whatever limit of open files the process was started with."""
    scene = await begin(most_held_per_caller=2000)
    scene.rancher.upstream(index_outage=Outage(DNS))
    scene.rancher.add_repo()
    wires = [await scene.begin(body=BODY, prefer="wait=300") for _ in range(CONNECTIONS + 50)]
    metric = scene.process.metric
    await asyncio.to_thread(
        scene.process.until, lambda: metric("status_guard_gate_requests_in_flight") == CONNECTIONS + 50
    )
    wires[0].close()
    await asyncio.to_thread(
        scene.process.until, lambda: metric("status_guard_gate_requests_in_flight") == CONNECTIONS + 49
    )
    scene.process.signal(signal.SIGTERM)
    assert (await wires[-1].answer()).status == 503


def test_the_webhook_alone_loads_nothing_of_the_gate() -> None:
    """A process without the gate pays for none of its libraries."""
    program = "import sys, app.main; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )
    assert "app.main" in loaded
    assert [
        name for name in loaded if name.startswith(("app.gate", "app.rancher", "app.api.gate", "httpx", "h11."))
    ] == []
