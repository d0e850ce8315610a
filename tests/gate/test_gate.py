"""Taking installs on: whom they belong to, who shares them, who may cancel them, and how many there may be."""

import asyncio

from virtual_gate import Scene
from virtual_repository import Course, Replica, Repository
from virtual_time import in_virtual_time, seconds

from app.gate.gate import Cancelling
from app.gate.limits import NO_JOURNAL, TOO_MANY, TOO_MANY_RECORDS, TOO_MANY_YOURS, Limits
from app.gate.progress import Answered, Cancelled, Deployed, Interrupted, NotReady, Phase, Refused


def held(limits: Limits | None = None) -> Scene:
    """A scene whose repository is not ready for a long time."""
    return Scene(Repository(course=Course(clone=500)), limits=limits)


@in_virtual_time
async def test_a_ready_repository_is_installed_from_at_once() -> None:
    """Nothing is waited for where nothing has to be."""
    scene = Scene()
    await scene.lead(5)
    install = await scene.submit()
    progress = await install.ended()
    assert isinstance(progress.outcome, Answered)
    assert install.reply is not None
    assert install.reply.status == 201
    assert seconds() < 5 + 4
    assert scene.releases.effects == {"r1": 1}


@in_virtual_time
async def test_a_first_clone_is_waited_for() -> None:
    """Held until the clone has ended and the replica has it, and a few seconds at most beyond."""
    repository = Repository(course=Course(created=3, clone=20), replicas=[Replica(0.5, 5), Replica(0.5, 0)])
    scene = Scene(repository)
    await scene.lead()
    install = await scene.submit(prefer="until=deployed")
    progress = await install.ended()
    assert isinstance(progress.outcome, Deployed), progress
    assert scene.releases.effects == {"r1": 1}
    assert scene.rancher.posts[0][0] < 23 + 5 + 4
    assert not scene.seen.faults


@in_virtual_time
async def test_the_deadline_is_told_with_what_it_waited_for() -> None:
    """Nothing is sent, and the answer says why."""
    scene = held()
    await scene.lead()
    progress = await (await scene.submit()).ended()
    assert isinstance(progress.outcome, NotReady), progress
    assert 49 < seconds() < 54
    assert "download" in progress.outcome.sentence
    assert not scene.rancher.posts
    assert not scene.seen.faults


@in_virtual_time
async def test_only_the_very_same_is_shared() -> None:
    """Another body, another action, another user or a name that helm makes up is another install."""
    scene = held()
    scene.user("luke")
    first = await scene.submit("r1")
    assert await scene.submit("r2") is first
    assert first.progress.joined == 2
    others = [
        await scene.submit("r3", timeout="90s"),
        await scene.submit("r4", action="upgrade"),
        await scene.submit("r5", user="luke"),
        await scene.submit("r6", prefer="until=deployed"),
        await scene.submit("r7", releaseName=""),
        await scene.submit("r8", releaseName=""),
    ]
    assert len({first, *others}) == 7


@in_virtual_time
async def test_a_caller_with_more_time_moves_the_deadline() -> None:
    """Whoever joins waits as long as they asked for; the first caller's time is the edge's to keep."""
    scene = held()
    await scene.lead()
    install = await scene.submit(prefer="wait=10")
    await asyncio.sleep(5)
    assert await scene.submit("r2", prefer="wait=30") is install
    await install.ended()
    assert 34 < seconds() < 40


@in_virtual_time
async def test_who_may_not_read_shares_nothing() -> None:
    """A right that was taken away since the first caller came counts for the next one."""
    scene = held()
    await scene.lead(1)
    first = await scene.submit()
    scene.rancher.users[b"Bearer jane"].reads = False
    second = await scene.submit("r2")
    assert second is not first
    outcome = (await second.ended()).outcome
    assert isinstance(outcome, Refused)
    assert outcome.told == 403


@in_virtual_time
async def test_the_last_one_to_leave_cancels() -> None:
    """The first caller's going does not take the install from the second; the second one's does."""
    scene = held()
    install = await scene.submit()
    await scene.submit("r2")
    install.leave()
    assert install.progress.phase is Phase.HELD
    install.leave()
    assert install.progress.outcome == Cancelled()
    assert [one.progress for one in scene.gate.listed("jane", "local")] == [install.progress]


@in_virtual_time
async def test_an_asynchronous_install_goes_on_without_anybody() -> None:
    """Its caller has been answered, and finds it by its id, before and after its end."""
    scene = Scene(Repository(course=Course(clone=30)))
    await scene.lead()
    install = await scene.submit(prefer="respond-async")
    install.leave()
    await asyncio.sleep(40)
    found = scene.gate.find("jane", "local", install.progress.id)
    assert found is install
    assert isinstance(found.progress.outcome, Answered)
    assert scene.gate.find("luke", "local", install.progress.id) is None
    assert scene.gate.find("jane", "c-m-abc", install.progress.id) is None
    assert scene.gate.listed("jane", "local") == (install,)
    assert len(install.progress.id) == 32


@in_virtual_time
async def test_cancelling_is_for_the_owner_and_for_what_is_held() -> None:
    """Once, and again; never for another user, and not when it is being sent."""
    scene = Scene(Repository(course=Course(clone=10)))
    scene.rancher.slow = 20
    await scene.lead()
    one = await scene.submit(prefer="respond-async")
    identity = one.progress.id
    assert scene.gate.cancel("luke", "local", identity) is None
    assert scene.gate.cancel("jane", "local", identity) is Cancelling.DONE
    assert scene.gate.cancel("jane", "local", identity) is Cancelling.DONE
    assert one.progress.outcome == Cancelled()
    other = await scene.submit("r2", prefer="respond-async")
    while other.progress.phase is not Phase.SENDING:
        await other.changed(other.progress.version)
    assert scene.gate.cancel("jane", "local", other.progress.id) is Cancelling.TOO_LATE
    assert isinstance((await other.ended()).outcome, Answered)
    assert scene.releases.effects == {"r2": 1}


@in_virtual_time
async def test_whoever_leaves_while_it_is_sent_cuts_nothing_short() -> None:
    """Rancher would stop in the middle of what it makes."""
    scene = Scene()
    scene.rancher.slow = 20
    await scene.lead(5)
    install = await scene.submit()
    while install.progress.phase is not Phase.SENDING:
        await install.changed(install.progress.version)
    install.leave()
    assert isinstance((await install.ended()).outcome, Answered)


@in_virtual_time
async def test_there_is_a_limit_in_all_and_one_for_each_caller() -> None:
    """Whoever is turned away is told when to come again, and there is room when somebody has left."""
    scene = held(Limits(held=3, held_per_caller=2))
    scene.user("luke")
    install = await scene.submit()
    await scene.submit("r2")
    assert await scene.gate.submit(scene.request("r3")) is TOO_MANY_YOURS
    await scene.submit("r4", user="luke")
    assert await scene.gate.submit(scene.request("r5", user="luke")) is TOO_MANY
    assert TOO_MANY.status == 429
    assert TOO_MANY.retry_after > 0
    install.leave()
    await scene.submit("r6", user="luke")


@in_virtual_time
async def test_records_make_room_for_living_ones_only() -> None:
    """Ended records go, the oldest first; when all are alive, the next one is turned away."""
    scene = held(Limits(records=2))
    first = await scene.submit(prefer="respond-async", releaseName="a")
    await scene.submit(prefer="respond-async", releaseName="b")
    assert await scene.gate.submit(scene.request(prefer="respond-async", releaseName="c")) is TOO_MANY_RECORDS
    scene.gate.cancel("jane", "local", first.progress.id)
    assert scene.gate.find("jane", "local", first.progress.id) is first
    await scene.submit(prefer="respond-async", releaseName="c")
    assert scene.gate.find("jane", "local", first.progress.id) is None


@in_virtual_time
async def test_what_cannot_be_written_down_is_not_promised() -> None:
    """No 202 without its line in the journal, and nothing is sent that a restart would not know of."""
    scene = Scene()
    await scene.lead(5)
    scene.journal.full = True
    assert await scene.gate.submit(scene.request(prefer="respond-async")) is NO_JOURNAL
    assert scene.gate.listed("jane", "local") == ()
    scene.journal.full = False
    install = await scene.submit(prefer="respond-async")
    scene.journal.full = True
    outcome = (await install.ended()).outcome
    assert isinstance(outcome, Refused)
    assert outcome.told == 503
    assert not scene.rancher.posts


@in_virtual_time
async def test_stopping_tells_those_who_are_held_and_waits_for_what_is_sent() -> None:
    """Held: interrupted, nothing sent. Being sent: to its end. Coming later: interrupted at once."""
    scene = Scene()
    scene.rancher.slow = 20
    await scene.lead(5)
    sent = await scene.submit()
    waiting = await scene.submit("r2", chartName="none-such")
    while sent.progress.phase is not Phase.SENDING:
        await sent.changed(sent.progress.version)
    await scene.gate.drain()
    assert isinstance(sent.progress.outcome, Answered)
    assert isinstance(waiting.progress.outcome, Interrupted | Refused)
    late = await scene.submit("r3")
    assert late.progress.outcome == Interrupted(sent=False, sentence=late.progress.outcome.sentence)
    assert [who for _, who in scene.rancher.posts] == ["r1"]


@in_virtual_time
async def test_what_rancher_turns_down_while_the_gate_stops_is_not_sent_again() -> None:
    """It was being sent, nothing came of it, and there is no time for more."""
    scene = Scene()
    await scene.lead(5)
    scene.rancher.faults.until, scene.rancher.faults.post = 1e6, {"says retry": 1.0}
    install = await scene.submit(prefer="wait=600")
    while install.progress.attempts == 0:
        await install.changed(install.progress.version)
    await scene.gate.drain()
    assert isinstance(install.progress.outcome, Interrupted)
    assert not install.progress.outcome.sent
    assert seconds() < 30


@in_virtual_time
async def test_an_index_is_held_until_the_repository_is_ready() -> None:
    """The dashboard asks for it before it installs; who may not read is not held."""
    scene = Scene(Repository(course=Course(clone=20)))
    scene.user("luke", reads=False)
    await scene.lead(1)
    request = scene.request()
    place, credential = request.post.place, request.credential
    assert await scene.gate.held_index(place, credential, 5) is False
    assert 5 < seconds() < 7
    assert await scene.gate.held_index(place, credential, 25) is True
    assert 20 < seconds() < 24
    assert await scene.gate.held_index(place, scene.request(user="luke").credential, 25) is False
    assert seconds() < 24


@in_virtual_time
async def test_a_fault_of_the_engine_is_told_and_reported() -> None:
    """Whoever waits hears that nothing was sent; the operator hears what broke."""
    scene = Scene()
    await scene.lead(5)

    def broken() -> None:
        raise ZeroDivisionError

    scene.rancher.replica = broken  # type: ignore[method-assign,assignment]
    outcome = (await (await scene.submit()).ended()).outcome
    assert isinstance(outcome, Refused)
    assert outcome.told == 500
    assert [type(fault) for fault in scene.seen.faults] == [ZeroDivisionError]


@in_virtual_time
async def test_who_joins_while_it_is_sent_does_not_cut_it_short() -> None:
    """A second click with a short wait of its own sets no clock running for what cannot be taken back."""
    scene = Scene()
    scene.rancher.slow = 60
    await scene.lead(5)
    install = await scene.submit(prefer="wait=5")
    while install.progress.phase is not Phase.SENDING:
        await install.changed(install.progress.version)
    await asyncio.sleep(3)
    assert await scene.submit("r2", prefer="wait=5") is install
    assert isinstance((await install.ended()).outcome, Answered)
    assert scene.releases.effects == {"r1": 1}


@in_virtual_time
async def test_stopping_does_not_wait_for_those_who_are_held() -> None:
    """They are told at once that nothing was sent, those who wait for an index as well."""
    scene = held()
    await scene.lead(1)
    install = await scene.submit()
    request = scene.request()
    index = asyncio.create_task(scene.gate.held_index(request.post.place, request.credential, 25))
    await asyncio.sleep(1)
    await scene.gate.drain()
    assert isinstance(install.progress.outcome, Interrupted)
    assert not install.progress.outcome.sent
    assert await index is False
    assert seconds() < 3
