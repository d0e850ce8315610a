"""An API server with every guard of the case table, in every form that ``status-guard export`` makes.

Each guard is registered in each form for a group of its own, so that one server holds them all. The webhook's address
is a closed port, with failurePolicy Fail: a write that matches fails with "failed calling webhook", any other passes.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from api_server import api_server, until
from case_table import FOLDER, Row
from kube_version import VERSION, exported_forms
from ways_to_write import PUT, WAYS, turn

from app.core.export import map as mutating_policies
from app.core.export import vap, webhook
from app.core.export.manifest import Endpoint
from app.core.guard import Guard, Mode, Protect, ProtectedList, Target
from app.core.pointer import Tokens
from app.rules import load

FORMS = exported_forms()
GUARDS = {path.stem: next(iter(load([path]).guards)) for path in sorted((FOLDER / "guards").glob("*.yaml"))}
FAR: Tokens = ("a", "b", "c", "d", "e", "f", "g", "h")
_UPGRADES = Target("harvesterhci.io", frozenset({"*"}), "upgrades", status_subresource=False)
GUARDS |= {guard.name: guard for guard in load([FOLDER.parent / "export/rules/everything"]).guards}
GUARDS["one-map"] = Guard("one-map", _UPGRADES, protect=Protect(maps=(FAR,)))
GUARDS["one-list"] = Guard("one-list", _UPGRADES, protect=Protect(lists=(ProtectedList(FAR, "id"),)))
CALLED = "failed calling webhook"
NAMESPACE = "default"
_VISIBLE = {"webhook": set(Mode), "vap": set(Mode) - {Mode.AUDIT}, "map": {Mode.RESTORE}}
"""The modes whose effect a caller can see."""


_NAMES = (f"thing-{number}" for number in itertools.count())
_THE_SERVERS = {"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "deletionTimestamp"}
_THE_SERVERS |= {"deletionGracePeriodSeconds", "selfLink"}


def plain(thing: Any, name: str) -> dict[str, Any]:
    """An object's metadata as a client may write it, under a new name."""
    kept = {key: value for key, value in thing["metadata"].items() if key not in _THE_SERVERS}
    return kept | {"name": name, "namespace": NAMESPACE}


def ways(row: Row) -> list[str]:
    """The ways in which a client can make a row's write."""
    request = row.review["request"]
    before, after = ({**request[key], "metadata": plain(request[key], "a")} for key in ("oldObject", "object"))
    return [way for way in WAYS if turn(before, after, way)]


@dataclass
class Api:
    """The server, spoken to as an administrator who writes in others' names."""

    client: httpx.Client

    def send(self, method: str, path: str, body: Any = None, user: str = "", groups: Any = (), **query: str) -> Any:
        """One request; the answer as it came."""
        headers = [("Impersonate-User", user)] if user else []
        headers += [("Impersonate-Group", group) for group in groups]
        headers += [("Content-Type", query.pop("content_type", "application/json"))]
        content = None if body is None else json.dumps(body)
        return self.client.request(method, path, content=content, headers=headers, params=query)

    def write(self, form: str, stem: str, old: Any, new: Any, way: str = PUT, **who: Any) -> httpx.Response | None:
        """Store an object, then write another over it in a dry run; ``None`` if it could not be stored as it is."""
        guard = GUARDS[stem]
        kind = guard.target.resource[:-1].capitalize()
        of = {"apiVersion": f"{group(form, stem)}/v1", "kind": kind}
        name = next(_NAMES)
        collection = f"/apis/{group(form, stem)}/v1/namespaces/{NAMESPACE}/{guard.target.resource}"
        stored = self.send("POST", collection, {**old, **of, "metadata": plain(old, name)})
        if stored.status_code == 201 and guard.target.status_subresource:
            body = {**stored.json(), "status": old.get("status")}
            stored = self.send("PUT", f"{collection}/{name}/status", body)
        if stored.status_code not in {200, 201} or stored.json().get("status") != old.get("status"):
            return None
        if "deletionTimestamp" in old["metadata"]:
            self.send("DELETE", f"{collection}/{name}")
        path = f"{collection}/{name}/status" if guard.target.status_subresource else f"{collection}/{name}"
        return self.write_over(self.settled(f"{collection}/{name}"), {**new, **of}, path, way, dryRun="All", **who)

    def settled(self, path: str) -> Any:
        """An object, once the API server's cache has it as it is stored.

        A write is tried with what the cache has, and once more if that was not the latest; whoever is asked for an
        opinion gives it twice, and what they warn of the first time stays in the answer.
        """
        found = self.send("GET", path).json()
        version = found["metadata"]["resourceVersion"]

        def cached() -> bool:
            metadata: dict[str, Any] = self.send("GET", path, resourceVersion="0").json()["metadata"]
            return metadata.get("resourceVersion") == version

        until(cached, f"{path} does not reach the cache")
        return found

    def write_over(self, stored: Any, new: Any, path: str, way: str, **who: Any) -> httpx.Response:
        """Turn a stored object into another, in one of the ways that there are."""
        name, version = stored["metadata"]["name"], {"resourceVersion": stored["metadata"]["resourceVersion"]}
        before, after = ({**one, "metadata": plain(one, name) | version} for one in (stored, new))
        found = turn(before, after, way)
        assert found is not None, f"no {way} can say this"
        return self.send(found.method, path, found.body, content_type=found.content_type, **found.query, **who)

    def create(self, path: str, body: Any) -> None:
        """Create something, which has to work."""
        answer = self.send("POST", path, body)
        assert answer.status_code == 201, answer.text


@contextmanager
def policy_server(folder: Path, *flags: str) -> Iterator[Api]:
    """Start a server and stop it afterwards; skips the test where there is none."""
    with api_server(folder, ['admin-token,admin,1,"system:masters"'], *flags) as server:
        address, trust = server.reach()
        headers = {"Authorization": "Bearer admin-token"}
        with httpx.Client(base_url=address, verify=trust, headers=headers, timeout=30) as client:
            yield Api(client)


def group(form: str, stem: str) -> str:
    """The group that a guard looks after in one form."""
    return f"{stem}.{form}.example.test"


def guards(form: str) -> list[Guard]:
    """Every guard of the table, moved to its group."""
    return [
        replace(guard, name=stem, target=replace(guard.target, group=group(form, stem)))
        for stem, guard in GUARDS.items()
    ]


def prepare(api: Api, forms: Sequence[str] = FORMS) -> None:
    """Define the kinds, then register the guards, then see that each is in force."""
    for form, stem in itertools.product(forms, GUARDS):
        api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition(form, stem))
    nowhere = Endpoint(url="https://127.0.0.1:1")
    exports = {
        "webhook": lambda: webhook.export(guards("webhook"), VERSION, nowhere),
        "vap": lambda: vap.export(guards("vap"), VERSION),
        "map": lambda: mutating_policies.export(guards("map"), VERSION),
    }
    for manifest in itertools.chain.from_iterable(exports[form]().manifests for form in forms):
        body = manifest.body
        for hook in body.get("webhooks", []):
            hook["failurePolicy"] = "Fail"
        if body["kind"] == "MutatingAdmissionPolicy":
            body["spec"]["failurePolicy"] = "Fail"  # an expression that errs shall be seen
        kind = body["kind"].lower().removesuffix("y")
        plural = f"{kind}ies" if body["kind"].endswith("y") else f"{kind}s"
        api.create(f"/apis/{body['apiVersion']}/{plural}", body)
    for form, stem in itertools.product(forms, GUARDS):
        if GUARDS[stem].mode in _VISIBLE[form]:
            await_notice(api, form, stem)


def definition(form: str, stem: str) -> dict[str, Any]:
    """A kind that a guard looks after, without a schema to speak of."""
    guard, of = GUARDS[stem], group(form, stem)
    anything = {"x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": anything}}},
        "subresources": {"status": {}} if guard.target.status_subresource else {},
    }
    plural = guard.target.resource
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{of}"},
        "spec": {
            "group": of,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": plural[:-1], "kind": plural[:-1].capitalize()},
            "versions": [version],
        },
    }


def await_notice(api: Api, form: str, stem: str) -> None:
    """Wait until a guard is in force: policies that mutate learn of a new kind some seconds later."""
    until(lambda: takes_notice(api, form, stem), f"{stem} as {form} is never in force", patience=60)


def takes_notice(api: Api, form: str, stem: str) -> bool:
    """Whether a write that loses everything is treated as one."""
    status = {"imageID": "x", "phase": "x"}  # some guard protects either, and every guard all of it
    answer = api.write(form, stem, {"metadata": {}, "status": status}, {"metadata": {}})
    if answer is None or answer.status_code == 503:
        return False
    restored = answer.status_code == 200 and answer.json().get("status") == status
    return answer.status_code != 200 or "warning" in answer.headers or restored
