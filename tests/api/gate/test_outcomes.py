"""Each outcome as the answer to the POST: which status, which words, and when asking again is safe."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from gate_wire import BODY

from app.api.gate import outcomes
from app.core.gate.installation_call import Action
from app.core.gate.preferences import Preferences
from app.gate.install import Install
from app.gate.limits import RETRY_AFTER
from app.gate.port import Reply
from app.gate.progress import (
    Answered,
    Cancelled,
    Deployed,
    InstallFailed,
    Interrupted,
    NotReady,
    Outcome,
    OutcomeUnknown,
    Phase,
    Progress,
    Refused,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ERROR = Reply(
    422, ((b"content-type", b"application/json"),), b'{"type":"error","links":{},"status":422,"type":"error"}'
)
UNAUTHORIZED = Reply(401, (), b'{"type":"error","status":"401"}')


@pytest.mark.parametrize(
    ("outcome", "status", "slug"),
    [
        (NotReady("It waits."), 503, "not-ready"),
        (Refused("chart-too-large", 502, "Too large."), 502, "refused"),
        (Refused("namespace-forbidden", 403, "Not allowed."), 403, "refused"),
        (Refused("authentication", 401, "Log in."), 502, "refused"),
        (InstallFailed(("ns", "op"), "Helm failed.", "words", "log"), 502, "install-failed"),
        (OutcomeUnknown("Look there."), 504, "outcome-unknown"),
        (Cancelled(), 409, "cancelled"),
        (Interrupted(sent=False), 503, "interrupted"),
        (Interrupted(sent=True, sentence="Look there."), 504, "outcome-unknown"),
    ],
)
async def test_an_outcome_is_told_by_its_status(gate: Any, outcome: Outcome, status: int, slug: str) -> None:
    """Each outcome has its status and slug; Retry-After is there exactly where nothing was sent and waiting helps."""
    gate.engine.ends = lambda install: install.end(outcome)
    answer = await gate.ask(body=BODY)
    said = answer.assert_problem(status, slug)
    assert (answer.header("retry-after") is not None) == (status == 503)
    for name in ("sentence", "words", "log"):
        text = getattr(outcome, name, "")
        assert text in str(said)


@pytest.mark.parametrize("outcome", [NotReady("It waits."), Cancelled(), Interrupted(sent=False)])
async def test_what_was_turned_down_was_sent(gate: Any, outcome: Outcome) -> None:
    """Once Rancher has turned a POST down it is not true that nothing was sent: nothing was installed."""

    def end(install: Any) -> None:
        install.update(attempts=1)
        install.end(outcome)

    gate.engine.ends = end
    said = (await gate.ask(body=BODY)).json["detail"]
    assert "nothing was installed" in said.lower()
    assert "nothing was sent" not in said.lower()


async def test_ranchers_own_refusal_goes_back_as_it_came(gate: Any) -> None:
    """Where Rancher refused the POST itself, its bytes are the answer; only its own 401 is a 401."""
    for reply in (ERROR, UNAUTHORIZED):

        def end(install: Install, reply: Reply = reply) -> None:
            install.reply = reply
            install.end(Refused("csrf", reply.status, "…"))

        gate.engine.ends = end
        answer = await gate.ask(body=BODY)
        assert (answer.status, answer.body) == (reply.status, reply.body)


@pytest.mark.parametrize("outcome", [Answered(201, ("ns", "op"), "Found."), Deployed(201, ("ns", "op"), "Found.")])
async def test_an_answer_that_was_lost_is_written_anew(gate: Any, outcome: Outcome) -> None:
    """Where the answer was lost and the Operation was found, the client gets what Rancher would have said."""
    gate.engine.ends = lambda install: install.end(outcome)
    answer = await gate.ask(body=BODY)
    assert answer.status == 201
    assert answer.json == {
        "type": "chartActionOutput",
        "links": {},
        "operationName": "op",
        "operationNamespace": "ns",
        "message": "Found.",
    }


@pytest.mark.parametrize(
    ("retry_at", "seconds"),
    [
        (None, RETRY_AFTER),
        (NOW + timedelta(seconds=42.5), 43),
        (NOW - timedelta(hours=1), 1),
        (NOW + timedelta(1), 300),
    ],
)
def test_when_to_ask_again_is_when_rancher_tries_again(retry_at: datetime | None, seconds: int) -> None:
    """Retry-After is the controller's next try, within bounds."""
    install = Install(_progress())
    install.end(NotReady("It waits.", retry_at=retry_at))
    answer = outcomes.concluded(install, Preferences(), NOW)
    assert (b"retry-after", b"%d" % seconds) in answer.headers


def _progress() -> Progress:
    where = {"cluster": "local", "repo": "r", "action": Action.INSTALL, "namespace": "ns", "charts": ()}
    known = {"id": "i", "version": 1, "phase": Phase.HELD, "user": "u", "asynchronous": False}
    return msgspec.convert(known | where | {"created": NOW, "deadline": NOW}, Progress)
