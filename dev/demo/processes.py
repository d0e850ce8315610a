"""The demo's two servers: processes whose first words are waited for, and which end with the demo."""

import os
import queue
import signal
import subprocess
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 30.0
"""Seconds for a server to come up, on a machine that does other things too."""
GOODBYE = 10.0
"""Seconds for a server to end."""


class DemoError(Exception):
    """The demo cannot go on; the words say why, and what to do."""


class Server:
    """A server of the demo, with what it says in a file.

    Args:
        name: for people.
        command: what to run, in the project's folder.
        log: where all that it says goes.
        ended: gets a sentence when it has ended, for whatever reason.
    """

    def __init__(self, name: str, command: list[str], log: Path, ended: "queue.SimpleQueue[str]") -> None:
        self._name = name
        self._log = log
        # settings of whoever runs the demo are none of its own
        settings = {name: value for name, value in os.environ.items() if not name.startswith("STATUS_GUARD_")}
        # a group of its own: at a terminal Ctrl-C is for the demo, which then ends its servers one after the other
        self._process = subprocess.Popen(  # noqa: S603 - the demo's own command
            command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0
        )
        self._ended = ended
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._log.open("wb") as log, self._process.stdout:
            for line in self._process.stdout:
                log.write(line)
                log.flush()
                self._lines.put(line.decode("utf-8", "replace"))
        self._lines.put(None)
        self._ended.put(f"{self._name} ended; see {self._log}")

    def says(self, word: str) -> str:
        """Wait for a line with a word in it.

        Raises:
            DemoError: it ended instead, or said nothing of the kind.
        """
        try:
            while (line := self._lines.get(timeout=PATIENCE)) is not None:
                if word in line:
                    return line
        except queue.Empty:
            raise DemoError(f"{self._name} did not come up within {PATIENCE:g} s; see {self._log}") from None
        raise DemoError(f"{self._name} ended before it served; see {self._log}")

    def stop(self) -> None:
        """End it, if need be by force."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(GOODBYE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
