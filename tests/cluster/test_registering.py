"""The keeper's registration against a real API server: what is stored is what the rules say, and stays so."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rbac_server import Server, rbac_server

from app.cluster.kubeconfig import connected
from app.cluster.port import ClusterError
from app.cluster.registering import MANAGER, Registrar
from app.core.export.manifest import Endpoint
from app.core.guard import Guard, Guards, Mode, Target
from app.core.registration import Standing
from app.rules import load

pytestmark = pytest.mark.cluster

MUTATING = "mutatingwebhookconfigurations"
VALIDATING = "validatingwebhookconfigurations"
ENDPOINT = Endpoint(service=("guarded", "guard"))
ENSURE = ["certs", "ensure", "--namespace=guarded", "--service=guard", "--settle=10ms"]
OURS = {"app.kubernetes.io/managed-by": "status-guard"}
RULES = Path(__file__).parents[2] / "manifests/rules"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One API server for these tests, with a Secret for certificates."""
    nobody = "nobody-token,nobody,1,system:authenticated"
    with rbac_server(tmp_path_factory.mktemp("api"), [nobody]) as server:
        server.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "guarded"}})
        meta = {"name": "guard-certs", "namespace": "guarded", "labels": OURS}
        server.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta})
        yield server


@pytest.fixture
def server(shared: Server) -> Server:
    """The server without any registration."""
    shared.kubectl("delete", f"{MUTATING},{VALIDATING}", "--all")
    return shared


def guards(*resources: str, mode: Mode = Mode.RESTORE) -> Guards:
    """Guards for some kinds."""
    targets = {one: Target("example.io", frozenset({"*"}), one, status_subresource=False) for one in resources}
    return Guards(Guard(name, target, mode) for name, target in targets.items())


async def settle(
    server: Server, wanted: Guards, kubeconfig: Path | None = None, say: Callable[[str], None] = lambda _: None
) -> Standing:
    """Bring the configurations in step."""
    async with connected(str(kubeconfig or server.kubeconfig), None) as api:
        return await Registrar(api, ENDPOINT).settle(wanted, say)


def policies(server: Server) -> list[str]:
    """The failurePolicy of each validating webhook."""
    return [one["failurePolicy"] for one in server.get(VALIDATING, "status-guard")["webhooks"]]


def versions(server: Server) -> list[str]:
    """The versions of all configurations."""
    return [one["metadata"]["resourceVersion"] for one in server.get(f"{MUTATING},{VALIDATING}")["items"]]


async def test_it_registers_failing_open_and_closes_once_it_is_trusted(server: Server) -> None:
    """Made, published in by ``certs ensure``, and only then closed; a further look writes nothing."""
    first = await settle(server, guards("things"))
    assert policies(server) == ["Ignore"]
    assert "no caBundle yet" in first.remarks[0]
    assert server.status_guard(*ENSURE).returncode == 0
    told: list[str] = []
    assert (await settle(server, guards("things"), say=told.append)).in_step
    assert policies(server) == ["Fail"]
    assert [line.partition(",")[0] for line in told] == [
        "Let ValidatingWebhookConfiguration status-guard fail closed for writes that lose status"
    ]
    before = versions(server)
    assert (await settle(server, guards("things"))).in_step
    assert versions(server) == before


async def test_all_shipped_rules_are_in_step_with_what_the_server_stores(server: Server) -> None:
    """Whatever the API server fills in or writes differently is no difference from the rules, for any shipped guard."""
    shipped = load([RULES]).guards
    await settle(server, shipped)
    assert server.status_guard(*ENSURE).returncode == 0
    assert (await settle(server, shipped)).in_step
    before = versions(server)
    assert (await settle(server, shipped)).in_step
    assert versions(server) == before
    live = server.get(MUTATING, "zz-status-guard", "--show-managed-fields")
    assert MANAGER in {entry["manager"] for entry in live["metadata"]["managedFields"]}


async def test_rules_come_and_go(server: Server) -> None:
    """A new guard is trusted from the start and opens no gap; one that goes leaves; the last one takes all along."""
    await settle(server, guards("things"))
    assert server.status_guard(*ENSURE).returncode == 0
    assert (await settle(server, guards("things", "parts"))).in_step
    assert policies(server) == ["Fail", "Fail"]
    assert (await settle(server, guards("parts"))).in_step
    names = [one["name"] for one in server.get(VALIDATING, "status-guard")["webhooks"]]
    assert names == ["parts.validate.statusguard.io"]
    assert (await settle(server, guards("parts", mode=Mode.AUDIT))).in_step
    assert [one["metadata"]["name"] for one in server.get(f"{MUTATING},{VALIDATING}")["items"]] == ["zz-status-guard"]


async def test_what_somebody_changed_by_hand_is_put_right(server: Server) -> None:
    """A selector that lets writes pass unseen is gone after the next look, and the webhook fails closed again."""
    await settle(server, guards("things"))
    assert server.status_guard(*ENSURE).returncode == 0
    await settle(server, guards("things"))
    weaker = '[{"op":"add","path":"/webhooks/0/objectSelector","value":{"matchLabels":{"guard":"yes"}}}]'
    server.kubectl("patch", VALIDATING, "status-guard", "--type=json", "-p", weaker)
    assert (await settle(server, guards("things"))).in_step
    [webhook] = server.get(VALIDATING, "status-guard")["webhooks"]
    assert (webhook["objectSelector"], webhook["failurePolicy"]) == ({}, "Fail")


async def test_somebody_elses_configuration_stays_as_it_is(server: Server) -> None:
    """One of our name without our label is left alone, and said."""
    foreign: dict[str, Any] = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "status-guard", "labels": {"app.kubernetes.io/managed-by": "helm"}},
        "webhooks": [],
    }
    server.apply(foreign)
    before = server.get(VALIDATING, "status-guard")
    found = await settle(server, guards("things"))
    assert server.get(VALIDATING, "status-guard") == before
    assert "somebody else's" in found.remarks[0]


async def test_a_missing_right_is_said(server: Server) -> None:
    """Who may not read the configurations is told so, with the object's name."""
    with pytest.raises(ClusterError, match="cannot read MutatingWebhookConfiguration zz-status-guard: 403"):
        await settle(server, guards("things"), server.kubeconfig_for("nobody-token"))
