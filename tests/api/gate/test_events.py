"""Progress as server-sent events, on the POST and on the install's own address."""

import asyncio
import json
from typing import Any

import pytest
from gate_wire import BODY

from app.api.admission import ClientGoneError
from app.api.gate import events
from app.core.gate.readiness import Check, CheckId, Outcome
from app.gate.port import Reply
from app.gate.progress import Answered, Cancelled, NotReady, Phase

STREAM = "text/event-stream"


async def test_a_post_streams_what_changes_and_the_real_status(gate: Any) -> None:
    """Each change is an event, and the last one has the status and the body that a plain answer would have had."""
    wire = await gate.begin(body=BODY, accept=STREAM, prefer="wait=30")
    status, headers = await wire.head()
    assert (status, dict(headers)["content-type"]) == (200, STREAM)
    assert dict(headers)["preference-applied"] == "wait=30"
    install = await gate.engine.submitted()
    assert dict(headers)["content-location"] == f"/installs/{install.progress.id}"
    name, said = await wire.event()
    assert (name, said["phase"], said["version"]) == ("progress", "held", 1)
    check = Check(CheckId.DOWNLOADED, Outcome.WAITING, "It is being downloaded.\nStill.")
    install.update(checks=(check,), phase=Phase.QUEUED)
    name, said = await wire.event()
    assert (name, said["phase"], said["checks"][0]["sentence"]) == ("progress", "queued", check.sentence)
    body = b'{"type":"chartActionOutput",\n "links":{},"type":"chartActionOutput"}'
    install.reply = Reply(201, ((b"content-type", b"application/json"),), body)
    install.end(Answered(201))
    assert (await wire.event())[1]["outcome"]["kind"] == "answered"
    assert await wire.event() == ("result", {"status": 201, "body": json.loads(body)})
    assert [part async for part in wire.chunks()] == []


async def test_a_problem_is_the_result_of_a_stream(gate: Any) -> None:
    """What would have been 503 with Retry-After says both in the last event."""
    gate.engine.ends = lambda install: install.end(NotReady("It is not there yet."))
    answer = await gate.ask(body=BODY, accept=STREAM)
    name, said = answer.events[-1]
    assert (name, said["status"], said["body"]["type"]) == ("result", 503, "urn:status-guard:problem:not-ready")
    assert said["retryAfter"] == said["body"]["retryAfter"]


async def test_silence_is_broken_by_comments(begin: Any) -> None:
    """Where nothing changes a comment goes out, so that no proxy takes the silence for an end."""
    gate = await begin(silence=0.01)
    wire = await gate.begin(body=BODY, accept=STREAM)
    await wire.head()
    chunks = wire.chunks()
    assert (await anext(chunks)).startswith(b"event: progress\n")
    assert [await anext(chunks) for _ in range(2)] == [b": waiting\n\n"] * 2


async def test_only_who_names_events_gets_them(gate: Any) -> None:
    """``*/*`` is answered once, with a status."""
    gate.engine.ends = lambda install: install.end(Cancelled())
    for accept in ("*/*", "application/json, text/event-stream;q=0.5", None):
        assert (await gate.ask(body=BODY, accept=accept)).status == 409


async def test_a_reader_who_goes_leaves_the_install(gate: Any) -> None:
    """Hanging up on the stream of a synchronous install is leaving it."""
    wire = await gate.begin(body=BODY, accept=STREAM)
    await wire.head()
    install = await gate.engine.submitted()
    wire.close()
    await asyncio.wait_for(install.ended(), 30)
    assert isinstance(install.progress.outcome, Cancelled)


async def test_looking_at_an_install_is_not_taking_part(gate: Any) -> None:
    """Whoever streams ``/installs/ID`` sees it to its end, and hanging up changes nothing."""
    await gate.ask(body=BODY, prefer="respond-async")
    install = await gate.engine.submitted()
    path = f"/installs/{install.progress.id}"
    gone = await gate.begin(path, method="GET", accept=STREAM)
    await gone.head()
    gone.close()
    wire = await gate.begin(path, method="GET", accept=STREAM)
    await wire.head()
    assert (await wire.event())[1]["phase"] == "held"
    install.end(Cancelled())
    assert (await wire.event())[1]["phase"] == "ended"
    assert (await wire.event())[1]["status"] == 409


def test_text_that_is_no_json_is_told_as_text() -> None:
    """A proxy's page in the result is a string, and no line of it is an event of its own."""
    page = events.result(events.Written(502, (), b"<html>\n\nevent: forged\n\xff"))
    assert page.startswith(b"event: result\ndata: ")
    assert page.count(b"\n") == 3


async def test_a_reader_who_does_not_read_is_given_up(gate: Any) -> None:
    """An event that is not taken in time ends the stream as if the reader had gone."""
    await gate.ask(body=BODY, prefer="respond-async")
    install = await gate.engine.submitted()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    with pytest.raises(ClientGoneError):
        await events.Events(send, patience=0.01).follow(install, lambda: pytest.fail("there is no result"))
