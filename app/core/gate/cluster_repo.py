"""A ClusterRepo as the gate looks at it: one frozen value, the same from Rancher's form and from Kubernetes' own."""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from app.core.gate.reading import Condition, condition, instant, integer, member, text


class Kind(StrEnum):
    """Where a repository's charts come from."""

    GIT = "git"
    HTTP = "http"
    OCI = "oci"
    NONE = "none"  # neither url nor gitRepo


REFRESH: Final = {Kind.GIT: 3600, Kind.HTTP: 3600, Kind.OCI: 86400, Kind.NONE: 3600}
"""Seconds between two refreshes where the spec does not say: Rancher's defaults."""
_INDEX_NAME: Final = re.compile(r".*-[0-9]+-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_OCI_REFUSAL: Final = re.compile(r"\bresponse status code (?:401|403|404)\b")
"""The registry's answers after which Rancher does not try again before the spec changes (``repo_oci.go``)."""


class ClusterRepo(Struct, frozen=True, gc=False):
    """What an install from a repository can depend on. A part that is missing is empty, 0, False or None.

    Attributes:
        uid: the object's.
        kind: by its spec.
        deleting: it has a deletionTimestamp.
        enabled: not switched off.
        wanted_url: where the spec says the charts are.
        wanted_branch: the same for git; empty is the remote's default.
        interval: seconds between two refreshes; negative is never.
        force_update: when somebody last asked for a refresh.
        generation: of the spec.
        observed: the generation that a controller has finished with, or failed on; 0 if none.
        url: where the index in use came from.
        branch: the same for git.
        commit: the commit the index was built from, for git.
        index_name: the ConfigMap that holds the index.
        download_time: when the index was last brought up to date.
        downloaded: the condition of its kind; None before the first download has ended.
        next_retry: when a failed download is tried again, if the controller says so.
        again: the controller is going to run again at once (2.15: after the first clone).
    """

    uid: str
    kind: Kind
    deleting: bool
    enabled: bool
    wanted_url: str
    wanted_branch: str
    interval: int
    force_update: datetime | None
    generation: int
    observed: int
    url: str
    branch: str
    commit: str
    index_name: str
    download_time: datetime | None
    downloaded: Condition | None
    next_retry: datetime | None
    again: bool

    @property
    def index_uid(self) -> str:
        """The uid in the name of the index, which is of the repository it was made for; empty if it has none."""
        found = _INDEX_NAME.fullmatch(self.index_name)
        return found[1] if found else ""

    @property
    def usable(self) -> bool:
        """Whether there is an index, of the source that the spec names, however old."""
        anothers = bool(self.uid and self.index_uid) and self.index_uid != self.uid
        if anothers or not self.index_name or self.url != self.wanted_url:
            return False
        return self.kind is not Kind.GIT or (bool(self.commit) and self.branch == self.wanted_branch)

    @property
    def failed(self) -> bool:
        """Whether the last download failed."""
        return self.downloaded is not None and self.downloaded.false

    @property
    def refused(self) -> bool:
        """Whether a registry's answer ended the controller's tries."""
        return self.kind is Kind.OCI and self.failed and bool(_OCI_REFUSAL.search(self.words))

    @property
    def words(self) -> str:
        """The controller's own on its last download."""
        return self.downloaded.message if self.downloaded else ""

    @property
    def next_look(self) -> datetime | None:
        """When the controller will look at the source again, None if it will not or that is not known."""
        if self.next_retry and self.failed:
            return self.next_retry
        if self.interval < 0 or self.refused:
            return None
        last = instant({"t": self.downloaded.updated}, "t") if self.failed and self.downloaded else self.download_time
        try:
            return last + timedelta(seconds=self.interval) if last else None
        except OverflowError:
            return None


def kind_of(repository: object) -> Kind:
    """The kind by its spec; ``gitRepo`` counts before ``url``, as it does in Rancher."""
    url = text(repository, "spec", "url")
    if text(repository, "spec", "gitRepo"):
        return Kind.GIT
    if not url:
        return Kind.NONE
    return Kind.OCI if url.startswith("oci://") else Kind.HTTP


def spec_without_force_update(repository: object) -> dict[str, object]:
    """What of the spec an install can depend on; to be remembered together with the object's uid."""
    spec = member(repository, "spec")
    return {key: value for key, value in spec.items() if key != "forceUpdate"} if isinstance(spec, dict) else {}


def read(repository: object) -> ClusterRepo:
    """The parts of a parsed ClusterRepo. Never raises, whatever the value."""
    kind = kind_of(repository)
    # Until 2.14 a disabled repository of another kind carries OCIDownloaded too: only the kind's own condition counts.
    condition_type = "OCIDownloaded" if kind is Kind.OCI else "Downloaded"
    return ClusterRepo(
        uid=text(repository, "metadata", "uid"),
        kind=kind,
        deleting=member(repository, "metadata", "deletionTimestamp") is not None,
        enabled=member(repository, "spec", "enabled") is not False,
        wanted_url=text(repository, "spec", "gitRepo") or text(repository, "spec", "url"),
        wanted_branch=text(repository, "spec", "gitBranch"),
        interval=integer(repository, "spec", "refreshInterval") or REFRESH[kind],
        force_update=instant(repository, "spec", "forceUpdate"),
        generation=integer(repository, "metadata", "generation") or 0,
        observed=integer(repository, "status", "observedGeneration") or 0,
        url=text(repository, "status", "url"),
        branch=text(repository, "status", "branch"),
        commit=text(repository, "status", "commit"),
        index_name=text(repository, "status", "indexConfigMapName"),
        download_time=instant(repository, "status", "downloadTime"),
        downloaded=condition(repository, condition_type),
        next_retry=instant(repository, "status", "nextRetryAt"),
        again=member(repository, "status", "shouldNotSkip") is True,
    )
