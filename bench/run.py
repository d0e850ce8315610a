"""Measure status-guard against a lean Go webhook, in one interleaved run. See README.md beside this file."""

import argparse
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import machine
import measures
import payloads
import report
import rulesets
import toolchain
from answers import WrongAnswerError
from generator import Generator, LoadError
from rounds import Bench, Course
from servers import HOST, Command, ServerError, supported

ROOT = Path(__file__).parent.parent
STATUS_GUARD = ROOT / ".venv" / "bin" / "status-guard"
SUBJECT, REFERENCE = "status-guard", "lean Go"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds to take (default: 7)")
    parser.add_argument("--minutes", type=float, default=14, help="after so many no new round begins (default: 14)")
    parser.add_argument("--quick", action="store_true", help="one round of half-second windows: no figures, a check")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="measures whose names begin so")
    parser.add_argument("--rules", type=Path, default=ROOT / "manifests" / "rules", metavar="DIR", help="served rules")
    parser.add_argument("--go", metavar="FILE", help="a Go compiler to use instead of the one from the package index")
    parser.add_argument(
        "--subject",
        choices=[SUBJECT, REFERENCE],
        default=SUBJECT,
        help="lean Go against itself shows the bench's error",
    )
    given = parser.parse_args(arguments)
    if given.quick:
        given.rounds = 1
    return given


def _certificates() -> tuple[Path, Path]:
    folder = toolchain.BUILD / "certs"
    pair = folder / "tls.crt", folder / "tls.key"
    if not all(path.exists() for path in pair):
        subprocess.run(
            [str(STATUS_GUARD), "certs", "dev", "--out", str(folder)], check=True, capture_output=True, text=True
        )
    return pair


def _status_guard(name: str, rules: Path, pair: tuple[Path, Path]) -> Command:
    options = {
        "--roles": "webhook",
        "--rules": str(rules),
        "--host": HOST,
        "--port": "{port}",
        "--ops-port": "{ops_port}",
        "--tls-cert": str(pair[0]),
        "--tls-key": str(pair[1]),
        "--drain": "1ms",  # no load balancer has to notice that a round is over
    }
    return Command(name, (str(STATUS_GUARD), "serve", *(part for option in options.items() for part in option)))


def _lean(name: str, go: toolchain.Go, pair: tuple[Path, Path]) -> Command:
    arguments = (str(go.lean), "-address", HOST + ":{port}", "-tls-cert", str(pair[0]), "-tls-key", str(pair[1]))
    # One processor, as the core it is pinned to: what Go 1.25 and later find out by themselves.
    return Command(name, arguments, {"GOMAXPROCS": "1"}, logs_decisions=False)


def _courses(given: argparse.Namespace, go: toolchain.Go | None) -> list[Course]:
    chosen = measures.choose(given.only, quick=given.quick)
    pair = _certificates()
    against = [measure for measure in chosen if measure.name != measures.GUARDS_MEASURE]
    courses = []
    if given.subject == REFERENCE:
        if go is None:
            raise toolchain.NoGoError("lean Go cannot be the subject without Go")
        servers = [_lean(name, go, pair) for name in ("lean Go (subject)", REFERENCE)]
        return [Course(servers, REFERENCE, [measure for measure in against if measure.reference])]
    if against:
        servers = [_status_guard(SUBJECT, given.rules, pair)]
        servers += [_lean(REFERENCE, go, pair)] if go else []
        courses.append(Course(servers, REFERENCE, against))
    if len(against) < len(chosen):
        folders = [rulesets.write(toolchain.BUILD / "rules", count) for count in measures.GUARD_COUNTS]
        servers = [_status_guard(folder.name, folder, pair) for folder in folders]
        courses.append(Course(servers, "", [measure for measure in chosen if measure not in against]))
    return courses


def _go(compiler: str | None) -> toolchain.Go | None:
    try:
        return toolchain.prepare(compiler)
    except toolchain.NoGoError as reason:
        print(f"no Go: {reason}")
        print("The columns of the reference are left out, and a slower generator in Python is used (load/client.py).")
        return None


def _measure(given: argparse.Namespace) -> None:
    toolchain.BUILD.mkdir(exist_ok=True)
    go = _go(given.go)
    cores = sorted(os.sched_getaffinity(0))
    made = payloads.make()
    command = [str(go.load)] if go else [sys.executable, str(Path(__file__).parent / "load" / "client.py")]
    bench = Bench(
        generator=Generator(command, cores[-1], toolchain.BUILD),
        server_core=cores[0],
        folder=toolchain.BUILD,
        payloads=made,
        bodies={name: payload.write(toolchain.BUILD) for name, payload in made.items()},
        deadline=time.monotonic() + given.minutes * 60,
        say=lambda line: print(line, flush=True),
    )
    courses = _courses(given, go)
    os.sched_setaffinity(0, {cores[-1]})  # nothing of the bench's own shares the server's core
    if len(cores) == 1:
        print("One core only: servers and generator share it, so no figure here says much.")
    results = bench.run(courses, given.rounds)
    about = {**machine.describe(go.version if go else None), "generator": "Go" if go else "Python"}
    subject = SUBJECT if given.subject == SUBJECT else "lean Go (subject)"
    text = report.render(results, subject, REFERENCE, about, judged=subject == SUBJECT)
    report.write(Path(__file__).parent / "results", text, results, about)
    print("\n" + text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench; the exit status says whether there are figures, not whether they please."""
    given = _options(arguments)
    if not supported():
        print("The bench reads process clocks from Linux's /proc and pins processes to cores; it needs Linux.")
        return 1
    try:
        _measure(given)
    except (ServerError, WrongAnswerError, LoadError, ValueError, OSError, toolchain.NoGoError) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as problem:
        print(f"bench: {' '.join(map(str, problem.cmd))} failed: {problem.stderr or 'see above'}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
