"""Real pairs in real files, and a real server that answers over them."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from app.certificates import KeyPair, issue_leaf, new_authority
from app.tls import ServingCertificate


@dataclass
class Workshop:
    """A CA, the files of a pair, and clients that trust the CA."""

    directory: Path
    authority: KeyPair
    now: datetime = field(default_factory=lambda: datetime.fromtimestamp(time.time(), UTC))

    @property
    def certificate(self) -> Path:
        """The certificate file."""
        return self.directory / "tls.crt"

    @property
    def key(self) -> Path:
        """The key file."""
        return self.directory / "tls.key"

    def issue(self, *, age: timedelta = timedelta(0), lifetime: timedelta = timedelta(days=30)) -> KeyPair:
        """Make a pair that began ``age`` ago."""
        return issue_leaf(self.authority, ["localhost", "127.0.0.1"], self.now - age, lifetime)

    def write(self, pair: KeyPair) -> KeyPair:
        """Write both files in place, one after the other, as careless tools do."""
        self.certificate.write_bytes(pair.certificate)
        self.key.write_bytes(pair.key)
        return pair

    def client_context(self) -> ssl.SSLContext:
        """Make a client that trusts the CA."""
        return ssl.create_default_context(cadata=self.authority.certificate.decode())


@dataclass
class Server:
    """A server that answers every request with 200 and counts them."""

    port: int
    answered: int = 0

    def connect(self, context: ssl.SSLContext, host: str = "localhost") -> http.client.HTTPSConnection:
        """Make a connection that opens with its first request."""
        return http.client.HTTPSConnection(host, self.port, context=context, timeout=20)

    def get(self, context: ssl.SSLContext, host: str = "localhost") -> bytes:
        """Ask once over a new connection, and return the certificate seen, in DER form."""
        connection = self.connect(context, host)
        try:
            return ask(connection)
        finally:
            connection.close()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer as an ASGI application."""
        self.answered += 1
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


def ask(connection: http.client.HTTPSConnection) -> bytes:
    """Ask once, and return the certificate seen, in DER form."""
    connection.request("GET", "/")
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"ok")
    certificate: bytes = connection.sock.getpeercert(binary_form=True)
    return certificate


Serve = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="session")
def authority() -> KeyPair:
    """One CA for all tests."""
    return new_authority("test CA", datetime.fromtimestamp(time.time(), UTC) - timedelta(days=400))


@pytest.fixture
def workshop(tmp_path: Path, authority: KeyPair) -> Workshop:
    """A CA and files with a good pair."""
    made = Workshop(tmp_path, authority)
    made.write(made.issue())
    return made


@pytest.fixture(params=["asyncio", "uvloop"])
def loop_name(request: pytest.FixtureRequest) -> str:
    """Both event loops: each calls into ssl in its own way."""
    return str(request.param)


@pytest.fixture
def serve() -> Serve:
    """A server to enter with a serving certificate and a loop's name."""
    return _serve


@contextmanager
def _serve(serving: ServingCertificate, loop: str = "asyncio") -> Iterator[Server]:
    # The protocol is named because asyncio sets TCP_NODELAY only on sockets that name it.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    server = Server(listener.getsockname()[1])
    config = uvicorn.Config(
        server,
        loop=loop,
        lifespan="off",
        log_config=None,
        ssl_context_factory=lambda _config, _default: serving.listener_context,
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield server
    finally:
        running.should_exit = True
        thread.join(20)
        listener.close()
    assert not thread.is_alive(), "the server did not stop"
