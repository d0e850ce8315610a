"""The index of a repository: ConfigMaps that the leader writes, and what a replica reads of them."""

import gzip
import json
from base64 import b64decode, b64encode
from typing import Any

from .cluster import Cluster, Member
from .errors import api_error, server_error
from .names import safe_concat
from .store import Exists, Object
from .upstreams import Chart

NAMESPACE = "cattle-system"
CHUNK = 100_000
"""Bytes of compressed index in one ConfigMap."""

NEXT = "catalog.cattle.io/next"


def entries(charts: tuple[Chart, ...], base: str) -> dict[str, list[dict[str, Any]]]:
    """Charts as an index lists them, newest first."""
    listed: dict[str, list[dict[str, Any]]] = {}
    for chart in charts:
        file = f"{chart.name}-{chart.version}.tgz"
        entry = chart.metadata | {"urls": [f"{base}/{file}" if "://" in base else file], "hidden": chart.hidden}
        listed.setdefault(chart.name, []).insert(0, entry)
    return listed


def store_index(cluster: Cluster, repo: Object, charts: tuple[Chart, ...], base: str) -> Object:
    """Write the ConfigMaps of an index and return the first."""
    content = json.dumps({"apiVersion": "v1", "entries": entries(charts, base)}).encode()
    packed = gzip.compress(content, mtime=0)
    chunks = [packed[start : start + CHUNK] for start in range(0, len(packed), CHUNK)]
    metadata = repo["metadata"]
    names = [safe_concat(metadata["name"], str(number), metadata["uid"]) for number in range(len(chunks))]
    owner = {"apiVersion": "catalog.cattle.io/v1", "kind": "ClusterRepo", "name": metadata["name"]}
    first = None
    for name, chunk, following in reversed(list(zip(names, chunks, [*names[1:], ""], strict=True))):
        made = {
            "metadata": {
                "name": name,
                "namespace": NAMESPACE,
                "ownerReferences": [owner | {"uid": metadata["uid"]}],
                "annotations": {NEXT: following, "catalog.cattle.io/size": str(len(packed))},
            },
            "spec": {"content": b64encode(chunk).decode()},
        }
        try:
            first = cluster.store.create("configmaps", made)
        except Exists:
            first = cluster.store.update("configmaps", made)
    assert first is not None
    return first


def read_index(cluster: Cluster, member: Member, name: str) -> tuple[Object, dict[str, Any]]:
    """A repository and its index, both as one replica knows them.

    Raises:
        Refusal: the replica does not know the repository or its index yet, or the index is another repository's.
    """
    repo = cluster.seen_by(member, "clusterrepos", name)
    if repo is None:
        raise server_error(f'clusterrepos.catalog.cattle.io "{name}" not found')
    where = repo.get("status", {})
    packed, first, following = b"", None, where.get("indexConfigMapName", "")
    while following or first is None:
        part = cluster.seen_by(member, "configmaps", following, where.get("indexConfigMapNamespace", NAMESPACE))
        if part is None:
            raise server_error(f'configmaps "{following}" not found')
        first = first or part
        packed += b64decode(part["spec"]["content"])
        following = part["metadata"]["annotations"][NEXT]
    if first["metadata"]["ownerReferences"][0]["uid"] != repo["metadata"]["uid"]:
        raise api_error(401, "Unauthorized", "")
    return repo, cluster.parsed(first["metadata"]["resourceVersion"], gzip.decompress(packed))
