"""The stand-in as a process: ``python -m tests.rancher --help``."""

import argparse
import asyncio
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

from .clock import Clock
from .control import Control
from .standin import Rancher
from .timing import Timing
from .users import ADMIN


def parse(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("python -m tests.rancher", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of the balancer; 0 takes a free one")
    parser.add_argument("--control-port", type=int, default=0, help="plain HTTP: faults and counts, see control.py")
    parser.add_argument("--ca-file", type=Path, help="where to write the CA's certificate")
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--balancing", choices=["L4", "L7"], default="L4", help="by connection or by request")
    parser.add_argument("--line", default="2.15", help="of Rancher, 2.10 to 2.15")
    parser.add_argument("--factor", type=float, default=1.0, help="how many times as fast as the wall time runs")
    parser.add_argument("--follower-lag", type=float, default=5.0, help="seconds that checkouts of followers lag")
    parser.add_argument("--downstream", action="append", default=[], help="id of a downstream cluster; repeatable")
    parser.add_argument("--on-disconnect", choices=["cancel", "finish"], default="cancel")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repo", action="store_true", help="begin with a ClusterRepo harvester")
    parser.add_argument("--landing", default="", help="URL to which /login leads, after it has made a browser ADMIN's")
    return parser.parse_args(words)


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT; the first line on standard output says where."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    major, minor = map(int, options.line.split("."))
    async with Rancher(
        replicas=options.replicas,
        balancing=options.balancing,
        line=(major, minor),
        clock=Clock(options.factor, wall_stamps=True),
        timing=replace(Timing(), follower_lag=options.follower_lag),
        downstream=options.downstream,
        on_disconnect=options.on_disconnect,
        seed=options.seed,
        port=options.port,
        landing=options.landing,
    ) as rancher:
        rancher.upstream()
        if options.repo:
            rancher.add_repo()
        ca_file = options.ca_file or rancher.ca_file
        ca_file.write_bytes(rancher.ca_pem)
        control = Control(rancher, options.control_port)
        await control.start()
        said = {"url": rancher.url, "control": control.url, "ca": str(ca_file), "token": ADMIN.token}
        print(json.dumps(said), flush=True)  # noqa: T201 - what started it reads this
        await ended.wait()
        await control.stop()


if __name__ == "__main__":
    asyncio.run(serve(parse(sys.argv[1:])))
