"""The operations listener: alive, ready and why not, and what is counted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from raw_client import Reply, make_review
from server_process import Pki, Process

from app.certificates import issue_leaf

Post = Callable[..., Reply]
NOW = datetime.now(UTC)  # noqa: TID251 - certificates here are valid, or not, now


def test_alive_is_who_answers(server: Process) -> None:
    """Liveness asks nothing of anybody."""
    status, headers, body = server.ops("/livez")
    assert (status, headers.get_content_type(), body) == (200, "text/plain", b"ok\n")


def test_ready_names_its_checks(server: Process) -> None:
    """Readiness says what it depends on, by name, and something about each that has something to say."""
    ready, checks = server.ready()
    assert ready
    assert list(checks) == ["serving", "certificate", "tls", "rules"]
    assert checks["rules"]["detail"] == "generation 1, 4 guards"
    assert checks["certificate"]["detail"].startswith("valid until 20")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_head_is_get_without_a_body(path: str, server: Process) -> None:
    """Probes may use HEAD."""
    assert (server.ops(path, "HEAD")[0], server.ops(path, "HEAD")[2]) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/MARKER", 404), ("GET", "/mutate", 404), ("POST", "/livez", 405)]
)
def test_what_is_not_there_is_a_fault(method: str, path: str, status: int, server: Process) -> None:
    """Other paths and methods are problems in the same form as the webhook's, without an echo."""
    reply = Reply(*server.ops(path, method))
    reply.assert_fault(status)
    assert reply.headers["allow"] == ("GET, HEAD" if status == 405 else None)


def issued(folder: Path, pki: Pki, age: timedelta, lifetime: timedelta) -> dict[str, Any]:
    """Options of serve for a pair that began ``age`` ago."""
    pair = issue_leaf(pki.authority, ["localhost", "127.0.0.1"], NOW - age, lifetime)
    (folder / "tls.crt").write_bytes(pair.certificate)
    (folder / "tls.key").write_bytes(pair.key)
    return {"tls_cert": folder / "tls.crt", "tls_key": folder / "tls.key"}


def test_an_expired_certificate_is_not_ready(start: Callable[..., Process], pki: Pki, tmp_path: Path) -> None:
    """Who serves an expired certificate says so: in readiness, in the log, in the metric. It is alive all the same."""
    process = start(**issued(tmp_path, pki, timedelta(days=3), timedelta(days=1)))
    process.line("the certificate has expired")
    ready, checks = process.ready()
    assert (ready, checks["certificate"]["ok"]) == (False, False)
    assert checks["certificate"]["detail"].startswith("expired, was valid until")
    assert process.metric("status_guard_certificate_expiry_seconds") < 0
    assert process.ops("/livez")[0] == 200


def test_a_certificate_near_its_end_is_ready_and_says_so(
    start: Callable[..., Process], pki: Pki, tmp_path: Path
) -> None:
    """A week before its end readiness begins to say so; a pair refused meanwhile is named there as well."""
    process = start(**issued(tmp_path, pki, timedelta(0), timedelta(days=5)))
    (tmp_path / "tls.key").write_text("MARKER")
    process.line("certificate refused; the earlier pair stays in force")
    ready, checks = process.ready()
    assert ready
    assert checks["certificate"]["detail"].startswith("expires soon, valid until")
    assert f"the files on disk are refused: OpenSSL cannot load {tmp_path}" in checks["certificate"]["detail"]
    assert "MARKER" not in checks["certificate"]["detail"]
    assert process.metric("status_guard_certificate_reload_failures") == 1
    assert 0 < process.metric("status_guard_certificate_expiry_seconds") <= 5 * 24 * 3600


def test_with_a_client_ca_readiness_still_dials_its_own_port(
    start: Callable[..., Process], pki: Pki, tmp_path: Path
) -> None:
    """Where callers have to show a certificate, readiness is true without one, and its probes leave no log lines."""
    ca = tmp_path / "ca.crt"
    ca.write_bytes(pki.authority.certificate)
    process = start(client_ca=ca, client_name="kube-apiserver")
    assert [process.ready()[0] for _ in range(3)] == [True, True, True]
    assert [line["event"] for line in process.lines] == ["serving"]
    assert not process.noise


def test_metrics_are_named_as_documented(server: Process, post: Post) -> None:
    """The exposition parses, has a help text for everything, and holds what dashboards are made of."""
    post(make_review())
    post(make_review(resource="gadgets"))
    post(b"MARKER")
    status, headers, body = server.ops("/metrics")
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert b"MARKER" not in body
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    assert all(family.documentation for family in families.values())
    found = {
        name: {label for sample in family.samples for label in sample.labels}
        for name, family in families.items()
        if name.startswith("status_guard") and not name.endswith("_created")
    }
    assert found == {
        "status_guard_requests": {"endpoint", "guard", "rule", "action", "dry_run"},
        "status_guard_faults": {"endpoint", "code"},
        "status_guard_losses_restored": {"group", "resource", "rule"},
        "status_guard_request_duration_seconds": {"endpoint", "le"},
        "status_guard_requests_in_flight": set(),
        "status_guard_held_bytes": set(),
        "status_guard_rules_generation": set(),
        "status_guard_rules_guards": set(),
        "status_guard_rules_reload_failures": set(),
        "status_guard_rules_refused": set(),
        "status_guard_clients_refused": set(),
        "status_guard_certificate_expiry_seconds": set(),
        "status_guard_certificate_reload_failures": set(),
    }
    assert "process_resident_memory_bytes" in families


@pytest.mark.parametrize("path", ["/mutate", "/validate"])
@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(
    ("resource", "actions"),
    [
        ("widgets", ("restored", "denied")),
        ("gadgets", ("denied", "denied")),
        ("gizmos", ("warned", "warned")),
        ("gears", ("audited", "audited")),
        ("others", ("allowed", "allowed")),
    ],
)
def test_every_review_is_counted(
    resource: str, actions: tuple[str, str], path: str, server: Process, post: Post, *, dry_run: bool
) -> None:
    """A review adds one to its guard, deciding rule, action and dry run, one to the duration, and nothing else."""
    action = actions[path == "/validate"]
    guard, rule = (f"test-{resource}", "SG003") if resource != "others" else ("", "SG001")
    labels = {"endpoint": path[1:], "guard": guard, "rule": rule}
    labels |= {"action": action, "dry_run": str(dry_run).lower()}

    def counted() -> tuple[float, ...]:
        return (
            server.metric("status_guard_requests_total", **labels),
            server.metric("status_guard_requests_total"),
            server.metric("status_guard_request_duration_seconds_count", endpoint=path[1:]),
            server.metric("status_guard_losses_restored_total", group="example.io", resource=resource, rule=rule),
            server.metric("status_guard_faults_total"),
        )

    before = counted()
    post(make_review(resource=resource, dryRun=dry_run), path)
    restored = int(action == "restored" and not dry_run)
    assert counted() == tuple(old + more for old, more in zip(before, (1, 1, 1, restored, 0), strict=True))


def test_a_fault_is_counted_by_its_code(server: Process, post: Post) -> None:
    """A fault adds one to its endpoint and code, and none to the reviews."""
    before = server.metric("status_guard_requests_total"), server.metric("status_guard_faults_total", code="415")
    post(make_review(), "/validate", content_type="text/plain")
    after = server.metric("status_guard_requests_total"), server.metric("status_guard_faults_total", code="415")
    assert after == (before[0], before[1] + 1)
