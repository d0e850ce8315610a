"""`make demo` as a newcomer meets it: the story it tells, what it prints pasted into a shell, and its end."""

import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPSConnection
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text()
PATIENCE = 45
"""Seconds for all that one command does, on a machine that does other things too."""
FAST = "--factor=20"
"""Twenty times as fast as a newcomer sees it."""

pytestmark = pytest.mark.skipif(
    not (shutil.which("make") and shutil.which("curl")), reason="needs make and curl; install them to see this run"
)


class Demo:
    """A demo in a folder of its own, on ports that nobody listens on.

    Args:
        folder: for its files.
        environment: without settings of whoever runs the tests.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        self.ports = {
            name: listener.getsockname()[1]
            for name, listener in zip(("PORT", "OPS_PORT", "RANCHER_PORT"), listeners, strict=True)
        }
        for listener in listeners:
            listener.close()
        # what this make may itself be part of is none of its business
        self._environment = {name: value for name, value in environment.items() if "MAKE" not in name}
        self.process: subprocess.Popen[str] | None = None
        self.shown = ""

    def once(self) -> subprocess.CompletedProcess[str]:
        """Have make tell the story, and nothing after it."""
        ports = [f"{name}={port}" for name, port in self.ports.items()]
        installed = [f"BIN={Path(sys.executable).parent}", "--assume-old=.venv/.dev"]
        command = ["make", "demo", *installed, *ports, f"DEMO=--once --folder={self.folder} {FAST}"]
        return subprocess.run(
            command,
            cwd=REPOSITORY,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def start(self) -> None:
        """Run what make runs until it waits for Ctrl-C, which at a terminal reaches this process alone."""
        ports = [f"--{name.lower().replace('_', '-')}={port}" for name, port in self.ports.items()]
        self.process = subprocess.Popen(
            [sys.executable, "dev/demo", *ports, f"--folder={self.folder}", FAST],
            cwd=REPOSITORY,
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.shown += line
            if "Ctrl-C ends it." in line:
                return
        pytest.fail(f"it ended: {self.shown}")

    def end(self, number: int) -> int:
        """Send it a signal, wait for its end, and give its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.shown += self.process.communicate(timeout=PATIENCE)[0]
        return self.process.returncode

    def is_gone(self) -> bool:
        """Whether nobody listens on its ports any more."""
        for port in self.ports.values():
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return False
        return True

    def here(self, line: str) -> str:
        """A line of the documents, for this folder and these ports."""
        line = line.replace("127.0.0.1:8443", f"127.0.0.1:{self.ports['PORT']}")
        return line.replace("certs/demo", str(self.folder))


@pytest.fixture
def demo(tmp_path: Path, environment: dict[str, str]) -> Demo:
    """One that does not run yet."""
    return Demo(tmp_path / "demo", environment)


@pytest.fixture
def running(demo: Demo) -> Iterator[Demo]:
    """One that waits for Ctrl-C."""
    try:
        demo.start()
        yield demo
    finally:
        demo.end(signal.SIGTERM)


def test_the_story_is_told_once_and_comes_true(demo: Demo) -> None:
    """Too early it is the 500 that users meet; through the gate it is held, says why, and is Rancher's 201, once."""
    told = demo.once()
    assert (told.returncode, told.stderr) == (0, "")
    expected = [
        r"1\. Somebody adds a chart repository",
        r'500 ServerError: configmaps "" not found',
        r"2\. The same request to the gate",
        r"s  held: The first download has not ended yet\.",
        r"s  sending: ",
        r"s  201, chartActionOutput helm-operation-",
        r"Side effects begun for the release, as Rancher counts: 1$",
    ]
    assert re.search(".*".join(expected), told.stdout, re.DOTALL | re.MULTILINE), told.stdout
    assert demo.is_gone()


def pasted(demo: Demo, command: str) -> str:
    """What a command shows in a shell in the project's folder."""
    command = command.replace(".venv/bin", str(Path(sys.executable).parent))
    run = subprocess.run(
        ["bash", "-c", command], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert run.returncode == 0, (command, run.stderr, run.stdout)
    return run.stdout


def test_what_is_printed_and_what_the_readme_says_can_be_pasted(running: Demo) -> None:
    """Line by line, in order, in another terminal; and the README has the lines that are printed."""
    section = README.partition("## The gate")[2].partition("\n## ")[0]
    in_readme = re.findall(r"^    ((?:curl|\.venv/bin/status-guard) .*)$", section, re.MULTILINE)
    printed = re.findall(r"^   ((?:curl|\.venv/bin/status-guard) .*)$", running.shown, re.MULTILINE)
    assert printed == [running.here(line) for line in in_readme]
    made, held, streamed, in_background, listed, by_command = [pasted(running, command) for command in printed]
    assert '"kind":"ClusterRepo"' in made
    assert held.startswith('{"type":"chartActionOutput"')
    assert '"phase":"following"' in streamed
    assert '"kind":"deployed"' in streamed
    assert in_background.startswith("HTTP/1.1 202")
    (path,) = re.findall(r"^location: /installs/(\w+)", in_background, re.MULTILINE)
    assert path in listed
    assert by_command.startswith("Installed harvester 1.8.1 as release four in namespace demo.")


def test_logging_in_leads_a_browser_to_the_gate(running: Demo) -> None:
    """The stand-in's login gives the cookie that its replicas take, and leads to the list of installs."""
    trust = ssl.create_default_context(cafile=running.folder / "rancher-ca.crt")
    trust.load_verify_locations(running.folder / "ca.crt")
    rancher = HTTPSConnection("127.0.0.1", running.ports["RANCHER_PORT"], context=trust, timeout=PATIENCE)
    rancher.request("GET", "/login")
    answer = rancher.getresponse()
    cookie = (answer.headers["set-cookie"] or "").partition(";")[0]
    rancher.close()
    assert answer.headers["location"] == f"https://127.0.0.1:{running.ports['PORT']}/installs"
    gate = HTTPSConnection("127.0.0.1", running.ports["PORT"], context=trust, timeout=PATIENCE)
    gate.request("GET", "/installs", headers={"cookie": cookie, "user-agent": "Mozilla/5.0"})
    assert gate.getresponse().status == HTTPStatus.OK
    gate.close()


def test_ctrl_c_ends_all_of_it(running: Demo) -> None:
    """Both servers end, their ports are free, and that is a success."""
    assert running.end(signal.SIGINT) == 0
    assert running.shown.endswith("Both have ended.\n")
    assert running.is_gone()


def test_a_port_that_is_taken_is_named(demo: Demo) -> None:
    """Where somebody listens already, the words say which variable chooses another port, and nothing is left behind."""
    with socket.create_server(("127.0.0.1", demo.ports["RANCHER_PORT"])):
        told = demo.once()
    assert told.returncode != 0
    assert "make demo RANCHER_PORT=" in told.stderr
    assert demo.is_gone()
