"""Ten thousand held callers on one gate process. See README.md beside this file."""

import argparse
import asyncio
import json
import os
import resource
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients import NAMESPACE
from session import TYPE

from tests.rancher import ADMIN

HERE = Path(__file__).parent
STATUS_GUARD = HERE.parent.parent / ".venv" / "bin" / "status-guard"
TICKS = os.sysconf("SC_CLK_TCK")
CONNECTING = 64
"""Callers that connect at once."""
NAMESPACES = 100
"""Releases are spread over so many: what there is before an install is read from its namespace."""
FACTOR = "50"
"""How many times as fast as it is Rancher takes an install: its handler needs 2 s, 1,250 times one after the other, and
what is measured is the gate."""
WAIT = 1800
"""Seconds that callers ask to be held: the most there is."""


@dataclass(frozen=True)
class Case:
    """Who calls."""

    name: str
    credentials: bool
    releases: bool


CASES = {
    "i": Case("one credential, one install", credentials=False, releases=False),
    "ii": Case("a credential each, one repository, a release each", credentials=True, releases=True),
    "iii": Case("one credential, a release each, 8 POSTs at once", credentials=False, releases=True),
}


QUIET = 3.0
"""Seconds in which the gate works for less than a fifth: everybody has been looked at."""


class Child:
    """A process that answers a line with a line of JSON."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.said = self._read()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def order(self, word: str) -> dict[str, Any]:
        """Give an order and return its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n".encode())
        self.process.stdin.flush()
        return self._read()

    def end(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()


class PlainGate:
    """The gate without TLS."""

    context = None

    def __init__(self, rancher: dict[str, Any], callers: int) -> None:
        self._child = Child(str(HERE / "crowd_gate.py"), rancher["url"], rancher["ca"], str(callers))
        self.port = self._child.said["port"]
        self.pid = self._child.process.pid

    def in_flight(self) -> int:
        """Calls that are held."""
        return int(self._child.order("")["in_flight"])

    def end(self) -> None:
        """End it."""
        self._child.end()


class TlsGate:
    """``status-guard serve --roles gate``, as deployed."""

    def __init__(self, rancher: dict[str, Any], callers: int) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        subprocess.run([str(STATUS_GUARD), "certs", "dev", "--out", str(folder)], check=True, capture_output=True)
        options = {
            "roles": "gate", "port": "0", "ops-port": "0", "rancher-url": rancher["url"], "rancher-ca": rancher["ca"],
            "tls-cert": str(folder / "tls.crt"), "tls-key": str(folder / "tls.key"), "drain": "0s",
            "most-held": str(callers), "most-held-per-caller": str(callers),
        }  # fmt: skip
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._log = (folder / "log").open("w+b")
        self._process = subprocess.Popen([str(STATUS_GUARD), "serve", *words], stderr=self._log)
        self.pid = self._process.pid
        started = self._started(folder / "log")
        self.port, self._ops = (int(started[name].rpartition(":")[2]) for name in ("address", "ops"))
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def _started(self, log: Path) -> dict[str, Any]:
        while self._process.poll() is None:
            for line in log.read_text().splitlines():
                if line.startswith("{") and json.loads(line)["event"] == "serving":
                    return dict(json.loads(line))
            time.sleep(0.1)
        raise SystemExit(f"the gate did not start: {log.read_text()}")

    def in_flight(self) -> int:
        """Calls that are held."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._ops}/metrics") as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith("status_guard_gate_requests_in_flight "):
                    return int(float(line.split()[1]))
        return 0

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


def request(case: Case, number: int) -> bytes:
    """One caller's install."""
    token = f"token-{number:05}:{'s' * 40}" if case.credentials else ADMIN.token
    name = f"harvester-{number}" if case.releases else "harvester"
    namespace = f"{NAMESPACE}-{number % NAMESPACES}" if case.releases else NAMESPACE
    chart = {"chartName": "harvester", "version": "1.8.1", "releaseName": name, "description": "", "values": {}}
    body = json.dumps({"charts": [chart], "timeout": "1000s", "wait": True, "namespace": namespace}).encode()
    head = (
        f"POST {TYPE}/harvester?action=install HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        f"Accept: application/json\r\nPrefer: wait={WAIT}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Crowd:
    """Callers that have sent their install and wait."""

    def __init__(self, gate: PlainGate | TlsGate, case: Case) -> None:
        self._gate = gate
        self._case = case
        self._readers: list[asyncio.StreamReader] = []
        self._writers: list[asyncio.StreamWriter] = []
        self.answers: Counter[int] = Counter()

    async def arrive(self, count: int) -> None:
        """Connect and send."""
        slots = asyncio.Semaphore(CONNECTING)

        async def one(number: int) -> None:
            async with slots:
                reader, writer = (
                    await asyncio.open_connection(
                        "127.0.0.1", self._gate.port, ssl=self._gate.context, ssl_handshake_timeout=120, limit=4096
                    )
                    if self._gate.context
                    else await asyncio.open_connection("127.0.0.1", self._gate.port, limit=4096)
                )
                writer.write(request(self._case, number))
                self._readers.append(reader)
                self._writers.append(writer)

        await asyncio.gather(*(one(number) for number in range(count)))

    async def held(self, count: int, seconds: float) -> int:
        """Wait until all are held; how many are."""
        end, seen = time.monotonic() + seconds, 0
        while time.monotonic() < end and (seen := await asyncio.to_thread(self._gate.in_flight)) < count:  # noqa: ASYNC110 - another process knows
            await asyncio.sleep(0.5)
        work = worked(self._gate.pid)
        while time.monotonic() < end:  # their first looks
            await asyncio.sleep(QUIET)
            before, work = work, worked(self._gate.pid)
            if work - before < QUIET / 5:
                break
        return seen

    async def answered(self, seconds: float) -> list[float]:
        """Read all answers that come within some time; when each came."""
        began, moments = time.monotonic(), []

        async def one(reader: asyncio.StreamReader) -> None:
            line = await reader.readline()
            moments.append(time.monotonic() - began)
            self.answers[int(line.split()[1]) if line else 0] += 1

        tasks = [asyncio.create_task(one(reader)) for reader in self._readers]
        await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        return sorted(moments)

    def leave(self) -> None:
        """Hang up."""
        for writer in self._writers:
            writer.transport.abort()


def resident(pid: int) -> int:
    """KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise LookupError(pid)


def worked(pid: int) -> float:
    """Seconds of CPU."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def asked(rancher: Child) -> tuple[int, dict[str, int]]:
    """Requests that Rancher had."""
    requests = rancher.order("counts")["requests"]
    return sum(requests.values()), requests


async def measure(case: Case, *, tls: bool, callers: int, window: float, patience: float) -> str:
    """One row of the table."""
    rancher = Child(str(HERE / "crowd_rancher.py"), str(callers if case.credentials else 0), FACTOR)
    gate = (TlsGate if tls else PlainGate)(rancher.said, callers)
    crowd = Crowd(gate, case)
    try:
        await asyncio.sleep(2)
        before, began = resident(gate.pid), time.monotonic()
        await crowd.arrive(callers)
        held = await crowd.held(callers, patience)
        arrived = time.monotonic() - began
        memory = (resident(gate.pid) - before) / max(held, 1)
        work, (requests, _) = worked(gate.pid), asked(rancher)
        await asyncio.sleep(window)
        busy = (worked(gate.pid) - work) / window
        rate = (asked(rancher)[0] - requests) / window
        work = worked(gate.pid)
        rancher.order("release")
        moments = await crowd.answered(patience)
        work = worked(gate.pid) - work
        counts = rancher.order("counts")
    finally:
        crowd.leave()
        gate.end()
        rancher.end()
    last = moments[-1] if moments else float("nan")
    answers = ", ".join(f"{many} x {status}" for status, many in sorted(crowd.answers.items())) or "none"
    cells = [
        f"{case.name}, {'TLS' if tls else 'plain'}", f"{held} in {arrived:.0f} s", f"{memory:.1f}",
        f"{100 * busy:.1f} %", f"{rate:.1f}", f"{len(moments)} in {last:.1f} s ({answers})", f"{work:.1f}",
        f"{counts['releases']} / {counts['doubled']}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


HEAD = (
    "| case | held | KiB a caller | CPU while idle | requests/s to Rancher | answered | CPU for that, s |"
    " releases begun / twice |\n| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def main() -> None:
    """Measure, and write a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callers", type=int, default=10_000)
    parser.add_argument("--case", choices=CASES, action="append", default=[])
    parser.add_argument("--only", choices=["plain", "tls"])
    parser.add_argument("--window", type=float, default=20, help="seconds over which idling is measured")
    parser.add_argument("--patience", type=float, default=120, help="seconds for all to be held, and to be answered")
    given = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < given.callers + 1500:
        given.callers = hard - 1500
        print(f"only {given.callers} callers: the hard limit of open files is {hard}")
    print(HEAD)
    for name in given.case or CASES:
        for tls in (False, True):
            if given.only in {None, "tls" if tls else "plain"}:
                options = {"callers": given.callers, "window": given.window, "patience": given.patience}
                print(asyncio.run(measure(CASES[name], tls=tls, **options)), flush=True)


if __name__ == "__main__":
    main()
