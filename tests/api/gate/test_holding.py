"""A held POST: what comes of waiting, as the answer to it."""

import asyncio
import json
from typing import Any

import pytest
from gate_wire import BODY, INSTALL

from app.api.gate.holding import LEAST_PATIENCE
from app.core.gate.readiness import Check, CheckId, Outcome
from app.gate.limits import TOO_MANY
from app.gate.port import Reply
from app.gate.progress import Answered, Cancelled, NotReady, Phase

CREATED = Reply(
    201,
    (
        (b"Content-Type", b"application/json"),
        (b"X-Api-Schemas", b"https://gate.test/v1/schemas"),
        (b"Set-Cookie", b"CSRF=1; Path=/"),
        (b"Set-Cookie", b"OTHER=2"),
        (b"Connection", b"keep-alive, X-Hop"),
        (b"X-Hop", b"1"),
        (b"Content-Length", b"119"),
    ),
    b'{"type":"chartActionOutput","links":{},"operationName":"helm-operation-abcde","operationNamespace":"ns"} \n',
)


async def test_ranchers_answer_goes_back_byte_for_byte(gate: Any) -> None:
    """What Rancher answered is the answer, headers included but for those of its connection."""
    waiting = asyncio.create_task(gate.ask(body=BODY))
    install = await gate.engine.submitted()
    assert not waiting.done()
    install.reply = CREATED
    install.end(Answered(201, ("cattle-ui", "helm-operation-abcde")))
    answer = await waiting
    assert (answer.status, answer.body) == (201, CREATED.body)
    assert [value for name, value in answer.headers if name == "set-cookie"] == ["CSRF=1; Path=/", "OTHER=2"]
    assert answer.header("x-api-schemas") == "https://gate.test/v1/schemas"
    assert answer.header("x-hop") is None
    assert (answer.header("vary"), answer.header("cache-control")) == ("Prefer, Accept", "no-store")
    assert answer.header("via") == "1.1 status-guard"


async def test_the_engine_gets_the_request_as_it_came(gate: Any) -> None:
    """Path, query, headers and body reach the engine as the client wrote them, and the user as Rancher named them."""
    gate.engine.ends = lambda install: install.end(Cancelled())
    raw = b'{ "charts": [{"chartName":"c","version":"1"}] , "x":1.50}'
    path = "/k8s/clusters/c-m-1/v1/catalog.cattle.io.clusterrepos/repo?action=upgrade&x=%41"
    await gate.ask(path, raw, user_agent="Mozilla/5.0", x_api_csrf="abc", prefer="wait=3")
    [request] = gate.engine.requests
    assert (request.post.target, request.post.body) == (path.encode(), raw)
    assert (request.post.place.cluster, request.post.place.prefix) == ("c-m-1", "/k8s/clusters/c-m-1")
    assert (request.user, request.preferences.wait) == ("u-ann", 3)
    named = [name for name, _ in request.credential.headers]
    assert named == [b"authorization", b"user-agent", b"x-api-csrf"]
    assert (b"user-agent", b"Mozilla/5.0") in request.post.headers


async def test_a_deadline_is_told_with_each_check(gate: Any) -> None:
    """503 says what is waited for, in the controller's words, and when to ask again."""
    check = Check(CheckId.DOWNLOADED, Outcome.WAITING, "The repository is being downloaded.", "clone failed")

    def end(install: Any) -> None:
        install.update(checks=(check,))
        install.end(NotReady("The repository is being downloaded."))

    gate.engine.ends = end
    answer = await gate.ask(body=BODY, prefer="wait=1, until=deployed")
    said = answer.assert_problem(503, "not-ready")
    [told] = said["checks"]
    assert (told["id"], told["outcome"], told["words"]) == ("repository-downloaded", "waiting", "clone failed")
    assert answer.header("retry-after") == str(said["retryAfter"])
    assert answer.header("preference-applied") == "wait=1, until=deployed"


async def test_an_asynchronous_install_is_accepted_at_once(gate: Any) -> None:
    """respond-async alone is answered with 202 and where to look, and leaving does not end it."""
    answer = await gate.ask(body=BODY, prefer="respond-async")
    install = await gate.engine.submitted()
    assert (answer.status, answer.header("location")) == (202, f"/installs/{install.progress.id}")
    assert answer.header("preference-applied") == "respond-async"
    assert answer.json["phase"] == "held"
    assert install.progress.phase is Phase.HELD


async def test_a_caller_who_goes_is_noticed(gate: Any) -> None:
    """Hanging up while held leaves the install, and the last one to leave ends it."""
    wire = await gate.begin(body=BODY)
    install = await gate.engine.submitted()
    wire.close()
    await asyncio.wait_for(install.ended(), 30)
    assert isinstance(install.progress.outcome, Cancelled)


@pytest.mark.parametrize("prefer", ["wait=1", "wait=1, respond-async"])
async def test_a_callers_own_time_ends_its_wait(gate: Any, prefer: str) -> None:
    """Where the engine goes on for others, a caller gets an answer when its own time is over."""
    check = Check(CheckId.DOWNLOADED, Outcome.WAITING, "The repository is being downloaded.")
    gate.engine.ends = lambda install: install.update(checks=(check,))
    answer = await gate.ask(body=BODY, prefer=prefer)
    if "async" in prefer:
        assert answer.status == 202
    else:
        answer.assert_problem(503, "not-ready")


async def test_no_wait_is_one_try_however_slow_the_first_look_is(gate: Any) -> None:
    """wait=0 asks for one try and its answer: a Rancher that takes seconds to show the repository is waited for."""
    waiting = asyncio.create_task(gate.ask(INSTALL, BODY, prefer="wait=0"))
    install = await gate.engine.submitted()
    done, _ = await asyncio.wait([waiting], timeout=LEAST_PATIENCE)
    assert not done
    install.reply = CREATED
    install.end(Answered(201, ("cattle-ui", "helm-operation-abcde")))
    assert (await waiting).status == 201


async def test_what_is_being_sent_is_waited_for(gate: Any) -> None:
    """Once the POST is on its way the caller's time does not end its wait, because it cannot be taken back."""
    waiting = asyncio.create_task(gate.ask(INSTALL, BODY, prefer="wait=0"))
    install = await gate.engine.submitted()
    install.update(phase=Phase.SENDING)
    done, _ = await asyncio.wait([waiting], timeout=1.5)
    assert not done
    install.reply = CREATED
    install.end(Answered(201, ("cattle-ui", "helm-operation-abcde")))
    assert (await waiting).status == 201


async def test_bodies_together_are_bounded(begin: Any) -> None:
    """Beyond what the bodies of living installs may take there is 429, and room again when one of them ends."""
    size = len(json.dumps(BODY))
    gate = await begin(most_body_bytes=2 * size)
    for _ in range(2):
        assert (await gate.ask(body=BODY, prefer="respond-async")).status == 202
    (await gate.ask(body=BODY, prefer="respond-async")).assert_problem(429, "too-many-installs")
    gate.engine.installs[0].end(Cancelled())
    assert (await gate.ask(body=BODY, prefer="respond-async")).status == 202


async def test_a_refused_install_leaves_nothing_behind(begin: Any) -> None:
    """A caller who is refused, or goes while the engine takes them on, takes no room."""
    gate = await begin(most_body_bytes=len(json.dumps(BODY)))
    gate.engine.refusal = TOO_MANY
    for _ in range(2):
        (await gate.ask(body=BODY)).assert_problem(429, "too-many-installs")
    gate.engine.refusal = None
    gate.engine.slow = asyncio.Event()
    wire = await gate.begin(body=BODY)
    async with asyncio.timeout(30):
        while len(gate.engine.requests) < 3:
            await gate.ask("/openapi.json", method="GET")
        wire.close()
        while gate.scene.reception.in_flight:
            await gate.ask("/openapi.json", method="GET")
    gate.engine.slow.set()
    install = await gate.engine.submitted()
    await asyncio.wait_for(install.ended(), 30)
    gate.engine.slow = None
    gate.engine.ends = lambda install: install.end(Cancelled())
    assert (await gate.ask(body=BODY)).status == 409


async def test_what_is_followed_longer_than_a_caller_waits_is_ranchers_answer(gate: Any) -> None:
    """When the time is over and Rancher has accepted, its 201 is the answer, and until=deployed is not claimed."""

    def follow(install: Any) -> None:
        install.reply = CREATED
        install.update(phase=Phase.FOLLOWING)

    gate.engine.ends = follow
    answer = await gate.ask(body=BODY, prefer="wait=0, until=deployed")
    assert (answer.status, answer.body) == (201, CREATED.body)
    assert answer.header("preference-applied") == "wait=0"


async def test_a_fault_of_ours_is_told_without_its_words(gate: Any) -> None:
    """An error within the gate is 500 with its type, and the connection ends."""

    def fail(install: Any) -> None:
        raise ValueError("MARKER")

    gate.engine.ends = fail
    wire = await gate.begin(body=BODY)
    answer = await wire.answer()
    assert "ValueError" in answer.assert_problem(500, "internal")["detail"]
    assert await wire.ended()
    assert gate.scene.reception.in_flight == 0


@pytest.mark.parametrize("stays", [True, False], ids=["is there", "has gone"])
async def test_a_fault_of_ours_takes_no_room(begin: Any, stays: bool) -> None:  # noqa: FBT001 - a case
    """The body of an install that broke is not counted any more, whether or not its caller is there to hear of it."""

    def fail(install: Any) -> None:
        raise ValueError

    gate = await begin(most_body_bytes=len(json.dumps(BODY)))
    gate.engine.ends, gate.engine.slow = fail, asyncio.Event()
    wire = await gate.begin(body=BODY)
    async with asyncio.timeout(30):
        while not gate.engine.requests:
            await gate.ask("/openapi.json", method="GET")
        if not stays:
            wire.close()
            while gate.scene.reception.in_flight:
                await gate.ask("/openapi.json", method="GET")
        gate.engine.slow.set()
        if stays:
            (await wire.answer()).assert_problem(500, "internal")
        while not gate.engine.installs:
            await gate.ask("/openapi.json", method="GET")
        gate.engine.slow = None
        gate.engine.ends = lambda install: install.end(Cancelled())
        while (answer := await gate.ask(body=BODY)).status == 429:
            assert not stays
    assert answer.status == 409


async def test_a_fault_in_a_stream_breaks_it_off(gate: Any) -> None:
    """Where the head is sent already, the stream ends without a result and without the mark of an end."""
    wire = await gate.begin(body=BODY, accept="text/event-stream")
    await wire.head()
    install = await gate.engine.submitted()
    install.reply = "no reply at all"
    install.end(Answered(201))
    with pytest.raises(asyncio.IncompleteReadError):
        await wire.rest()
