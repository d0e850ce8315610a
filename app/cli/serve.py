"""``status-guard serve``: run the webhook, the gate and the keeper, apart or together."""

import sys
from typing import Annotated, Any, Final

import typer

from app.settings import Settings, SettingsError, default, flag, read, variable

EXIT_BAD_INPUT: Final = 2
"""As everywhere in this command: 2 says that what was asked for cannot be done as asked."""


def _option(name: str) -> Any:  # noqa: ANN401 - typer's own return type
    """The option of a setting, documented by the setting itself; app.settings reads variables and defaults."""
    shown = default(name)
    help_text = f"{Settings.model_fields[name].description} [{variable(name)}{f'; default: {shown}' if shown else ''}]"
    return typer.Option(flag(name), help=help_text, show_default=False)


def serve(  # noqa: PLR0917 - typer turns each parameter into an option
    roles: Annotated[str | None, _option("roles")] = None,
    rules: Annotated[str | None, _option("rules")] = None,
    host: Annotated[str | None, _option("host")] = None,
    port: Annotated[str | None, _option("port")] = None,
    ops_port: Annotated[str | None, _option("ops_port")] = None,
    tls_cert: Annotated[str | None, _option("tls_cert")] = None,
    tls_key: Annotated[str | None, _option("tls_key")] = None,
    client_ca: Annotated[str | None, _option("client_ca")] = None,
    client_name: Annotated[list[str] | None, _option("client_name")] = None,
    drain: Annotated[str | None, _option("drain")] = None,
    rancher_url: Annotated[str | None, _option("rancher_url")] = None,
    rancher_ca: Annotated[str | None, _option("rancher_ca")] = None,
    rancher_balancing: Annotated[str | None, _option("rancher_balancing")] = None,
    rancher_replicas: Annotated[str | None, _option("rancher_replicas")] = None,
    journal: Annotated[str | None, _option("journal")] = None,
    hold_index: Annotated[str | None, _option("hold_index")] = None,
    most_held: Annotated[str | None, _option("most_held")] = None,
    most_held_per_caller: Annotated[str | None, _option("most_held_per_caller")] = None,
    most_posts: Annotated[str | None, _option("most_posts")] = None,
    most_records: Annotated[str | None, _option("most_records")] = None,
    kubeconfig: Annotated[str | None, _option("kubeconfig")] = None,
    context: Annotated[str | None, _option("context")] = None,
    namespace: Annotated[str | None, _option("namespace")] = None,
    history_namespace: Annotated[str | None, _option("history_namespace")] = None,
    webhook_service: Annotated[str | None, _option("webhook_service")] = None,
    certs_secret: Annotated[str | None, _option("certs_secret")] = None,
) -> None:
    """Serve the admission webhook and the gate over HTTPS, or run the keeper, until SIGTERM; then finish what goes on.

    Example: status-guard serve --roles webhook,keeper --rules manifests/rules --tls-cert tls.crt --tls-key tls.key

    Example: status-guard serve --roles gate --rancher-url https://rancher.cattle-system --tls-cert tls.crt ...
    """
    _run(dict(locals()))


def _run(options: dict[str, Any]) -> None:
    from app.cluster.port import ClusterError  # noqa: PLC0415
    from app.main import serve as run  # noqa: PLC0415 - the server's libraries are for this command alone
    from app.rules import RulesError  # noqa: PLC0415
    from app.tls import CertificateError  # noqa: PLC0415

    try:
        run(read(options))
    except (SettingsError, RulesError, CertificateError, ClusterError, OSError) as error:
        sys.stderr.write(f"status-guard serve: {error}\n")
        raise typer.Exit(EXIT_BAD_INPUT) from None
