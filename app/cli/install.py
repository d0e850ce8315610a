"""``status-guard install``: an install or upgrade through a gate, watched from a terminal or a pipeline to its end."""

import asyncio
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from app.cli.review_input import BadInputError
from app.cli.review_output import Output
from app.cli.serve import EXIT_BAD_INPUT

if TYPE_CHECKING:
    import ssl

    from app.cli.install_order import Order

_INTERRUPTED: Final = 130


class Until(StrEnum):
    """When an install has come about."""

    DEPLOYED = "deployed"
    ACCEPTED = "accepted"


_Repo: TypeAlias = Annotated[str, typer.Argument(metavar="REPO", help="The ClusterRepo's name.")]
_Chart: TypeAlias = Annotated[str, typer.Argument(metavar="CHART", help="As the repository's index has it.")]
_Version: TypeAlias = Annotated[str, typer.Argument(metavar="VERSION", help="Exactly this one.")]
_Server: TypeAlias = Annotated[str, typer.Option(metavar="URL", help="The gate, https://HOST[:PORT].")]
_Namespace: TypeAlias = Annotated[str, typer.Option(metavar="NAME", help="Where to.")]
_Release: TypeAlias = Annotated[
    str, typer.Option(metavar="NAME", help="Helm's name for it; the chart's if not given.", show_default=False)
]
_Values: TypeAlias = Annotated[Path | None, typer.Option(metavar="FILE", help="The chart's values, YAML or JSON.")]
_Cluster: TypeAlias = Annotated[str, typer.Option(metavar="ID", help="Rancher's id of the cluster.")]
_Upgrade: TypeAlias = Annotated[bool, typer.Option("--upgrade", help="Upgrade, or install where there is none.")]
_Wait: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="DURATION", help="How long the whole may take, at most 2h; 0s is one try. It cuts no POST short."
    ),
]
_Until: TypeAlias = Annotated[Until, typer.Option(help="Follow it to its end, or until Rancher accepts it.")]
_Nudge: TypeAlias = Annotated[
    bool, typer.Option("--nudge", help="Have Rancher look at the repository again where its own next look is too late.")
]
_TokenFile: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The Rancher token; without it the variable RANCHER_TOKEN has it.")
]
_Ca: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FILE", help="CA certificates (PEM) to trust instead of the system's.")
]
_Output: TypeAlias = Annotated[Output, typer.Option("--output", "-o", help="Of the result, on standard output.")]


def install(  # noqa: PLR0917 - typer turns each parameter into an option
    repo: _Repo,
    chart: _Chart,
    version: _Version,
    server: _Server,
    namespace: _Namespace = "default",
    release: _Release = "",
    values: _Values = None,
    cluster: _Cluster = "local",
    upgrade: _Upgrade = False,
    wait: _Wait = "30m",
    until: _Until = Until.DEPLOYED,
    nudge: _Nudge = False,
    token_file: _TokenFile = None,
    ca: _Ca = None,
    output: _Output = Output.TEXT,
) -> None:
    """Install a chart through a gate as soon as it can succeed, and say what became of it.

    Progress goes to standard error, the result to standard output. Ctrl-C
    cancels while nothing is sent, and says whether that was in time.

    Exit codes:
      0    deployed; with --until accepted: accepted by Rancher
      1    refused, or helm failed
      2    bad input, or no gate there
      3    the time is over, and nothing is installed
      4    sent, and nobody can say what became of it: look before you repeat it
      130  interrupted

    Example:
      status-guard install --server https://gate.example.com --token-file token
        --namespace cattle-ui-plugin-system harvester harvester 1.8.1
    """
    try:
        code = _install(locals(), output)
    except BadInputError as error:
        sys.stderr.write(f"status-guard install: {error}\n")
        code = EXIT_BAD_INPUT
    raise typer.Exit(code)


def _install(given: dict[str, object], output: Output) -> int:
    from app.cli import install_order  # noqa: PLC0415 - YAML and msgspec are for this command alone

    order, token, trust = install_order.read(given)
    try:
        return asyncio.run(_run(order, token, trust, output))
    except KeyboardInterrupt:
        sys.stderr.write(
            f"status-guard install: Left without the gate's word on what became of it. See {order.page()}\n"
        )
        return _INTERRUPTED


async def _run(order: "Order", token: str, trust: "ssl.SSLContext", output: Output) -> int:
    from app.cli.install_course import Course, first_signal  # noqa: PLC0415 - as above, and httpx
    from app.cli.install_gate import GateClient  # noqa: PLC0415
    from app.cli.install_output import Quiet, Report, shown_while  # noqa: PLC0415

    clock = asyncio.get_running_loop().time
    quiet, began = Quiet(token), clock()
    async with GateClient(order, token, trust) as gate:
        with shown_while(order, quiet, clock) as show:
            course = Course(order, gate, show, clock)
            ending = await course.run(first_signal())
    Report(ending, order, course.identity, clock() - began).print(output, quiet)
    return ending.exit_code
