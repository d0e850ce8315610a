"""Rules are exchanged while requests are in flight: as a set, whole or not at all."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from raw_client import Connection, make_request, make_review
from server_process import Pki, Process

from app.certificates import issue_leaf

OLD = {"widgets": "Restore", "gadgets": "Deny"}
NEW = {"widgets": "Deny", "gadgets": "Restore"}


@dataclass
class Mount:
    """A folder as kubelet mounts a ConfigMap: files are links into ``..data``, a link that is swapped."""

    folder: Path
    count: int = 0

    def write(self, files: dict[str, str]) -> None:
        """Exchange all files in one step."""
        self.count += 1
        behind = self.folder / f"..{self.count}"
        behind.mkdir(parents=True)
        for name, text in files.items():
            (behind / name).write_text(text)
        link = self.folder / "..new"
        link.symlink_to(behind.name)
        link.rename(self.folder / "..data")
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")


@dataclass
class Caller:
    """Asks about two kinds in turn over one connection, and notes how each was answered."""

    process: Process
    stop: threading.Event = field(default_factory=threading.Event)
    seen: list[tuple[str, str]] = field(default_factory=list)

    def run(self) -> None:
        """Ask until told to stop."""
        connection = Connection(self.process.port, self.process.context)
        try:
            while not self.stop.is_set():
                for kind in ("widgets", "gadgets"):
                    reply = connection.send(make_request(make_review(resource=kind))).reply()
                    assert reply.status == 200
                    self.seen.append((kind, "Restore" if reply.json["response"]["allowed"] else "Deny"))
        finally:
            connection.close()


@pytest.fixture
def mount(tmp_path: Path, guards: Callable[..., str]) -> Mount:
    """A mounted folder with the old set, one file a guard."""
    made = Mount(tmp_path / "rules")
    made.write({f"{name}.yaml": guards(**{name: mode}) for name, mode in OLD.items()})
    return made


@pytest.fixture
def process(start: Callable[..., Process], mount: Mount) -> Process:
    """A process with the mounted rules."""
    return start(rules=mount.folder)


@pytest.fixture
def callers(process: Process) -> Iterator[list[Caller]]:
    """Callers that are at it throughout the test; a request that fails fails the test."""
    made = [Caller(process) for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        running = [pool.submit(caller.run) for caller in made]
        yield made
        for caller in made:
            caller.stop.set()
        for one in running:
            one.result()


def test_a_new_set_is_taken_as_a_whole(
    process: Process, mount: Mount, callers: list[Caller], guards: Callable[..., str]
) -> None:
    """Two guards that change together change at once for every caller: no answer is by the old set after the new."""
    process.until(lambda: all(caller.seen for caller in callers))
    mount.write({f"{name}.yaml": guards(**{name: mode}) for name, mode in NEW.items()})
    assert process.line("rules accepted") | {"generation": 2, "guards": 2} == process.line("rules accepted")
    marks = [len(caller.seen) for caller in callers]
    process.until(lambda: all(len(caller.seen) > mark + 1 for caller, mark in zip(callers, marks, strict=True)))
    assert process.metric("status_guard_rules_generation") == 2
    for caller in callers:
        by_new = [NEW[kind] == mode for kind, mode in list(caller.seen)]
        assert by_new == sorted(by_new)
        assert set(by_new) == {False, True}


def test_a_bad_set_changes_nothing(
    process: Process, mount: Mount, callers: list[Caller], guards: Callable[..., str], tmp_path: Path
) -> None:
    """A set with one bad file leaves the old one in force as a whole; log, readiness and metric say so, once."""
    mount.write({"widgets.yaml": guards(widgets="Deny"), "gadgets.yaml": guards(gadgets="Nonsense")})
    refused = process.line("rules refused; the earlier set stays in force")
    assert any("gadgets.yaml" in mistake and "spec.mode" in mistake for mistake in refused["mistakes"])
    assert process.metric("status_guard_rules_reload_failures") == 1
    assert process.metric("status_guard_rules_refused") == 1
    assert process.metric("status_guard_rules_generation") == 1
    ready, checks = process.ready()
    assert (ready, checks["rules"]["ok"]) == (True, True)
    assert "generation 1, 2 guards; the rules on disk are refused" in checks["rules"]["detail"]
    assert "gadgets.yaml" in checks["rules"]["detail"]
    mount.write({f"{name}.yaml": guards(**{name: mode}) for name, mode in OLD.items()})
    process.until(lambda: "refused" not in process.ready()[1]["rules"]["detail"])
    assert process.metric("status_guard_rules_refused") == 0
    assert all(OLD[kind] == mode for caller in callers for kind, mode in list(caller.seen))


def test_a_bad_set_is_logged_once(start: Callable[..., Process], mount: Mount, tmp_path: Path, pki: Pki) -> None:
    """While the same bad set lies there, later looks at it log nothing and count nothing."""
    now = datetime.now(UTC)  # noqa: TID251 - a certificate is valid now, or it is none
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"

    def issue() -> None:
        pair = issue_leaf(pki.authority, ["localhost", "127.0.0.1"], now)
        certificate.write_bytes(pair.certificate)
        key.write_bytes(pair.key)

    issue()
    process = start(rules=mount.folder, tls_cert=certificate, tls_key=key)
    mount.write({"widgets.yaml": "MARKER: ["})
    process.line("rules refused; the earlier set stays in force")
    issue()  # rules and certificate are looked at together, so this shows a later look
    process.line("certificate accepted")
    assert [line["event"] for line in process.lines].count("rules refused; the earlier set stays in force") == 1
    assert process.metric("status_guard_rules_reload_failures") == 1
    assert json.dumps(process.ready()).count("refused") == 1
