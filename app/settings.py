"""The settings of ``status-guard serve``, each documented where it is defined.

Every one is a command line option (``--ops-port``) and an environment variable (``STATUS_GUARD_OPS_PORT``); the option
wins. A ``STATUS_GUARD_…`` variable that is none of them is an error: a misspelt one would do nothing, silently.
"""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.core import duration

PREFIX: Final = "STATUS_GUARD_"

_SERVICE_LINK: Final = re.compile(r"_SERVICE_(HOST|PORT(_.*)?)$|_PORT(_\d+_(TCP|UDP|SCTP)(_.*)?)?$")
_SERVICE_LINK_HINT: Final = (
    "Kubernetes sets such variables in every pod for a Service named status-guard;"
    " put enableServiceLinks: false into the pod's spec"
)

_OBJECT_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""RFC 1123 label, which namespaces and Services have to be, and Secrets of ours are."""


class SettingsError(ValueError):
    """The settings do not make sense; every mistake on a line of its own, each with what to do."""


class Role(StrEnum):
    """What a process does."""

    WEBHOOK = "webhook"
    GATE = "gate"
    KEEPER = "keeper"


class Balancing(StrEnum):
    """What stands between the gate and Rancher's replicas."""

    L4 = "l4"  # each connection leads to one replica: a Kubernetes Service
    L7 = "l7"  # each request may go to another one: an Ingress or another HTTP proxy


def _words(value: object) -> object:
    """Lists are written with commas: ``webhook,keeper``."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return value


def _span(value: object) -> object:
    """A duration; none at all is one here, though nowhere in a rule document."""
    if value in {"0", "0s"}:
        return timedelta()
    return duration.parse(value) if isinstance(value, str) else value


def _origin_of_rancher(value: object) -> object:
    """An origin and nothing more: a path would be lost, a password would show up in settings and logs."""
    if value is None or value == "":
        return None
    parts = urlsplit(str(value))
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("write Rancher's address as https://HOST[:PORT], or http:// where TLS ends before Rancher")
    if "@" in parts.netloc or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("an address of Rancher's is https://HOST[:PORT], without user, path, query or fragment")
    if parts.port == 0:  # a property that raises ValueError for what is no port at all
        raise ValueError("port 0 is none that Rancher can be found at")
    return f"{parts.scheme}://{parts.netloc}"


def _object_name(value: object) -> object:
    """The name of an object in a cluster; a longer or shorter thing would be refused there with less to go by."""
    if value is None or value == "":
        return None
    if not _OBJECT_NAME.fullmatch(str(value)):
        raise ValueError("write the name alone, as kubectl shows it: lower-case letters, digits and '-'")
    return value


class Settings(BaseModel):
    """The effective settings of one process."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: Annotated[tuple[Role, ...], BeforeValidator(_words)] = Field(
        (Role.WEBHOOK,), min_length=1, description="What this process does; several are separated by commas."
    )
    rules: Path | None = Field(
        None, description="Folder (or file) with StatusGuard documents. Read again when its content changes."
    )
    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 for all, as in a pod.")
    port: int = Field(8443, ge=0, le=65535, description="Port of the HTTPS endpoint the API server calls.")
    ops_port: int = Field(
        8080, ge=0, le=65535, description="Port of the plain HTTP listener with /livez, /readyz and /metrics."
    )
    tls_cert: Path | None = Field(None, description="The serving certificate with its chain, PEM. Reloaded on change.")
    tls_key: Path | None = Field(None, description="The serving certificate's private key, PEM. Reloaded on change.")
    client_ca: Path | None = Field(
        None, description="Only callers with a certificate of this CA (PEM) get an answer: the API server's own."
    )
    client_name: Annotated[tuple[str, ...], BeforeValidator(_words)] = Field(
        (), description="With --client-ca: the common or DNS name the caller's certificate has to have. Repeatable."
    )
    drain: Annotated[timedelta, BeforeValidator(_span)] = Field(
        timedelta(seconds=2),
        description="How long to go on serving after SIGTERM, while load balancers notice that /readyz fails.",
    )

    rancher_url: Annotated[str | None, BeforeValidator(_origin_of_rancher)] = Field(
        None, description="The gate's one upstream, https://HOST[:PORT]: Rancher's own Service, not the gate's host."
    )
    rancher_ca: Path | None = Field(
        None, description="CA certificates (PEM) that Rancher's certificate has to chain to; the system's if not given."
    )
    rancher_balancing: Balancing = Field(
        Balancing.L4,
        description="What chooses a replica of Rancher: l4 for each connection (a Service), l7 for each request.",
    )
    rancher_replicas: int = Field(
        3, ge=1, le=100, description="Replicas of Rancher, 3 in its chart; tells how many probes l7 needs."
    )
    journal: Path | None = Field(
        None, description="File in which asynchronous installs survive a restart, as records without anything secret."
    )
    hold_index: Annotated[timedelta, BeforeValidator(_span)] = Field(
        timedelta(),
        le=timedelta(minutes=1),
        description="How long to hold a dashboard's read of an index that is not there yet, e.g. 25s; 0s: not at all.",
    )
    most_held: int = Field(10_000, ge=1, le=1_000_000, description="Installs that the gate holds at once, in total.")
    most_held_per_caller: int = Field(
        100, ge=1, le=1_000_000, description="Installs that the gate holds at once for one credential."
    )
    most_posts: int = Field(8, ge=1, le=1000, description="Installs that the gate sends to Rancher at once.")
    most_records: int = Field(
        1000, ge=1, le=100_000, description="Asynchronous installs that the gate knows at once, ended ones included."
    )

    kubeconfig: Path | None = Field(
        None, description="How the keeper gets to the cluster; if not given as kubectl does it, or in a pod by its own."
    )
    context: str | None = Field(None, description="The context of the kubeconfig; the current one if not given.")
    namespace: Annotated[str | None, BeforeValidator(_object_name)] = Field(
        None, description="The keeper's own, with its Lease; if not given the pod's, and status-guard outside of one."
    )
    history_namespace: Annotated[str | None, BeforeValidator(_object_name)] = Field(
        None, description="Keep all histories there; if not given each lies beside its object."
    )
    webhook_service: Annotated[str | None, BeforeValidator(_object_name)] = Field(
        None,
        description="The webhook's Service, in the keeper's namespace: keep its configurations as the rules say.",
    )
    certs_secret: Annotated[str | None, BeforeValidator(_object_name)] = Field(
        None,
        description="With --webhook-service: the Secret, beside it, to keep its certificates in; else others do.",
    )

    def incomplete(self) -> str:
        """What is missing before this can be served, in words; empty if nothing is."""
        for role, names in _NEEDS.items():
            missing = [name for name in names if getattr(self, name) is None]
            if role in self.roles and missing:
                listed = " and ".join(f"{flag(name)} (or {variable(name)})" for name in missing)
                return f"the {role} role needs {listed}"
        if self.client_ca is not None and Role.GATE in self.roles:
            return (
                "--client-ca does not go with the gate role: its callers are browsers and scripts that prove who they"
                " are to Rancher; run the webhook role in a process of its own to keep --client-ca for it"
            )
        if self.client_name and self.client_ca is None:
            return "--client-name needs --client-ca: without it no certificate is asked for"
        if self.certs_secret and not self.webhook_service:
            return "--certs-secret needs --webhook-service: certificates are made for a Service's names"
        return ""


_NEEDS: Final = {
    Role.WEBHOOK: ("rules", "tls_cert", "tls_key"),
    Role.GATE: ("rancher_url", "tls_cert", "tls_key"),
    Role.KEEPER: ("rules",),
}


def flag(name: str) -> str:
    """The command line option of a setting."""
    return f"--{name.replace('_', '-')}"


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"


def read(options: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """The effective settings.

    Args:
        options: what the command line gave, by the setting's name; ``None`` and empty lists stand for "not given".
        environment: the environment variables.

    Raises:
        SettingsError: names every setting that is wrong, and every unknown ``STATUS_GUARD_…`` variable.
    """
    given = {name: value for name, value in options.items() if value not in (None, (), [])}
    mistakes = [_unknown(name) for name in environment if name.startswith(PREFIX) and not _is_known(name)]
    try:
        settings = Settings.model_validate(_from_environment(environment) | given)
    except ValidationError as error:
        first = {detail["loc"][0]: detail for detail in reversed(error.errors(include_url=False))}
        mistakes += [_mistake(first[name], given, environment) for name in Settings.model_fields if name in first]
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return settings


def origins(options: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Where each setting comes from: an option, a variable or the default."""
    return {name: _origin(name, options, environment) for name in Settings.model_fields}


def _origin(name: str, options: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    if options.get(name) not in (None, (), []):
        return f"option {flag(name)}"
    return f"variable {variable(name)}" if variable(name) in environment else "default"


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[variable(name)] for name in Settings.model_fields if variable(name) in environment}


def _is_known(name: str) -> bool:
    return name.removeprefix(PREFIX).lower() in Settings.model_fields and name == name.upper()


def _unknown(name: str) -> str:
    if _SERVICE_LINK.search(name):
        return f"{name} is no setting. {_SERVICE_LINK_HINT}."
    return f"{name} is no setting; 'status-guard settings' lists them all."


def _mistake(detail: Any, given: Mapping[str, Any], environment: Mapping[str, str]) -> str:  # noqa: ANN401 - pydantic's
    message = str(detail["msg"]).removeprefix("Value error, ")
    name = str(detail["loc"][0])
    place = _origin(name, given, environment).rpartition(" ")[2]
    hint = ""
    if place == variable(name) and "://" in environment[place]:
        hint = f" {_SERVICE_LINK_HINT}."
    return f"{place}: {message}.{hint}"


def shown(settings: Settings, name: str) -> str:
    """A setting's value as one would write it on the command line; empty where it is not set."""
    return _text(getattr(settings, name))


def default(name: str) -> str:
    """A setting's default as one would write it on the command line; empty where there is none."""
    return _text(Settings.model_fields[name].default)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value.total_seconds():g}s" if isinstance(value, timedelta) else str(value)
