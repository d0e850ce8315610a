"""The case table as real writes by different people, through a real API server that calls a real webhook process.

Each guard of the table has a kind of its own twice: in ``live`` both webhooks are registered; in ``checked`` only the
validating one, as if the mutating call had been skipped, for the rows about the validating endpoint.
"""

import itertools
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jsonpatch
import pytest
import yaml
from case_table import FOLDER, Row, rows
from kube_version import VERSION
from policy_server import GUARDS, NAMESPACE, Api, await_notice, definition, group, plain, policy_server, ways
from server_process import Process

from app.core.export import webhook
from app.core.export.manifest import Endpoint
from app.core.guard import Mode
from app.rules import load

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

FORMS = ("live", "checked")
STEMS = sorted(path.stem for path in (FOLDER / "guards").glob("*.yaml"))
ROWS = [row for row in rows() if row.real and row.expect["rules"] != ["SG001"]]
"""Writes that an API server could be sent, and that a guard is about."""
OVERRIDE = "statusguard.io/allow-status-loss"
ENDS = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
NUMBERS = itertools.count()


def stem(row: Row) -> str:
    """The guard that a row is about."""
    resource = row.review["request"]["resource"]["resource"]
    return next(path.stem for path in row.guards if GUARDS[path.stem].target.resource == resource)


def form(row: Row) -> str:
    """How the guard of a row is registered."""
    return {"mutate": "live", "validate": "checked"}[row.endpoint]


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rule documents of the table, each for the group of its own kind, once a form."""
    folder = tmp_path_factory.mktemp("case-guards")
    for name in STEMS:
        for of in FORMS:
            document = yaml.safe_load((FOLDER / f"guards/{name}.yaml").read_text())
            document["metadata"]["name"] = f"{name}-{of}"
            document["spec"]["target"]["group"] = group(of, name)
            (folder / f"{name}-{of}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return folder


@pytest.fixture(scope="module")
def api(
    tmp_path_factory: pytest.TempPathFactory, documents: Path, starter: Callable[..., Process], authority: Path
) -> Iterator[Api]:
    """An API server that calls the webhook for every guard of the table."""
    process = starter(rules=documents)
    endpoint = Endpoint(url=process.url, ca_bundle=b64encode(authority.read_bytes()).decode())
    with policy_server(tmp_path_factory.mktemp("cases")) as found:
        for of in FORMS:
            for name in STEMS:
                found.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition(of, name))
        for manifest in webhook.export(load([documents]).guards, VERSION, endpoint).manifests:
            body = manifest.body
            kind = body["kind"].lower()
            if kind.startswith("mutating"):
                body["webhooks"] = [hook for hook in body["webhooks"] if "-checked." not in hook["name"]]
            found.create(f"/apis/{body['apiVersion']}/{kind}s", body)
        for of in FORMS:
            for name in STEMS:
                if GUARDS[name].mode is not Mode.AUDIT and not (of == "checked" and GUARDS[name].mode is Mode.WARN):
                    await_notice(found, of, name)
        yield found


def today(row: Row, thing: Any) -> Any:
    """The object with the end of its override moved by as much as the row's clock is behind ours."""
    text = (thing["metadata"].get("annotations") or {}).get(OVERRIDE)
    if not isinstance(text, str) or not ENDS.match(text):
        return thing
    behind = datetime.now(UTC).replace(microsecond=0) - row.now  # noqa: TID251 - the webhook reads the clock as well

    def moved(end: re.Match[str]) -> str:
        then = (datetime.fromisoformat(end[0].upper()) + behind).isoformat()
        return then.replace("+00:00", end[2]) if end[2] in "Zz" else then

    annotations = {**thing["metadata"]["annotations"], OVERRIDE: ENDS.sub(moved, text, count=1)}
    return {**thing, "metadata": {**thing["metadata"], "annotations": annotations}}


def stored(api: Api, row: Row, path: str, name: str) -> Any:
    """Store a row's old object."""
    guard, old = GUARDS[stem(row)], row.review["request"]["oldObject"]
    kind = {"apiVersion": f"{group(form(row), stem(row))}/v1", "kind": guard.target.resource[:-1].capitalize()}
    made = api.send("POST", path, {**old, **kind, "metadata": plain(old, name)})
    if guard.target.status_subresource:
        made = api.send("PUT", f"{path}/{name}/status", {**made.json(), "status": old.get("status")})
    assert made.status_code in {200, 201}, made.text
    if "deletionTimestamp" in old["metadata"]:
        api.send("DELETE", f"{path}/{name}")
    return api.settled(f"{path}/{name}")


def write(api: Api, row: Row, way: str) -> tuple[Any, httpx.Response]:
    """A row as a real write by its user: what was stored before, and the answer."""
    request, target = row.review["request"], GUARDS[stem(row)].target
    name = f"row-{next(NUMBERS)}"
    collection = f"/apis/{group(form(row), stem(row))}/v1/namespaces/{NAMESPACE}/{target.resource}"
    before = stored(api, row, collection, name)
    new = {**today(row, request["object"]), "apiVersion": before["apiVersion"], "kind": before["kind"]}
    path = f"{collection}/{name}/status" if target.status_subresource else f"{collection}/{name}"
    who = {"user": request["userInfo"]["username"], "groups": request["userInfo"].get("groups", ())}
    query = {"dryRun": "All"} if request.get("dryRun") else {}
    return before, api.write_over(before, new, path, way, **who, **query)


def protected(thing: Any) -> Any:
    """What guards look at."""
    metadata = {key: thing["metadata"].get(key) or None for key in ("labels", "finalizers", "ownerReferences")}
    return metadata | {"status": thing.get("status")}


def written(row: Row, before: Any) -> Any:
    """The object as it has to be stored: as the row says, or as its user sent it with the patch that it says."""
    if "stored" in row.expect:
        new = row.stored
    else:
        new = jsonpatch.apply_patch(row.review["request"]["object"], row.expect.get("patch", []))
    # the API server drops what a write to /status says of metadata
    return {**new, "metadata": before["metadata"]} if GUARDS[stem(row)].target.status_subresource else new


WRITES = [pytest.param(row, way, id=f"{row.file}: {row.name} ({way})") for row in ROWS for way in ways(row)]


@pytest.mark.parametrize(("row", "way"), WRITES)
def test_a_real_write_comes_out_as_the_table_says(api: Api, row: Row, way: str) -> None:
    """Stored, mended, refused and warned of as the decision says, whoever writes and in whatever way."""
    before, answer = write(api, row, way)
    expect = row.expect
    warnings = answer.headers.get_list("warning")
    said = " ".join(warnings)
    assert all(part in said for part in expect.get("warnings", []))
    if expect["action"] == "denied":
        assert answer.status_code == 422, answer.text
        causes = " ".join(cause["message"] for cause in answer.json()["details"]["causes"])
        assert all(rule in causes or rule in said for rule in expect["rules"])
        assert all(hint in causes for hint in expect.get("hints", []))
        return
    assert answer.status_code == 200, answer.text
    if "SG011" in expect["rules"]:
        # the API server writes managedFields itself: these cannot pass for an apply, and are mended
        assert protected(answer.json()) != protected(row.review["request"]["object"])
        assert warnings
        return
    assert protected(answer.json()) == protected(written(row, before))
    assert bool(warnings) == bool(expect.get("warnings"))
