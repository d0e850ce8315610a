"""What an install waits for, what ends its wait, and what it asks of Rancher meanwhile."""

import asyncio
import json
from dataclasses import replace
from itertools import pairwise

import pytest
from virtual_gate import NAMESPACE, Scene
from virtual_releases import Operation, Wish
from virtual_repository import Course, Replica, Repository
from virtual_time import in_virtual_time, run, seconds

from app.core.gate import body as bodies
from app.core.gate.schedule import fresh_probes
from app.gate.install import Install
from app.gate.limits import Limits
from app.gate.port import Nudged
from app.gate.progress import Answered, NotReady, Phase, Refused

RIVAL = Wish("rival", "upgrade", NAMESPACE, "demo", "demo", "0.9.0")


@in_virtual_time
async def test_no_wait_is_one_try() -> None:
    """Without a wait it is sent at once if it can succeed, and answered at once if not."""
    scene = Scene(Repository(course=Course(clone=10)))
    await scene.lead(1)
    assert isinstance((await (await scene.submit(prefer="wait=0")).ended()).outcome, NotReady)
    assert seconds() < 2
    await asyncio.sleep(20)
    assert isinstance((await (await scene.submit("r2", prefer="wait=0")).ended()).outcome, Answered)


@in_virtual_time
async def test_a_chart_that_is_in_no_index_is_told_soon() -> None:
    """A replica that does not find it may lag; two looks at a settled index that does not have it are the end."""
    scene = Scene()
    await scene.lead(20)
    outcome = (await (await scene.submit(version="7.7.7")).ended()).outcome
    assert isinstance(outcome, Refused)
    assert (outcome.cause, outcome.told) == ("chart-in-index", 404)
    assert seconds() < 20 + 7
    assert scene.rancher.indexes == 2


@in_virtual_time
async def test_a_chart_that_was_just_published_is_waited_for() -> None:
    """A replica whose index is of before says no for a while, which is no reason to give up."""
    course = Course(clone=1, published=10, refresh=15)
    scene = Scene(Repository(course=course, replicas=[Replica(0, 0), Replica(4, 6)]))
    await scene.lead(12)
    await asyncio.sleep(5.01)
    installs = [await scene.submit(f"r{number}", releaseName=f"demo-{number}") for number in range(10)]
    for install in installs:
        assert isinstance((await install.ended()).outcome, Answered), install.progress


@in_virtual_time
async def test_one_try_tells_what_it_knows() -> None:
    """Without a wait there is no second look, and the first one is told."""
    scene = Scene()
    await scene.lead(20)
    outcome = (await (await scene.submit(prefer="wait=0", version="7.7.7")).ended()).outcome
    assert isinstance(outcome, Refused)
    assert outcome.told == 404
    assert seconds() < 22


@in_virtual_time
async def test_a_credential_that_ends_is_told_as_rancher_says_it() -> None:
    """The 401 is Rancher's own, and comes soon, not at the deadline."""
    scene = Scene(Repository(course=Course(clone=500)))
    scene.user("jane", until=10.0)
    await scene.lead()
    install = await scene.submit(prefer="wait=300")
    outcome = (await install.ended()).outcome
    assert isinstance(outcome, Refused)
    assert outcome.told == 401
    assert install.reply is not None
    assert install.reply.status == 401
    assert seconds() < 15


@in_virtual_time
async def test_another_ones_operation_on_the_release_has_to_end_first() -> None:
    """Helm would fail on it; when it has ended, the install is sent."""
    scene = Scene()
    await scene.lead(5)
    scene.releases.helm = 15
    operation = scene.releases.start(RIVAL)
    operation.state = "running"
    install = await scene.submit(action="upgrade")
    await asyncio.sleep(3)
    assert not scene.rancher.posts
    assert install.progress.phase is Phase.HELD
    assert operation.name in install.progress.waits_for
    assert isinstance((await install.ended()).outcome, Answered)
    assert operation.state == "succeeded"


@in_virtual_time
async def test_an_operation_that_never_gets_a_status_stands_in_the_way_for_moments_only() -> None:
    """Its replica died; it stays for an hour, and would block the namespace as long."""
    scene = Scene()
    await scene.lead(5)
    scene.releases.operations.append(Operation("helm-operation-dead", RIVAL, 0))
    assert isinstance((await (await scene.submit()).ended()).outcome, Answered)
    assert 10 < seconds() < 25


@pytest.mark.parametrize("lists", [True, False])
def test_without_a_baseline_nothing_is_sent_twice(lists: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Who may list Operations is sent again after a message that precedes every side effect; who may not, never."""

    async def life() -> tuple[int, object]:
        scene = Scene()
        scene.user("jane", lists=lists)
        await scene.lead(5)
        scene.rancher.faults.until, scene.rancher.faults.post = 20, {"says retry": 1.0}
        install = await scene.submit()
        return (await install.ended()).attempts, install.progress.outcome

    attempts, outcome = run(life())
    assert (attempts > 1) is lists
    assert isinstance(outcome, Answered if lists else Refused)
    assert lists or outcome.told == 503


@in_virtual_time
async def test_behind_a_proxy_enough_replicas_are_asked() -> None:
    """One connection says nothing there, so the probe is repeated on others until a miss is rare."""
    needed = fresh_probes(3)
    scene = Scene(Repository(replicas=[Replica(), Replica(), Replica()]), limits=Limits(probes=needed))
    scene.rancher.l7 = True
    await scene.lead(5)
    await (await scene.submit()).ended()
    assert scene.rancher.probes == needed == 9


@pytest.mark.parametrize("kind", ["http", "oci", "git"])
def test_a_download_is_probed_once_and_a_checkout_each_time(kind: str) -> None:
    """The probe of an http or oci chart downloads it, the same for all; a git checkout is each replica's own."""

    async def life() -> int:
        scene = Scene(Repository(kind=kind))
        await scene.lead(5)
        for number in range(3):
            await (await scene.submit(f"r{number}", releaseName=f"demo-{number}")).ended()
        return scene.rancher.probes

    assert run(life()) == (3 if kind == "git" else 1)


@in_virtual_time
async def test_each_one_reads_for_themselves() -> None:
    """Whoever waits has a first and a last look of their own, and between them one poller reads for all."""
    scene = Scene(Repository(course=Course(clone=60)))
    names = [f"user-{number}" for number in range(50)]
    for name in names:
        scene.user(name)
    await scene.lead()
    installs = [await scene.submit(name, "wait=600", name, releaseName=name) for name in names]
    await asyncio.sleep(5)
    before = scene.rancher.reads
    await asyncio.sleep(30)
    assert scene.rancher.reads - before < 30 * 2.6
    for install in installs:
        assert isinstance((await install.ended()).outcome, Answered)
    assert all(scene.rancher.read_by[name] >= 2 for name in names)


@in_virtual_time
async def test_what_one_sees_is_shown_to_nobody_else() -> None:
    """The poller reads with somebody's credential; a user who may not read learns nothing from it but the moment."""
    scene = Scene(Repository(course=Course(clone=5, failures=1, back_off=100)))
    scene.user("luke")
    await scene.lead()
    await scene.submit(prefer="wait=60")
    other = await scene.submit("r2", prefer="wait=60", user="luke")
    scene.rancher.users[b"Bearer luke"].reads = False
    outcome = (await other.ended()).outcome
    assert isinstance(outcome, Refused)
    assert outcome.told == 403
    assert seconds() < 30
    assert all("hunter2" not in repr(check) and "refused" not in check.words for check in other.progress.checks)


@in_virtual_time
async def test_the_poller_goes_on_when_its_speaker_goes() -> None:
    """Whose credential the poller used may leave or be refused: the others are released all the same."""
    scene = Scene(Repository(course=Course(clone=30)))
    scene.user("luke", until=10.0)
    scene.user("rose")
    await scene.lead()
    first = await scene.submit("r1", "wait=100")
    await scene.submit("r2", "wait=100", "luke", releaseName="two")
    third = await scene.submit("r3", "wait=100", "rose", releaseName="three")
    await asyncio.sleep(5)
    first.leave()
    assert isinstance((await third.ended()).outcome, Answered)
    assert seconds() < 36


@in_virtual_time
async def test_they_are_released_in_order_and_so_many_at_once() -> None:
    """Who came first goes first, and Rancher never has more of them than it should."""
    scene = Scene(Repository(course=Course(clone=10)), limits=Limits(posts=3))
    await scene.lead()
    installs = [await scene.submit(f"r{number}", "wait=300", releaseName=f"demo-{number}") for number in range(12)]
    most = 0
    while any(install.progress.outcome is None for install in installs):
        most = max(most, sum(scene.rancher.posting.values()))
        await asyncio.sleep(0.05)
    order = [int(who[1:]) for _, who in scene.rancher.posts]
    assert most == 3
    assert max(abs(place - number) for place, number in enumerate(order)) <= 6, order


@in_virtual_time
async def test_a_nudge_is_sent_when_only_that_helps() -> None:
    """A clone that failed would be tried again in five minutes: a nudge has it tried at once, one for all who wait."""
    scene = Scene(Repository(course=Course(clone=2, failures=1, back_off=300)))
    await scene.lead(4)
    first = await scene.submit("r1", "nudge", releaseName="one")
    second = await scene.submit("r2", "nudge", releaseName="two")
    assert isinstance((await first.ended()).outcome, Answered)
    assert isinstance((await second.ended()).outcome, Answered)
    assert len(scene.repository.nudges) == 1
    assert {first.progress.nudged, second.progress.nudged} == {"done", ""}
    assert seconds() < 20


@in_virtual_time
async def test_nobody_nudges_who_did_not_ask_or_need_to() -> None:
    """A nudge makes Rancher fetch everything anew: not without being asked, and not if it tries in time by itself."""
    scene = Scene(Repository(course=Course(clone=2, failures=1, back_off=20)))
    await scene.lead(4)
    patient = await scene.submit("r1", "nudge", releaseName="one")
    await scene.submit("r2", "wait=5", releaseName="two")
    assert isinstance((await patient.ended()).outcome, Answered)
    assert scene.repository.nudges == []


@in_virtual_time
async def test_a_repository_is_nudged_once_a_minute() -> None:
    """If it goes on failing, asking it more often would only make it worse."""
    scene = Scene(Repository(course=Course(clone=2, failures=100, back_off=300)))
    await scene.lead(4)
    install = await scene.submit("r1", "nudge, wait=200")
    await install.ended()
    gaps = [later - earlier for earlier, later in pairwise(scene.repository.nudges)]
    assert 2 <= len(gaps) <= 3
    assert min(gaps) >= 60


@in_virtual_time
async def test_progress_shows_the_controllers_words_without_secrets() -> None:
    """What it waits for, in the controller's own words, but for the credentials in them."""
    scene = Scene(Repository(course=Course(clone=2, failures=100, back_off=300)))
    await scene.lead(4)
    install = await scene.submit()
    await asyncio.sleep(2)
    words = " ".join(check.words for check in install.progress.checks)
    assert "connection refused" in words
    assert "hunter2" not in repr(install.progress)
    outcome = (await install.ended()).outcome
    assert isinstance(outcome, NotReady)
    assert outcome.retry_at is not None
    assert "hunter2" not in repr(install.progress)


@in_virtual_time
async def test_of_several_charts_each_is_probed_and_each_release_has_one_turn() -> None:
    """The dashboard sends a chart and its CRDs in one request; Rancher runs them as one Operation."""
    scene = Scene()
    await scene.lead(5)
    alone = scene.request("r1", "wait=300", releaseName="demo-crd")
    charts = [{"chartName": "demo", "version": "1.0.0", "releaseName": name} for name in ("demo-crd", "demo")]
    raw = json.dumps({"namespace": NAMESPACE, "charts": charts}).encode()
    body = bodies.read(raw)
    assert isinstance(body, bodies.InstallBody)
    both = scene.request("r2", "wait=300")
    both = replace(both, body=body, post=replace(both.post, body=raw))
    scene.rancher.slow = 10
    first = await scene.gate.submit(alone)
    await asyncio.sleep(2)
    second = await scene.gate.submit(both)
    assert isinstance(first, Install)
    assert isinstance(second, Install)
    await asyncio.sleep(2)
    assert second.progress.waits_for == "Another install of this release goes first."
    assert [chart.release for chart in second.progress.charts] == ["demo-crd", "demo"]
    await first.ended()
    before = scene.rancher.probes
    assert isinstance((await second.ended()).outcome, Answered)
    assert scene.rancher.probes == before + 2


@in_virtual_time
async def test_who_may_not_nudge_does_not_try_again_and_keeps_nobody_from_it() -> None:
    """The right to change the repository is the caller's own; another one who waits may have it."""
    scene = Scene(Repository(course=Course(clone=2, failures=1, back_off=300)))
    scene.user("luke", nudges=False)
    await scene.lead(4)
    luke = await scene.submit("r1", "nudge, wait=100", "luke", releaseName="one")
    await asyncio.sleep(30)
    assert luke.progress.nudged == "forbidden"
    assert scene.seen.of("nudged") == [Nudged.FORBIDDEN]
    jane = await scene.submit("r2", "nudge, wait=100", releaseName="two")
    assert isinstance((await jane.ended()).outcome, Answered)
    assert isinstance((await luke.ended()).outcome, Answered)
    assert len(scene.repository.nudges) == 1


@in_virtual_time
async def test_who_cannot_see_the_repository_does_not_keep_others_from_being_told() -> None:
    """The poller does not go on asking with a credential that shows it nothing."""
    scene = Scene(Repository(course=Course(clone=30)))
    scene.user("luke", sees=False)
    await scene.lead()
    blind = await scene.submit("r1", "wait=60", "luke")
    install = await scene.submit("r2", "wait=60", releaseName="two")
    assert isinstance((await install.ended()).outcome, Answered)
    assert seconds() < 36
    assert isinstance((await blind.ended()).outcome, NotReady)
