"""`make run` as a newcomer meets it: at a terminal, with what it prints pasted into a shell, ended by Ctrl-C."""

import json
import os
import select
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 30
"""Seconds for make, two short Python processes and the server to come up, on a machine that does other things too."""

pytestmark = pytest.mark.skipif(
    not (shutil.which("make") and shutil.which("curl")), reason="needs make and curl; install them to see this run"
)


class Terminal:
    """A process with a terminal of its own, whose Ctrl-C works as a person's does."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._ours, theirs = os.openpty()
        # the leader of a new session that opens a terminal gets it as its controlling one
        script = 'terminal=$1; shift; exec "$@" <"$terminal" >"$terminal" 2>&1'
        self.process = subprocess.Popen(
            ["sh", "-c", script, "sh", os.ttyname(theirs), *command],
            cwd=REPOSITORY,
            env=environment,
            start_new_session=True,
        )
        self._theirs = theirs
        self.shown = ""

    def read_until(self, word: str) -> None:
        """Read until the word was shown, or nothing more will be."""
        end = monotonic() + PATIENCE
        while word not in self.shown:
            ended = self.process.poll() is not None
            if select.select([self._ours], [], [], 0 if ended else 0.5)[0]:
                self.shown += os.read(self._ours, 65536).decode().replace("\r\n", "\n")
            else:
                waiting = monotonic() < end and not ended
                assert waiting, f"{word!r} was not shown, but: {self.shown}"

    def press(self, key: bytes) -> None:
        """Type a key."""
        os.write(self._ours, key)

    def close(self) -> None:
        """End what still runs, as a supervisor would: make hands SIGTERM on."""
        self.process.terminate()
        self.process.wait(PATIENCE)
        os.close(self._ours)
        os.close(self._theirs)


@pytest.fixture
def ports() -> list[int]:
    """Two ports that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return [listener.getsockname()[1] for listener in (one, other)]


@pytest.fixture
def running(environment: dict[str, str], ports: list[int], tmp_path: Path) -> Iterator[Terminal]:
    """`make run` with the interpreter of these tests, where an earlier run left certificates of no use."""
    certs = tmp_path / "a folder" / "certs"
    certs.mkdir(parents=True)
    for name in ("ca.crt", "tls.crt", "tls.key"):
        (certs / name).write_text("not a certificate")
    (tmp_path / "certs").symlink_to(certs)
    installed = [f"BIN={Path(sys.executable).parent}", "--assume-old=.venv/.installed"]
    settings = [f"CERTS={tmp_path / 'certs'}", f"PORT={ports[0]}", f"OPS_PORT={ports[1]}"]
    # what this make may itself be part of is none of its business
    clean = {name: value for name, value in environment.items() if "MAKE" not in name} | {"STATUS_GUARD_DRAIN": "0s"}
    terminal = Terminal(["make", "run", *installed, *settings], clean)
    try:
        terminal.read_until('"event":"serving"')
        yield terminal
    finally:
        terminal.close()


def test_the_printed_command_shows_the_patch(running: Terminal, tmp_path: Path) -> None:
    """Pasted into bash in any folder, the command shows the decoded patch that puts the status back."""
    command = running.shown[running.shown.index("  curl ") :].split("\n\n")[0]
    result = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    review = json.loads((REPOSITORY / "tests/data/reviews/upgrade-dismissed.json").read_bytes())
    lost = review["request"]["oldObject"]["status"]
    assert {"op": "add", "path": "/status", "value": lost} in json.loads(result.stdout)


def test_ctrl_c_ends_it_cleanly(running: Terminal) -> None:
    """Ctrl-C lets the server finish, and make reports success."""
    running.press(b"\x03")
    assert running.process.wait(PATIENCE) == 0
    running.read_until('"event":"stopped"')


@pytest.mark.parametrize(("host", "called"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")])
def test_the_command_calls_an_address_that_can_be_called(host: str, called: str, tmp_path: Path) -> None:
    """Where the server listens on all addresses, the printed command still names one."""
    words = ["--host", host, "--port", "8443", "--certs", str(tmp_path), "--python", sys.executable]
    result = subprocess.run(
        [sys.executable, REPOSITORY / "dev/hello.py", *words], capture_output=True, text=True, check=True
    )
    assert f"https://{called}:8443/mutate" in result.stdout


def test_without_a_terminal_the_command_takes_the_place_of_its_starter() -> None:
    """Under a supervisor there is one process, whose exit code is the command's."""
    words = [sys.executable, REPOSITORY / "dev/foreground.py", "sh", "-c", "echo $$; exit 7"]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        shown, _ = process.communicate(timeout=PATIENCE)
    assert (int(shown), process.returncode) == (process.pid, 7)
