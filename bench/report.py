"""The tables a run ends with."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from figures import Figure, Figures
from measures import COLD_TARGET_S, GUARD_COUNTS, GUARDS_MEASURE, MEASURES, RSS_AFTER, RSS_TARGET_MB
from rounds import FOREIGN_LIMIT, Results

ABSENT = "-"


def _cell(figure: Figure | None, digits: int) -> str:
    return figure.text(digits) if figure else ABSENT


def _verdict(figure: Figure | None, target: float | None, digits: int) -> str:
    if target is None:
        return ABSENT
    wanted = f"<= {target:.{digits}f}"
    if figure is None:
        return wanted
    return f"{wanted}: {'met' if figure.median <= target else '**missed**'}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def render(results: Results, subject: str, reference: str, machine: Mapping[str, str], *, judged: bool) -> str:
    """The whole report in Markdown; the targets stand in it when it is status-guard that is ``judged``."""
    figures = Figures(results)
    lines = [f"{results.rounds} rounds; median [lowest..highest].", ""]
    lines += [f"- {name}: {value}" for name, value in machine.items()]
    lines += [f"- {line}" for line in _noise(figures)]
    lines += ["", *_cpu(figures, subject, reference, judged=judged), *_latency(figures, subject, reference)]
    lines += [*_process(figures, subject, reference, judged=judged), *_guards(figures)]
    return "\n".join(lines)


def _noise(figures: Figures) -> list[str]:
    lines = []
    if noise := figures.noise():
        lines.append(
            f"foreign CPU in a window: {noise.text(1, ' %')} of the machine; {figures.repeated()} windows were "
            f"taken again because it was above {FOREIGN_LIMIT:.0%}; (*) marks figures that rest on such windows"
        )
    if idle := figures.unsaturated():
        servers = ", ".join(sorted({f"{row.server} in {row.measure}" for row in idle}))
        lines.append(f"not saturated (below 90 % of its core) in {len(idle)} windows: {servers}")
    return lines


def _cpu(figures: Figures, subject: str, reference: str, *, judged: bool) -> list[str]:
    rows = []
    for measure in MEASURES:
        ours = figures.of(measure.name, subject, lambda one: one.cpu_us)
        if ours is None:
            continue
        ratio = figures.ratio(measure.name, subject, reference)
        theirs = figures.of(measure.name, reference, lambda one: one.cpu_us)
        target = _verdict(ratio, measure.target if judged else None, 2)
        rows.append([measure.title, _cell(ours, 1), _cell(theirs, 1), _cell(ratio, 2), target])
    head = ["CPU per admission, us (saturated where no rate is named)", subject, reference, "ratio", "target"]
    return _table(head, rows) if rows else []


def _latency(figures: Figures, subject: str, reference: str) -> list[str]:
    rows = []
    for measure in MEASURES:
        if not measure.rate or figures.of(measure.name, subject, lambda one: one.p50_us) is None:
            continue
        for name, value in (("p50", lambda one: one.p50_us), ("p99", lambda one: one.p99_us)):
            ours, theirs = (figures.of(measure.name, server, value) for server in (subject, reference))
            ratio = figures.ratio(measure.name, subject, reference, value)
            rows.append([f"{measure.title}, {name}", _cell(ours, 0), _cell(theirs, 0), _cell(ratio, 2)])
    return _table(["latency from the instant a request was due, us", subject, reference, "ratio"], rows) if rows else []


def _process(figures: Figures, subject: str, reference: str, *, judged: bool) -> list[str]:
    rows = []
    ours, theirs = (figures.of(RSS_AFTER, server, lambda one: one.rss_mb) for server in (subject, reference))
    if ours:
        verdict = _verdict(ours, RSS_TARGET_MB if judged else None, 0)
        rows.append(["resident memory after the 64 KB loads, MB", _cell(ours, 1), _cell(theirs, 1), verdict])
    if start := figures.starts(subject):
        verdict = _verdict(start, COLD_TARGET_S if judged else None, 1)
        rows.append(["exec to first right answer, s", _cell(start, 3), _cell(figures.starts(reference), 3), verdict])
    return _table(["process", subject, reference, "target"], rows) if rows else []


def guards_name(count: int) -> str:
    """How the server with so many guards is called in a run."""
    return f"guards-{count}"


def _guards(figures: Figures) -> list[str]:
    rows = []
    for count in GUARD_COUNTS:
        name = guards_name(count)
        cpu = figures.of(GUARDS_MEASURE, name, lambda one: one.cpu_us)
        if cpu is None:
            continue
        ratio = figures.ratio(GUARDS_MEASURE, name, guards_name(1))
        memory = figures.of(GUARDS_MEASURE, name, lambda one: one.rss_mb)
        start = figures.starts(name)
        rows.append([str(count), _cell(cpu, 1), _cell(ratio, 2), _cell(memory, 1), _cell(start, 2)])
    head = ["guards", "CPU per admission, 8KB, status lost, us", "ratio to 1 guard", "memory, MB", "start, s"]
    return _table(head, rows) if rows else []


def write(folder: Path, text: str, results: Results, machine: Mapping[str, str]) -> None:
    """Leave the tables and everything they were made from in a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "latest.md").write_text(text + "\n")
    raw: dict[str, Any] = {"machine": dict(machine), **dataclasses.asdict(results)}
    (folder / "latest.json").write_text(json.dumps(raw, indent=1) + "\n")
