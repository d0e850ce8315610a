"""``status-guard doctor``: what is wrong with the guard in a cluster, why it matters, and what mends it."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.cli.cluster_options import Context, Kubeconfig, Output, OutputOption, run, structured

if TYPE_CHECKING:
    from app.cluster.examination import Request
    from app.core.diagnosis.finding import Finding

EXIT_NO_ANSWER: Final = 3
"""0, 1 and 2 say how bad the worst finding is; 3 says that there are none, because nothing could be looked at."""

_DEFAULT_PERSON: Final = "status-guard:doctor"
_DEFAULT_GROUP: Final = "system:masters"
"""May write every kind, and is nobody's writer; who may impersonate it could do all of this directly."""
_DEFAULT_NAMESPACE: Final = "status-guard"
_HIGHEST_PORT: Final = 65535

_RULES: Final = typer.Option(
    "--rules", help="A rule document, or a directory of them; repeatable. Without it, the live configurations tell."
)
_NAMESPACE: Final = typer.Option("--namespace", "-n", help="Where status-guard runs: its Service, its keeper's Lease.")
_ENDPOINT: Final = typer.Option(
    metavar="HOST:PORT", help="Connect to this in place of the webhook's Service, as the end of a port-forward."
)
_AS: Final = typer.Option("--as", help="In whose name losses are tried, in a dry run; empty for your own.")
_GROUP: Final = typer.Option("--as-group", help="Group of that user; repeatable; empty for none. [system:masters]")


def doctor(  # noqa: PLR0917 - typer turns each parameter into an option
    rules: Annotated[list[Path] | None, _RULES] = None,
    namespace: Annotated[str, _NAMESPACE] = _DEFAULT_NAMESPACE,
    endpoint: Annotated[str, _ENDPOINT] = "",
    person: Annotated[str, _AS] = _DEFAULT_PERSON,
    group: Annotated[list[str] | None, _GROUP] = None,
    output: OutputOption = Output.TABLE,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Look at everything that has to be right for the guard to work.

    Registration, certificates, matchConditions, the order of webhooks, the
    keeper; and for each guarded kind a write that would lose the status of a
    live object, as a dry run, so nothing is stored. Reads with your own
    rights; what they do not allow is said, and the rest is looked at.

    Exit code by the worst finding: 0 all well, 1 a warning, 2 an error;
    3 nothing could be looked at.

    Example:
      status-guard doctor --rules manifests/rules
      kubectl status-guard doctor --as jane --as-group developers -o json
    """
    from app.cli.doctor_output import as_table, values  # noqa: PLC0415 - other commands start without it
    from app.core.diagnosis.finding import exit_code  # noqa: PLC0415

    people = (person, tuple(filter(None, group or [_DEFAULT_GROUP])))
    request = _request(rules, people, _endpoint(endpoint), _words(namespace, rules, kubeconfig, context), namespace)
    found = run("doctor", _examine(request, kubeconfig, context), EXIT_NO_ANSWER)
    sys.stdout.write(as_table(found) if output is Output.TABLE else structured(values(found), output))
    sys.stdout.flush()
    raise typer.Exit(exit_code(found))


async def _examine(request: "Request", kubeconfig: str | None, context: str | None) -> "tuple[Finding, ...]":
    from app.cluster.examination import examine  # noqa: PLC0415
    from app.cluster.kubeconfig import connected  # noqa: PLC0415 - see doctor
    from app.core.diagnosis.checkup import diagnose  # noqa: PLC0415

    async with connected(kubeconfig, context) as api:
        return diagnose(await examine(api, request))


def _request(
    rules: list[Path] | None,
    person: tuple[str, tuple[str, ...]],
    endpoint: tuple[str, int] | None,
    words: tuple[str, str, str],
    namespace: str,
) -> "Request":
    from app.cluster.examination import Request  # noqa: PLC0415 - see doctor
    from app.cluster.trial import Person  # noqa: PLC0415
    from app.core.diagnosis.observation import Commands  # noqa: PLC0415
    from app.rules import RulesError, load  # noqa: PLC0415

    where, ruled, cluster = words
    commands = Commands(
        kubectl=f"kubectl{cluster}",
        export=f"status-guard export webhook{ruled or ' --rules DIR'}",
        ensure=f"status-guard certs ensure{cluster}",
        doctor=f"status-guard doctor{ruled}{where}{cluster}",
        namespace=namespace,
    )
    if not rules:
        return Request(None, {}, Person(*person), endpoint, commands)
    try:
        found = load(rules)
    except RulesError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(EXIT_NO_ANSWER) from None
    places = {name: str(place) for name, place in found.places.items()}
    return Request(tuple(found.guards), places, Person(*person), endpoint, commands)


def _words(
    namespace: str, rules: list[Path] | None, kubeconfig: str | None, context: str | None
) -> tuple[str, str, str]:
    """The options given here, as other commands take them: namespace, rules, cluster."""
    where = "" if namespace == _DEFAULT_NAMESPACE else f" -n {shlex.quote(namespace)}"
    ruled = "".join(f" --rules {shlex.quote(str(path))}" for path in rules or ())
    given = (("--kubeconfig", kubeconfig), ("--context", context))
    return where, ruled, "".join(f" {option} {shlex.quote(value)}" for option, value in given if value)


def _endpoint(text: str) -> tuple[str, int] | None:
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) <= _HIGHEST_PORT:
        raise typer.BadParameter(f"--endpoint {text!r} is not of the form HOST:PORT")
    return host.strip("[]"), int(port)
