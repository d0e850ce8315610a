"""An install on the stand-in: its side effects in order, the faults that strike it, and what each leaves behind."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.rancher import HAPLESS, JANE, LUKE, Act, Chart, Release, Step, Timing, User, catalogue

Start = Callable[..., Awaitable[Any]]
MADE = [
    *("namespace", "service-account", "cluster-role", "cluster-role-binding", "token-secret", "secrets"),
    *("pod", "operation", "role", "role-binding"),
]
BEFORE = [Step.RECEIVED, Step.BODY, Step.LOOKUP, Step.CHART, Step.USER, Step.NAMESPACE]
"""Steps up to which nothing is made."""

AMID = [Step.SERVICE_ACCOUNT, Step.CLUSTER_ROLE, Step.ROLE_BINDING, Step.TOKEN_SECRET, Step.SECRETS, Step.POD]
"""Steps up to which something is made, and no pod."""

AFTER = [Step.OPERATION, Step.STATUS, Step.ROLE, Step.BINDING, Step.ANSWER, Step.MID_ANSWER]
"""Steps at which helm runs already."""

BROKEN = (httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError)


async def settle(scene: Any) -> None:
    """Let handlers and pods that still run come to their end."""
    async with asyncio.timeout(30):
        await scene.rancher.settled()


async def test_an_install_makes_everything_in_ranchers_order_and_ends_deployed(start: Start, release: Release) -> None:
    """A POST makes the namespace first and the answer last, and the App says deployed when helm is done."""
    scene = await start()
    reply = await scene.install()
    assert (reply.status_code, reply.json()["operationNamespace"]) == (201, "cattle-ui-plugin-system")
    assert list(reply.json()) == ["type", "links", "operationName", "operationNamespace"]
    assert [event.made for event in scene.rancher.record.of("effect")] == MADE
    await scene.deployed()
    assert (scene.rancher.record.begun(release), scene.rancher.record.pods(release)) == (1, 1)


async def test_a_follower_without_the_checkout_refuses_what_the_leader_installs(start: Start) -> None:
    """The controller says ready, the leader has the chart, and another replica does not find it."""
    scene = await start(ready=False, timing=Timing(follower_lag=100_000))
    scene.rancher.add_repo()
    await asyncio.wait_for(scene.rancher.downloaded(), 30)
    await scene.rancher.clock.sleep(1)
    answers = [await scene.install(await scene.at(number)) for number in range(3)]
    assert [one.status_code for one in answers] == [201, 500, 500]
    assert {one.content for one in answers[1:]} == {catalogue()["checkout-missing"].answer.body}
    assert scene.rancher.record.begun() == 1


@pytest.mark.parametrize("step", BEFORE)
@pytest.mark.parametrize("act", [Act.RESET, Act.HANG_UP, Act.RESTART])
async def test_what_ends_early_leaves_nothing(start: Start, step: Step, act: Act) -> None:
    """A handler that ends before its first side effect has made nothing, and its caller gets no answer."""
    scene = await start()
    scene.rancher.faults.add(step, act, on="*" if step == Step.RECEIVED else "install")
    with pytest.raises(BROKEN):
        await scene.install()
    await settle(scene)
    assert (scene.rancher.record.begun(), len(scene.rancher.record.of("fault"))) == (0, 1)
    assert scene.stored("apps") == {}


@pytest.mark.parametrize("step", AMID)
@pytest.mark.parametrize("act", [Act.RESET, Act.RESTART])
async def test_what_ends_amid_leaves_parts_without_helm(start: Start, step: Step, act: Act) -> None:
    """A handler that ends between its side effects has begun, and no pod runs."""
    scene = await start()
    scene.rancher.faults.add(step, act, on="install")
    with pytest.raises(BROKEN):
        await scene.install()
    await settle(scene)
    assert (scene.rancher.record.begun(), scene.rancher.record.pods()) == (1, 0)
    assert scene.stored("apps") == {}


@pytest.mark.parametrize("step", AFTER)
@pytest.mark.parametrize("act", [Act.RESET, Act.RESTART])
async def test_what_ends_late_is_installed_all_the_same(start: Start, step: Step, act: Act) -> None:
    """Once the pod is there helm runs, whatever becomes of the handler and its answer."""
    scene = await start()
    scene.rancher.faults.add(step, act, on="install")
    with pytest.raises(BROKEN):
        await scene.install()
    await scene.deployed()
    assert (scene.rancher.record.begun(), scene.rancher.record.pods()) == (1, 1)
    operations = scene.rancher.local.store.list("operations")
    if step == Step.OPERATION:
        assert operations == []
    if step == Step.STATUS:
        await settle(scene)
        assert [one.get("status", {}) for one in scene.rancher.local.store.list("operations")] == [{}]


@pytest.mark.parametrize("step", [*BEFORE[1:], *AMID, *AFTER[:-1]])
async def test_a_lost_answer_is_of_an_install_that_goes_on(start: Start, step: Step) -> None:
    """The connection ends, the handler does not: the release is deployed."""
    scene = await start()
    scene.rancher.faults.add(step, Act.LOSE, on="install")
    with pytest.raises(BROKEN):
        await scene.install()
    await scene.deployed()
    assert (scene.rancher.record.begun(), scene.rancher.record.pods()) == (1, 1)


@pytest.mark.parametrize("error", catalogue())
async def test_every_error_can_come_at_every_stage(start: Start, error: str) -> None:
    """An injected error is answered on its bytes, and what was made before stays."""
    scene = await start(replicas=1)
    expected = catalogue()[error].answer
    for step, begun, pods in ((Step.CHART, 0, 0), (Step.NAMESPACE, 0, 0), (Step.POD, 1, 0), (Step.OPERATION, 2, 1)):
        scene.rancher.faults.add(step, Act.REFUSE, on="install", error=error)
        reply = await scene.install()
        assert (reply.status_code, reply.content) == (expected.status, expected.body)
        assert (scene.rancher.record.begun(), scene.rancher.record.pods()) == (begun, pods)


@pytest.mark.parametrize(("mode", "pods"), [("cancel", 0), ("finish", 1)])
async def test_a_caller_that_goes_ends_the_install_or_not(start: Start, mode: str, pods: int) -> None:
    """Rancher stops creating when its caller has gone; a Rancher that goes on can be had as well."""
    scene = await start(on_disconnect=mode)
    scene.rancher.faults.add(Step.SECRETS, Act.SLOW, on="install", seconds=20)
    asking = asyncio.ensure_future(scene.install())
    async with asyncio.timeout(30):
        while not scene.rancher.record.of("fault"):
            await scene.rancher.clock.sleep(0.1)
    asking.cancel()
    await asyncio.wait([asking])
    await settle(scene)
    assert (scene.rancher.record.begun(), scene.rancher.record.pods()) == (1, pods)


async def test_nothing_is_ever_made_the_same_twice(start: Start) -> None:
    """A second install is 201 as well; its Operation fails, since the name is in use, during and after the first."""
    scene = await start()
    names = [(await scene.install()).json()["operationName"] for _ in range(2)]
    await scene.deployed()
    await settle(scene)
    names.append((await scene.install()).json()["operationName"])
    await settle(scene)
    exits = {event.operation: event.exit for event in scene.rancher.record.of("helm")}
    assert [exits[name] for name in names] == [0, 123, 123]
    log = await scene.http.get(f"/v1/catalog.cattle.io.operations/cattle-ui-plugin-system/{names[1]}?link=logs")
    assert "cannot re-use a name that is still in use" in log.text
    assert scene.rancher.record.begun() == 3


async def test_an_install_over_a_failed_release_fails_and_an_upgrade_does_not(start: Start) -> None:
    """A failed release keeps its name; an upgrade makes a new revision of it."""
    scene = await start()
    scene.rancher.faults.add(Step.HELM, Act.FAIL, error="timed out waiting for the condition")
    for action, status, revision in (("install", "failed", 1), ("install", "failed", 1), ("upgrade", "deployed", 2)):
        assert (await scene.install(action=action)).status_code == 201
        await settle(scene)
        app = scene.stored("apps")
        assert (app["spec"]["info"]["status"], app["spec"]["version"]) == (status, revision)
        assert app["status"]["summary"].get("error", False) is (status == "failed")


async def test_an_upgrade_installs_what_is_absent(start: Start) -> None:
    """The server forces install=true."""
    scene = await start()
    assert (await scene.install(action="upgrade")).status_code == 201
    await scene.deployed()
    (operation,) = scene.rancher.local.store.list("operations")
    assert operation["status"]["command"][:2] == ["helm", "upgrade"]
    assert "--install=true" in operation["status"]["command"]


async def test_a_killed_pod_leaves_the_release_pending_for_ever(start: Start) -> None:
    """Nobody ends a pending release: later installs and upgrades fail on it."""
    scene = await start()
    scene.rancher.faults.add(Step.HELM, Act.KILL)
    assert (await scene.install()).status_code == 201
    await settle(scene)
    app = scene.stored("apps")
    assert app["status"]["summary"] == {"state": "pending-install", "transitioning": True}
    name = (await scene.install(action="upgrade")).json()["operationName"]
    await settle(scene)
    log = await scene.http.get(f"/v1/catalog.cattle.io.operations/cattle-ui-plugin-system/{name}?link=logs")
    assert "another operation (install/upgrade/rollback) is in progress" in log.text


async def test_somebody_else_may_install_the_same_release_at_any_step(start: Start, release: Release) -> None:
    """A rival's install in between wins, and counts as the rival's."""
    scene = await start()
    scene.rancher.faults.add(Step.NAMESPACE, Act.RIVAL, on="install")
    name = (await scene.install()).json()["operationName"]
    await settle(scene)
    record = scene.rancher.record
    assert (record.begun(release, "u-riv4l"), record.begun(release, "u-abc12"), record.begun(release)) == (1, 1, 2)
    assert {event.user: event.exit for event in record.of("helm")} == {"u-riv4l": 0, "u-abc12": 123}
    assert (await scene.operation(name))["metadata"]["state"]["name"] == "error"


async def test_several_charts_are_one_operation_named_after_the_last(start: Start) -> None:
    """More than one chart runs as upgrades, each a release, in one pod."""
    scene = await start(ready=False)
    scene.rancher.upstream(
        "https://github.com/harvester/harvester-ui-extension", Chart("crd", "1.0.0"), Chart("app", "1.0.0")
    )
    scene.rancher.add_repo()
    await asyncio.wait_for(scene.rancher.downloaded(everywhere=True), 30)
    charts = [{"chartName": name, "version": "1.0.0", "releaseName": name} for name in ("crd", "app")]
    assert (await scene.install(charts=charts)).status_code == 201
    await settle(scene)
    (operation,) = scene.rancher.local.store.list("operations")
    assert operation["status"]["releaseName"] == "app"
    assert [scene.stored("apps", name)["spec"]["info"]["status"] for name in ("crd", "app")] == ["deployed"] * 2
    assert set(scene.rancher.record.counts().values()) == {1}


@pytest.mark.parametrize(
    ("user", "status", "pods"), [(JANE, 500, 0), (LUKE, 201, 1), (User("u-x", "x", "token-x:y", HAPLESS), 201, 1)]
)
async def test_rights_bite_at_the_namespace_or_in_the_pod(start: Start, user: User, status: int, pods: int) -> None:
    """Whoever may read the repository may POST; without rights it ends at the namespace, or in a failed Operation."""
    scene = await start(users=[*(JANE, LUKE), user, User("u-abc12", "admin", "token-abc12:" + "x")])
    scene.rancher.users[user.token] = user
    reply = await scene.install(await scene.client(user))
    assert (reply.status_code, scene.rancher.record.pods()) == (status, pods)
    if pods:
        await settle(scene)
        assert [event.exit for event in scene.rancher.record.of("helm")] == [123]
    else:
        words = f'namespaces "cattle-ui-plugin-system" is forbidden: User "{user.id}" cannot get resource "namespaces"'
        assert reply.json()["message"].startswith(words)


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"", "EOF"),
        (b"x", "invalid character 'x' looking for beginning of value"),
        (b'{"charts":[', "unexpected EOF"),
        (b'{"timeout":"soon"}', 'time: invalid duration "soon"'),
        (b'{"namespace":7}', "json: cannot unmarshal number into Go struct field namespace"),
    ],
)
async def test_a_bad_body_is_a_server_error(start: Start, sent: bytes, message: str) -> None:
    """What Go cannot decode is answered with 500, before anything is made."""
    scene = await start()
    reply = await scene.http.post(
        "/v1/catalog.cattle.io.clusterrepos/harvester", params={"action": "install"}, content=sent
    )
    assert (reply.status_code, reply.json()["message"]) == (500, message)
    assert scene.rancher.record.begun() == 0


async def test_a_body_is_read_leniently(start: Start) -> None:
    """Other spellings of a key count, the last one wins, and what follows the object does not matter."""
    scene = await start()
    charts = b'[{"chartname":"harvester","Version":"1.8.1","releaseName":"a","RELEASENAME":"b"}]'
    sent = b'{"charts":%s,"NameSpace":"one","namespace":null,"skipCRDs":true} trailing' % charts
    reply = await scene.http.post(
        "/v1/catalog.cattle.io.clusterrepos/harvester", params={"action": "install"}, content=sent
    )
    assert (reply.status_code, reply.json()["operationNamespace"]) == (201, "one")
    assert list(scene.rancher.record.counts()) == [Release("local", "one", "b")]


async def test_success_takes_the_wait_for_the_token(start: Start) -> None:
    """No install is answered before the service account's token was looked for again."""
    scene = await start()
    await scene.install()
    (token,) = scene.rancher.record.of("effect", made="token-secret")
    (binding,) = scene.rancher.record.of("effect", made="cluster-role-binding")
    assert token.at - binding.at >= 2
