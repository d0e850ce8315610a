"""The webhooks under test as processes: started on a core of their own, asked, ended."""

import contextlib
import http.client
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import answers
from meter import PROC
from payloads import Payload

HOST = "127.0.0.1"
PATH = "/mutate?timeout=10s"
START_LIMIT_S = 120  # a thousand rule documents are read first
STOP_LIMIT_S = 15
POLL_S = 0.002  # small against a start of 0.01 s


class ServerError(Exception):
    """A server did not start, or ended by itself; the text names its log."""


@dataclass(frozen=True)
class Command:
    """How a webhook is started."""

    name: str
    arguments: tuple[str, ...]
    """With ``{port}`` and ``{ops_port}`` to be filled in."""
    environment: Mapping[str, str] = field(default_factory=dict)
    logs_decisions: bool = True


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Processes started inside run on this core only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Server:
    """One running webhook. Its log goes to a file, as a container runtime would take it."""

    def __init__(self, command: Command, core: int, folder: Path, first: Payload) -> None:
        """Start it and wait for the right answer to ``first``.

        Raises:
            ServerError: it ended, or never answered.
            answers.WrongAnswerError: it answered wrongly.
        """
        self.name = command.name
        self.log = folder / f"{command.name}.log"
        self._logs_decisions = command.logs_decisions
        self.port, ops_port = _free_ports(2)
        arguments = [part.format(port=self.port, ops_port=ops_port) for part in command.arguments]
        # The environment starts empty: a STATUS_GUARD_ variable of the user's would change what is measured.
        environment = {"PATH": os.defpath, "HOME": str(folder), **command.environment}
        with self.log.open("ab") as log:
            log.truncate(0)
            began = time.monotonic()
            with on_core(core):
                self.process = subprocess.Popen(
                    arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
                )
        try:
            self._wait(first, began + START_LIMIT_S)
            self.cold_start_s = time.monotonic() - began
            answers.verify(first, self.answer(first))
        except BaseException:
            self.stop()
            raise

    def _wait(self, first: Payload, until: float) -> None:
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise ServerError(
                    f"{self.name} ended with {self.process.returncode} before it answered; see {self.log}"
                )
            # Until it listens, a start looks like a refused or a broken connection.
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.answer(first)
                return
            time.sleep(POLL_S)
        raise ServerError(f"{self.name} gave no answer in {START_LIMIT_S} s; see {self.log}")

    def answer(self, payload: Payload) -> bytes:
        """Post one review on a new connection and return the body of the answer.

        Raises:
            ServerError: the answer is not HTTP 200.
            OSError, http.client.HTTPException: there is none.
        """
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(HOST, self.port, timeout=10, context=trust)
        try:
            connection.request("POST", PATH, payload.body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise ServerError(f"{self.name} answered {payload.name} with HTTP {response.status}; see {self.log}")
        return body

    def drop_log(self, at_least: int) -> None:
        """Empty the log before the kernel starts to write it to disk, which would be noise.

        Args:
            at_least: decisions that must stand in it by now.

        Raises:
            ServerError: there are fewer lines, so the server was measured without its decision log.
        """
        if self._logs_decisions:
            lines = sum(part.count(b"\n") for part in _parts(self.log))
            if lines < at_least:
                raise ServerError(f"{self.name} wrote {lines} log lines for {at_least} decisions: is its log off?")
        os.truncate(self.log, 0)

    def stop(self) -> None:
        """End it and whatever it started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is not None:
                return
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)  # its own session: nobody else is in it
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_LIMIT_S)


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            yield part


def _free_ports(count: int) -> Sequence[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]


def supported() -> bool:
    """Whether this machine has what the bench reads and uses."""
    return PROC.joinpath("stat").exists() and hasattr(os, "sched_setaffinity")
