"""``status-guard export``: the guards as manifests for ``kubectl apply``."""

import base64
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias
from urllib.parse import urlsplit

import typer

if TYPE_CHECKING:
    from app.core.export.manifest import Endpoint, Export
    from app.core.export.versions import KubeVersion
    from app.core.guard import Guards
    from app.rules import RuleSet

export_app = typer.Typer(no_args_is_help=True)

_EXIT_BAD_INPUT: Final = 2
"""As everywhere in this command: 2 says that what was asked for cannot be done as asked."""
_COMMENT_WIDTH: Final = 110
_SERVICE: Final = re.compile(r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)/([a-z]([-a-z0-9]{0,61}[a-z0-9])?)")
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_ANY_VERSION: Final = "1.0"
"""For what is the same in every release."""
_PEM: Final = b"-----BEGIN CERTIFICATE-----"

_Rules: TypeAlias = Annotated[
    list[Path],
    typer.Option("--rules", help="A rule document, or a directory of them; may be given several times."),
]
_Version: TypeAlias = Annotated[
    str,
    typer.Option("--kube-version", help="The version of the cluster's oldest API server, like 1.29 or v1.29.9+rke2r1."),
]


@export_app.callback()
def export() -> None:
    """Print the guards as manifests for kubectl apply."""


@export_app.command()
def webhook(
    rules: _Rules,
    kube_version: _Version,
    service: Annotated[
        str, typer.Option(metavar="NAMESPACE/NAME", help="The webhook's Service, called on port 443.")
    ] = "",
    url: Annotated[
        str, typer.Option(metavar="URL", help="The webhook's address outside the cluster, https://HOST:PORT.")
    ] = "",
    ca: Annotated[
        Path | None,
        typer.Option(help="PEM file of the CA that signed its certificate. Without it, others fill in caBundle."),
    ] = None,
) -> None:
    """Print the two webhook configurations: one puts back, one refuses.

    With matchConditions (Kubernetes 1.28), the API server calls the webhook
    only for writes that lose something protected.

    Example: status-guard export webhook --rules manifests/rules --kube-version 1.31 --service status-guard/status-guard
    """
    from app.core.export import webhook as form  # noqa: PLC0415 - other commands start without it

    endpoint = _endpoint(service, url, ca)
    _print("webhook", rules, lambda guards, version: form.export(guards, version, endpoint), kube_version)


@export_app.command()
def vap(rules: _Rules, kube_version: _Version) -> None:
    """Print ValidatingAdmissionPolicies (Kubernetes 1.30), which refuse losses without a webhook.

    Comments above each say what it cannot do; docs/export.md has all of it.

    Example: status-guard export vap --rules manifests/rules --kube-version 1.31 | kubectl apply -f -
    """
    from app.core.export.vap import export as form  # noqa: PLC0415 - see webhook

    _print("vap", rules, form, kube_version)


@export_app.command("map")
def map_(rules: _Rules, kube_version: _Version) -> None:
    """Print MutatingAdmissionPolicies (Kubernetes 1.36), which put back without a webhook.

    Comments above each say what it cannot do; docs/export.md has all of it.

    Example: status-guard export map --rules manifests/rules --kube-version 1.36 | kubectl apply -f -
    """
    from app.core.export.map import export as form  # noqa: PLC0415 - see webhook

    _print("map", rules, form, kube_version)


@export_app.command()
def rbac(
    rules: _Rules,
    namespace: Annotated[str, typer.Option(help="The namespace of the keeper.")] = "status-guard",
    history_namespace: Annotated[
        str, typer.Option(metavar="NAMESPACE", help="Where the keeper keeps histories, if not beside their objects.")
    ] = "",
) -> None:
    """Print the keeper's rights: what it watches, and where it may write.

    It watches the guarded kinds, and changes objects of those alone whose
    guard says onLoss: Repair. With --history-namespace it needs no right to
    ControllerRevisions anywhere else.

    Example: status-guard export rbac --rules manifests/rules | kubectl apply -f -
    """
    from app.core.export.rbac import export as form  # noqa: PLC0415 - see webhook

    for option, name in (("--namespace", namespace), ("--history-namespace", history_namespace)):
        if not _NAMESPACE.fullmatch(name) and (name or option == "--namespace"):
            raise typer.BadParameter(f"{option} {name!r} is no name of a namespace")
    _print("rbac", rules, lambda guards, _: form(guards, namespace, history_namespace))


def _print(
    what: str, paths: list[Path], form: "Callable[[Guards, KubeVersion], Export]", kube_version: str = _ANY_VERSION
) -> None:
    from app.core.export.versions import ExportError, parse  # noqa: PLC0415 - see webhook
    from app.rules import RulesError, load  # noqa: PLC0415 - see webhook

    try:
        version = parse(kube_version)
        rules = load(paths)
        found = form(rules.guards, version)
    except (ExportError, RulesError) as error:
        typer.echo(str(error) if isinstance(error, RulesError) else f"status-guard export {what}: {error}", err=True)
        raise typer.Exit(_EXIT_BAD_INPUT) from None
    made_for = "" if kube_version is _ANY_VERSION else f" for Kubernetes {version}"
    typer.echo("\n---\n".join(["\n".join(_heading(what, made_for, rules, found)), *_documents(found)]), nl=False)


def _heading(what: str, made_for: str, rules: "RuleSet", found: "Export") -> Iterator[str]:
    guards = ", ".join(sorted(guard.name for guard in rules.guards))
    yield from _comment(f"Made by `status-guard export {what}`{made_for}. Change the rules and make it again.")
    yield f"# Rules: sha256:{rules.digest}"
    yield from _comment(f"Guards ({rules.count}): {guards}")
    for line in found.left_out:
        yield from _comment(line)


def _documents(found: "Export") -> Iterator[str]:
    for manifest in found.manifests:
        comments = [line for comment in manifest.comments for line in _comment(comment)]
        yield "\n".join([*comments, _yaml(manifest.body)])


def _comment(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _COMMENT_WIDTH,
        initial_indent="# ",
        subsequent_indent="#   ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _yaml(body: dict[str, Any]) -> str:
    import yaml  # noqa: PLC0415 - see webhook

    class Dumper(yaml.SafeDumper):
        """Lines of CEL stay lines, and equal parts are written out instead of referred to."""

        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's interface
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return yaml.dump(body, Dumper=Dumper, sort_keys=False, width=10**6, allow_unicode=True)


def _endpoint(service: str, url: str, ca: Path | None) -> "Endpoint":
    from app.core.export.manifest import Endpoint  # noqa: PLC0415 - see webhook

    if bool(service) == bool(url):
        raise typer.BadParameter("name the webhook by --service NAMESPACE/NAME or by --url URL, one of the two")
    bundle = _bundle(ca) if ca else ""
    if service:
        found = _SERVICE.fullmatch(service)
        if not found:
            raise typer.BadParameter(f"--service {service!r} is not of the form NAMESPACE/NAME")
        return Endpoint(service=(found[1], found[3]), ca_bundle=bundle)
    return Endpoint(url=_base(url), ca_bundle=bundle)


def _base(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "https" and parts.hostname and not (parts.query or parts.fragment or parts.username)
        parts.port  # noqa: B018 - read to see whether it is a port
    except ValueError:
        usable = False
    if not usable:
        raise typer.BadParameter("--url has to be https://HOST[:PORT], without user, query and fragment")
    return url.rstrip("/")


def _bundle(ca: Path) -> str:
    try:
        content = ca.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"--ca {ca} cannot be read: {error.strerror}") from None
    if _PEM not in content:
        raise typer.BadParameter(f"--ca {ca} holds no PEM certificate")
    return base64.b64encode(content).decode()
