"""``status-guard serve`` with input that cannot be served: exit code 2, one helpful text, no traceback."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from server_process import Pki, Process

from app import __version__
from app.settings import Settings, flag, variable

Run = Callable[..., subprocess.CompletedProcess[str]]

COMMANDS = [[], ["serve"], ["review"], ["settings"], ["rules"], ["rules", "check"], ["certs"], ["certs", "dev"]]


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Runs the command to its end."""

    def command(*words: object, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "app", *map(str, words)],
            env=environment | {"COLUMNS": "200", "NO_COLOR": "1"} | variables,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return command


@pytest.fixture
def good(pki: Pki, rules: Path) -> dict[str, str]:
    """Variables that serve would start with."""
    named = {"rules": rules, "tls_cert": pki.certificate, "tls_key": pki.key, "port": 0, "ops_port": 0}
    return {variable(name): str(value) for name, value in named.items()}


@pytest.fixture
def taken() -> Iterator[int]:
    """A port somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def refused(result: subprocess.CompletedProcess[str]) -> str:
    """What a refused command said."""
    assert (result.returncode, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("status-guard serve: ")
    return result.stderr.removeprefix("status-guard serve: ").rstrip("\n")


def test_nothing_given_names_all_that_is_missing(run: Run) -> None:
    """Without any setting, the text names each one that is needed, as option and as variable."""
    text = refused(run("serve"))
    for name in ("rules", "tls_cert", "tls_key"):
        assert f"{flag(name)} (or {variable(name)})" in text


def test_missing_rules_are_named(run: Run, good: dict[str, str], tmp_path: Path) -> None:
    """Rules that are not there are named with their path."""
    assert str(tmp_path / "none") in refused(run("serve", "--rules", tmp_path / "none", **good))


def test_an_empty_folder_is_no_rules(run: Run, good: dict[str, str], tmp_path: Path) -> None:
    """A folder without a rule file would guard nothing, so it is refused."""
    assert "there is no rule file" in refused(run("serve", "--rules", tmp_path, **good))


def test_every_mistake_in_the_rules_is_named(
    run: Run, good: dict[str, str], tmp_path: Path, guards: Callable[..., str]
) -> None:
    """Each mistake is a line with file, line and path."""
    (tmp_path / "a.yaml").write_text(guards(widgets="Nonsense"))
    (tmp_path / "b.yaml").write_text(guards(gadgets="Deny").replace("writers:", "wirters:"))
    text = refused(run("serve", "--rules", tmp_path, **good))
    assert f"{tmp_path / 'a.yaml'}:7: spec.mode:" in text
    assert f"{tmp_path / 'b.yaml'}:8: spec.wirters:" in text


@pytest.mark.parametrize("name", ["tls_cert", "tls_key", "client_ca"])
def test_a_missing_certificate_file_is_named(name: str, run: Run, good: dict[str, str], tmp_path: Path) -> None:
    """A certificate, key or client CA that is not there is named with its path and what to look at."""
    text = refused(run("serve", flag(name), tmp_path / "none.pem", **good))
    assert f"cannot read {tmp_path / 'none.pem'}: No such file or directory; check the path" in text


def test_a_key_of_another_certificate_is_named(run: Run, good: dict[str, str], pki: Pki, tmp_path: Path) -> None:
    """A key that does not belong to the certificate is said to be that, with both files."""
    (tmp_path / "other.key").write_bytes(pki.authority.key)
    text = refused(run("serve", "--tls-key", tmp_path / "other.key", **good))
    assert f"the key in {tmp_path / 'other.key'} does not belong to the certificate in {pki.certificate}" in text


@pytest.mark.parametrize("name", ["port", "ops_port"])
def test_a_taken_port_is_named(name: str, run: Run, good: dict[str, str], taken: int) -> None:
    """The text names address and port, why they cannot be had, and the option that names another."""
    text = refused(run("serve", flag(name), taken, **good))
    assert f"cannot listen on 127.0.0.1 port {taken}: address already in use" in text
    assert f"name another with {flag(name)}" in text


@pytest.mark.parametrize(
    ("host", "why"), [("no.such.host.invalid", ""), ("192.0.2.1", "cannot assign requested address")]
)
def test_a_host_of_others_is_named(host: str, why: str, run: Run, good: dict[str, str]) -> None:
    """An address that is none of this machine's is named, with the option that gives another."""
    text = refused(run("serve", "--host", host, **good))
    assert text.startswith(f"cannot listen on {host}")
    assert why in text
    assert "--host" in text


def test_several_mistakes_are_said_at_once(run: Run, good: dict[str, str]) -> None:
    """All settings that are wrong are named together, each by where it came from."""
    text = refused(run("serve", "--port", "x", **good | {"STATUS_GUARD_DRAIN": "soon", "STATUS_GUARD_DRIAN": "1s"}))
    assert [line.partition(":")[0].partition(" ")[0] for line in text.splitlines()] == [
        "STATUS_GUARD_DRIAN",
        "--port",
        "STATUS_GUARD_DRAIN",
    ]


def test_an_address_of_ipv6_is_served(starter: Callable[..., Process]) -> None:
    """An IPv6 address can be listened on, is logged as it is written in a URL, and readiness dials it."""
    process = starter(host="::1")
    started = process.line("serving")
    assert started["address"] == f"[::1]:{process.port}"
    process.signal(signal.SIGTERM)
    assert process.ended() == 0


def test_the_version_is_told(run: Run) -> None:
    """--version prints the version of this code."""
    assert run("--version").stdout == f"status-guard {__version__}\n"


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_explains_itself(words: list[str], run: Run) -> None:
    """Each command has a help text on standard output and exit code 0."""
    result = run(*words, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert "Usage:" in result.stdout


def test_help_shows_every_setting(run: Run) -> None:
    """The help of serve has each setting with its option, variable and default, in the words of its definition."""
    shown = " ".join(run("serve", "--help", COLUMNS="500").stdout.split())
    for name, setting in Settings.model_fields.items():
        assert f" {flag(name)} " in shown
        assert f"{setting.description} [{variable(name)}" in shown


def test_bash_takes_the_completion() -> None:
    """What --show-completion prints is a script that bash takes, and that completes this command."""
    folder = Path(sys.executable).parent
    result = subprocess.run(
        ["bash", "-c", 'eval "$(status-guard --show-completion bash)"; complete -p status-guard'],
        env=os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.strip().endswith("_status_guard_completion status-guard")


def test_completion_knows_commands_and_options() -> None:
    """Asked as a shell asks, it completes the names of commands and of options."""
    command = Path(sys.executable).parent / "status-guard"
    for words, expected in (
        ("status-guard se", {"serve", "settings"}),
        ("status-guard serve --tls-", {"--tls-cert", "--tls-key"}),
    ):
        asked = {"_STATUS_GUARD_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        result = subprocess.run(
            [command], env=os.environ | asked, capture_output=True, text=True, timeout=30, check=True
        )
        assert set(result.stdout.split()) == expected
