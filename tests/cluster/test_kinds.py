"""Lists in pages, from an API server that says what it is told to."""

import json
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from definitions import HARVESTER, read
from kubernetes.aio.client import ApiClient

from app.cluster import kinds
from app.cluster.asking import ExpiredError, NotServedError
from app.cluster.kubeconfig import connected
from app.cluster.port import ClusterError
from app.core.export.versions import KubeVersion
from app.core.exposure import exposed

OBJECT = {"metadata": {"name": "one"}, "status": {"a": 1}}


class Script(ThreadingHTTPServer):
    """Gives its answers one after the other, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, Any]] = []
        self.asked: list[dict[str, str]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Script

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.server.asked.append({"path": url.path} | {key: one for key, [one] in parse_qs(url.query).items()})
        code, answer = self.server.answers.pop(0)
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def script() -> Iterator[Script]:
    """The server."""
    with Script() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
async def api(script: Script, tmp_path: Path) -> AsyncIterator[ApiClient]:
    """A client of it."""
    path = tmp_path / "kubeconfig"
    cluster = {"server": f"http://127.0.0.1:{script.server_port}"}
    content = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(content))
    async with connected(str(path), None) as client:
        yield client


def page(*items: Any, token: str = "", remaining: int | None = None) -> tuple[int, Any]:
    """A page of a list."""
    return 200, {"items": list(items), "metadata": {"continue": token, "remainingItemCount": remaining}}


def expired(token: str) -> tuple[int, Any]:
    """What an API server says to a continue token that is too old."""
    return 410, {"kind": "Status", "message": "too old", "metadata": {"continue": token}}


async def listed(api: ApiClient, namespace: str = "") -> list[tuple[int, int]]:
    """Of each page, how many objects it has and how many are to come."""
    kind = exposed.kind(read(HARVESTER["upgrades"]))
    assert kind
    return [(len(found), remaining) async for found, remaining in kinds.objects(api, kind, namespace)]


async def test_every_page_is_read(script: Script, api: ApiClient) -> None:
    """Each by the token of the one before, in one namespace if that was asked for."""
    script.answers = [page(OBJECT, OBJECT, token="next", remaining=1), page(OBJECT)]
    assert await listed(api, "ns") == [(2, 1), (1, 0)]
    first, second = script.asked
    assert first["path"] == "/apis/harvesterhci.io/v1beta1/namespaces/ns/upgrades"
    assert "continue" not in first
    assert second["continue"] == "next"
    script.answers = [page(HARVESTER["upgrades"], token="next"), page(HARVESTER["settings"])]
    assert [one.name for one in await kinds.definitions(api)] == [
        "upgrades.harvesterhci.io",
        "settings.harvesterhci.io",
    ]


async def test_a_list_that_took_too_long_goes_on_with_what_is_there_now(script: Script, api: ApiClient) -> None:
    """By the token that the API server gives with its 410; without one, or with the same again, it is an error."""
    script.answers = [page(OBJECT, token="old"), expired("newer"), page(OBJECT)]
    assert await listed(api) == [(1, 0), (1, 0)]
    assert script.asked[-1]["continue"] == "newer"
    for token in ("", "old"):
        script.answers = [page(OBJECT, token="old"), expired(token)]
        with pytest.raises(ExpiredError, match="too old"):
            await listed(api)


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ((404, {}), NotServedError, "does not serve it"),
        ((404, b"page not found"), NotServedError, "no reason given"),
        ((401, {"message": "Unauthorized"}), ClusterError, "credentials are not accepted"),
        ((429, {}), ClusterError, "busy"),
        ((500, {"message": "etcd"}), ClusterError, "500, etcd"),
        ((200, b"<html>"), ClusterError, "not what an API server sends"),
    ],
)
async def test_a_refusal_is_put_into_words(
    script: Script, api: ApiClient, answer: tuple[int, Any], error: type[ClusterError], said: str
) -> None:
    """What was asked, what the API server said, and what to do."""
    script.answers = [answer]
    with pytest.raises(error, match=said) as raised:
        await listed(api)
    assert type(raised.value) is error
    assert "cannot list upgrades.harvesterhci.io: " in str(raised.value)


async def test_the_release_is_read_as_servers_write_it(script: Script, api: ApiClient) -> None:
    """With what distributions append; anything else is an error."""
    script.answers = [(200, {"gitVersion": "v1.31.4+rke2r1"}), (200, {"gitVersion": "main"})]
    assert await kinds.version(api) == KubeVersion(1, 31)
    with pytest.raises(ClusterError, match="cannot tell the API server's release"):
        await kinds.version(api)
