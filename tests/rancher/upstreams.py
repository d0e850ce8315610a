"""The git servers, HTTP servers and registries that charts come from, outside of Rancher."""

import io
import json
import tarfile
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from .names import commit_of

Kind = Literal["git", "http", "oci"]


@dataclass(frozen=True)
class Chart:
    """A chart of one version, and what becomes of whoever installs it."""

    name: str
    version: str
    ui_plugin: bool = False
    """Whether it makes a UIPlugin, as UI extensions do."""

    hidden: bool = False
    """Whether its rancher-version annotation excludes this Rancher: ``link=index`` leaves it out unless told not to,
    installs do not care."""

    size: int = 2048
    """Bytes of the archive."""

    plugin_failures: int = 0
    """How often each replica fails to cache its UI plugin before it succeeds."""

    failure: str = ""
    """What helm says when it fails to install it; empty if it succeeds."""

    @property
    def metadata(self) -> dict[str, Any]:
        """Its Chart.yaml."""
        annotations = {"catalog.cattle.io/scope": "management"}
        if self.ui_plugin:
            annotations |= {
                "catalog.cattle.io/namespace": "cattle-ui-plugin-system",
                "catalog.cattle.io/ui-component": "plugins",
            }
        return {
            "apiVersion": "v2",
            "name": self.name,
            "version": self.version,
            "appVersion": self.version,
            "type": "application",
            "description": f"{self.name}, a chart of the stand-in",
            "annotations": annotations,
        }

    @cached_property
    def archive(self) -> bytes:
        """Its .tgz, padded to its size."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            content = json.dumps(self.metadata).encode()
            member = tarfile.TarInfo(f"{self.name}/Chart.yaml")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        return packed.getvalue().ljust(self.size, b"\0")


@dataclass(frozen=True)
class Trouble:
    """How an upstream fails: an HTTP status, or the words of Go's client where no answer came."""

    words: str = ""
    status: int = 0


DNS = Trouble("dial tcp: lookup {host} on 10.43.0.10:53: no such host")
DIAL = Trouble("dial tcp 10.43.12.7:443: connect: connection refused")
X509 = Trouble("tls: failed to verify certificate: x509: certificate signed by unknown authority")
TIMEOUT = Trouble("context deadline exceeded (Client.Timeout exceeded while awaiting headers)")
EOF = Trouble("unexpected EOF")
TROUBLES = {"dns": DNS, "dial": DIAL, "x509": X509, "timeout": TIMEOUT, "eof": EOF}


@dataclass
class Outage:
    """A trouble that passes after so many fetches; endless where none are said."""

    trouble: Trouble
    times: int | None = None

    def strikes(self) -> Trouble | None:
        """The trouble of the next fetch."""
        if self.times is None:
            return self.trouble
        self.times -= 1
        return self.trouble if self.times >= 0 else None


@dataclass(eq=False)
class Upstream:
    """One repository of charts.

    ``publish`` adds a commit; what a leader or a follower has fetched stays at the commit that it fetched.
    ``index_outage`` strikes whoever refreshes the repository, ``chart_outage`` whoever downloads a chart from it when
    it is probed or installed (which a git repository never does).
    """

    url: str
    kind: Kind = "git"
    charts: tuple[Chart, ...] = ()
    clone_seconds: float = 4.0
    """The leader's first clone, or the first fetch of an index."""

    fetch_seconds: float = 1.0
    """Each refresh after that."""

    download_seconds: float = 0.5
    """One chart, when it is probed or installed."""

    index_outage: Outage | None = None
    chart_outage: Outage | None = None
    _commits: list[tuple[Chart, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._commits.append(self.charts)

    def publish(self, *charts: Chart) -> None:
        """Add these charts in a new commit."""
        self.charts = (*self.charts, *charts)
        self._commits.append(self.charts)

    @property
    def commit(self) -> str:
        """The newest commit."""
        return commit_of(self.url, len(self._commits))

    def at(self, commit: str) -> tuple[Chart, ...]:
        """The charts of a commit; none where it is unknown."""
        known = {commit_of(self.url, number): charts for number, charts in enumerate(self._commits, 1)}
        return known.get(commit, ())

    def find(self, name: str, version: str) -> Chart | None:
        """A chart as it is offered now."""
        return next((one for one in self.charts if (one.name, one.version) == (name, version)), None)
