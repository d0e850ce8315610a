"""A client of the gate that sends what a test wants, byte for byte, and reads answers and events as they come."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Self

Headers = list[tuple[str, str]]

INSTALL = "/v1/catalog.cattle.io.clusterrepos/harvester?action=install"
BODY: dict[str, Any] = {
    "charts": [{"chartName": "harvester", "version": "1.8.1", "releaseName": "harvester", "values": {}}],
    "timeout": "600s",
    "wait": True,
    "namespace": "cattle-ui-plugin-system",
}


@dataclass(frozen=True)
class Answer:
    """One answer, whole."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header that is there once, or None."""
        found = [value for key, value in self.headers if key == name]
        assert len(found) <= 1, f"{name} is there {len(found)} times"
        return found[0] if found else None

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)

    @property
    def events(self) -> list[tuple[str, Any]]:
        """Name and data of each event of a stream."""
        return [event for block in self.body.split(b"\n\n") if (event := parsed(block))]

    def assert_problem(self, status: int, slug: str) -> Any:
        """It is this problem, also as Rancher's dashboard reads one, and it quotes nothing that was marked."""
        assert (self.status, self.header("content-type")) == (status, "application/problem+json"), self.body
        said = self.json
        assert said["type"] == f"urn:status-guard:problem:{slug}"
        assert (said["status"], said["message"]) == (status, said["detail"])
        assert said["detail"]
        assert said["code"]
        assert self.header("cache-control") == "no-store"
        assert b"MARKER" not in self.body
        assert "MARKER" not in str(self.headers)
        return said


def parsed(block: bytes) -> tuple[str, Any] | None:
    """An event's name and data; None for a comment."""
    fields = [line.partition(b": ") for line in block.split(b"\n") if line and not line.startswith(b":")]
    if not fields:
        return None
    name = next(value.decode() for key, _, value in fields if key == b"event")
    return name, json.loads(b"\n".join(value for key, _, value in fields if key == b"data"))


def request(
    path: str = INSTALL, body: bytes | dict[str, Any] | None = None, method: str = "POST", **headers: str | None
) -> bytes:
    """The bytes of a request; a header given as ``None`` is left out, and a name's underscores are dashes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    lines: dict[str, str | None] = {"host": "gate.test", "accept": "application/json"}
    if content or method == "POST":
        lines |= {"content-type": "application/json", "content-length": str(len(content))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    fields = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"{method} {path} HTTP/1.1\r\n{fields}\r\n".encode("latin-1") + content


class Wire:
    """One TLS connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int, context: ssl.SSLContext) -> Self:
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost"))

    async def send(self, data: bytes) -> Self:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()
        return self

    async def head(self) -> tuple[int, Headers]:
        """Read an answer's status and headers, interim answers left out."""
        while True:
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
            status = int(lines[0].split(" ")[1])
            if status >= 200:
                pairs = (line.partition(":") for line in lines[1:])
                return status, [(name.strip().lower(), value.strip()) for name, _, value in pairs]

    async def answer(self, method: str = "POST") -> Answer:
        """Read a whole answer."""
        status, headers = await self.head()
        lengths = [value for name, value in headers if name == "content-length"]
        if method == "HEAD" or status in {204, 304}:
            body = b""
        elif lengths:
            body = await self.reader.readexactly(int(lengths[0]))
        else:
            body = await self.rest()
        return Answer(status, headers, body)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The chunks of a body, to its end."""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            yield (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)

    async def event(self) -> tuple[str, Any]:
        """The next event of a stream; each event is a chunk, comments are left out."""
        async for chunk in self.chunks():
            if found := parsed(chunk.rstrip(b"\n")):
                return found
        raise EOFError

    async def rest(self) -> bytes:
        """What is left of a body in chunks, to its end."""
        return b"".join([part async for part in self.chunks()])

    async def ended(self) -> bool:
        """Whether the server ends the connection, without another byte."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True

    def close(self) -> None:
        """Hang up."""
        self.writer.transport.abort()
