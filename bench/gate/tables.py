"""Runs put together: one row a client, over everything and scenario by scenario."""

import statistics
from collections import defaultdict
from collections.abc import Iterable

Runs = list[dict[str, object]]


def summary(runs: Runs) -> str:
    """Each client over all scenarios."""
    head = (
        "| client | runs | POST reached | installed | excess, s | duplicates | told wrong |\n"
        "| --- | --- | --- | --- | --- | --- | --- |"
    )
    return "\n".join([head, *(_row(name, found) for name, found in _by(runs, "setup").items())])


def by_scenario(runs: Runs) -> str:
    """How many of a client's runs reached Rancher and were installed, and the median excess."""
    scenarios = list(_by(runs, "scenario"))
    head = f"| client | {' | '.join(scenarios)} |\n|{' --- |' * (len(scenarios) + 1)}"
    lines = [head]
    for name, found in _by(runs, "setup").items():
        split = _by(found, "scenario")
        lines.append(f"| {name} | {' | '.join(_cell(split.get(one, [])) for one in scenarios)} |")
    return "\n".join(lines)


def excess(runs: Runs) -> list[float]:
    """Seconds from the moment when one replica could serve the install to its first side effect."""
    return [float(str(one["reached"])) - float(str(one["first"])) for one in _having(runs, "reached", "first")]


def _by(runs: Runs, key: str) -> dict[str, Runs]:
    split: dict[str, Runs] = defaultdict(list)
    for one in runs:
        split[str(one[key])].append(one)
    return split


def _having(runs: Runs, *keys: str) -> Runs:
    return [one for one in runs if all(one[key] is not None for key in keys)]


def _row(name: str, found: Runs) -> str:
    reached, installed = (len(_having(found, key)) for key in ("reached", "installed"))
    doubled = sum(max(0, int(str(one["begun"])) - 1) for one in found)
    wrong = sum(bool(one["told"]) == (one["installed"] is not None) for one in found)
    shares = " | ".join(f"{100 * share / len(found):.0f} %" for share in (reached, installed))
    return f"| {name} | {len(found)} | {shares} | {_spread(excess(found))} | {doubled} | {wrong} |"


def _cell(found: Runs) -> str:
    if not found:
        return "-"
    reached, installed = (len(_having(found, key)) for key in ("reached", "installed"))
    share = f"{reached}" if reached == installed else f"{reached}, {installed}"
    seconds = excess(found)
    return f"{share} of {len(found)}" + (f"; {statistics.median(seconds):.1f}" if seconds else "")


def _spread(seconds: Iterable[float]) -> str:
    ordered = sorted(seconds)
    if not ordered:
        return "-"
    return f"{statistics.median(ordered):.1f} [{ordered[0]:.1f}..{ordered[-1]:.1f}]"
