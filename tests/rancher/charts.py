"""The lookup of a chart that probes and installs share: each replica answers from what it has itself."""

import re
from typing import Any

from .cluster import Cluster, Member
from .errors import CHECKOUT_MISSING, server_error, upstream_status
from .index import read_index
from .repositories import kind_of
from .store import Object
from .upstreams import TIMEOUT, Chart, Trouble

PATIENCE = 30.0
"""Seconds that a chart's download may take."""

LARGEST_DOWNLOAD = 5 * 1024 * 1024
"""Bytes of a chart that an HTTP repository may send."""


async def find_chart(cluster: Cluster, member: Member, repo_name: str, chart: str, version: str) -> Chart:
    """A chart with its archive, as this replica gets it: from its checkout, or downloaded now.

    Raises:
        Refusal: it cannot.
    """
    repo, index = read_index(cluster, member, repo_name)
    found = _entry(index, chart, version, substitutes=cluster.world.substitutes)["version"]
    if repo["status"].get("commit"):
        here = cluster.in_checkout(member, repo, chart, found)
        if here is None:
            raise server_error(CHECKOUT_MISSING.format(chart=chart, version=found))
        return here
    return await _download(cluster, member, repo, chart, found)


def _entry(index: dict[str, Any], chart: str, version: str, *, substitutes: bool) -> dict[str, Any]:
    versions: list[dict[str, Any]] = index["entries"].get(chart)
    if not versions:
        raise server_error("no chart name found")
    exact = [one for one in versions if one["version"] == version]
    fitting = exact or [one for one in versions if substitutes or _satisfies(one["version"], version)]
    if not fitting:
        raise server_error(f"no chart version found for {chart}-{version}")
    return fitting[0]


def _satisfies(version: str, constraint: str) -> bool:
    """Whether a version fits a constraint; of semver's only what stands here: nothing, *, x, ^, ~ and >=."""
    if constraint in ("", "*", "x", ">0.0.0-0"):
        return True
    wanted = re.fullmatch(r"(\^|~|>=)?\s*v?(\d+)(?:\.(\d+|x))?(?:\.(\d+|x))?", constraint)
    have = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", version)
    if not wanted or not have:
        return False
    sign, *parts = wanted.groups()
    numbers = [int(part) for part in parts if part not in (None, "x")]
    had = [int(part) for part in have.groups()]
    if sign == ">=":
        return had >= numbers
    fixed = {"^": 1, "~": 2}.get(sign or "", len(numbers))
    return had[:fixed] == numbers[:fixed] and had >= numbers


async def _download(cluster: Cluster, member: Member, repo: Object, chart: str, version: str) -> Chart:
    upstream = cluster.world.upstream(repo["status"]["url"])
    file = f"{chart}-{version}.tgz"
    cluster.world.record.add("download", file=file, url=upstream.url, replica=member.name)
    await cluster.world.clock.sleep(upstream.download_seconds)
    if upstream.chart_outage and (trouble := upstream.chart_outage.strikes()):
        if trouble == TIMEOUT:
            await cluster.world.clock.sleep(PATIENCE)
        raise refusal_of(trouble, f"{upstream.url}/{file}")
    found = upstream.find(chart, version)
    if found is None:
        raise upstream_status(404)
    if kind_of(repo["spec"]) == "http" and found.size > LARGEST_DOWNLOAD:
        raise server_error("http: response body too large")
    return found


def refusal_of(trouble: Trouble, url: str) -> Exception:
    """What Rancher makes of a download that fails."""
    if trouble.status:
        return upstream_status(trouble.status)
    if trouble.words == "unexpected EOF":
        return server_error(trouble.words)  # the body broke off, so the request's words are not before it
    host = url.rsplit("://", maxsplit=1)[-1].split("/", maxsplit=1)[0]
    return server_error(f'Get "{url}": {trouble.words.format(host=host)}')
