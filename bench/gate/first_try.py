"""First tries: every client in every scenario, alone and behind the gate. See README.md beside this file."""

import argparse
import asyncio
import contextlib
import json
import logging
import statistics
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import clients
import structlog
from clients import NAMESPACE, RELEASE, Client, Dashboard, Ours
from session import FailedError, Session
from tables import by_scenario, summary
from worlds import SCENARIOS, Front, World, world

from tests.rancher import Release

LIMIT = 700.0
"""Seconds of the stand-in's time after which a client is stopped: more than any of them takes by itself."""
AT_ONCE = 3
"""Runs that share a process: they wait more than they work. With more of them a busy processor shows in the figures."""
DISTURBED = 2.0
"""Seconds of the stand-in's time; runs in which a timer was later than that are left out of the table."""
TICK = 0.05
"""Seconds, real ones, between two looks at how late the process is."""

OLD = Dashboard(polls=1, insists=False, active=10)
MIDDLE = Dashboard(polls=11, insists=True, active=200)
NEW = Dashboard(polls=11, insists=True, active=200, retries=(1, 2, 4, 8))


@dataclass(frozen=True)
class Setup:
    """A client and what stands before Rancher."""

    name: str
    client: Client
    line: tuple[int, int] = (2, 15)
    gate: bool = False
    hold_index: float = 0.0


SETUPS = (
    Setup("dashboard 2.14.5", OLD, (2, 14)),
    Setup("dashboard 2.14.5, gate", OLD, (2, 14), gate=True),
    Setup("dashboard 2.14.5, gate holding the index", OLD, (2, 14), gate=True, hold_index=25),
    Setup("dashboard 2.15.0", MIDDLE),
    Setup("dashboard 2.15.0, gate", MIDDLE, gate=True),
    Setup("dashboard 2.15.0, gate holding the index", MIDDLE, gate=True, hold_index=25),
    Setup("dashboard 2.15.2", NEW),
    Setup("dashboard 2.15.2, gate", NEW, gate=True),
    Setup("dashboard 2.15.2, gate holding the index", NEW, gate=True, hold_index=25),
    Setup("terraform", clients.terraform),
    Setup("terraform, gate", clients.terraform, gate=True),
    Setup("curl", clients.curl),
    Setup("curl, gate", clients.curl, gate=True),
    Setup("curl after Downloaded", clients.careful_curl),
    Setup("curl after Downloaded, gate", clients.careful_curl, gate=True),
    Setup("ours", Ours(), gate=True),
    Setup("ours, nudge, 50 s", Ours(nudge=True, deadline=50), gate=True),
)


@dataclass
class Run:
    """What became of one client."""

    scenario: str
    setup: str
    seed: int
    told: str = ""
    """Why the user was told that it failed; empty where they were told that it worked."""

    reached: float | None = None
    """Seconds from the click to the first side effect."""

    installed: float | None = None
    """Seconds from the click until helm had deployed it."""

    first: float | None = None
    everywhere: float | None = None
    begun: int = 0
    late: float = 0.0
    """Seconds of the stand-in's time by which a timer was late at worst while it ran: the measurement's own error."""


async def run(scenario_number: int, setup_number: int, seed: int, factor: float) -> Run:
    """Let one client try once."""
    scenario, setup = SCENARIOS[scenario_number], SETUPS[setup_number]
    done = Run(scenario.name, setup.name, seed)
    front = Front(setup.line, setup.gate, setup.hold_index)
    async with (
        world(scenario, front, factor, seed) as made,
        Session(made.url, made.direct, made.rancher) as session,
    ):
        watching = asyncio.gather(made.watch(), _lateness(done, factor))
        try:
            async with asyncio.timeout(LIMIT / factor):
                await setup.client(session, made.wanted)
        except FailedError as error:
            done.told = str(error)
        except TimeoutError:
            done.told = "did not end"
        await made.rancher.settled()
        await made.rancher.clock.sleep(5)
        await made.rancher.settled()
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        _measure(done, made)
    return done


async def _lateness(done: Run, factor: float) -> None:
    while True:
        due = time.monotonic() + TICK
        await asyncio.sleep(TICK)
        done.late = max(done.late, (time.monotonic() - due) * factor)


def _measure(done: Run, made: World) -> None:
    record, release = made.rancher.record, Release("local", NAMESPACE, RELEASE)
    done.begun = record.begun(release)
    effects = record.of("effect")
    done.reached = effects[0].at - made.began if effects else None
    ends = [one.at for one in record.of("helm")]
    revisions = made.rancher.local.releases.get((NAMESPACE, RELEASE), [])
    if any(one["status"] == "deployed" for one in revisions):
        done.installed = min(ends) - made.began if ends else None
    done.first = made.first and max(0.0, made.first - made.began)
    done.everywhere = made.everywhere and max(0.0, made.everywhere - made.began)


async def _batch(cells: list[tuple[int, int, int]], factor: float, end: float, many: int) -> list[dict[str, object]]:
    slots, runs = asyncio.Semaphore(many), []

    async def one(cell: tuple[int, int, int]) -> None:
        async with slots:
            if time.time() < end:
                runs.append(asdict(await run(*cell, factor)))
                print(".", end="", file=sys.stderr, flush=True)

    async with asyncio.TaskGroup() as group:
        for cell in cells:
            group.create_task(one(cell))
    return runs


def batch(cells: list[tuple[int, int, int]], factor: float, end: float, many: int) -> list[dict[str, object]]:
    """Run some cells in this process."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return asyncio.run(_batch(cells, factor, end, many))


def table(runs: list[dict[str, object]]) -> str:
    """One row a scenario and a client."""
    cells: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for one in runs:
        cells[str(one["scenario"]), str(one["setup"])].append(Run(**one))  # type: ignore[arg-type]
    lines = []
    for scenario in SCENARIOS:
        rows = [(setup.name, cells[scenario.name, setup.name]) for setup in SETUPS if cells[scenario.name, setup.name]]
        if rows:
            lines += [f"**{scenario.name}**\n", HEAD, *(_row(name, found) for name, found in rows), ""]
    return "\n".join(lines)


HEAD = (
    "| client | POST reached | installed | excess, s | excess over everywhere, s | duplicates | told wrong |"
    " where it ended, if not installed |\n| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def _row(name: str, found: list[Run]) -> str:
    reached = [one for one in found if one.reached is not None]
    installed = [one for one in found if one.installed is not None]
    over_first = [one.reached - one.first for one in reached if one.reached is not None and one.first is not None]
    over_all = [one.reached - one.everywhere for one in reached if one.reached and one.everywhere is not None]
    doubled = sum(max(0, one.begun - 1) for one in found)
    wrong = sum(bool(one.told) == (one.installed is not None) for one in found)
    whys = sorted({one.told for one in found if one.installed is None})
    shares = f"{len(reached)}/{len(found)} | {len(installed)}/{len(found)}"
    return (
        f"| {name} | {shares} | {_spread(over_first)} | {_spread(over_all)} | {doubled} | {wrong} | {'; '.join(whys)} |"
    )


def _spread(seconds: list[float]) -> str:
    if not seconds:
        return "-"
    return f"{statistics.median(seconds):.1f} [{min(seconds):.1f}..{max(seconds):.1f}]"


def _place(run: dict[str, object]) -> tuple[int, int, int]:
    rows, columns = [one.name for one in SCENARIOS], [one.name for one in SETUPS]
    return rows.index(str(run["scenario"])), columns.index(str(run["setup"])), int(str(run["seed"]))


def main() -> None:
    """Run, and write tables and every single run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--factor", type=float, default=10, help="how many times as fast as the wall time runs")
    parser.add_argument("--seeds", type=int, default=8, help="runs of each cell")
    parser.add_argument("--minutes", type=float, default=15, help="after so many no run begins")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="runs that share a process")
    parser.add_argument("--scenario", default="", help="only scenarios whose name contains it")
    parser.add_argument("--client", default="", help="only clients whose name contains it")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    cells = [
        (row, column, seed)
        for seed in range(given.seeds)
        for row, scenario in enumerate(SCENARIOS)
        for column, setup in enumerate(SETUPS)
        if given.scenario in scenario.name and given.client in setup.name
    ]
    end, runs, count = time.time() + 60 * given.minutes, [], given.processes
    shares = [cells[start::count] for start in range(count)]
    settings = ([given.factor] * count, [end] * count, [given.at_once] * count)
    with ProcessPoolExecutor(count) as pool:
        for part in pool.map(batch, shares, *settings):
            runs += part
    given.out.mkdir(exist_ok=True)
    (given.out / f"first-try-{given.factor:g}x.json").write_text(json.dumps(runs))
    late = sorted(float(str(one["late"])) for one in runs)
    quiet = sum(one <= DISTURBED for one in late)
    lateness = f"a timer was late by {statistics.median(late):.2f} s at worst in the median run, {late[-1]:.2f} in all"
    figures = f"{len(runs)} of {len(cells)} runs, time {given.factor:g} times as fast; {quiet} undisturbed, {lateness}."
    calm = [one for one in runs if float(str(one["late"])) <= DISTURBED]
    calm.sort(key=_place)
    text = "\n\n".join((figures, summary(calm), by_scenario(calm), table(calm)))
    (given.out / f"first-try-{given.factor:g}x.md").write_text(text)
    print(f"\n{text}")


if __name__ == "__main__":
    main()
