"""Reviews, and a client that is as impolite as a test wants it to be."""

import http.client
import json
import socket
import ssl
from base64 import b64decode
from dataclasses import dataclass
from typing import Any, Self

STATUS: dict[str, Any] = {
    "imageID": "img",
    "nodeStatuses": {"node1": {"state": "Ready"}},
    "conditions": [{"type": "Completed", "status": "True"}],
}


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)

    @property
    def patch(self) -> list[dict[str, Any]]:
        """The patch in a verdict; none if there is none."""
        response = self.json["response"]
        return json.loads(b64decode(response["patch"])) if "patch" in response else []

    @property
    def patch_text(self) -> str:
        """The patch as it is written."""
        return b64decode(self.json["response"]["patch"]).decode()

    def assert_fault(self, status: int) -> None:
        """It is a fault of this status, and echoes nothing that was marked."""
        assert (self.status, self.headers["content-type"]) == (status, "application/problem+json")
        assert self.json["status"] == status
        assert self.json["detail"]
        assert b"MARKER" not in self.body
        assert "MARKER" not in str(self.headers)


class Connection:
    """A connection that sends bytes as they are."""

    def __init__(self, port: int, context: ssl.SSLContext | None, receive_buffer: int = 0) -> None:
        plain = socket.socket()
        plain.settimeout(30)
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.connect(("127.0.0.1", port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as Go does; else each request waits 40 ms
        self.socket = context.wrap_socket(plain, server_hostname="localhost") if context else plain

    def send(self, data: bytes) -> Self:
        """Send bytes."""
        self.socket.sendall(data)
        return self

    def reply(self, method: str = "POST") -> Reply:
        """Read one answer, interim ones left out."""
        response = http.client.HTTPResponse(self.socket, method=method)
        response.begin()
        body = response.read()
        return Reply(response.status, response.headers, body)

    def ended(self) -> bool:
        """Whether the server ends the connection, in order or not."""
        try:
            return self.socket.recv(1) == b""
        except (ssl.SSLEOFError, ConnectionResetError):
            return True

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


def make_review(uid: str = "uid-1", resource: str = "widgets", **changes: Any) -> dict[str, Any]:
    """A review of an update that leaves the status out; ``changes`` replace parts of its request."""
    thing = {
        "apiVersion": "example.io/v1",
        "kind": "Thing",
        "metadata": {"name": "one", "namespace": "test"},
        "spec": {"version": 1},
    }
    request = {
        "uid": uid,
        "kind": {"group": "example.io", "version": "v1", "kind": "Thing"},
        "resource": {"group": "example.io", "version": "v1", "resource": resource},
        "name": "one",
        "namespace": "test",
        "operation": "UPDATE",
        "userInfo": {"username": "jane"},
        "object": thing,
        "oldObject": {**thing, "status": STATUS},
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request | changes}


def make_request(body: bytes | dict[str, Any], path: str = "/mutate", method: str = "POST", **headers: Any) -> bytes:
    """The bytes of a request; a header given as ``None`` is left out."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"host": "localhost", "content_type": "application/json", "content_length": len(content)} | headers
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"{method} {path} HTTP/1.1\r\n{fields}\r\n".encode("latin-1") + content
