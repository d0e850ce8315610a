"""The admission application by itself: what only a fault of ours, or nobody at the other end, brings about."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, NoReturn

import httpx
import pytest
from raw_client import make_review

from app.api.admission import WRITTEN_AT_ONCE, Admission
from app.api.documented import create_api
from app.api.examples import LOSSY_REVIEW
from app.core.guard import Guard, Guards, Target
from app.telemetry import Telemetry

GUARDS = Guards(
    [Guard("upgrades", Target("harvesterhci.io", frozenset({"v1beta1"}), "upgrades", status_subresource=False))]
)


class Caller:
    """The other end of an ASGI application."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.sent: list[dict[str, Any]] = []
        self.stuck = asyncio.Event()
        self.may_stick = False

    def scope(self) -> dict[str, Any]:
        """A request to mutate."""
        headers = [(b"content-type", b"application/json")]
        return {"type": "http", "method": "POST", "path": "/mutate", "query_string": b"", "headers": headers}

    async def receive(self) -> dict[str, Any]:
        """The whole body."""
        return {"type": "http.request", "body": self.body}

    async def send(self, message: Any) -> None:
        """Take a message; a caller that may stick takes no piece of an answer."""
        if self.may_stick and message["type"] == "http.response.body":
            self.stuck.set()
            await asyncio.Event().wait()
        self.sent.append(dict(message))


def fails(error: type[BaseException]) -> Callable[[], NoReturn]:
    """A rule set that cannot be had."""

    def guards() -> NoReturn:
        raise error("MARKER")

    return guards


async def test_an_internal_error_is_a_fault_that_tells_its_kind() -> None:
    """Whatever goes wrong with us is a 500 that names the kind of error and nothing of the request."""
    caller = Caller(json.dumps(make_review("MARKER")).encode())
    admission = Admission(fails(ZeroDivisionError), Telemetry(), lambda: False)
    await admission(caller.scope(), caller.receive, caller.send)
    start, body = caller.sent
    assert (start["status"], dict(start["headers"])[b"content-type"]) == (500, b"application/problem+json")
    assert json.loads(body["body"])["detail"] == "Internal error (ZeroDivisionError); the log has it."
    assert admission.in_flight == 0


async def test_what_is_too_deep_to_judge_is_a_fault_of_the_request() -> None:
    """If a decision runs out of stack, that is the nesting of what was sent: a 400."""
    caller = Caller(json.dumps(make_review("MARKER")).encode())
    await Admission(fails(RecursionError), Telemetry(), lambda: False)(caller.scope(), caller.receive, caller.send)
    assert caller.sent[0]["status"] == 400
    assert b"MARKER" not in caller.sent[1]["body"]


async def test_a_large_answer_goes_out_in_pieces() -> None:
    """An answer larger than what is written at once is sent in such pieces, and they are the whole answer."""
    caller = Caller(large_review())
    await Admission(lambda: GUARDS, Telemetry(), lambda: False)(caller.scope(), caller.receive, caller.send)
    start, *pieces = caller.sent
    whole = b"".join(piece["body"] for piece in pieces)
    assert len(whole) == int(dict(start["headers"])[b"content-length"])
    assert json.loads(whole)["response"]["allowed"] is True
    assert [len(piece["body"]) for piece in pieces[:-1]] == [WRITTEN_AT_ONCE] * (len(pieces) - 1)
    assert [piece["more_body"] for piece in pieces] == [True] * (len(pieces) - 1) + [False]


async def test_who_does_not_read_is_left() -> None:
    """A caller that does not take a large answer in time is left alone, and what was held for it is free."""
    caller = Caller(large_review())
    caller.may_stick = True
    admission = Admission(lambda: GUARDS, Telemetry(), lambda: False, patience=0.01)
    await admission(caller.scope(), caller.receive, caller.send)
    assert caller.stuck.is_set()
    assert [message["type"] for message in caller.sent] == ["http.response.start"]
    assert admission._buffered == 0


@pytest.mark.parametrize("draining", [False, True])
async def test_the_documented_application_answers_the_same(draining: bool) -> None:  # noqa: FBT001 - a parameter
    """Through FastAPI's own routing the endpoints give the same answers as in front of it, faults included."""
    admission = Admission(lambda: GUARDS, Telemetry(), lambda: draining)
    transport = httpx.ASGITransport(create_api(admission))
    async with httpx.AsyncClient(transport=transport, base_url="https://x") as client:
        verdict = await client.post("/mutate", json=LOSSY_REVIEW)
        fault = await client.post("/mutate", content=b"MARKER", headers={"content-type": "application/json"})
        wrong = await client.get("/mutate")
    assert (verdict.status_code, "patch" in verdict.json()["response"]) == (200, True)
    assert verdict.headers.get("connection") == ("close" if draining else None)
    assert (fault.status_code, fault.headers["content-type"]) == (400, "application/problem+json")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


def large_review() -> bytes:
    """A review whose patch is larger than what is written at once."""
    review = json.loads(json.dumps(LOSSY_REVIEW))
    review["request"]["oldObject"]["status"] = {"x": "a" * 3 * WRITTEN_AT_ONCE}
    return json.dumps(review).encode()
