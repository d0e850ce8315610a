"""A real server process with real certificates, the documents it is run with, and clients."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage
from raw_client import STATUS, Connection, Reply, make_request, make_review
from server_process import Pki, Process

from app import main
from app.certificates import issue_leaf, new_authority
from app.settings import Settings

REPOSITORY = Path(__file__).parent.parent

GUARD = """\
---
apiVersion: statusguard.io/v1alpha1
kind: StatusGuard
metadata: {{name: {name}}}
spec:
  target: {{group: example.io, versions: ["*"], resource: {resource}, statusSubresource: false}}
  mode: {mode}
  writers: {{serviceAccounts: [test/controller], users: [], groups: []}}
  protect:
    fields: [imageID]
    maps: [nodeStatuses]
    lists: [{{path: conditions, key: type}}]
    labels: [example.io/keep]
"""
MODES = {"widgets": "Restore", "gadgets": "Deny", "gizmos": "Warn", "gears": "Audit"}


Start = Callable[..., Process]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Have coverage look away from ``unmeasured`` tests: they take up to three times as long under it."""
    measuring: list[Coverage] = []
    while item.get_closest_marker("unmeasured") and (current := Coverage.current()):
        current.stop()  # and the one beneath goes on: a process that pytest starts has two
        measuring.append(current)
    try:
        return (yield)
    finally:
        while measuring:
            measuring.pop().start()


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """A CA, and a pair for the loopback that everybody serves who does not write one of its own."""
    now = datetime.now(UTC)  # noqa: TID251 - a certificate is valid now, or it is none
    made = Pki(tmp_path_factory.mktemp("pki"), new_authority("test CA", now))
    pair = issue_leaf(made.authority, ["localhost", "127.0.0.1"], now)
    made.certificate.write_bytes(pair.certificate)
    made.key.write_bytes(pair.key)
    return made


@pytest.fixture
def settings(pki: Pki, rules: Path) -> Settings:
    """Settings of a webhook on any free port."""
    return Settings(rules=rules, port=0, ops_port=0, tls_cert=pki.certificate, tls_key=pki.key)


@pytest.fixture
def idle(settings: Settings) -> Iterator[main.Process]:
    """A process of this one's own that is made but does not run."""
    made = main.Process(settings)
    yield made
    made.endpoint.socket.close()


@pytest.fixture(scope="session")
def guards() -> Callable[..., str]:
    """Rule documents for resources of example.io, by their mode."""

    def documents(**modes: str) -> str:
        named = modes or MODES
        return "".join(GUARD.format(name=f"test-{name}", resource=name, mode=mode) for name, mode in named.items())

    return documents


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory, guards: Callable[..., str]) -> Path:
    """A folder with one guard a mode."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "guards.yaml").write_text(guards())
    return folder


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """The environment without settings of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("STATUS_GUARD_")}


@pytest.fixture(scope="session")
def starter(pki: Pki, rules: Path, environment: dict[str, str]) -> Iterator[Start]:
    """Starts server processes; those that still run in the end are stopped by SIGTERM."""
    started: list[Process] = []

    def start(*more: str, **options: Any) -> Process:
        given = {"rules": rules, "port": 0, "ops_port": 0, "drain": "0s"}
        given |= {"tls_cert": pki.certificate, "tls_key": pki.key} | options
        words = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        popen = subprocess.Popen(
            [sys.executable, "-m", "app", "serve", *words, *more],
            cwd=REPOSITORY,
            env=environment,
            stderr=subprocess.PIPE,
        )
        process = Process(popen, pki.client_context())
        started.append(process)
        process.begin()
        return process

    yield start
    for process in started:
        if process.popen.poll() is None:
            process.signal(signal.SIGTERM)
    for process in started:
        try:
            process.ended()
        except subprocess.TimeoutExpired:
            process.popen.kill()
            raise


@pytest.fixture
def start(starter: Start) -> Start:
    """Starts server processes of a test's own."""
    return starter


@pytest.fixture(scope="session")
def server(starter: Start) -> Process:
    """One process for all tests that leave it as it was: being attacked must not change it."""
    return starter()


@pytest.fixture
def connect(server: Process) -> Iterator[Callable[..., Connection]]:
    """Opens connections to the shared server, or to another; closed after the test."""
    with ExitStack() as opened:

        def open_one(to: Process = server, *, tls: bool = True, receive_buffer: int = 0) -> Connection:
            connection = Connection(to.port, to.context if tls else None, receive_buffer)
            opened.callback(connection.close)
            return connection

        yield open_one


@pytest.fixture
def post(connect: Callable[..., Connection]) -> Callable[..., Reply]:
    """Posts over a connection of its own and returns the answer."""

    def ask(body: Any, path: str = "/mutate", to: Process | None = None, **headers: Any) -> Reply:
        connection = connect(to) if to else connect()
        try:
            return connection.send(make_request(body, path, **headers)).reply(headers.get("method", "POST"))
        finally:
            connection.close()

    return ask


@pytest.fixture
def assert_serves(post: Callable[..., Reply]) -> Callable[..., None]:
    """Asserts that a good request gets its right answer."""

    def check(to: Process | None = None) -> None:
        reply = post(make_review("good"), to=to)
        assert (reply.status, reply.json["response"]["uid"]) == (200, "good")
        assert reply.patch == [{"op": "add", "path": "/status", "value": STATUS}]

    return check
