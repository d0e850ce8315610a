"""Objects as Steve shows them: with an id, links, actions, a state, and conditions that say error or transitioning."""

from copy import deepcopy
from typing import Any

from .repositories import condition, kind_of
from .store import Object

SINGULAR = {
    "clusterrepos": "clusterrepo",
    "operations": "operation",
    "apps": "app",
    "uiplugins": "uiplugin",
    "configmaps": "configmap",
    "namespaces": "namespace",
}
CURRENT = ("active", False, False, "Resource is current")
State = tuple[str, bool, bool, str]


def type_of(resource: str) -> str:
    """Steve's type of a resource."""
    return SINGULAR[resource] if resource in ("configmaps", "namespaces") else f"catalog.cattle.io.{SINGULAR[resource]}"


def steve_form(resource: str, stored: Object, base: str, *, may_update: bool) -> Object:
    """An object as Steve answers with it; the links begin with ``base``."""
    shown = deepcopy(stored)
    metadata = shown["metadata"]
    where = "/".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)
    url = f"{base}/v1/{type_of(resource)}s/{where}"
    within = f"namespaces/{metadata['namespace']}/" if metadata.get("namespace") else ""
    links = {"self": url, "view": f"{base}/apis/catalog.cattle.io/v1/{within}{resource}/{metadata['name']}"}
    if may_update:
        links |= dict.fromkeys(("remove", "update", "patch"), url)
    if resource == "clusterrepos":
        links |= {link: f"{url}?link={link}" for link in ("chart", "icon", "index", "info")}
    if resource == "operations" and shown.get("status", {}).get("podCreated"):
        links["logs"] = f"{url}?link=logs"
    actions = {"clusterrepos": ("install", "upgrade"), "apps": ("uninstall",)}.get(resource, ())
    name, error, transitioning, message = _state(resource, stored)
    metadata["state"] = {"name": name, "error": error, "transitioning": transitioning, "message": message}
    metadata |= {"fields": _fields(resource, stored), "relationships": None}
    for one in shown.get("status", {}).get("conditions", []):
        one["error"] = one.get("reason") == "Error" or (one["type"], one["status"]) == ("Stalled", "True")
        one["transitioning"] = (one["type"], one["status"]) == ("Reconciling", "True")
    head = {"id": where, "type": type_of(resource), "links": links}
    return head | ({"actions": {one: f"{url}?action={one}" for one in actions}} if actions else {}) | shown


def _state(resource: str, stored: Object) -> State:
    """What wrangler makes of an object: without a status it is active, whatever it lacks."""
    status = stored.get("status")
    if not status:
        return CURRENT
    if resource == "apps":
        summary = status.get("summary", {})
        named = summary.get("state", "unknown")
        return named, summary.get("error", False), summary.get("transitioning", False), "Resource is current"
    for one in status.get("conditions", []):
        if one["type"] == "Stalled" and one["status"] == "True":
            return "error", True, False, one["message"].strip()
    generation = stored["metadata"]["generation"]
    observed = status.get("observedGeneration", generation)
    if observed < generation:
        waits = f"{stored['kind']} generation is {generation}, but latest observed generation is {observed}"
        return "in-progress", False, True, waits
    for one in status.get("conditions", []):
        if one["type"] == "Reconciling" and one["status"] == "True":
            return "reconciling", False, True, one["message"]
        if one["type"].endswith("Downloaded") and one["status"] == "False":
            return "downloading", True, False, one["message"]
    return CURRENT


def _fields(resource: str, stored: Object) -> list[Any]:
    metadata, spec, status = stored["metadata"], stored.get("spec", {}), stored.get("status", {})
    if resource == "clusterrepos":
        enabled = spec.get("enabled")
        shown = [spec.get("url"), enabled if enabled is None else str(enabled).lower(), spec.get("gitRepo")]
        return [metadata["name"], *shown, spec.get("gitBranch"), status.get("downloadTime")]
    if resource == "apps":
        chart = spec["chart"]["metadata"]
        return [
            metadata["name"],
            chart["name"],
            chart["version"],
            spec["name"],
            spec["version"],
            spec["info"]["status"],
        ]
    return [metadata["name"]]


def usable(repo: Object) -> bool:
    """Whether an install from a repository can succeed on a replica that has everything; for tests."""
    status = repo.get("status", {})
    sort = "OCIDownloaded" if kind_of(repo["spec"]) == "oci" else "Downloaded"
    return bool(condition(repo, sort) and status.get("indexConfigMapName"))
