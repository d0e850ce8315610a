"""An API server whose Upgrades are guarded by a real webhook process, spoken to as different people."""

import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from api_server import until
from kube_version import VERSION
from rbac_server import Server

from app.core.export.versions import KubeVersion

NAMESPACE: Final = "harvester-system"
CONTROLLER: Final = "system:serviceaccount:harvester-system:harvester"
PEOPLE: Final = {
    "rancher": ("u-4j7xk", "system:authenticated,system:cattle:authenticated"),
    "admin": ("kubernetes-admin", "system:masters,system:authenticated"),
    "controller": (CONTROLLER, "system:serviceaccounts,system:serviceaccounts:harvester-system,system:authenticated"),
    "proxy": ("rancher-proxy", "system:authenticated"),
}
"""Who writes, by token: a Rancher user, an administrator, Harvester's controller, and somebody who impersonates."""

_NUMBERS = itertools.count()
_ANYTHING: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def tokens() -> list[str]:
    """The lines of the token file."""
    return [f'{token},{user},{user},"{groups}"' for token, (user, groups) in PEOPLE.items()]


def crd(group: str, plural: str, **more: Any) -> dict[str, Any]:
    """A kind of the shape of Harvester's: a status, and no subresource for it unless ``subresources`` says so."""
    status = {"type": "object", "properties": {}, "x-kubernetes-preserve-unknown-fields": True} | more.get("status", {})
    schema = {"type": "object", "properties": {"spec": _ANYTHING, "status": status}}
    version = {"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    if more.get("subresources"):
        version["subresources"] = {"status": {}}
    kind = plural[:-1].capitalize()
    names = {"plural": plural, "singular": plural[:-1], "kind": kind, "listKind": f"{kind}List"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": [version]},
    }


@dataclass
class Answer:
    """What the API server said."""

    code: int
    body: dict[str, Any]
    warnings: list[str]

    @property
    def causes(self) -> str:
        """What kubectl would print of a denial."""
        return "\n".join(cause.get("message", "") for cause in self.body.get("details", {}).get("causes", []))


@dataclass
class Cluster:
    """The API server with the release it is, its webhook's registration, and clients."""

    server: Server
    version: KubeVersion = VERSION
    _client: httpx.Client = field(init=False)
    _opened: list[httpx.Client] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Connect."""
        self.connect()

    def connect(self) -> None:
        """Connect; anew after the server has been started again."""
        address, trust = self.server.process.reach()
        self._client = httpx.Client(base_url=address, verify=trust, timeout=40)
        self._opened.append(self._client)

    def close(self) -> None:
        """End the connections."""
        for client in self._opened:
            client.close()

    def furnish(self, *kinds: dict[str, Any]) -> None:
        """Define kinds, and let everybody do everything."""
        subjects = [
            {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"} for user, _ in PEOPLE.values()
        ]
        rule = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
        rbac = "rbac.authorization.k8s.io"
        self.server.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
            {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": "all"}, "rules": [rule]},
            {
                "apiVersion": f"{rbac}/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": "all"},
                "subjects": subjects,
                "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "all"},
            },
            *kinds,
        )
        for kind in kinds:
            self.server.kubectl("wait", "--for=condition=Established", f"crd/{kind['metadata']['name']}")

    def send(self, method: str, path: str, body: Any = None, who: str = "rancher", **headers: str) -> Answer:
        """One request by a token; a PUT's or POST's body is JSON, a PATCH says its type in ``content_type``."""
        sent = {"authorization": f"Bearer {who}", "content-type": "application/json"}
        sent |= {name.replace("_", "-").lower(): value for name, value in headers.items()}
        content = None if body is None else json.dumps(body)
        got = self._client.request(method, path, content=content, headers=sent)
        # a server that comes up says some things in plain words
        said = got.json() if got.headers.get("content-type") == "application/json" else {"message": got.text}
        return Answer(got.status_code, said, got.headers.get_list("warning"))

    def path(self, name: str = "", plural: str = "upgrades", group: str = "harvesterhci.io") -> str:
        """The URL of a kind's objects, or of one."""
        return f"/apis/{group}/v1beta1/namespaces/{NAMESPACE}/{plural}" + (f"/{name}" if name else "")

    def create(self, body: dict[str, Any], path: str = "") -> dict[str, Any]:
        """Store an object under a name of its own, as Harvester's controller would."""
        metadata = {key: value for key, value in body["metadata"].items() if key not in _THE_SERVERS}
        metadata |= {"name": f"one-{next(_NUMBERS)}", "namespace": NAMESPACE}
        made = self.send("POST", path or self.path(), {**body, "metadata": metadata}, who="controller")
        assert made.code == 201, made
        return made.body

    def get(self, name: str, path: str = "") -> dict[str, Any]:
        """An object as it is stored."""
        found = self.send("GET", f"{path}/{name}" if path else self.path(name), who="admin")
        assert found.code == 200, found
        return found.body

    def history(self, since: str, last: set[str]) -> list[dict[str, Any]]:
        """Every version of the Upgrades after one version, by a watch that ends when it has shown all of ``last``."""
        seen: list[dict[str, Any]] = []
        missing = set(last)
        query = {"watch": "1", "resourceVersion": since, "timeoutSeconds": "30"}
        headers = {"authorization": "Bearer admin"}
        with self._client.stream("GET", self.path(), params=query, headers=headers) as events:
            for line in events.iter_lines():
                seen.append(json.loads(line)["object"])
                missing.discard(seen[-1]["metadata"]["resourceVersion"])
                if not missing:
                    break
        assert not missing
        return seen

    def apply_text(self, manifests: str) -> None:
        """Apply manifests as the administrator."""
        run = self.server.kubectl(
            "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=manifests, check=False
        )
        assert run.returncode == 0, run.stderr

    def register(self, rules: Path, url: str, authority: Path) -> None:
        """Register a webhook as ``status-guard export webhook`` says, and wait until it is called."""
        options = ["--rules", str(rules), "--kube-version", str(self.version), "--url", url, "--ca", str(authority)]
        run = self.server.status_guard("export", "webhook", *options)
        assert run.returncode == 0, run.stderr
        self.apply_text(run.stdout)

    def until(self, state: Any, what: str) -> None:
        """Wait for a state that comes about by itself, such as the API server's notice of a configuration."""
        until(state, what)


_THE_SERVERS: Final = {"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"}


def with_an_older_version(kind: dict[str, Any], newer: str) -> dict[str, Any]:
    """The kind with a version v1alpha1 beside it, whose status lacks the field ``newer``; both know ``phase``."""
    [version] = kind["spec"]["versions"]
    texts = {"phase": {"type": "string"}, newer: {"type": "string"}}
    versions = []
    for name, known in (("v1beta1", texts), ("v1alpha1", {"phase": texts["phase"]})):
        schema = {
            "type": "object",
            "properties": {"spec": _ANYTHING, "status": {"type": "object", "properties": known}},
        }
        versions.append(version | {"name": name, "storage": name == "v1beta1", "schema": {"openAPIV3Schema": schema}})
    return {**kind, "spec": {**kind["spec"], "versions": versions}}


def dismissed(stored: dict[str, Any]) -> dict[str, Any]:
    """What the buggy dismissal PUTs: the label is there, status and the server's metadata are not."""
    gone = _THE_SERVERS - {"resourceVersion"} | {"finalizers", "ownerReferences"}
    metadata = {key: value for key, value in stored["metadata"].items() if key not in gone}
    metadata["labels"] = {**metadata.get("labels", {}), "harvesterhci.io/read-message": "true"}
    return {**{key: value for key, value in stored.items() if key != "status"}, "metadata": metadata}


def without(stored: dict[str, Any], *keys: str) -> dict[str, Any]:
    """The object without some members of its status."""
    return {**stored, "status": {key: value for key, value in stored["status"].items() if key not in keys}}
