"""Every error that Rancher answers with, on the bytes that it writes.

Rancher's API server wraps an error in an object that already has a type, so ``type`` stands in the body twice. Errors
of Kubernetes and wrapped errors all become 500 ServerError: only the message tells them apart.
"""

import json
from dataclasses import dataclass
from typing import Any

JSON = (b"content-type", b"application/json")


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = (JSON,)


class Refusal(Exception):
    """An answer instead of what was asked for."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status, answer.body)
        self.answer = answer


def go_json(value: Any) -> str:
    """JSON as Go writes it: without spaces, and with <, > and & escaped."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def api_error(status: int, code: str, message: str) -> Refusal:
    """An error of Rancher's API server."""
    parts = {"type": "error", "links": {}, "code": code, "message": message, "status": status}
    body = go_json(parts).removesuffix("}") + ',"type":"error"}'
    return Refusal(Answer(status, body.encode()))


def server_error(message: str) -> Refusal:
    """What becomes of every error that the API server does not know."""
    return api_error(500, "ServerError", message)


def upstream_status(status: int) -> Refusal:
    """The status of a chart's download, passed through without a word."""
    return api_error(status, "", "")


def repo_missing(name: str) -> Refusal:
    """There is no such ClusterRepo."""
    return api_error(404, "NotFound", f'clusterrepos.catalog.cattle.io "{name}" not found')


def not_found(resource: str, name: str) -> Refusal:
    """There is no such object."""
    return api_error(404, "NotFound", f'{resource} "{name}" not found')


def no_schema() -> Refusal:
    """The type does not exist for this user."""
    return Refusal(Answer(404, b"", ()))


def unauthenticated() -> Refusal:
    """Rancher's own authentication answer; its status is a string, and its type stands there once."""
    return Refusal(Answer(401, b'{"type":"error","status":"401","message":"must authenticate"}'))


def forbidden_words(user: str, verb: str, resource: str, group: str, *, name: str = "", namespace: str = "") -> str:
    """What Kubernetes says of a missing right."""
    full = f"{resource}.{group}" if group else resource
    what = f'{full} "{name}"' if name else full
    where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
    return f'{what} is forbidden: User "{user}" cannot {verb} resource "{resource}" in API group "{group}"{where}'


CHECKOUT_MISSING = "failed to find chartName {chart} version {version}: NotFound 404"
WEBHOOK_DOWN = (
    'Internal error occurred: failed calling webhook "rancher.cattle.io.namespaces": failed to call webhook: '
    'Post "https://rancher-webhook.cattle-system.svc:443/v1/webhook/validation/namespaces?timeout=10s": '
    'no endpoints available for service "rancher-webhook"'
)


def catalogue(chart: str = "harvester", version: str = "1.8.1", repo: str = "harvester") -> dict[str, Refusal]:
    """Every error by the id that facts and faults name it by."""
    get = f'Get "https://charts.example.com/{chart}-{version}.tgz": '
    return {
        "checkout-missing": server_error(CHECKOUT_MISSING.format(chart=chart, version=version)),
        "index-name-empty": server_error('configmaps "" not found'),
        "index-cm-missing": server_error(f'configmaps "{repo}-0-6f0c2b1e-5a4d-4b0a-9d53-0a1d8b6b1c11" not found'),
        "chart-name-missing": server_error("no chart name found"),
        "chart-version-missing": server_error(f"no chart version found for {chart}-{version}"),
        "repo-not-in-cache": server_error(f'clusterrepos.catalog.cattle.io "{repo}" not found'),
        "bad-json": server_error("invalid character 'x' looking for beginning of value"),
        "empty-body": server_error("EOF"),
        "bad-timeout": server_error('time: invalid duration "soon"'),
        "namespace-forbidden": server_error(
            'namespaces "cattle-ui-plugin-system" is forbidden: User "u-abc12" cannot get resource "namespaces" '
            'in API group "" in the namespace "cattle-ui-plugin-system"'
        ),
        "roles-wait": server_error("failed to wait for roles to be populated"),
        "pod-webhook": server_error(WEBHOOK_DOWN),
        "repo-missing": repo_missing(repo),
        "schema-missing": no_schema(),
        "no-such-action": api_error(403, "PermissionDenied", "no such action instal"),
        "unauthenticated": unauthenticated(),
        "index-owner-mismatch": api_error(401, "Unauthorized", ""),
        "csrf": api_error(422, "InvalidCSRFToken", "Invalid CSRF token"),
        **{f"upstream-{status}": upstream_status(status) for status in (401, 403, 404, 429, 500, 502, 503, 504)},
        "upstream-status": upstream_status(503),
        "download-dns": server_error(get + "dial tcp: lookup charts.example.com on 10.43.0.10:53: no such host"),
        "download-dial": server_error(get + "dial tcp 10.43.12.7:443: connect: connection refused"),
        "download-x509": server_error(
            get + "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        ),
        "download-timeout": server_error(
            get + "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        ),
        "download-eof": server_error("unexpected EOF"),
        "unavailable": Refusal(Answer(503, b"no healthy upstream", ((b"content-type", b"text/plain"),))),
        "bad-gateway": Refusal(
            Answer(
                502,
                b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1>"
                b"</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
                ((b"content-type", b"text/html"),),
            )
        ),
        "empty-500": Refusal(Answer(500, b"", ())),
    }
