"""What ``status-guard install`` is asked for: options and files in, the request's path, preferences and body out."""

import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from app.cli.review_input import BadInputError
from app.core import duration
from app.core.duration import BadDurationError
from app.core.gate import body
from app.core.gate.installation_call import COLLECTION, LOCAL, Action, is_subdomain
from app.core.gate.preferences import LONGEST_ASYNC_DEADLINE
from app.core.gate.refusal import Refusal

TOKEN_VARIABLE: Final = "RANCHER_TOKEN"  # noqa: S105 - the variable's name
HELM_TIMEOUT: Final = "600s"
"""What Rancher's dashboard gives helm, unless an extension says otherwise."""


@dataclass(frozen=True)
class Order:
    """One install or upgrade of one chart, as it was asked for.

    Attributes:
        server: the gate's origin, without a slash in the end.
        action: install or upgrade.
        wait: seconds for the whole.
        until_deployed: whether to follow it to its end.
        nudge: whether Rancher may be asked to look at the repository again.
        content: the request's body; values in it may be secret.
    """

    server: str
    cluster: str
    repo: str
    chart: str
    version: str
    release: str
    namespace: str
    action: Action
    wait: int
    until_deployed: bool
    nudge: bool
    content: bytes = field(default=b"", repr=False)

    @property
    def path(self) -> str:
        """Rancher's own path for it."""
        prefix = "" if self.cluster == LOCAL else f"/k8s/clusters/{self.cluster}"
        return f"{prefix}/v1/{COLLECTION}/{self.repo}?action={self.action}"

    def prefer(self, remaining: float) -> str:
        """The value of ``Prefer``. It goes on without this connection, so that it can be found again if that breaks.

        Args:
            remaining: seconds that are left for the whole.
        """
        wishes = [f"respond-async;deadline={ceil(max(0.0, remaining))}"]
        return ", ".join([*wishes, *["until=deployed"] * self.until_deployed, *["nudge"] * self.nudge])

    def place(self, identity: str = "") -> str:
        """The path of the list of installs, or of one of them."""
        where = f"/installs/{identity}" if identity else "/installs"
        return where if self.cluster == LOCAL else f"{where}?cluster={self.cluster}"

    def page(self, identity: str = "") -> str:
        """The same as an address for people."""
        return f"{self.server}{self.place(identity)}"

    def __str__(self) -> str:
        """The chart, as it is spoken of."""
        return f"{self.chart} {self.version}"


def read_server(text: str) -> str:
    """The gate's origin.

    Raises:
        BadInputError: it is none.
    """
    parts = urlsplit(text)
    if parts.scheme == "http":
        raise BadInputError("--server: http:// would send the token readable for everybody on the way; write https://")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme != "https" or not parts.hostname or port == 0:
        raise BadInputError("--server: write the gate's address as https://HOST[:PORT]")
    if "@" in parts.netloc:
        raise BadInputError(f"--server: an address carries no user or password; put the token into {TOKEN_VARIABLE}")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise BadInputError(f"--server: leave out what follows the host: https://{parts.netloc}")
    return f"https://{parts.netloc}"


def read_token(file: Path | None, environment: Mapping[str, str] = os.environ) -> str:
    """The caller's Rancher token. It is no option: every user of a machine sees the arguments of its processes.

    Raises:
        BadInputError: there is none, or it cannot be one; the text does not quote it.
    """
    if file:
        try:
            token, source = file.read_text().strip(), str(file)
        except (OSError, UnicodeDecodeError) as error:
            raise BadInputError(f"--token-file: {_why(error)}") from None
    else:
        token, source = environment.get(TOKEN_VARIABLE, "").strip(), TOKEN_VARIABLE
    if not token:
        raise BadInputError(
            f"no token: set {TOKEN_VARIABLE} or give --token-file (Rancher makes one under Account & API Keys;"
            " what is needed is its Bearer Token, token-xxxxx:…)"
        )
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise BadInputError(f"{source}: is no token; it holds spaces, several lines or characters that no token has")
    return token


def read_trust(ca: Path | None) -> ssl.SSLContext:
    """Whom to trust: the system's CAs, or those of a file instead.

    Raises:
        BadInputError: the file cannot be read, or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        why = "holds no certificate in PEM" if isinstance(error, ssl.SSLError) else _why(error)
        raise BadInputError(f"--ca: {ca}: {why}") from None


def read_wait(text: str) -> int:
    """Seconds for the whole; ``0s`` asks for one try.

    Raises:
        BadInputError: it is no duration, or a longer one than the gate goes along with.
    """
    if text in {"0", "0s"}:
        return 0
    try:
        seconds = ceil(duration.parse(text).total_seconds())
    except BadDurationError as error:
        raise BadInputError(f"--wait: {error}") from None
    if seconds > LONGEST_ASYNC_DEADLINE:
        longest = f"{LONGEST_ASYNC_DEADLINE // 3600}h"
        raise BadInputError(f"--wait: at most {longest}, since the gate keeps nobody's token for longer")
    return seconds


def read_values(file: Path | None) -> dict[str, Any]:
    """The chart's values, YAML or JSON; an error's text names file and line and quotes no value.

    Raises:
        BadInputError: the file cannot be read, or holds something else than one mapping.
    """
    if file is None:
        return {}
    try:
        values = yaml.load(file.read_text(), _ValuesLoader) or {}  # noqa: S506 - a SafeLoader
        json.dumps(values, allow_nan=False)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"--values: {_why(error)}") from None
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = (error.problem or "is no YAML").partition("'")[0].strip()  # what it quotes may be a password
        raise BadInputError(f"--values: {file}{line}: {problem} (quote text that begins with * & ! or %)") from None
    except (yaml.YAMLError, RecursionError, TypeError, ValueError):
        raise BadInputError(f"--values: {file}: holds something that JSON cannot say (NaN, binary, loops)") from None
    if not isinstance(values, dict):
        raise BadInputError(f"--values: {file}: is no mapping of names to values")
    return values


def _why(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8"
    return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)


class _ValuesLoader(yaml.SafeLoader):
    """Reads what helm reads: dates stay text, and a key that is there twice is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and not key.tag.endswith(":merge"):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(problem="a key is there twice", problem_mark=key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_ValuesLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if not tag.endswith(":timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(given: Mapping[str, Any]) -> tuple[Order, str, ssl.SSLContext]:
    """The order, the token, and whom to trust.

    Args:
        given: the command's parameters, by their names.

    Raises:
        BadInputError: something of it cannot be used; nothing was sent.
    """
    order = Order(
        server=read_server(given["server"]),
        action=Action.UPGRADE if given["upgrade"] else Action.INSTALL,
        release=given["release"] or given["chart"],
        wait=read_wait(given["wait"]),
        until_deployed=given["until"] == "deployed",
        **{name: given[name] for name in ("cluster", "repo", "chart", "version", "namespace", "nudge")},
    )
    content = read_content(order, read_values(given["values"]))
    return replace(order, content=content), read_token(given["token_file"]), read_trust(given["ca"])


def read_content(order: Order, values: Mapping[str, Any]) -> bytes:
    """The request's body, which is what Rancher's dashboard would send.

    Raises:
        BadInputError: the gate would refuse it, or the path.
    """
    for option, name in (("REPO", order.repo), ("--cluster", order.cluster)):
        if not is_subdomain(name):
            raise BadInputError(f"{option}: is no valid Kubernetes name (lower case, digits, - and .)")
    if not order.version:
        raise BadInputError("VERSION: is empty; say which version is meant")
    chart = {"chartName": order.chart, "version": order.version, "releaseName": order.release}
    # by these the dashboard finds the repository of an app again, to offer upgrades
    source = {"catalog.cattle.io/ui-source-repo-type": "cluster", "catalog.cattle.io/ui-source-repo": order.repo}
    said = {
        "charts": [chart | {"annotations": source, "values": values}],
        "namespace": order.namespace,
        "timeout": HELM_TIMEOUT,
        "wait": True,
    }
    written = json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogatepass")
    understood = body.read(written)
    if isinstance(understood, Refusal):
        raise BadInputError(understood.detail)
    return written
