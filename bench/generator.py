"""One measured load: the generator as a child process, the clocks read while nothing is in flight."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import meter
from measures import Measure
from servers import HOST, PATH, Server, on_core

GRACE_S = 60
"""How much longer than its phases a generator may take; its own limit for one answer is 30 s."""


class LoadError(Exception):
    """The load did not run cleanly, so there is no figure; the text is the generator's."""


@dataclass(frozen=True)
class Sample:
    """What one server did under one load."""

    requests: int
    seconds: float
    cpu_us: float
    """Per request, on one core, kernel included."""
    server_share: float
    generator_share: float
    foreign_share: float
    p50_us: float
    p99_us: float
    rss_mb: float


@dataclass(frozen=True)
class Generator:
    """A way to put load on a server."""

    command: Sequence[str]
    core: int
    folder: Path

    def run(self, server: Server, measure: Measure, body: Path, want: bytes) -> Sample:
        """Load the server, every answer compared with ``want``.

        Raises:
            LoadError: an answer was missing or different, or the generator failed.
        """
        wanted = self.folder / f"{server.name}-want.json"
        wanted.write_bytes(want)
        arguments = {
            "address": f"{HOST}:{server.port}",
            "path": PATH,
            "body": str(body),
            "want": str(wanted),
            "conns": str(measure.connections),
            "rate": str(measure.rate),
            "warm": f"{measure.warm_s}s",
            "window": f"{measure.window_s}s",
        }
        command = [*self.command, *(part for name, value in arguments.items() for part in (f"-{name}", value))]
        with on_core(self.core):
            child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        try:
            return self._measure(child, server)
        finally:
            if child.poll() is None:
                child.kill()
                child.communicate()

    def _measure(self, child: "subprocess.Popen[str]", server: Server) -> Sample:
        assert child.stdin
        assert child.stdout
        if child.stdout.readline() != "ready\n":
            raise LoadError(f"{server.name}: {child.communicate(timeout=GRACE_S)[1].strip()}")
        before = meter.Reading.take(server.process.pid, child.pid)
        child.stdin.write("go\n")
        child.stdin.flush()
        line = child.stdout.readline()
        after = meter.Reading.take(server.process.pid, child.pid)
        rss = meter.rss_mb(server.process.pid)
        _, complaint = child.communicate(timeout=GRACE_S)
        if not line:
            raise LoadError(f"{server.name}: {complaint.strip()}")
        result = json.loads(line)
        if result["errors"] or not result["requests"]:
            raise LoadError(f"{server.name}: {result.get('first_error', 'nothing was answered')}; see {server.log}")
        use = meter.Use.between(before, after)
        return Sample(
            requests=result["requests"],
            seconds=use.seconds,
            cpu_us=use.server_ns / 1e3 / result["requests"],
            server_share=use.server_share,
            generator_share=use.generator_share,
            foreign_share=use.foreign_share,
            p50_us=result["p50_us"],
            p99_us=result["p99_us"],
            rss_mb=rss,
        )
