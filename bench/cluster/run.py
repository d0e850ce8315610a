"""What a guard costs a PUT through a real API server: no guard, policies and status-guard, in one interleaved run.

See the section "Through an API server" of ../README.md, and the target ``bench-cluster``, which sets its PYTHONPATH.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import api_server
import forms
import machine
import meter
from forms import FORMS, NONE, WEBHOOK
from server_process import Pki, Process
from writes import HEALTHY, LOSSY, Times, Writer, WrongError

from app.certificates import issue_leaf, new_authority

TOKEN = "bench"
WARM_UP = 20
"""Turns before any is counted: the server compiles CEL, and connections are made."""
IN_FORCE = 60.0
"""Seconds in which the API server has to notice the policies; those that mutate learn of a kind some seconds later."""


def main(arguments: list[str] | None = None) -> int:
    """Run it; prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds to take (default: 7)")
    parser.add_argument("--turns", type=int, default=150, help="writes of each form and kind in a round (default: 150)")
    given = parser.parse_args(arguments)
    if not (os.environ.get("TEST_APISERVER") or os.environ.get("KUBEBUILDER_ASSETS")):
        print(f"No measurement: it {api_server.NEEDED}.", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as folder, _guarded(Path(folder)) as (writer, webhook):
        _wait_until_in_force(writer)
        for number in range(WARM_UP):
            writer.turn(number, {})
        before = webhook.metric("status_guard_requests_total")
        rounds: list[Times] = []
        foreign: list[float] = []
        for _ in range(given.rounds):
            rounds.append({})
            began = meter.Reading.take(os.getpid(), os.getpid())
            for number in range(given.turns):
                writer.turn(number, rounds[-1])
            foreign.append(_foreign(began, meter.Reading.take(os.getpid(), os.getpid())))
        after = webhook.metric("status_guard_requests_total")
        for _ in range(given.turns):
            writer.healthy(WEBHOOK)
        needless = webhook.metric("status_guard_requests_total") - after
    _print_table(rounds, foreign)
    print(
        f"\nThe webhook was asked {after - before:.0f} times about {given.rounds * given.turns} lossy and as many"
        f" healthy writes of its kind, and {needless:.0f} times about {given.turns} more that were all healthy."
    )
    return 0


@contextlib.contextmanager
def _guarded(folder: Path) -> Iterator[tuple[Writer, Process]]:
    """A writer to an API server in which each form guards its kind, and the webhook's process."""
    now = datetime.now(UTC)  # noqa: TID251 - a certificate is valid now, or it is none
    pki = Pki(folder, new_authority("bench", now))
    pair = issue_leaf(pki.authority, ["127.0.0.1"], now)
    pki.certificate.write_bytes(pair.certificate)
    pki.key.write_bytes(pair.key)
    (folder / "ca.crt").write_bytes(pki.authority.certificate)
    (folder / "server").mkdir()
    served = {form.name: forms.rules(folder, form) for form in FORMS}[WEBHOOK]
    tokens = [f'{TOKEN},u-bench,u-bench,"system:masters"']
    with api_server.api_server(folder / "server", tokens) as server, _webhook(served, pki) as webhook:

        def apply(text: str) -> None:
            command = ["kubectl", "--kubeconfig", str(server.kubeconfig), "apply", "--server-side", "-f", "-"]
            subprocess.run(command, input=text, text=True, check=True, stdout=subprocess.DEVNULL)

        apply(forms.definitions())
        kubectl = ["kubectl", "--kubeconfig", str(server.kubeconfig), "wait", "--for=condition=Established", "crd"]
        subprocess.run([*kubectl, "--all"], check=True, stdout=subprocess.DEVNULL)
        forms.register(folder, webhook.url, folder / "ca.crt", apply)
        address, trust = server.reach()
        where = urlsplit(address)
        yield Writer(str(where.hostname), int(where.port or 443), trust, TOKEN), webhook


@contextlib.contextmanager
def _webhook(rules: Path, pki: Pki) -> Iterator[Process]:
    options = ["--rules", str(rules), "--port", "0", "--ops-port", "0", "--drain", "1ms"]
    options += ["--tls-cert", str(pki.certificate), "--tls-key", str(pki.key)]
    command = [str(forms.STATUS_GUARD), "serve", "--roles", "webhook", *options]
    webhook = Process(subprocess.Popen(command, stderr=subprocess.PIPE), pki.client_context())
    try:
        webhook.begin()
        yield webhook
    finally:
        webhook.popen.terminate()
        webhook.ended()


def _wait_until_in_force(writer: Writer) -> None:
    end = time.monotonic() + IN_FORCE
    while True:
        try:
            writer.turn(0, {})
        except WrongError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return


def _foreign(before: meter.Reading, after: meter.Reading) -> float:
    """The share of the machine that was busy with neither this process nor what it started."""
    work = after.machine_ns - before.machine_ns - (after.server_ns - before.server_ns)
    return max(0, work) / (after.at_ns - before.at_ns) / (os.cpu_count() or 1)


def _print_table(rounds: list[Times], foreign: list[float]) -> None:
    for name, value in machine.describe(None).items():
        if name != "Go":
            print(f"- {name}: {value}")
    turns = len(rounds[0][NONE, LOSSY])
    print(f"- {len(rounds)} rounds of {turns} writes each; medians over rounds, [lowest..highest]")
    print(f"- foreign CPU in a round: median {statistics.median(foreign):.0%}, up to {max(foreign):.0%}\n")
    print("| PUT through the API server, ms | p50 | p50 above no guard | p99 |")
    print("| --- | --- | --- | --- |")
    for kind in (HEALTHY, LOSSY):
        for form in FORMS:
            middles = [statistics.median(times[form.name, kind]) for times in rounds]
            bare = [statistics.median(times[NONE, kind]) for times in rounds]
            above = [middle - least for middle, least in zip(middles, bare, strict=True)]
            tails = [statistics.quantiles(times[form.name, kind], n=100)[98] for times in rounds]
            what = f"{kind}, {form.name}{' (denied)' if form.refuses and kind == LOSSY else ''}"
            beside = "-" if form.name == NONE else _figure(above)
            print(f"| {what} | {_figure(middles)} | {beside} | {_figure(tails)} |")


def _figure(seconds: list[float]) -> str:
    low, middle, high = (1000 * value for value in (min(seconds), statistics.median(seconds), max(seconds)))
    return f"{middle:.2f} [{low:.2f}..{high:.2f}]"


if __name__ == "__main__":
    sys.exit(main())
