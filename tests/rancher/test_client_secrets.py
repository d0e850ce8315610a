"""What is secret stays in requests: it is in no log, no error and no representation of a value."""

import logging
import traceback
from datetime import UTC, datetime

import pytest
from raw_upstream import Peer, RawUpstream

from app.core.gate.installation_call import Action
from app.gate.port import AnswerLostError, Credential, NotSentError, Place, Post, Reply
from app.rancher.client import RancherClient
from app.rancher.http1 import Call, Head
from app.rancher.passing import Passing

SECRET = "token-abc12:hush-hush-hush"
PLACE = Place("local", "harvester")
CREDENTIAL = Credential(((b"Authorization", f"Bearer {SECRET}".encode()), (b"Cookie", f"R_SESS={SECRET}".encode())))
TARGET = b"/v1/catalog.cattle.io.clusterrepos/harvester?action=install&CSRF=" + SECRET.encode()
POST = Post(PLACE, Action.INSTALL, TARGET, CREDENTIAL.headers, SECRET.encode())
ANSWERS = [
    f"HTTP/1.1 200 OK\r\nSet-Cookie: R_SESS={SECRET}\r\nContent-Length: 2\r\n\r\n{{}}",
    f"HTTP/1.1 200 OK\r\nSet-Cookie: R_SESS={SECRET}\r\nContent-Length: 99\r\n\r\n{SECRET}",
    f"HTTP/1.1 200 OK\r\nSet-Cookie {SECRET}\r\n\r\n",
    f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{SECRET}\r\n",
    f"{SECRET}\r\n\r\n",
    "",
]


def shown(error: Exception) -> str:
    """All that a log or a terminal would show of an error."""
    return "".join(traceback.format_exception(error))


@pytest.mark.parametrize("answer", ANSWERS)
async def test_nothing_secret_is_logged_or_raised(answer: str, caplog: pytest.LogCaptureFixture) -> None:
    """With every logger at DEBUG, no call and no failure of one shows a token, a cookie, a body or an answer."""
    caplog.set_level(logging.DEBUG)
    said: list[str] = []

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer.encode())

    async with RawUpstream(script) as server:
        client = RancherClient(server.upstream, lambda *told: said.append(repr(told)))
        passing = Passing(server.upstream, lambda *told: said.append(repr(told)))
        await client.user(CREDENTIAL)
        await client.repository(PLACE, CREDENTIAL)
        await client.helm_log(PLACE, "default", "x", CREDENTIAL)
        await client.nudge(PLACE, CREDENTIAL, datetime(2026, 9, 1, tzinfo=UTC))
        try:
            async with client.connect() as connection:
                await connection.send(POST)
        except AnswerLostError as error:
            said.append(shown(error))
        try:
            async with passing.passed(b"GET", TARGET, CREDENTIAL.headers, None) as passed:
                async for _ in passed.parts:
                    pass
        except AnswerLostError as error:
            said.append(shown(error))
        client.close()
        passing.close()
    assert SECRET not in "".join(said)
    assert SECRET not in caplog.text


async def test_a_header_that_cannot_be_written_is_not_quoted() -> None:
    """A header that is no HTTP is an error before a byte is written, and the error does not say what was in it."""

    async def script(peer: Peer) -> None:
        assert await peer.reader.read() == b""

    bad = ((b"Authorization", f"Bearer {SECRET}\r\nX: y".encode()),)
    async with RawUpstream(script) as server:
        client = RancherClient(server.upstream, lambda *_: None)
        async with client.connect() as connection:
            with pytest.raises(NotSentError, match="cannot be written as HTTP") as caught:
                await connection.send(Post(PLACE, Action.INSTALL, TARGET, bad, b""))
        client.close()
    assert SECRET not in shown(caught.value)


def test_no_value_shows_what_it_carries() -> None:
    """Requests, answers and credentials have no secret in their representation."""
    headers = CREDENTIAL.headers
    call = Call("install", b"POST", TARGET, headers, SECRET.encode())
    for value in (CREDENTIAL, POST, call, Head(200, headers), Reply(200, headers, SECRET.encode())):
        assert "hush" not in repr(value).replace(repr(TARGET), "")
