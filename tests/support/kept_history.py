"""Objects with histories in a real API server, and the commands that read and restore them, run as people run them."""

import asyncio
import json
import os
import pty
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from guarded_cluster import NAMESPACE, Cluster
from keeper_client import Objects, keeper_cluster, the_only

from app.core.guard import Guard
from app.keeper.port import Draft

PATIENCE = 40.0
"""Seconds until a command that shows nothing is given up on."""


@dataclass
class Histories:
    """Makes and reads them."""

    cluster: Cluster

    def keep(self, guard: Guard, objects: Objects, name: str, *statuses: Any, apart: str = "") -> str:
        """Give an object one status after the other, keep each as the keeper does, and tell its uid."""
        return asyncio.run(self._keep(guard, objects, name, statuses, apart))

    async def _keep(self, guard: Guard, objects: Objects, name: str, statuses: tuple[Any, ...], apart: str) -> str:
        uid = ""
        async with keeper_cluster(self.cluster.server.kubeconfig, apart) as cluster:
            kind = await the_only(cluster, guard)
            for number, status in enumerate(statuses, 1):
                objects.set_status(name, status)
                owner = await cluster.read(kind, NAMESPACE if objects.namespaced else "", name)
                assert owner is not None
                uid = owner.uid
                draft = Draft(f"statusguard-{owner.uid[:8]}-{number}", f"{number:016x}", number)
                await cluster.keep(kind, owner, draft, owner.content.status)
        return uid

    def run(self, *words: str, token: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command in the objects' namespace, as the administrator or by a token."""
        server = self.cluster.server
        return server.status_guard(*words, "-n", NAMESPACE, kubeconfig=server.kubeconfig_for(token) if token else None)

    def json(self, *words: str, code: int = 0) -> Any:
        """What a command says to programs."""
        run = self.run(*words, "-o", "json")
        assert run.returncode == code, (run.stdout, run.stderr)
        return json.loads(run.stdout)

    def events(self, name: str) -> list[dict[str, Any]]:
        """The restores that are recorded on an object."""
        answer = self.cluster.send("GET", "/api/v1/events", who="admin")
        assert answer.code == 200, answer
        restores = [one for one in answer.body["items"] if one["reason"] == "StatusRestored"]
        return [one for one in restores if one["involvedObject"]["name"] == name]

    def asked(self, *words: str, **environment: str) -> "Terminal":
        """A command that somebody looks at in a terminal."""
        ours, theirs = pty.openpty()
        popen = subprocess.Popen(
            [sys.executable, "-m", "app", *words, "-n", NAMESPACE],
            env=self.cluster.server.environment() | {"TERM": "xterm-256color", "COLUMNS": "200"} | environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        return Terminal(popen, ours)


@dataclass
class Terminal:
    """A terminal in which a command runs."""

    popen: subprocess.Popen[bytes]
    end: int
    shown: str = ""

    def until(self, words: str) -> None:
        """Wait until it has shown something."""
        over = time.monotonic() + PATIENCE
        while words not in self.shown:
            readable, _, _ = select.select([self.end], [], [], max(0, over - time.monotonic()))
            assert readable, f"{words!r} is never shown: {self.shown}"
            more = self._read()
            assert more, f"it ended without {words!r}: {self.shown}"
            self.shown += more

    def type(self, words: str) -> None:
        """Answer."""
        os.write(self.end, f"{words}\n".encode())

    def over(self) -> int:
        """Its exit code, once it has ended."""
        while more := self._read():
            self.shown += more
        os.close(self.end)
        return self.popen.wait(PATIENCE)

    def _read(self) -> str:
        try:
            return os.read(self.end, 65536).decode()
        except OSError:  # Linux' word for the other end being closed
            return ""
