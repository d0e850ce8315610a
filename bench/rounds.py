"""The order of things: rounds, in each of them every measure on every server, side by side."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import answers
from generator import Generator, Sample
from measures import Measure
from payloads import Payload
from servers import Command, Server

FOREIGN_LIMIT = 0.05
"""Share of the machine that others may use in a window before it is taken again."""
TRIES = 3
PAUSE_S = 3.0
"""Before another try: most disturbances are a compiler or a test run and pass."""


@dataclass(frozen=True)
class Row:
    """One sample with where it belongs. The rows of all servers with the same round, measure and try form a heat."""

    round: int
    measure: str
    attempt: int
    server: str
    sample: Sample


@dataclass(frozen=True)
class Start:
    """One start of a server, from exec to its first right answer."""

    round: int
    server: str
    seconds: float


@dataclass
class Results:
    """Everything that was seen, disturbed windows included."""

    rows: list[Row] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    rounds: int = 0
    """Rounds that were completed."""


@dataclass(frozen=True)
class Course:
    """The servers that run against each other, and what they are loaded with."""

    servers: Sequence[Command]
    reference: str
    """Name of the server that sits out what is not its work."""
    measures: Sequence[Measure]


@dataclass(frozen=True)
class Bench:
    """What does not change between rounds."""

    generator: Generator
    server_core: int
    folder: Path
    payloads: Mapping[str, Payload]
    bodies: Mapping[str, Path]
    deadline: float
    """On time.monotonic; after it nothing is taken twice and no new round begins."""
    say: Callable[[str], None]

    def run(self, courses: Sequence[Course], rounds: int) -> Results:
        """All rounds, or as many as fit the time.

        The servers of a course live side by side on one core, one of them loaded at a time, so that two figures that
        are compared lie seconds apart. Who is first changes with every round.

        Raises:
            ServerError, WrongAnswerError, LoadError: a server failed; there is nothing to report then.
        """
        results = Results()
        for number in range(rounds):
            if number and time.monotonic() > self.deadline:
                self.say(f"out of time after {number} of {rounds} rounds")
                break
            for course in courses:
                self._round(course, number, results)
            results.rounds += 1
        return results

    def _round(self, course: Course, number: int, results: Results) -> None:
        shift = number % len(course.servers)
        order = [*course.servers[shift:], *course.servers[:shift]]
        with contextlib.ExitStack() as running:
            servers = [running.enter_context(self._start(command, number, results)) for command in order]
            for measure in course.measures:
                taking_part = [one for one in servers if measure.reference or one.name != course.reference]
                if taking_part:
                    self._heats(measure, taking_part, number, results)

    @contextlib.contextmanager
    def _start(self, command: Command, number: int, results: Results) -> Iterator[Server]:
        server = Server(command, self.server_core, self.folder, self.payloads["8k-lost"])
        results.starts.append(Start(number, server.name, server.cold_start_s))
        try:
            yield server
        finally:
            server.stop()

    def _heats(self, measure: Measure, servers: Sequence[Server], number: int, results: Results) -> None:
        for attempt in range(TRIES):
            rows = [
                Row(number, measure.name, attempt, server.name, self._sample(server, measure)) for server in servers
            ]
            results.rows += rows
            disturbed = max(row.sample.foreign_share for row in rows)
            figures = "  ".join(f"{row.server} {row.sample.cpu_us:.1f} us" for row in rows)
            self.say(f"round {number + 1}  {measure.name:15}  {figures}  foreign {disturbed:.1%}")
            if disturbed <= FOREIGN_LIMIT or time.monotonic() > self.deadline:
                return
            time.sleep(PAUSE_S)

    def _sample(self, server: Server, measure: Measure) -> Sample:
        payload = self.payloads[measure.payload]
        answer = server.answer(payload)
        answers.verify(payload, answer)
        sample = self.generator.run(server, measure, self.bodies[measure.payload], answer)
        server.drop_log(at_least=sample.requests if measure.logged else 0)
        return sample
