"""``status-guard certs``: certificates to develop with, and certificates in a cluster."""

import asyncio
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.core import duration
from app.core.duration import BadDurationError

if TYPE_CHECKING:
    from app.certificates import DevelopmentPair
    from app.cluster.ensure import Wanted
    from app.cluster.port import Kind

certs_app = typer.Typer(no_args_is_help=True)

_CA: Final = "ca.crt"
_CERTIFICATE: Final = "tls.crt"
_KEY: Final = "tls.key"

_CONFIGURATION: Final = typer.Option(
    help="Webhook configuration to publish the CA in, as mutating/NAME or validating/NAME; repeatable."
    " Without it: all with the label app.kubernetes.io/managed-by=status-guard."
)
_NO_CONFIGURATION: Final = typer.Option(
    "--no-configuration", help="Publish the CA in none, because the API server does not call this Service: the gate's."
)
_FORGET_RETIRED: Final = typer.Option(
    "--forget-retired", help="Stop trusting CAs before the current one at once. Restart the webhook's pods first."
)

_EXIT_BAD_INPUT: Final = 2
"""As everywhere in this command: 2 says that what was asked for cannot be done as asked."""


@certs_app.callback()
def certs() -> None:
    """Make certificates: to develop with, or in a cluster."""


@certs_app.command()
def dev(
    out: Annotated[Path, typer.Option(help="Directory for ca.crt, tls.crt and tls.key; made with mode 0700.")],
    host: Annotated[
        list[str] | None,
        typer.Option(help="A further DNS name or IP address to serve under; may be given several times."),
    ] = None,
) -> None:
    """Make a certificate for localhost, 127.0.0.1 and ::1, and a CA to trust it by.

    Run again, it keeps what is there while it is good: the files belong
    together, cover the names and have a third of their life left. Otherwise
    it makes new ones, and a running server picks them up.

    Example:
      status-guard certs dev --out certs/dev --host host.docker.internal
      curl --cacert certs/dev/ca.crt https://localhost:8443/
    """
    # Imported here: `cryptography` takes some 25 ms, which every other command would pay.
    from app.certificates import BadNameError, development_pair, renewal_time, why_renew  # noqa: PLC0415

    now = datetime.now(UTC)  # noqa: TID251 -- a command is an edge
    names = host or []
    try:
        present = _read(out)
        reason = why_renew(present, names, now) if present else "a file was missing"
        if present and reason is None:
            typer.echo(
                f"Kept {out / _CERTIFICATE}; it is due for renewal on {renewal_time(present.certificate):%Y-%m-%d}."
            )
            return
        pair = development_pair(names, now)
        _write(out, pair)
    except (BadNameError, OSError) as error:
        typer.echo(f"No certificates made: {error}", err=True)
        raise typer.Exit(_EXIT_BAD_INPUT) from error
    typer.echo(f"Made {out / _CERTIFICATE}, because {reason}; clients trust it by {out / _CA}.")


@certs_app.command()
def ensure(  # noqa: PLR0917 - typer turns each parameter into an option
    namespace: Annotated[str, typer.Option(help="Namespace of the Service and of the Secret.")],
    service: Annotated[str, typer.Option(help="The Service that the API server calls; the certificate's names.")],
    secret: Annotated[str, typer.Option(help="The Secret to keep them in; has to exist. [SERVICE-certs]")] = "",
    configuration: Annotated[list[str] | None, _CONFIGURATION] = None,
    no_configuration: Annotated[bool, _NO_CONFIGURATION] = False,
    rotate_ca: Annotated[bool, typer.Option("--rotate-ca", help="Replace the CA though it is good.")] = False,
    forget_retired: Annotated[bool, _FORGET_RETIRED] = False,
    settle: Annotated[str, typer.Option(help="How long a new CA is published before it is relied on.")] = "60s",
    kubeconfig: Annotated[str | None, typer.Option(help="Kubeconfig file; else as kubectl finds it.")] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.")] = None,
) -> None:
    """Keep a CA and a serving certificate in a Secret, and publish the CA in the webhook configurations.

    Makes what is missing, renews after two thirds of a life, and replaces the
    CA in an order that never serves what nobody trusts. Run it often, also
    twice at once; while all is well it changes nothing. It creates no objects
    and changes none without our label.

    Example:
      status-guard certs ensure --namespace status-guard --service status-guard
    """
    from app.cluster.ensure import Wanted, service_names  # noqa: PLC0415 -- see dev
    from app.cluster.port import ClusterError  # noqa: PLC0415
    from app.cluster.port import configuration as read_configuration  # noqa: PLC0415

    _refuse_contradictions(rotate_ca and forget_retired, no_configuration and bool(configuration))
    try:
        published = not no_configuration
        names = service_names(namespace, service)
        wanted = Wanted(names, duration.parse(settle), rotate=rotate_ca, forget=forget_retired, published=published)
        place = (namespace, secret or f"{service}-certs", list(map(read_configuration, configuration or ())))
        asyncio.run(_ensure(place, wanted, kubeconfig, context))
    except (BadDurationError, ClusterError) as error:
        typer.echo(f"status-guard certs ensure: {error}", err=True)
        raise typer.Exit(_EXIT_BAD_INPUT) from None


def _refuse_contradictions(rotated_and_forgotten: bool, none_and_some: bool) -> None:
    if rotated_and_forgotten:
        raise typer.BadParameter(
            "--rotate-ca with --forget-retired would stop trusting what is still served; rotate, restart the webhook's"
            " pods, then forget"
        )
    if none_and_some:
        raise typer.BadParameter("--no-configuration says that there is none, --configuration names one; leave one out")


async def _ensure(
    place: tuple[str, str, list[tuple["Kind", str]]], wanted: "Wanted", kubeconfig: str | None, context: str | None
) -> None:
    from app.cluster.certificates import KubernetesCluster  # noqa: PLC0415 -- see dev
    from app.cluster.ensure import ensure as settle  # noqa: PLC0415
    from app.cluster.kubeconfig import connected  # noqa: PLC0415 -- see dev

    async with connected(kubeconfig, context) as api:
        await settle(KubernetesCluster(api, *place), wanted, typer.echo, asyncio.sleep)


def _read(directory: Path) -> "DevelopmentPair | None":
    from app.certificates import DevelopmentPair  # noqa: PLC0415 -- see dev

    try:
        return DevelopmentPair(*((directory / name).read_bytes() for name in (_CA, _CERTIFICATE, _KEY)))
    except FileNotFoundError:
        return None


def _write(directory: Path, pair: "DevelopmentPair") -> None:
    """Replace each file whole. Between two of them the pair does not match: a server waits, the next run repairs."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content, mode in (
        (_KEY, pair.key, 0o600),
        (_CERTIFICATE, pair.certificate, 0o644),
        (_CA, pair.ca, 0o644),
    ):
        _replace(directory / name, content, mode)


def _replace(path: Path, content: bytes, mode: int) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600 from the start
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
