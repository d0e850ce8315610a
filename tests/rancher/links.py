"""``link=index|info|chart|icon`` of a repository, and ``link=logs`` of an operation."""

import asyncio
from typing import Any

from .charts import find_chart
from .cluster import Cluster
from .errors import Answer, api_error, go_json, server_error
from .faults import Step
from .index import read_index
from .operations import Operations
from .request import Request
from .store import Object

ICON = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


async def serve_link(request: Request, cluster: Cluster, operations: Operations, stored: Object, link: str) -> Answer:
    """Answer a GET with a link.

    Raises:
        Refusal: it is refused.
        Ended: it ends without an answer.
    """
    if stored["kind"] == "Operation" and link == "logs":
        return await _log(cluster, operations, stored)
    if stored["kind"] != "ClusterRepo" or link not in ("index", "info", "chart", "icon"):
        raise api_error(404, "NotFound", "")
    await request.reach(Step.CHART)
    assert request.member is not None
    name = stored["metadata"]["name"]
    if link == "index":
        _, index = read_index(cluster, request.member, name)
        return Answer(200, go_json(_filtered(index, request.query)).encode() + b"\n")
    wanted = request.query.get("chartName", "")
    if not wanted:
        raise api_error(404, "NotFound", "")
    if link == "icon":
        return Answer(200, ICON, ((b"content-type", b"image/svg+xml"),))
    chart = await find_chart(cluster, request.member, name, wanted, request.query.get("version", ""))
    if link == "chart":
        attachment = f'attachment; filename="{chart.name}-{chart.version}.tgz"'.encode()
        return Answer(
            200, chart.archive, ((b"content-type", b"application/gzip"), (b"content-disposition", attachment))
        )
    return Answer(200, go_json({"readme": f"# {chart.name}\n", "values": {}, "chart": chart.metadata}).encode() + b"\n")


def _filtered(index: dict[str, Any], query: dict[str, str]) -> dict[str, Any]:
    """The index; versions that are not for this Rancher are left out unless they are asked for."""
    everything = query.get("skipFilter", "").lower() == "true"
    entries = {}
    for name, versions in index["entries"].items():
        shown = [
            {key: value for key, value in one.items() if key != "hidden"}
            for one in versions
            if everything or not one["hidden"]
        ]
        if shown:
            entries[name] = shown
    return index | {"entries": entries}


async def _log(cluster: Cluster, operations: Operations, stored: Object) -> Answer:
    """The log of the pod, to its end."""
    name = stored.get("status", {}).get("podName", "")
    pod = operations.pods.get(name)
    if pod is None or pod.state in ("gone", "waiting"):
        raise server_error(f'pods "{name}" not found')
    while pod.state == "running":
        changed = cluster.store.changed
        if pod.state == "running":
            await asyncio.wait_for(changed.wait(), None)
    return Answer(200, "".join(pod.log).encode(), ((b"content-type", b"text/plain"),))
