"""``status-guard review``: the verdict on recorded reviews, or on an old and a new object, without a server."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from app.api import wire
from app.api.faults import Fault
from app.cli.review_input import STDIN, BadInputError, Pair, read
from app.cli.review_output import Output, Reviewed, as_json, as_text
from app.cli.serve import EXIT_BAD_INPUT
from app.core.guard import Guards
from app.core.judge import judge
from app.core.verdict import Endpoint

EXIT_DENIED: Final = 1


def review(  # noqa: PLR0917 - typer turns each parameter into an option
    rules: Annotated[list[Path], typer.Option(help="Folder or file of StatusGuard documents; may be repeated.")],
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE", help="AdmissionReviews as JSON; - reads standard input.")
    ] = None,
    old: Annotated[Path | None, typer.Option(help="The object before the write, JSON or YAML.")] = None,
    new: Annotated[Path | None, typer.Option(help="The object as the client writes it, JSON or YAML.")] = None,
    user: Annotated[str, typer.Option(help="With --old and --new: who writes.")] = "",
    group: Annotated[list[str] | None, typer.Option(help="With --old and --new: a group of the user's.")] = None,
    resource: Annotated[
        str, typer.Option(help="With --old and --new: the plural name, if the kind does not tell it.")
    ] = "",
    subresource: Annotated[str, typer.Option(help="With --old and --new: 'status' for a write to /status.")] = "",
    endpoint: Annotated[Endpoint, typer.Option(help="Which webhook to stand for.")] = Endpoint.MUTATE,
    output: Annotated[Output, typer.Option("--output", "-o", help="text shows patch and difference.")] = Output.TEXT,
) -> None:
    """Say what the guard would answer. Exit code 0: all allowed, 1: one denied, 2: bad input.

    Example:
      status-guard review review.json --rules manifests/rules
      status-guard review --old before.yaml --new after.yaml --user u-4j7xk --rules manifests/rules
    """
    from app.rules import RulesError, load  # noqa: PLC0415 - pydantic and YAML are for the commands that read rules

    pair = Pair(old, new, user, group or [], resource, subresource)
    try:
        pair.require_whole()
        _require_one_way(files or [], pair)
        guards = load(rules).guards
        if pair.old:
            bodies = [(f"{old} -> {new}", pair.review(guards))]
        else:
            bodies = [(name, read(name)) for name in files or []]
    except (RulesError, BadInputError) as error:
        sys.stderr.write(f"status-guard review: {error}\n")
        raise typer.Exit(EXIT_BAD_INPUT) from None
    raise typer.Exit(_answer(bodies, guards, endpoint, output))


def _require_one_way(files: list[str], pair: Pair) -> None:
    if bool(files) == bool(pair.old):
        raise BadInputError("give files with AdmissionReviews, or an object each with --old and --new")
    if files.count(STDIN) > 1:
        raise BadInputError(f"{STDIN} is given twice, and standard input can be read once")


def _answer(bodies: list[tuple[str, bytes]], guards: Guards, endpoint: Endpoint, output: Output) -> int:
    """Print the verdicts, then what got none; return the exit code."""
    judged, faults = [], []
    for source, body in bodies:
        try:
            judged.append(_judge(source, body, guards, endpoint))
        except Fault as fault:
            faults.append(f"status-guard review: {source}: {fault.detail}\n")
        except RecursionError:
            faults.append(f"status-guard review: {source}: The body is nested too deeply.\n")
    sys.stdout.write(as_json(judged) if output is Output.JSON else as_text(judged))
    sys.stdout.flush()
    sys.stderr.write("".join(faults))
    if faults:
        return EXIT_BAD_INPUT
    return 0 if all(reviewed.verdict.allowed for reviewed in judged) else EXIT_DENIED


def _judge(source: str, body: bytes, guards: Guards, endpoint: Endpoint) -> Reviewed:
    request = wire.decode(body)
    now = datetime.now(UTC)  # noqa: TID251 - the command line is an edge; overrides end by the clock
    return Reviewed(source, request, body, judge(request, guards, endpoint=endpoint, now=now))
