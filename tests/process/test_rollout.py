"""A rolling restart under load: one instance after the other is replaced, and no request is lost."""

import asyncio
import json
import signal
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from balancer import Backend, Balancer
from raw_client import make_request, make_review
from server_process import Process

RATE = 200
"""Requests a second, by all clients together."""
CLIENTS = 10
REQUESTS = 5
"""Requests on one connection, so that new ones are opened all the time."""


@dataclass
class Load:
    """Clients that keep their connections for a while, end them when told to, and count every answer."""

    port: int
    context: ssl.SSLContext
    answered: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    progress: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until_more(self, count: int) -> None:
        """Wait for more answers."""
        goal = self.answered + count
        async with self.progress:
            await self.progress.wait_for(lambda: self.answered >= goal or self.ended.is_set())

    async def client(self, name: str) -> None:
        """Ask at a steady pace; open a connection when there is none, or the last answer said that it ends."""
        reader: asyncio.StreamReader | None = None
        number = 0
        while not self.ended.is_set():
            if reader is None or reader.at_eof():
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self.port, ssl=self.context, server_hostname="localhost"
                )
            number += 1
            uid = f"{name}-{number}"
            writer.write(make_request(make_review(uid)))
            if await _answer_closes(reader, uid) or number % REQUESTS == 0:
                writer.close()
                reader = None
            async with self.progress:
                self.answered += 1
                self.progress.notify_all()
            await asyncio.sleep(CLIENTS / RATE)
        if reader:
            writer.close()


async def _answer_closes(reader: asyncio.StreamReader, uid: str) -> bool:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert head.startswith(b"http/1.1 200 ")
    length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
    answer = json.loads(await reader.readexactly(length))
    assert answer["response"]["uid"] == uid
    assert "patch" in answer["response"]
    return b"connection: close" in head


async def test_a_rolling_restart_loses_no_request(start: Callable[..., Process]) -> None:
    """At 200 requests a second two instances are replaced in turn; every request is answered, right and once."""

    async def launch() -> tuple[Process, Backend]:
        process = await asyncio.to_thread(start, drain="500ms")
        backend = Backend(process.port, process.ops_port)
        balancer.backends.append(backend)
        await balancer.until_ready(backend)
        return process, backend

    async with Balancer() as balancer, asyncio.TaskGroup() as clients:
        running = [await launch(), await launch()]
        load = Load(balancer.port, running[0][0].context)
        for number in range(CLIENTS):
            clients.create_task(load.client(f"client{number}"))
        for process, backend in running:
            await load.until_more(RATE)
            await launch()
            process.signal(signal.SIGTERM)
            await balancer.until_ready(backend, ready=False)
            assert await asyncio.to_thread(process.ended) == 0
            balancer.backends.remove(backend)
        await load.until_more(RATE)
        load.ended.set()
    assert load.answered >= 3 * RATE
