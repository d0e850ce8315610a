"""`make demo`: a Rancher stand-in and the gate before it, on loopback, and the story of what the gate is for."""

import argparse
import json
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import NoReturn

from lines import commands, curl_config
from processes import ROOT, DemoError, Server
from story import Scene, tell

HOST = "127.0.0.1"
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LAG = 8.0
"""Seconds that followers lag behind the leader; 5 were seen (dashboard#17543), and a large repository takes longer."""


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("make demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8443, help="of the gate")
    parser.add_argument("--ops-port", type=int, default=8080, help="of the gate's metrics")
    parser.add_argument("--rancher-port", type=int, default=9443, help="of the stand-in")
    parser.add_argument("--folder", type=Path, default=Path("certs/demo"), help="for certificates, token and logs")
    parser.add_argument("--factor", type=float, default=1.0, help="how many times as fast the stand-in lives")
    parser.add_argument("--once", action="store_true", help="end after the story; exit code 1 if it went wrong")
    return parser.parse_args()


def say(line: str) -> None:
    """Print a line as it comes."""
    print(line, flush=True)


@contextmanager
def running(name: str, command: list[str], log: Path, ended: "SimpleQueue[str]") -> Iterator[Server]:
    """A server for as long as this lasts."""
    server = Server(name, command, log, ended)
    try:
        yield server
    finally:
        server.stop()


def free(port: int, option: str) -> None:
    """See that nobody listens there.

    Raises:
        DemoError: somebody does.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise DemoError(f"{HOST}:{port} cannot be listened on ({error.strerror}); make demo {option}=…") from None


def start(given: argparse.Namespace, stack: ExitStack, ended: "SimpleQueue[str]") -> Scene:
    """Start both, and write down what callers need."""
    for port, option in ((given.port, "PORT"), (given.ops_port, "OPS_PORT"), (given.rancher_port, "RANCHER_PORT")):
        free(port, option)
    folder, gate = given.folder.absolute(), f"https://{HOST}:{given.port}"
    guard = str(Path(sys.executable).parent / "status-guard")
    subprocess.run([guard, "certs", "dev", "--out", folder], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    ours = (folder / "ca.crt").read_text()

    words = [f"--port={given.rancher_port}", f"--factor={given.factor}", f"--follower-lag={LAG}"]
    files = [f"--ca-file={folder / 'rancher-ca.crt'}", f"--landing={gate}/installs"]
    command = [sys.executable, "-m", "tests.rancher", *words, *files]
    standin = stack.enter_context(running("the Rancher stand-in", command, folder / "rancher.log", ended))
    said = json.loads(standin.says('"control"'))

    (folder / "token").touch(mode=0o600)
    (folder / "token").write_text(said["token"] + "\n")
    (folder / "curl").touch(mode=0o600)
    (folder / "curl").write_text(curl_config(folder, said["token"]))
    (folder / "journal").unlink(missing_ok=True)  # of another stand-in, which is gone
    serve = [guard, "serve", "--roles=gate", f"--host={HOST}", f"--port={given.port}", f"--ops-port={given.ops_port}"]
    serve += [f"--tls-cert={folder / 'tls.crt'}", f"--tls-key={folder / 'tls.key'}", "--drain=0s"]
    serve += [f"--rancher-url={said['url']}", f"--rancher-ca={said['ca']}", f"--journal={folder / 'journal'}"]
    stack.enter_context(running("the gate", serve, folder / "gate.log", ended)).says('"event":"serving"')
    trust = ssl.create_default_context(cadata=ours + Path(said["ca"]).read_text())
    return Scene(said["url"], gate, said["control"], said["token"], trust, given.factor)


def introduce(scene: Scene) -> None:
    """Say who is there."""
    say(
        "\nA Rancher to try things on, and the gate before it. It is none, but does what three replicas of Rancher 2.15"
        "\ndo with chart repositories and installs, as their source has it. Both speak TLS, on this machine alone."
        f"\n\n   Rancher   {scene.rancher}\n   the gate  {scene.gate}\n"
    )


def invite(scene: Scene, given: argparse.Namespace) -> None:
    """Say what there is to try."""
    say(f"Both go on running. In another terminal, from {ROOT}:\n")
    for shows, command in commands(scene.gate, str(given.folder)):
        say(f"   # {shows}\n   {command}\n")
    say(
        f"In a browser: {scene.rancher}/login\n"
        f"logs in at the stand-in and leads to the gate's page, {scene.gate}/installs (both certificates\n"
        "are made on this machine, which browsers warn of).\n"
        f"\nMetrics: http://{HOST}:{given.ops_port}/metrics   Log: {given.folder}/gate.log   What it is: docs/gate.md"
        "\n\nCtrl-C ends it."
    )


def interrupted(number: int, _: object) -> NoReturn:
    """End, and let nobody disturb that."""
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


def main() -> int:
    """Run it; return the exit code."""
    given = options()
    for number in ENDING:
        signal.signal(number, interrupted)
    ended: SimpleQueue[str] = SimpleQueue()
    try:
        with ExitStack() as stack:
            scene = start(given, stack, ended)
            introduce(scene)
            tell(scene, say)
            if given.once:
                return 0
            invite(scene, given)
            print(f"make demo: {ended.get()}", file=sys.stderr)  # until Ctrl-C, unless one of them ends before
    except DemoError as error:
        print(f"make demo: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        say("\nBoth have ended.")
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
