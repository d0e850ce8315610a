"""How ``status-guard install`` shows what happens (on standard error) and what came of it (on standard output)."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from app.cli.install_ending import Ending, Outcome
from app.cli.install_order import Order
from app.cli.review_output import Output
from app.core.gate.readiness import Check
from app.core.gate.readiness import Outcome as CheckOutcome
from app.core.printing import printable
from app.gate.progress import Phase, Progress

_PHASES: Final = {
    Phase.HELD: "held: nothing is sent before it can succeed",
    Phase.QUEUED: "ready: waiting for its turn",
    Phase.SENDING: "being sent to Rancher",
    Phase.SETTLING: "sent, and the answer was lost: looking for traces of it",
    Phase.FOLLOWING: "accepted by Rancher: helm is at work",
    Phase.ENDED: "ended",
}
_MARKS: Final = {
    CheckOutcome.PASSED: ("ok", "green"),
    CheckOutcome.WAITING: ("wait", "yellow"),
    CheckOutcome.FINAL: ("never", "red"),
    CheckOutcome.NOT_APPLICABLE: ("-", "dim"),
}


class Quiet:
    """Takes what is printed, and leaves out the token and what a terminal would take for a command.

    Args:
        token: of the caller. Nothing here prints it; what others say is not ours.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, text: str) -> str:
        """The text as it may be printed."""
        said = text.replace(self._token, "[token]") if self._token else text
        return printable(said)


class Lines(AbstractContextManager["Lines"]):
    """One line for each change, for logs and pipelines.

    Args:
        quiet: what every text goes through.
        clock: seconds that only grow.
    """

    def __init__(self, quiet: Quiet, clock: Callable[[], float]) -> None:
        self._quiet = quiet
        self._clock = clock
        self._began = clock()
        self._last = ""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        pass

    def progress(self, progress: Progress) -> None:
        """Print what changed; nothing, where it reads as before."""
        if progress.phase is Phase.ENDED:
            return
        waits = f" {progress.waits_for}" if progress.waits_for else ""
        self.note(f"{_PHASES[progress.phase]}.{waits}")

    def note(self, sentence: str) -> None:
        """Print a line."""
        if sentence != self._last:
            self._last = sentence
            sys.stderr.write(f"[{_span(self._clock() - self._began)}] {self._quiet(sentence)}\n")
            sys.stderr.flush()


class Screen(AbstractContextManager["Screen"]):
    """What is known, kept up to date in place, for people at a terminal.

    Args:
        order: what was asked for.
        console: on standard error.
        quiet: what every text goes through.
        clock: seconds that only grow.
    """

    def __init__(self, order: Order, console: Console, quiet: Quiet, clock: Callable[[], float]) -> None:
        self._order = order
        self._quiet = quiet
        self._clock = clock
        self._began = clock()
        self._progress: Progress | None = None
        self._note = f"Asking {order.server}."
        self._spinner = Spinner("dots")
        self._live = Live(console=console, transient=True, refresh_per_second=8, get_renderable=self._rendered)

    def __enter__(self) -> Self:
        """Begin to show."""
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._live.stop()

    def progress(self, progress: Progress) -> None:
        """Show how it stands now."""
        self._progress, self._note = progress, ""

    def note(self, sentence: str) -> None:
        """Show a sentence until something changes."""
        self._note = sentence

    def _rendered(self) -> Group:
        order, progress = self._order, self._progress
        head = Text.assemble((f"{order}", "bold"), f" from {order.repo}, as {order.release} into {order.namespace}")
        spent, left = self._clock() - self._began, order.wait - (self._clock() - self._began)
        time = f"{_span(spent)} so far, {_span(max(0.0, left))} left"
        self._spinner.update(text=Text(f"{_PHASES[progress.phase] if progress else 'not taken on yet'} ({time})"))
        rows: list[Any] = [head, self._spinner]
        if progress:
            rows += [_checks(progress.checks, self._quiet), *self._lines(progress)]
        if self._note:
            rows.append(Text(self._quiet(self._note), "yellow"))
        return Group(*rows, Text("Ctrl-C cancels while nothing is sent.", "dim"))

    def _lines(self, progress: Progress) -> Iterator[Text]:
        if progress.waits_for:
            yield Text(self._quiet(progress.waits_for))
        if progress.attempts > 1:
            yield Text(f"{progress.attempts} attempts; those before this one left nothing behind.", "dim")
        if progress.nudged:
            yield Text(f"Asking Rancher to look at the repository again: {progress.nudged}.", "dim")
        yield Text(self._order.page(progress.id), "dim")


def _checks(checks: tuple[Check, ...], quiet: Quiet) -> Table:
    table = Table.grid(padding=(0, 1))
    for check in checks:
        if check.outcome is CheckOutcome.NOT_APPLICABLE:
            continue
        mark, colour = _MARKS[check.outcome]
        table.add_row(Text(f"{mark:>5}", colour), Text(quiet(check.sentence)))
        if check.words and check.outcome is not CheckOutcome.PASSED:
            table.add_row("", Text(quiet(check.words), "dim"))
    return table


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def shown_while(order: Order, quiet: Quiet, clock: Callable[[], float]) -> "Lines | Screen":
    """What shows an install while it goes on: in place at a terminal, line by line anywhere else."""
    console = Console(stderr=True, highlight=False)
    in_place = console.is_terminal and not console.is_dumb_terminal
    return Screen(order, console, quiet, clock) if in_place else Lines(quiet, clock)


@dataclass(frozen=True)
class Report:
    """What came of an order.

    Attributes:
        identity: of the install at the gate; empty where it was never told.
        seconds: from the command's start to its end.
    """

    ending: Ending
    order: Order
    identity: str
    seconds: float

    def print(self, output: Output, quiet: Quiet) -> None:
        """As JSON on standard output; or as text, which is an error's where nothing came of it."""
        if output is Output.JSON:
            sys.stdout.write(json.dumps(self.document(quiet), indent=2) + "\n")
        elif self.ending.outcome in {Outcome.DEPLOYED, Outcome.ACCEPTED}:
            sys.stdout.write(f"{quiet(self.ending.sentence)}\n")
        else:
            sys.stderr.write("".join(f"{line}\n" for line in self.complaint(quiet)))
        sys.stdout.flush()

    def complaint(self, quiet: Quiet) -> Iterator[str]:
        """The lines of an error: what happened, and what was last known."""
        ending = self.ending
        yield f"status-guard install: {quiet(ending.sentence)}"
        for check in ending.checks:
            if check.outcome in {CheckOutcome.WAITING, CheckOutcome.FINAL}:
                words = f" ({check.words})" if check.words else ""
                yield f"  {check.id}: {quiet(check.sentence + words)}"
        if ending.words and ending.words not in {check.words for check in ending.checks}:
            yield f"  In Rancher's words: {quiet(ending.words)}"
        if ending.log:
            yield "  The end of helm's log:"
            yield from (f"    {quiet(line)}" for line in ending.log.splitlines())

    def document(self, quiet: Quiet) -> dict[str, Any]:
        """The same for programs."""
        ending, order = self.ending, self.order
        asked = ("server", "cluster", "repo", "action", "chart", "version", "release", "namespace")
        return {
            "outcome": ending.outcome,
            "exitCode": ending.exit_code,
            "sentence": quiet(ending.sentence),
            "sent": ending.sent,
            "status": ending.status or None,
            "problem": ending.problem or None,
            "words": quiet(ending.words),
            "log": "\n".join(map(quiet, ending.log.splitlines())),
            "checks": [
                msgspec.to_builtins(check) | {"sentence": quiet(check.sentence), "words": quiet(check.words)}
                for check in ending.checks
            ],
            "operation": dict(zip(("namespace", "name"), ending.operation, strict=True)) if ending.operation else None,
            "install": order.page(self.identity) if self.identity else None,
            "seconds": round(self.seconds, 1),
            **{name: getattr(order, name) for name in asked},
        }
