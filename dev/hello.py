"""Prints what `make run` says first: a command that shows the webhook at work. It can be pasted from any folder."""

import argparse
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REVIEW = ROOT / "tests/data/reviews/upgrade-dismissed.json"

DECODE = (
    "import base64, json, sys; "
    'patch = base64.b64decode(json.load(sys.stdin)["response"]["patch"]); '
    "print(json.dumps(json.loads(patch), indent=2))"
)
"""An AdmissionResponse carries its patch as base64."""

REACHED_AT = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here
"""An address that means "all of them" cannot be called; these can, and the certificate covers them."""


def command(host: str, port: int, certs: Path, python: Path) -> str:
    """The command, quoted for a POSIX shell."""
    host = REACHED_AT.get(host, host)
    url = f"https://{f'[{host}]' if ':' in host else host}:{port}/mutate"
    words = [
        ["curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", str(certs.resolve() / "ca.crt")],
        ["--header", "Content-Type: application/json", "--data-binary", f"@{REVIEW}"],
        [url],
    ]
    post = " \\\n    ".join(map(shlex.join, words))
    # not resolved: the environment's python is a link, and what it finds beside itself matters
    return f"{post} \\\n    | {shlex.join([str(python.absolute()), '-c', DECODE])}"


def main() -> None:
    """Print it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--host", required=True)
    options.add_argument("--port", required=True, type=int)
    options.add_argument("--certs", required=True, type=Path, help="folder with ca.crt")
    options.add_argument("--python", required=True, type=Path, help="the interpreter that decodes the patch")
    given = options.parse_args()
    print(
        "This posts a write that leaves a finished Harvester upgrade without its status, and shows the patch that\n"
        "puts it back. Paste it into another terminal; end the server with Ctrl-C.\n\n"
        f"  {command(given.host, given.port, given.certs, given.python)}\n",
        flush=True,
    )


if __name__ == "__main__":
    main()
