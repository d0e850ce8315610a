"""Verdicts on answers to ``link=info``."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.gate.answer import Cause
from app.core.gate.cluster_repo import Kind
from app.core.gate.probe import LONGEST, CacheKey, Probed, Speaks, cache_key, judge
from app.core.gate.repository import WantedChart

WANTED = WantedChart("harvester", "1.8.1")


def info(name: Any = "harvester", version: Any = "1.8.1", **rest: Any) -> bytes:
    """What Rancher says of a chart; the key ``type`` may stand twice in it."""
    chart = {"name": name, "version": version, "annotations": {"a": "b"}}
    body = json.dumps({"type": "chartInfo", "readme": "r", "values": {"a": 1}, "chart": chart} | rest)
    return (body.removesuffix("}") + ',"type":"chartInfo"}').encode()


def error(code: str, message: str, status: int) -> bytes:
    """An error of Rancher's."""
    return json.dumps({"type": "error", "code": code, "message": message, "status": status}).encode()


SUCCESSES: list[tuple[str, int, bytes, WantedChart, Speaks]] = [
    ("the version", 200, info(), WANTED, Speaks.YES),
    ("the version with a v", 200, info(version="v1.8.1"), WANTED, Speaks.YES),
    ("any version", 200, info(version="1.9.0"), WantedChart("harvester"), Speaks.YES),
    ("another version", 200, info(version="1.8.0"), WANTED, Speaks.NOT_YET),
    ("a version that begins alike", 200, info(version="1.8.10"), WANTED, Speaks.NOT_YET),
    ("another chart", 200, info(name="other"), WANTED, Speaks.NOT_YET),
    ("no chart", 200, b"{}", WANTED, Speaks.DOUBTFUL),
    ("a chart of null", 200, info(chart=None), WANTED, Speaks.DOUBTFUL),
    ("a version that is a number", 200, info(version=1), WANTED, Speaks.DOUBTFUL),
    ("a page", 200, b"<html>", WANTED, Speaks.DOUBTFUL),
    ("nothing", 200, b"", WANTED, Speaks.DOUBTFUL),
    ("no text", 200, b"\xff", WANTED, Speaks.DOUBTFUL),
    ("depth", 200, b'{"chart":' + b"[" * 100_000, WANTED, Speaks.DOUBTFUL),
    ("just not too much", 200, info().ljust(LONGEST), WANTED, Speaks.YES),
    ("too much", 200, info().ljust(LONGEST + 1), WANTED, Speaks.DOUBTFUL),
    ("another success", 201, info(), WANTED, Speaks.DOUBTFUL),
    ("no content", 204, b"", WANTED, Speaks.DOUBTFUL),
]


@pytest.mark.parametrize(("why", "status", "body", "wanted", "speaks"), SUCCESSES, ids=[row[0] for row in SUCCESSES])
def test_a_success_has_to_be_the_wanted_chart(
    why: str, status: int, body: bytes, wanted: WantedChart, speaks: Speaks
) -> None:
    """Only a chart of the wanted name and version speaks for the replica."""
    found = judge(status, body, wanted)
    assert (found.speaks, found.cause) == (speaks, None)


def test_another_version_is_named() -> None:
    """A reader sees what was asked for and what was answered."""
    sentence = "Asked for harvester 1.8.1, this replica of Rancher answers with harvester 1.8.0."
    assert judge(200, info(version="1.8.0"), WANTED).sentence == sentence


CHECKOUT = "failed to find chartName a version 1: NotFound 404"
FAILURES: list[tuple[int, bytes, Speaks, Cause, int]] = [
    (500, error("ServerError", CHECKOUT, 500), Speaks.NOT_YET, Cause.CHECKOUT, 503),
    (500, error("ServerError", 'configmaps "" not found', 500), Speaks.NOT_YET, Cause.INDEX_NAME, 503),
    (401, error("Unauthorized", "", 401), Speaks.NOT_YET, Cause.INDEX_OWNER, 503),
    (503, error("", "", 503), Speaks.NOT_YET, Cause.DOWNLOAD_STATUS, 503),
    (404, b"", Speaks.NOT_YET, Cause.SCHEMA, 404),
    (401, error("", "", 401), Speaks.NEVER, Cause.DOWNLOAD_REFUSED, 502),
    (500, error("ServerError", "http: response body too large", 500), Speaks.NEVER, Cause.CHART_SIZE, 502),
    (401, b'{"type":"error","status":"401","message":"must authenticate"}', Speaks.NEVER, Cause.AUTHENTICATION, 401),
    (403, b"<html>", Speaks.NEVER, Cause.REFUSED, 403),
    (302, b"", Speaks.NEVER, Cause.REDIRECTED, 502),
    (500, error("ServerError", "something else", 500), Speaks.DOUBTFUL, Cause.UNKNOWN, 504),
    (502, b"<html>", Speaks.DOUBTFUL, Cause.UNKNOWN, 504),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "speaks", "cause", "told"), FAILURES)
def test_a_failure_is_read_by_the_message_table(
    status: int, body: bytes, speaks: Speaks, cause: Cause, told: int
) -> None:
    """What would be sent again is not yet, what is final is never, and what is unknown is no evidence."""
    found = judge(status, body, WANTED)
    assert (found.speaks, found.cause, found.told) == (speaks, cause, told)


def test_only_a_checkout_is_probed_each_time() -> None:
    """A chart that comes from elsewhere is the same for all replicas; a repository without a kind is not trusted."""
    key = CacheKey("local", "harvester", "uid", 2, "harvester", "1.8.1")
    assert {kind: cache_key(kind, key) for kind in Kind} == {
        Kind.GIT: None, Kind.NONE: None, Kind.HTTP: key, Kind.OCI: key
    }  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    status=st.integers(0, 999), body=st.binary(max_size=80) | st.builds(info, st.text(max_size=3), st.text(max_size=3))
)
def test_any_answer_has_a_verdict(status: int, body: bytes) -> None:
    """No answer is too odd, and only a 200 speaks for a replica."""
    found = judge(status, body, WantedChart("a", "1"))
    assert isinstance(found, Probed)
    assert found.sentence.endswith(".")
    assert found.speaks is not Speaks.YES or status == 200
