"""What it costs to keep ten thousand objects of 20 KB: memory and processor time of a real keeper, step by step.

See README.md beside it, and the target ``bench-keeper``, which sets its PYTHONPATH.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import api_server
import httpx
import machine
import yaml
from objects import DEFINITION, GROUP, NAMESPACE, RULES, Maker
from prometheus_client.parser import text_string_to_metric_families

TOKEN = "bench"
PATIENCE = 900.0
"""Seconds for one step; none takes a tenth of it on a machine of this decade."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Reading:
    """What a process has used so far.

    Attributes:
        wall: the clock, seconds.
        processor: seconds.
        peak: bytes of memory, the most it had.
        now: bytes of memory.
    """

    wall: float
    processor: float
    peak: int
    now: int


class Keeper:
    """A real keeper process."""

    def __init__(self, popen: subprocess.Popen[bytes], ops_port: int) -> None:
        self._popen, self._ops = popen, f"http://127.0.0.1:{ops_port}"

    def read(self) -> Reading:
        """What it has used."""
        folder = Path(f"/proc/{self._popen.pid}")
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        user, system = (folder / "stat").read_text().rpartition(")")[2].split()[11:13]
        peak, now = (1024 * int(status[name].split()[0]) for name in ("VmHWM", "VmRSS"))
        return Reading(time.monotonic(), (int(user) + int(system)) / TICKS, peak, now)

    async def until(self, state: Callable[[httpx.AsyncClient], Awaitable[bool]]) -> Reading:
        """Wait for a state that only asking shows; ten questions a second, which cost it next to nothing."""
        end = time.monotonic() + PATIENCE
        async with httpx.AsyncClient(base_url=self._ops, timeout=PATIENCE) as client:
            while True:
                try:
                    if await state(client):
                        return self.read()
                except httpx.TransportError:
                    pass
                if time.monotonic() > end or self._popen.poll() is not None:
                    sys.exit("The keeper did not get there.")
                await asyncio.sleep(0.1)

    async def ready(self) -> Reading:
        """Wait until all objects have been seen."""

        async def is_ready(client: httpx.AsyncClient) -> bool:
            return (await client.get("/readyz")).status_code == httpx.codes.OK

        return await self.until(is_ready)

    async def wrote(self, count: int) -> Reading:
        """Wait until so many revisions have been kept."""

        async def has(client: httpx.AsyncClient) -> bool:
            families = text_string_to_metric_families((await client.get("/metrics")).text)
            samples = [one for family in families for one in family.samples]
            kept = [one.value for one in samples if one.name == "status_guard_keeper_revisions_total"]
            return sum(kept) >= count

        return await self.until(has)


def main() -> int:
    """Run it; prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000, help="how many (default: 10000)")
    parser.add_argument("--size", type=int, default=20_000, help="bytes of a status (default: 20000)")
    parser.add_argument("--changes", type=int, default=2_000, help="changed afterwards (default: 2000)")
    given = parser.parse_args()
    if not (os.environ.get("TEST_APISERVER") or os.environ.get("KUBEBUILDER_ASSETS")):
        print(f"No measurement: it {api_server.NEEDED}.", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "server").mkdir()
        (folder / "rules.yaml").write_text(RULES)
        with api_server.api_server(folder / "server", [f'{TOKEN},bench,bench,"system:masters"']) as server:
            asyncio.run(_measure(server, folder, given))
    return 0


async def _measure(server: api_server.ApiServer, folder: Path, given: argparse.Namespace) -> None:
    _furnish(server)
    address, trust = server.reach()
    maker = Maker(address, trust, TOKEN, given.size)
    rows: list[tuple[str, int, Reading, Reading]] = []
    _head(given)
    await maker.make(given.objects)
    for what, writes in (("first start", given.objects), ("started again", 0)):
        with _keeper(server, folder) as keeper:
            begun = keeper.read()
            seen = await keeper.ready()
            rows.append((f"{what}: all objects seen", given.objects, begun, seen))
            if writes:
                kept = await keeper.wrote(writes)
                rows.append((f"{what}: a revision kept of each", writes, seen, kept))
                continue
            await asyncio.sleep(10)  # it leads, and has compared all histories
            before = keeper.read()
            await maker.change(given.changes, turn=1)
            after = await keeper.wrote(given.changes)
            rows.append(("changed, and a revision kept of each", given.changes, before, after))
    await maker.close()
    _table(rows)


def _furnish(server: api_server.ApiServer) -> None:
    kubectl = ["kubectl", "--kubeconfig", str(server.kubeconfig)]
    namespaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": one}} for one in (NAMESPACE, "keeper")]
    text = yaml.safe_dump_all([DEFINITION, *namespaces])
    apply = [*kubectl, "apply", "--server-side", "-f", "-"]
    subprocess.run(apply, input=text, text=True, check=True, stdout=subprocess.DEVNULL)
    wait = [*kubectl, "wait", "--for=condition=Established", f"crd/things.{GROUP}"]
    subprocess.run(wait, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def _keeper(server: api_server.ApiServer, folder: Path) -> Iterator[Keeper]:
    port = api_server.free_port()
    options = ["--roles", "keeper", "--rules", str(folder / "rules.yaml"), "--kubeconfig", str(server.kubeconfig)]
    command = [sys.executable, "-m", "app", "serve", *options, "--namespace", "keeper", "--ops-port", str(port)]
    with (folder / "keeper.log").open("ab") as log:
        popen = subprocess.Popen(command, stderr=log, cwd=Path(__file__).parents[2])
    try:
        yield Keeper(popen, port)
    finally:
        popen.terminate()
        popen.wait(60)


def _head(given: argparse.Namespace) -> None:
    for name, value in machine.describe(None).items():
        if name not in {"packages", "Go"}:
            print(f"{name}: {value}")
    print(f"objects: {given.objects} with a status of {given.size} bytes\n", flush=True)


def _table(rows: list[tuple[str, int, Reading, Reading]]) -> None:
    print("| step | objects | wall, s | processor, s | of one core | ms each | peak, MB | then, MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for what, count, before, after in rows:
        wall, processor = after.wall - before.wall, after.processor - before.processor
        print(
            f"| {what} | {count} | {wall:.1f} | {processor:.1f} | {100 * processor / wall:.0f} % "
            f"| {1000 * processor / count:.2f} | {after.peak / 1e6:.0f} | {after.now / 1e6:.0f} |"
        )


if __name__ == "__main__":
    sys.exit(main())
