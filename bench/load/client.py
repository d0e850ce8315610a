"""The load generator for machines without Go: the same arguments and the same talk with its parent as main.go.

It spends about as much CPU on a request as a webhook does, so it may not keep one busy. The figures of a server at rest
between requests are higher; they compare with each other, not with those taken with the Go generator.
"""

import argparse
import asyncio
import json
import ssl
import sys
import time
from pathlib import Path


class Connection:
    """One keep-alive connection that sends the same request again and again."""

    def __init__(self, host: str, port: int, request: bytes, want: bytes) -> None:
        self._host, self._port = host, port
        self._request, self._want = request, want

    async def open(self) -> None:
        """Connect; who the server is was verified before and does not matter here."""
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        self._in, self._out = await asyncio.open_connection(self._host, self._port, ssl=trust, limit=1 << 22)

    async def round_trip(self) -> None:
        """Send the request and compare the answer."""
        self._out.write(self._request)
        head = await self._in.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise ValueError(f"the server answered {head.splitlines()[0]!r}")
        if await self._in.readexactly(len(self._want)) != self._want:
            raise ValueError("the answer is not the verified one")


async def back_to_back(connection: Connection, end: float) -> list[float]:
    """Send the next request as soon as the answer is there."""
    latencies = []
    while (began := time.monotonic()) < end:
        await connection.round_trip()
        latencies.append(time.monotonic() - began)
    return latencies


async def follow(connection: Connection, due: "asyncio.Queue[float | None]") -> list[float]:
    """Send a request at each announced instant; latencies count from it."""
    latencies = []
    while (instant := await due.get()) is not None:
        await connection.round_trip()
        latencies.append(time.monotonic() - instant)
    return latencies


async def phase(connections: list[Connection], length: float, rate: float) -> list[float]:
    """Put load on all connections; returns when every request that was begun has ended."""
    start = time.monotonic()
    if not rate:
        workers = [asyncio.ensure_future(back_to_back(one, start + length)) for one in connections]
    else:
        due: asyncio.Queue[float | None] = asyncio.Queue()
        workers = [asyncio.ensure_future(follow(one, due)) for one in connections]
        for slot in range(int(length * rate)):
            instant = start + slot / rate
            await asyncio.sleep(max(0.0, instant - time.monotonic()))
            due.put_nowait(instant)
        for _ in connections:
            due.put_nowait(None)
    return [latency for part in await asyncio.gather(*workers) for latency in part]


def seconds(text: str) -> float:
    """A duration such as ``2.5s``."""
    return float(text.removesuffix("s"))


async def main() -> None:
    """Warm up, say so, wait for a line, measure, print the result, wait for the end of the input."""
    options = argparse.ArgumentParser()
    for name in ("address", "path", "body", "want"):
        options.add_argument(f"-{name}", required=True)
    options.add_argument("-conns", type=int, default=8)
    options.add_argument("-rate", type=float, default=0)
    options.add_argument("-warm", type=seconds, default=1)
    options.add_argument("-window", type=seconds, default=2)
    given = options.parse_args()
    body, want = await asyncio.to_thread(lambda: (Path(given.body).read_bytes(), Path(given.want).read_bytes()))
    host, _, port = given.address.rpartition(":")
    head = (
        f"POST {given.path} HTTP/1.1\r\nHost: {given.address}\r\nUser-Agent: kube-apiserver-admission\r\n"
        f"Content-Length: {len(body)}\r\nContent-Type: application/json\r\n\r\n"
    )
    connections = [Connection(host, int(port), head.encode() + body, want) for _ in range(given.conns)]
    await asyncio.gather(*(one.open() for one in connections))
    await phase(connections, given.warm, given.rate)
    print("ready", flush=True)
    sys.stdin.readline()
    latencies = sorted(await phase(connections, given.window, given.rate))
    at = {name: latencies[min(int(len(latencies) * q), len(latencies) - 1)] for name, q in QUANTILES.items()}
    print(json.dumps({"requests": len(latencies), "errors": 0, **{k: v * 1e6 for k, v in at.items()}}), flush=True)
    sys.stdin.readline()


QUANTILES = {"p50_us": 0.5, "p99_us": 0.99, "max_us": 1.0}

if __name__ == "__main__":
    asyncio.run(main())
