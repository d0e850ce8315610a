"""A certificate's dates: what is served all the same says so, before it is too late."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from server_process import Pki, Process
from structlog.testing import capture_logs

from app.certificates import KeyPair, issue_leaf
from app.main import Process as ServerProcess
from app.roles.endpoint import EARLY, EXPIRED, SOON
from app.settings import Settings

DAY = timedelta(days=1)


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)  # noqa: TID251 - a certificate is served now


def write(folder: Path, pair: KeyPair) -> dict[str, Path]:
    """The pair in files, as settings name them."""
    (folder / "tls.crt").write_bytes(pair.certificate)
    (folder / "tls.key").write_bytes(pair.key)
    return {"tls_cert": folder / "tls.crt", "tls_key": folder / "tls.key"}


def leaf(pki: Pki, begin: timedelta, life: timedelta) -> KeyPair:
    """A leaf that begins so long after now (before it, if negative)."""
    return issue_leaf(pki.authority, ["localhost"], now() + begin, life)


class Case(NamedTuple):
    """A leaf's dates from now on, and what is said of them."""

    begin: timedelta
    life: timedelta
    event: str
    detail: str


CASES = [
    Case(-DAY, 3 * DAY, SOON, "expires soon"),
    Case(-3 * DAY, 2 * DAY, EXPIRED, "expired, was valid until"),
    Case(DAY, 90 * DAY, EARLY, "check this machine's clock"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.event)
def test_a_certificate_near_or_past_its_dates_is_no_secret(
    case: Case, start: Callable[..., Process], pki: Pki, tmp_path: Path
) -> None:
    """Log, readiness and metric say it from the start on, though it is served: a silent listener tells nobody why."""
    process = start(**write(tmp_path, leaf(pki, case.begin, case.life)))
    line = process.line(case.event)
    assert line["level"] == "error"
    assert line["not_after"]
    ready, checks = process.ready()
    assert ready == checks["certificate"]["ok"] == (case.event == SOON)
    assert case.detail in checks["certificate"]["detail"]
    left = process.metric("status_guard_certificate_expiry_seconds")
    assert abs(left - (case.begin + case.life).total_seconds()) < 120


def test_a_renewed_pair_ends_the_warnings(start: Callable[..., Process], pki: Pki, tmp_path: Path) -> None:
    """Once a good pair lies there it is served, and readiness has nothing more to say about dates."""
    process = start(**write(tmp_path, leaf(pki, -3 * DAY, 2 * DAY)))
    assert not process.ready()[0]
    write(tmp_path, leaf(pki, -DAY, 90 * DAY))
    process.line("certificate accepted")
    process.until(lambda: process.ready()[0])
    assert "expire" not in process.ready()[1]["certificate"]["detail"]


def test_warnings_come_once_a_day_and_not_with_every_look(pki: Pki, rules: Path, tmp_path: Path) -> None:
    """Whoever polls every two seconds says so once; a process that was paused past midnight says it again."""
    files = write(tmp_path, leaf(pki, -DAY, 3 * DAY))
    made = ServerProcess(Settings(rules=rules, port=0, ops_port=0, **files))
    try:
        with capture_logs() as logged:
            for _ in range(3):
                made.poll()
        assert [line["event"] for line in logged] == [SOON]
        made.endpoint._said = (SOON, "1970-01-01")
        with capture_logs() as logged:
            made.poll()
        assert [line["event"] for line in logged] == [SOON]
    finally:
        made.endpoint.socket.close()
