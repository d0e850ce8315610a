"""HTTP/1.1 listeners of the stand-in: uvicorn's protocol on a socket of ours, without uvicorn's server around it."""

import asyncio
import logging
import ssl
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

KEEP_ALIVE = 3600
"""Seconds that idle connections stay: Go's server, as Rancher sets it up, does not end them."""


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 that lets a handler reach its connection, to break it."""

    def on_message_begin(self) -> None:
        """Put the connection where the handler finds it."""
        super().on_message_begin()
        self.scope["state"]["transport"] = self.transport


class Listener:
    """A socket and its connections.

    Args:
        application: an ASGI application.
        port: 0 takes a free one; after ``close``, ``start`` listens on the same again.
    """

    def __init__(self, application: Any, port: int = 0) -> None:
        self.port = port
        self._config = Config(
            application,
            interface="asgi3",
            log_config=None,
            lifespan="off",
            ws="none",
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE,
        )
        self._config.load()
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # broken connections are what it is for
        self._state = ServerState()
        self._server: asyncio.Server | None = None

    async def start(self, context: ssl.SSLContext | None) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()

        def connected() -> Protocol:
            return Protocol(config=self._config, server_state=self._state, app_state={}, _loop=loop)

        self._server = await loop.create_server(connected, "127.0.0.1", self.port, ssl=context, backlog=4096)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Refuse new connections; those that are open stay."""
        if self._server:
            self._server.close()
            self._server = None

    async def abort(self) -> None:
        """Close, reset all connections, and wait for the end of what they were answered by."""
        self.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
        tasks = [task for task in self._state.tasks if task is not asyncio.current_task()]
        if tasks:
            await asyncio.wait(tasks)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._state.connections)
