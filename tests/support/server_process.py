"""A server process, with its certificate, its log, and its operations listener."""

import http.client
import json
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from app.certificates import KeyPair

PATIENCE = 30.0
"""Seconds until a state that has to come about is given up on; never how long a test takes."""


@dataclass(frozen=True)
class Pki:
    """A CA and a serving pair in files."""

    directory: Path
    authority: KeyPair

    @property
    def certificate(self) -> Path:
        """The certificate file."""
        return self.directory / "tls.crt"

    @property
    def key(self) -> Path:
        """The key file."""
        return self.directory / "tls.key"

    def client_context(self) -> ssl.SSLContext:
        """A client that trusts the CA."""
        return ssl.create_default_context(cadata=self.authority.certificate.decode())


@dataclass
class Process:
    """A running ``status-guard serve`` and what it logged."""

    popen: subprocess.Popen[bytes]
    context: ssl.SSLContext
    lines: list[dict[str, Any]] = field(default_factory=list)
    noise: list[str] = field(default_factory=list)
    port: int = 0
    ops_port: int = 0
    _news: threading.Condition = field(default_factory=threading.Condition)
    _reader: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """The process id."""
        return self.popen.pid

    @property
    def url(self) -> str:
        """Where the HTTPS listener is."""
        return f"https://127.0.0.1:{self.port}"

    def begin(self) -> None:
        """Follow the log until the process serves."""
        self._reader = threading.Thread(target=self._follow)
        self._reader.start()
        started = self.line("serving")
        self.port, self.ops_port = (int(started[name].rpartition(":")[2]) for name in ("address", "ops"))

    def _follow(self) -> None:
        assert self.popen.stderr is not None
        with self.popen.stderr:
            for raw in self.popen.stderr:
                with self._news:
                    try:
                        self.lines.append(json.loads(raw))
                    except ValueError:
                        self.noise.append(raw.decode("utf-8", "replace"))
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def line(self, event: str, count: int = 1, **parts: Any) -> dict[str, Any]:
        """Wait for the log line number ``count`` of an event with these parts."""

        def found() -> list[dict[str, Any]]:
            return [line for line in self.lines if line["event"] == event and parts.items() <= line.items()]

        with self._news:
            self._news.wait_for(lambda: len(found()) >= count or self.popen.poll() is not None, PATIENCE)
            assert len(found()) >= count, f"no {event} {parts}: {self.lines[-5:]} {self.noise}"
            return found()[count - 1]

    def ops(self, path: str, method: str = "GET") -> tuple[int, http.client.HTTPMessage, bytes]:
        """Ask the operations listener."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ops_port, timeout=PATIENCE)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def ready(self) -> tuple[bool, dict[str, dict[str, Any]]]:
        """Whether it is ready, and each check by its name."""
        status, _, body = self.ops("/readyz")
        document = json.loads(body)
        assert document["ready"] is (status == http.HTTPStatus.OK)
        return document["ready"], {check["name"]: check for check in document["checks"]}

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        text = self.ops("/metrics")[2].decode()
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())

    def until(self, state: Callable[[], bool]) -> None:
        """Wait for a state that only asking shows; each question takes the process a turn."""
        end = time.monotonic() + PATIENCE
        while not state():
            assert time.monotonic() < end, "the state did not come about"

    def resident(self) -> int:
        """Bytes of memory the process holds."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return 1024 * next(int(row.split()[1]) for row in status.splitlines() if row.startswith("VmRSS"))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.popen.send_signal(number)

    def ended(self) -> int:
        """Wait for the end of the process and of its log; return the exit code."""
        code = self.popen.wait(PATIENCE)
        if self._reader:
            self._reader.join(PATIENCE)
        return code
