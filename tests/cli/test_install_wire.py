"""`status-guard install` before servers that are no gate, gates that are odd, and lines that are worse than broken."""

import asyncio
import json
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from raw_upstream import Peer, RawUpstream, authority, serving_context

REPOSITORY = Path(__file__).parents[2]
TOKEN = "token-abc12:MARKERMARKER"
EMPTY = b'{"installs": [], "now": "2026-11-23T00:00:00Z"}'
PROGRESS: dict[str, Any] = {
    "id": "0123456789abcdef0123456789abcdef",
    "version": 1,
    "phase": "held",
    "cluster": "local",
    "repo": "harvester",
    "action": "install",
    "namespace": "default",
    "charts": [{"name": "harvester", "version": "1.8.1", "release": "harvester"}],
    "user": "u-abc12",
    "asynchronous": True,
    "created": "2026-11-23T00:00:01Z",
    "deadline": "2026-11-23T00:30:01Z",
}
Answers = Callable[[Peer], Awaitable[None]]


def event(name: str, data: Any) -> bytes:
    """An event, as the gate writes it."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def problem(slug: str, status: int, **more: Any) -> bytes:
    """A problem of the gate's, as a stream's last event."""
    body = {"type": f"urn:status-guard:problem:{slug}", "detail": f"About {slug}.", **more}
    return event("result", {"status": status, "body": body})


class Server:
    """A server whose answers a test writes, by method and path.

    Attributes:
        calls: what was asked, as method and path.
    """

    def __init__(self, **answers: Answers | bytes) -> None:
        self.answers: dict[str, Any] = {"list": EMPTY} | answers
        self.calls: list[str] = []
        self.heads: list[bytes] = []

    async def __call__(self, peer: Peer) -> None:
        """Answer one call."""
        await peer.request()
        method, path, _ = peer.head.split(b"\r\n", 1)[0].decode().split(" ")
        self.calls.append(f"{method} {path}")
        self.heads.append(peer.head)
        looked_at = "list" if path.partition("?")[0] == "/installs" else "watch"
        name = {"POST": "post", "DELETE": "cancel"}.get(method, looked_at)
        answer = self.answers[name]
        if callable(answer):
            await answer(peer)
        else:
            await peer.answer(answer, "200 OK", "Content-Type: application/json", "Connection: close")


def streamed(*parts: bytes) -> Answers:
    """A stream of events, which ends with the connection."""

    async def answer(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        for part in parts:
            await peer.send(part)
        peer.close()

    return answer


def plain(status: str, body: bytes = b"", *headers: str) -> Answers:
    """A plain answer."""

    async def answer(peer: Peer) -> None:
        await peer.answer(body, status, "Connection: close", *headers)

    return answer


async def broken(peer: Peer) -> None:
    """No answer."""
    peer.reset()


@pytest.fixture
async def served() -> AsyncIterator[Callable[..., Awaitable[int]]]:
    """Serves answers over TLS; gives the port."""
    running: list[RawUpstream] = []

    async def serve(script: Answers, tls: ssl.SSLContext | None = None, *, plaintext: bool = False) -> int:
        context = None if plaintext else (tls or serving_context())
        server = RawUpstream(script, context)
        await server.__aenter__()
        running.append(server)
        return server.port

    yield serve
    for server in running:
        await server.__aexit__()


@pytest.fixture
def install(
    served: Callable[..., Awaitable[int]], environment: dict[str, str], tmp_path: Path
) -> Callable[..., Awaitable[tuple[int, str, str]]]:
    """Runs the command before a server; gives the exit code and what was printed."""

    async def run(server: Any, *words: str, url: str = "", **options: Any) -> tuple[int, str, str]:
        variables = options.pop("variables", {})
        port = await served(server, **options) if server else 0
        (tmp_path / "ca.crt").write_bytes(authority().cert_pem.bytes())
        given = ["--server", url or f"https://127.0.0.1:{port}", "--ca", str(tmp_path / "ca.crt"), *words]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "install", *given, "harvester", "harvester", "1.8.1"),
            cwd=REPOSITORY,
            env=environment | {"RANCHER_TOKEN": TOKEN} | variables,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(45):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert b"MARKER" not in out + err
        return process.returncode or 0, out.decode(), err.decode()

    return run


Install = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (plain("404 Not Found", b"<html>", "Content-Type: text/html"), "not as a gate does (HTTP 404, text/html for"),
        (plain("404 Not Found", b"{}", "X-Api-Cattle-Auth: true"), "is Rancher itself, not a gate"),
        (plain("302 Found", b"", "Location: https://elsewhere.test/x"), "sends callers on to elsewhere.test"),
        (plain("200 OK", b"[]", "Content-Type: application/json"), "not as a gate does"),
        (plain("200 OK", b'{"installs": 1, "now": "x"}'), "not as a gate does"),
        (broken, "hung up without an answer"),
    ],
)
async def test_what_is_no_gate_gets_no_install(install: Install, answer: Answers, words: str) -> None:
    """Whatever does not answer as a gate does is said to be none, exit code 2, and nothing is posted to it."""
    server = Server(list=answer)
    code, _, err = await install(server)
    assert (code, words in err, "Nothing was sent" in err or "gate's own address" in err) == (2, True, True), err
    assert server.calls == ["GET /installs"]


async def test_addresses_that_lead_nowhere_are_explained(install: Install, served: Any) -> None:
    """A closed port, an unknown host, plain HTTP and a name that the certificate lacks each have their own words."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    assert "refuses connections" in (await install(None, url=f"https://127.0.0.1:{closed}"))[2]
    assert "is no known host" in (await install(None, url="https://gate.invalid"))[2]
    code, _, err = await install(plain("400 Bad Request"), plaintext=True)
    assert (code, "does not speak TLS" in err) == (2, True), err
    code, _, err = await install(Server(), tls=serving_context("other.test"))
    assert (code, "does not hold" in err) == (2, True), err


async def test_the_token_stays_with_the_host_it_is_for(install: Install) -> None:
    """A redirect of the POST is not followed; it is told as what it is."""
    server = Server(post=plain("307 Temporary Redirect", b"", "Location: https://elsewhere.test/"))
    code, _, err = await install(server)
    assert (code, "HTTP 307" in err) == (1, True), err
    assert len(server.calls) == 2


async def test_text_on_several_lines_and_in_any_script_comes_through(install: Install) -> None:
    """Events in pieces, with line separators and controls in their text, are read whole and printed harmlessly."""
    held = event("progress", PROGRESS | {"waitsFor": "eins\u2028zwei \x1b[31m 三"})
    reply = {"type": "chartActionOutput", "operationName": "helm-operation-x", "operationNamespace": "default"}
    done = event("result", {"status": 201, "body": reply})
    parts = [held[:10], held[10:70], held[70:] + b": waiting\n\n" + done[:5], done[5:]]
    code, out, err = await install(Server(post=streamed(*parts)), "--until", "accepted")
    assert code == 0, err
    assert "Operation: default/helm-operation-x." in out
    assert "eins" in err
    assert "三" in err
    assert "\x1b" not in err


@pytest.mark.parametrize(
    ("result", "code", "words"),
    [
        (problem("outcome-unknown", 504), 4, "About outcome-unknown."),
        (problem("not-ready", 503, words="the controller's"), 3, "In Rancher's words: the controller's"),
        (problem("refused", 403, checks=[{"id": "not-known-here"}]), 1, "About refused."),
        (problem("cancelled", 409), 1, "About cancelled."),
        (problem("too-many-installs", 429, retryAfter=60), 3, "About too-many-installs."),
        (event("result", {"status": 403, "body": {"code": "Forbidden", "message": "no"}}), 1, "403 Forbidden: no"),
        (event("result", {"status": 401, "body": {"message": "must authenticate"}}), 1, "does not accept the token"),
        (event("result", {"status": 500, "body": f"echo {TOKEN}"}), 1, "HTTP 500"),
        (problem("refused", 502, words=f"echo {TOKEN}"), 1, "echo [token]"),
    ],
)
async def test_every_result_has_its_exit_code_and_words(install: Install, result: bytes, code: int, words: str) -> None:
    """What a gate says in the end decides the exit code, also in a version's words that are not known here."""
    found, out, err = await install(Server(post=streamed(event("progress", PROGRESS), result)), "--wait", "5s")
    assert (found, out, words in err) == (code, "", True), err


async def test_accepted_is_not_deployed(install: Install) -> None:
    """Where it was to be followed and nobody saw its end, it is not told as installed: exit code 4."""
    outcome = {"kind": "answered", "status": 201, "sentence": "Not followed to its end."}
    progress = event("progress", PROGRESS | {"version": 2, "phase": "ended", "outcome": outcome})
    result = event("result", {"status": 201, "body": {"operationName": "o", "operationNamespace": "n"}})
    code, out, err = await install(Server(post=streamed(progress, result)))
    assert (code, out, "nobody saw its end. Not followed" in err) == (4, "", True), err


async def test_an_answer_that_is_lost_is_looked_for(install: Install) -> None:
    """Where the POST's answer never began, the install is found among the caller's own, and watched; never repeated."""
    older = PROGRESS | {"id": "f" * 32, "created": "2026-11-22T00:00:00Z"}
    lists = [EMPTY, json.dumps({"installs": [PROGRESS, older], "now": "2026-11-23T00:00:02Z"}).encode()]

    async def listed(peer: Peer) -> None:
        await peer.answer(lists.pop(0), "200 OK", "Connection: close")

    result = event("result", {"status": 201, "body": {}})
    server = Server(list=listed, post=broken, watch=streamed(event("progress", PROGRESS), result))
    code, _, err = await install(server, "--until", "accepted")
    assert code == 0, err
    assert server.calls[2:] == ["GET /installs", f"GET /installs/{PROGRESS['id']}"]
    assert sum(call.startswith("POST") for call in server.calls) == 1


@pytest.mark.parametrize("post", [broken, plain("502 Bad Gateway", b"<html>"), plain("504 Gateway Time-out")])
async def test_what_cannot_be_found_again_is_4(install: Install, post: Answers) -> None:
    """Where no answer came, or a proxy's, and the gate knows of no such install, it is unknown, and not repeated."""
    server = Server(post=post)
    code, _, err = await install(server)
    assert (code, "before you have looked" in err) == (4, True), err
    assert sum(call.startswith("POST") for call in server.calls) == 1


async def test_a_record_that_is_gone_is_4(install: Install) -> None:
    """A gate that forgot an install between two looks leaves its outcome unknown."""
    gone = json.dumps({"type": "urn:status-guard:problem:no-such-install", "detail": "There is none."}).encode()
    server = Server(post=streamed(event("progress", PROGRESS)), watch=plain("404 Not Found", gone))
    code, _, err = await install(server)
    assert (code, "It was held when it was last seen." in err) == (4, True), err


async def test_a_proxys_word_about_a_record_is_not_the_gates(install: Install) -> None:
    """While a proxy has no gate behind it, its 404 and 503 are not taken for the install's end."""
    ends = [plain("503 Service Unavailable"), plain("404 Not Found", b"default backend")]
    ends.append(streamed(event("result", {"status": 201, "body": {}})))

    async def watch(peer: Peer) -> None:
        await ends.pop(0)(peer)

    server = Server(post=streamed(event("progress", PROGRESS)), watch=watch)
    code, _, err = await install(server, "--until", "accepted")
    assert (code, ends) == (0, []), err


async def test_what_was_not_sent_is_sent_again_in_time(install: Install) -> None:
    """A gate that says that it is full, or that Rancher does not answer, is asked again while there is time."""
    answers = [streamed(problem("too-many-installs", 429, retryAfter=1)), broken]
    answers[1:] = [streamed(event("result", {"status": 201, "body": {}}))]

    async def post(peer: Peer) -> None:
        await answers.pop(0)(peer)

    busy = {"type": "urn:status-guard:problem:rancher-unreachable", "detail": "Rancher is away.", "retryAfter": 1}
    lists = [plain("503 Service Unavailable", json.dumps(busy).encode()), plain("200 OK", EMPTY)]

    async def listed(peer: Peer) -> None:
        await lists.pop(0)(peer)

    server = Server(list=listed, post=post)
    code, _, err = await install(server, "--until", "accepted", "--wait", "30s")
    assert code == 0, err
    assert "Rancher is away. Asking again in 1 s." in err
    assert [call.split(" ")[0] for call in server.calls] == ["GET", "GET", "POST", "POST"]


async def test_what_is_asked_for_is_in_the_request(install: Install) -> None:
    """The POST carries token, preferences and what kinds of answers are read; the token is nowhere else."""
    server = Server(post=streamed(event("result", {"status": 201, "body": {}})))
    await install(server, "--cluster", "c-m-x", "--nudge", "--wait", "10m", "--until", "accepted")
    assert server.calls[0] == "GET /installs?cluster=c-m-x"
    head = server.heads[1].lower()
    path = b"post /k8s/clusters/c-m-x/v1/catalog.cattle.io.clusterrepos/harvester?action=install http/1.1\r\n"
    assert head.startswith(path)
    assert f"authorization: bearer {TOKEN}".lower().encode() in head
    assert b"accept: text/event-stream" in head
    assert b"prefer: respond-async;deadline=" in head
    assert b", nudge\r\n" in head
