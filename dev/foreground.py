"""Runs a command so that Ctrl-C reaches it alone, and exits as it does.

A terminal sends Ctrl-C to every process of its foreground group. Under make that is make too, which then ends by the
signal however cleanly the server stopped. So at a terminal the command gets a process group of its own, in front.
Anywhere else (in a pipeline, in the background, under a supervisor) it simply takes this process's place.
"""

import contextlib
import os
import signal
import subprocess
import sys


def at_terminal() -> bool:
    """Whether this process is in front of a terminal, whose foreground group it may then change."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:
        return False


def run_in_front(command: list[str]) -> int:
    """Run the command as the terminal's foreground group; SIGTERM and SIGHUP are handed on to it.

    Returns:
        The command's exit code, in the shell's way: 128 and the number of the signal that ended it.
    """
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # the terminal is taken back from the background
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # inherited: a shell could not wake a group it does not know
    child = subprocess.Popen(command, process_group=0)  # noqa: S603 - the Makefile names the command
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda caught, _: child.send_signal(caught))
    os.tcsetpgrp(sys.stdin.fileno(), child.pid)
    code = child.wait()
    with contextlib.suppress(OSError):  # the terminal may be gone, and the command for that reason
        os.tcsetpgrp(sys.stdin.fileno(), os.getpgrp())
    return code if code >= 0 else 128 - code


def main() -> None:
    """Run the rest of the command line."""
    command = sys.argv[1:]
    if at_terminal():
        sys.exit(run_in_front(command))
    os.execvp(command[0], command)  # noqa: S606 - the Makefile names the command


if __name__ == "__main__":
    main()
