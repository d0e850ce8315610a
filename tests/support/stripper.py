"""A mutating webhook that takes the status away, as a careless one might."""

import json
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from server_process import Pki


class _Strips(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer with a patch that removes the status, if there is one."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
        response: dict[str, Any] = {"uid": request["uid"], "allowed": True}
        if "status" in request["object"]:
            patch = json.dumps([{"op": "remove", "path": "/status"}]).encode()
            response |= {"patchType": "JSONPatch", "patch": b64encode(patch).decode()}
        answer = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def stripper(pki: Pki) -> Iterator[str]:
    """Serve it on the loopback; gives its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Strips)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.certificate, pki.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}/strip"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def registration(name: str, url: str, pki: Pki) -> dict[str, Any]:
    """Its configuration; the name decides whether it runs before or after ``zz-status-guard``."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [
            {
                "name": "strip.example.io",
                "clientConfig": {"url": url, "caBundle": b64encode(pki.authority.certificate).decode()},
                "rules": [
                    {
                        "apiGroups": ["harvesterhci.io"],
                        "apiVersions": ["*"],
                        "operations": ["UPDATE"],
                        "resources": ["upgrades"],
                    }
                ],
                "objectSelector": {"matchLabels": {"strip": "me"}},
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }
        ],
    }
