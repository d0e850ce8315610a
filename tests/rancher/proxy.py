"""What else can stand before the replicas: a proxy that ends TLS and gives each request to another replica (L7)."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import httpx

from .listener import Listener

if TYPE_CHECKING:
    from .standin import Rancher

HOP_BY_HOP = {b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"content-length"}
PATIENCE = 60.0
"""Seconds, real ones, for a replica's answer, as nginx has it."""

BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


class Gone(Exception):
    """The client has hung up."""


class RequestProxy:
    """An L7 proxy: round robin by request, over kept connections to the replicas, bodies buffered as nginx does."""

    def __init__(self, rancher: "Rancher", port: int, context: Any) -> None:
        self.rancher = rancher
        self._listener = Listener(self._serve, port)
        self._context = context
        self._turn = 0
        self._client = httpx.AsyncClient(verify=rancher.client_context(), timeout=PATIENCE)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._listener.port

    async def start(self) -> None:
        """Listen; again on the same port after ``refuse``."""
        await self._listener.start(self._context)

    async def refuse(self) -> None:
        """Refuse connections until ``start``; those that are open stay."""
        self._listener.close()

    async def stop(self) -> None:
        """End, with all connections."""
        await self._listener.abort()
        await self._client.aclose()

    def _choose(self) -> Any:
        replicas = self.rancher.replicas
        for _ in replicas:
            self._turn += 1
            chosen = replicas[self._turn % len(replicas)]
            if chosen.member.alive or not self.rancher.notices_deaths:
                break
        return chosen

    async def _serve(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        transport = scope["state"]["transport"]
        try:
            body = await _read(receive)
            await _unless_gone(self._forward(scope, body, send), receive)
        except Gone:
            return
        except httpx.HTTPError:
            if not transport.is_closing() and not scope["state"].get("begun"):
                await _answer(send, 502, [(b"content-type", b"text/html")], BAD_GATEWAY)
            else:
                transport.abort()
                await receive()

    async def _forward(self, scope: dict[str, Any], body: bytes, send: Any) -> None:
        replica = self._choose()
        raw = scope["raw_path"].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        url = f"https://127.0.0.1:{replica.port}{raw}{'?' if query else ''}{query}"
        headers = [(name, value) for name, value in scope["headers"] if name not in HOP_BY_HOP]
        host = dict(reversed(headers)).get(b"host", b"")
        headers += [(b"x-forwarded-proto", b"https"), (b"x-forwarded-host", host), (b"x-forwarded-for", b"127.0.0.1")]
        request = httpx.Request(scope["method"], url, headers=headers, content=body or None)
        response = await self._client.send(request, stream=True)
        try:
            shown = [pair for pair in response.headers.raw if pair[0].lower() not in HOP_BY_HOP - {b"content-length"}]
            scope["state"]["begun"] = True
            await send({"type": "http.response.start", "status": response.status_code, "headers": shown})
            async for part in response.aiter_raw():
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await response.aclose()


async def _read(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)


async def _unless_gone(work: Coroutine[Any, Any, None], receive: Any) -> None:
    """Do the work, and break it off when the client hangs up, so that its replica sees that too."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    working, watching = asyncio.ensure_future(work), asyncio.ensure_future(watch())
    try:
        await asyncio.wait([working, watching], return_when=asyncio.FIRST_COMPLETED)
    finally:
        watching.cancel()
        if not working.done():
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError, httpx.HTTPError):
                await working
    if working.cancelled():
        raise Gone
    working.result()


async def _answer(send: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body, "more_body": False})
