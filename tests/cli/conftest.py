"""A Rancher, a gate before it, a line to the gate that can be cut, and `status-guard install` as a process."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from gate_process import Scene
from raw_upstream import Peer, RawUpstream
from server_process import Pki, Process

from tests.rancher import ADMIN, Clock, Rancher, Timing, User

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 45.0
"""Seconds until a process that has to end is given up."""


@dataclass
class Command:
    """A running `status-guard install`."""

    process: asyncio.subprocess.Process
    out: str = ""
    err: str = ""
    _readers: list[asyncio.Task[None]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def follow(self) -> None:
        """Read what it prints."""
        for name in ("out", "err"):
            self._readers.append(asyncio.create_task(self._read(name)))

    async def _read(self, name: str) -> None:
        stream = self.process.stdout if name == "out" else self.process.stderr
        assert stream is not None
        while data := await stream.read(65536):
            setattr(self, name, getattr(self, name) + data.decode())
            self._news.set()

    async def printed(self, words: str) -> None:
        """Wait until it has printed something on standard error."""
        async with asyncio.timeout(PATIENCE):
            while words not in self.err:
                assert self.process.returncode is None, f"{words!r} was not printed, but {self.err!r}"
                self._news.clear()
                await self._news.wait()

    async def ended(self) -> int:
        """Wait for its end; the exit code."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*self._readers)
            return await self.process.wait()

    @property
    def json(self) -> Any:
        """What it printed for programs."""
        return json.loads(self.out)


class Line:
    """A TCP line to a port; TLS goes through it as it is."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.relay = RawUpstream(self._carry)
        self.broken = False

    async def _carry(self, peer: Peer) -> None:
        if self.broken:
            peer.reset()
            return
        reader, writer = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            await asyncio.gather(_copy(peer.reader, writer), _copy(reader, peer.writer))
        finally:
            writer.transport.abort()

    def cut(self, *, for_good: bool = False) -> None:
        """Reset every connection; with ``for_good``, those to come as well."""
        self.broken = for_good
        for peer in self.relay.peers:
            with suppress(OSError):  # of those that have ended already
                peer.reset()

    def lead_to(self, port: int) -> None:
        """Lead new connections elsewhere."""
        self._to = port


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.close()


class InstallScene(Scene):
    """A Rancher, a gate before it, and people at a command line."""

    folder: Path
    pki: Pki
    environment: dict[str, str]

    async def start(
        self, *words: str, server: str = "", user: User | None = ADMIN, ca: Path | None = None, **variables: str
    ) -> Command:
        """Start the command for the chart of the stand-in; a user's token goes into a file."""
        if user:
            token = self.folder / "token"
            token.write_text(f"{user.token}\n")
            words = (*words, "--token-file", str(token))
        given = ["--server", server or self.process.url, "--ca", str(ca or self.folder / "ca.crt")]
        given += ["--namespace", "cattle-ui-plugin-system"] if "--namespace" not in words else []
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "install", *given, *words, "harvester", "harvester", "1.8.1"),
            cwd=REPOSITORY,
            env=self.environment | variables,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        command = Command(process)
        command.follow()
        self._stack.push_async_callback(_end, command)
        return command

    async def run(self, *words: str, **options: Any) -> tuple[int, Command]:
        """Run it to its end."""
        command = await self.start(*words, **options)
        return await command.ended(), command

    async def line(self) -> Line:
        """A line to the gate."""
        line = Line(self.process.port)
        await self._stack.enter_async_context(line.relay)
        return line


async def _end(command: Command) -> None:
    if command.process.returncode is None:
        command.process.kill()
    await command.ended()


@pytest.fixture
async def begin(
    starter: Callable[..., Process], pki: Pki, environment: dict[str, str], tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[InstallScene]]]:
    """Starts a Rancher whose followers lag, and a gate before it."""
    async with AsyncExitStack() as stack:

        async def start(*, timing: Timing | None = None, factor: float = 200.0, **options: Any) -> InstallScene:
            clock = Clock(factor, wall_stamps=True)
            rancher = await stack.enter_async_context(Rancher(clock=clock, timing=timing or Timing(follower_lag=0.5)))
            scene = InstallScene(rancher, starter, stack)
            scene.folder, scene.pki, scene.environment = tmp_path, pki, environment
            (tmp_path / "ca.crt").write_bytes(pki.authority.certificate)
            await scene.start_gate(**options)
            return scene

        yield start
