"""A stand-in for a crowd, as a process: each line on standard input is an order, each line of output its answer."""

import asyncio
import json
import sys
from dataclasses import replace

from tests.rancher import ADMIN, DNS, HARVESTER, HARVESTER_URL, Outage, Rancher, Timing, User


def crowd(count: int) -> list[User]:
    """Users with a token each."""
    return [User(f"u-{number:05}", f"user {number}", f"token-{number:05}:{'s' * 40}") for number in range(count)]


def counts(rancher: Rancher) -> dict[str, object]:
    """What happened until now."""
    sorts: dict[str, int] = {}
    for event in rancher.record.events:
        if event.what == "request":
            sorts[event.sort] = sorts.get(event.sort, 0) + 1
    begun = rancher.record.counts()
    return {"requests": sorts, "releases": len(begun), "doubled": sum(many > 1 for many in begun.values())}


def release(rancher: Rancher, upstream: object) -> dict[str, object]:
    """Have the repository fetched again, this time well."""
    upstream.index_outage = None  # type: ignore[attr-defined]
    repo = rancher.repo()
    spec = {**repo["spec"], "forceUpdate": rancher.clock.stamp()}
    rancher.local.store.update("clusterrepos", {**repo, "spec": spec})
    return {}


def quick(factor: float) -> Timing:
    """What an install takes, so many times as fast; what a repository takes, its back-off above all, stays as it is."""
    real = Timing()
    hasty = ("step", "token_poll", "pod_start", "helm", "app_lag", "plugin")
    return replace(real, follower_lag=0.0, **{name: getattr(real, name) / factor for name in hasty})


async def main(users: int, factor: float) -> None:
    """Serve until standard input ends."""
    async with Rancher(replicas=3, timing=quick(factor), users=(ADMIN, *crowd(users))) as rancher:
        upstream = rancher.upstream(HARVESTER_URL, HARVESTER, clone_seconds=0.5, index_outage=Outage(DNS))
        rancher.add_repo()
        print(json.dumps({"url": rancher.url, "ca": str(rancher.ca_file)}), flush=True)
        orders = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        while order := (await orders.readline()).strip():
            said = release(rancher, upstream) if order == b"release" else counts(rancher)
            print(json.dumps(said), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
