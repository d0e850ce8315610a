"""The gate role without TLS, as a process: what a caller costs beside their TLS connection."""

import asyncio
import json
import sys
from pathlib import Path

from scripted_gate import served

from app.roles.gate import Gate
from app.settings import Role, Settings
from app.telemetry import Telemetry, configure_logging


async def main(url: str, ca: str, most: int) -> None:
    """Serve; each line on standard input asks how many calls are in flight, its end ends the process."""
    configure_logging()
    limits = {"most_held": most, "most_held_per_caller": most}
    gate = Gate(Settings(roles=(Role.GATE,), rancher_url=url, rancher_ca=Path(ca), **limits), Telemetry())
    running = asyncio.create_task(gate.run())
    async with served(gate.application(), None) as port:
        print(json.dumps({"port": port}), flush=True)
        orders = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        while await orders.readline():
            print(json.dumps({"in_flight": gate.in_flight}), flush=True)
    running.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
