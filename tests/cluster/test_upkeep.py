"""What the leading keeper looks after, against a real API server: one look after the other gets everything right."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
from kubernetes.aio.client import ApiClient
from rbac_server import Server, rbac_server
from structlog.testing import capture_logs

from app.cluster.kubeconfig import connected
from app.core.guard import Guard, Guards, Target
from app.roles.upkeep import ROUND, Installation, Upkeep
from app.telemetry import Telemetry

pytestmark = pytest.mark.cluster

VALIDATING = "validatingwebhookconfigurations"
OURS = {"app.kubernetes.io/managed-by": "status-guard"}
THINGS = Guards([Guard("things", Target("example.io", frozenset({"*"}), "things", status_subresource=False))])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An API server."""
    with rbac_server(tmp_path_factory.mktemp("api"), []) as started:
        started.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "guarded"}})
        yield started


@pytest.fixture
async def api(server: Server) -> AsyncIterator[ApiClient]:
    """A client of the server, which has an empty Secret and no registration."""
    server.kubectl("delete", f"mutatingwebhookconfigurations,{VALIDATING}", "--all")
    server.kubectl("delete", "secret", "guard-certs", "--namespace=guarded", "--ignore-not-found")
    meta = {"name": "guard-certs", "namespace": "guarded", "labels": OURS}
    server.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta})
    async with connected(str(server.kubeconfig), None) as client:
        yield client


async def at_once(_: float) -> None:
    """Waits for nothing."""


def upkeep(api: ApiClient, secret: str, telemetry: Telemetry) -> Upkeep:
    """The duties of a keeper."""
    return Upkeep(api, Installation("guarded", "guard", secret), lambda: THINGS, telemetry, at_once)


async def test_one_look_makes_everything(server: Server, api: ApiClient) -> None:
    """From nothing: configurations, certificates, trust, then failing closed; the metric says so."""
    telemetry = Telemetry()
    duties = upkeep(api, "guard-certs", telemetry)
    await duties.look()
    [webhook] = server.get(VALIDATING, "status-guard")["webhooks"]
    secret = server.get("secret", "guard-certs", "--namespace=guarded")
    assert webhook["failurePolicy"] == "Fail"
    assert webhook["clientConfig"]["caBundle"] == secret["data"]["ca.crt"]
    assert "status_guard_keeper_registration_in_step 1.0" in telemetry.exposition().decode()


async def test_looking_again_says_and_writes_nothing(server: Server, api: ApiClient) -> None:
    """While all is well no object gets a new version and the log stays silent."""
    duties = upkeep(api, "guard-certs", Telemetry())
    await duties.look()
    await duties.look()
    before = server.get(f"secret,mutatingwebhookconfigurations,{VALIDATING}", "--namespace=guarded")
    with capture_logs() as said:
        await duties.look()
    assert said == []
    assert server.get(f"secret,mutatingwebhookconfigurations,{VALIDATING}", "--namespace=guarded") == before


async def test_somebody_elses_certificates_are_waited_for(server: Server, api: ApiClient) -> None:
    """Without a Secret to look after nothing fails closed until a caBundle is there; it is said once."""
    duties = upkeep(api, "", Telemetry())
    with capture_logs() as said:
        await duties.look()
        await duties.look()
    [webhook] = server.get(VALIDATING, "status-guard")["webhooks"]
    assert webhook["failurePolicy"] == "Ignore"
    assert len([line for line in said if "no caBundle yet" in line.get("reason", "")]) == 1
    assert not duties.in_step
    trust = '[{"op":"add","path":"/webhooks/0/clientConfig/caBundle","value":"Q0E="}]'
    server.kubectl("patch", VALIDATING, "status-guard", "--type=json", "-p", trust)
    with capture_logs() as said:
        await duties.look()
    assert server.get(VALIDATING, "status-guard")["webhooks"][0]["failurePolicy"] == "Fail"
    assert said[-1]["event"] == "the registration is as the rules say"


async def test_other_rules_are_registered_without_waiting_for_the_next_round(server: Server, api: ApiClient) -> None:
    """Rules that were taken over are noticed while it waits, and looked at at once; else it waits its minute."""
    rules, waits = [THINGS], []
    more = Guards([*THINGS, Guard("parts", Target("example.io", frozenset({"*"}), "parts", status_subresource=False))])

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            rules[0] = more
        if len(waits) > 40:
            raise asyncio.CancelledError

    duties = Upkeep(api, Installation("guarded", "guard"), lambda: rules[0], Telemetry(), wait)
    with suppress(asyncio.CancelledError):
        await duties.run()
    names = [one["name"] for one in server.get(VALIDATING, "status-guard")["webhooks"]]
    assert names == ["parts.validate.statusguard.io", "things.validate.statusguard.io"]
    assert sum(waits[3:33]) == ROUND


async def test_what_cannot_be_done_is_logged_and_counted_and_tried_again(server: Server, api: ApiClient) -> None:
    """A Secret that is not there yet: the look fails, the registration stays open, the next look succeeds."""
    telemetry = Telemetry()
    duties = upkeep(api, "later-certs", telemetry)
    await duties.look()
    assert duties.failures == 1
    assert not duties.in_step
    meta = {"name": "later-certs", "namespace": "guarded", "labels": OURS}
    server.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta})
    await duties.look()
    assert (duties.failures, duties.in_step) == (1, True)
    assert "status_guard_keeper_upkeep_failures 1.0" in telemetry.exposition().decode()
