"""The verdict on one ``link=info`` answer: does the replica that gave it have the chart?

The probe runs the code that an install runs first (``content.Manager.Chart``) and has no side effects, so a doubtful
answer costs nothing but another probe. It speaks for the replica that answered, and for no other: send the install on
the same connection.
"""

from enum import StrEnum
from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from app.core.gate.answer import Answer, Cause, Handling
from app.core.gate.cluster_repo import Kind
from app.core.gate.messages import classify
from app.core.gate.reading import same_version
from app.core.gate.repository import WantedChart

LONGEST: Final = 32 << 20
"""Bytes of an answer that are looked at. It holds the chart's readme, values and questions as text, out of an archive
of at most 20 MiB (``maxHelmChartTarSize``), which these parts of it cannot exceed by much."""


class Speaks(StrEnum):
    """What a probe says of the replica that answered it."""

    YES = "yes"  # it has the chart at the version
    NOT_YET = "not yet"
    NEVER = "never"
    DOUBTFUL = "doubtful"  # the answer is no evidence either way


class Probed(Struct, frozen=True, gc=False):
    """The verdict on a probe.

    Attributes:
        speaks: what it says of this replica.
        sentence: for people.
        words: Rancher's own, untouched: redact before showing.
        cause: the row of the message table, None where the answer was a success.
        told: the status to tell the client where ``speaks`` is NEVER.
    """

    speaks: Speaks
    sentence: str
    words: str = ""
    cause: Cause | None = None
    told: int = HTTPStatus.SERVICE_UNAVAILABLE


class CacheKey(NamedTuple):
    """What a positive probe of an http or oci repository holds good for.

    The uid is part of it because a repository that is created anew begins again at generation 1.
    """

    cluster: str
    repository: str
    uid: str
    generation: int
    chart: str
    version: str


class _Metadata(Struct):
    """What Chart.yaml says."""

    name: str
    version: str


class _Info(Struct):
    """The one part of the answer that is looked at; the rest is skipped unread."""

    chart: _Metadata


_INFO: Final = msgspec.json.Decoder(_Info)


def judge(status: int, body: bytes, wanted: WantedChart) -> Probed:
    """The verdict on one answer. Never raises, whatever the bytes."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return _success(status, body, wanted)
    answer = classify(status, body)
    return Probed(_speaks(answer), answer.sentence, answer.words, answer.cause, answer.told)


def cache_key(kind: Kind, key: CacheKey) -> CacheKey | None:
    """Under what a positive probe may be kept; None where each attempt needs its own.

    A git repository's chart comes from the replica's own checkout, so each attempt probes. The chart of an http or oci
    repository comes from elsewhere, the same for every replica, and the probe downloads it: once is enough.
    """
    return key if kind in {Kind.HTTP, Kind.OCI} else None


def _success(status: int, body: bytes, wanted: WantedChart) -> Probed:
    try:
        found = _INFO.decode(body) if status == HTTPStatus.OK and len(body) <= LONGEST else None
    except (msgspec.MsgspecError, RecursionError, ValueError):
        found = None
    if found is None:
        return Probed(Speaks.DOUBTFUL, "The answer to the probe is not what Rancher says of a chart.")
    has = f"{found.chart.name} {found.chart.version}"
    if found.chart.name == wanted.name and (not wanted.version or same_version(found.chart.version, wanted.version)):
        return Probed(Speaks.YES, f"This replica of Rancher has {has}.")
    # Index look-ups fall back to a semver match, and until 2.14 to any version: what is wanted is not in this index.
    wants = f"{wanted.name} {wanted.version}".rstrip()
    return Probed(Speaks.NOT_YET, f"Asked for {wants}, this replica of Rancher answers with {has}.")


def _speaks(answer: Answer) -> Speaks:
    if answer.handling is Handling.RETRY:
        return Speaks.NOT_YET
    final = answer.handling in {Handling.FINAL, Handling.AUTHENTICATION}
    return Speaks.NEVER if final else Speaks.DOUBTFUL
