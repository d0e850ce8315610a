"""The Go compiler, and the two programs built with it: the reference webhook and the load generator."""

import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).parent
BUILD = BENCH / ".build"


class NoGoError(Exception):
    """There is no Go compiler and none can be installed; the text says why."""


@dataclass(frozen=True)
class Go:
    """A Go compiler and what it built."""

    version: str
    lean: Path
    load: Path


def prepare(compiler: str | None) -> Go:
    """Build both programs, with the given compiler or with one from the package index.

    The compiler is the PyPI package that pyproject.toml names in the extra ``bench``. It gets an environment of its
    own below ``bench/.build``; the project's is not touched.

    Raises:
        NoGoError: the package cannot be installed here.
        subprocess.CalledProcessError: the compiler refused the programs; its own words are on stderr.
    """
    path = compiler or str(_installed())
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(BUILD),
        "GOCACHE": str(BUILD / "go-cache"),
        "GOPATH": str(BUILD / "go-path"),
        "GOPROXY": "off",  # standard library only
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=mod",
        "CGO_ENABLED": "0",
    }
    version = subprocess.run([path, "version"], env=environment, check=True, capture_output=True, text=True)
    built = {}
    for name, folder in (("lean", "peer"), ("load", "load")):
        built[name] = BUILD / name
        command = [path, "build", "-trimpath", "-o", str(built[name]), "."]
        subprocess.run(command, cwd=BENCH / folder, env=environment, check=True)
    return Go(version.stdout.split()[2], built["lean"], built["load"])


def _installed() -> Path:
    home = BUILD / "go"
    compiler = home / "bin" / "go"
    if compiler.exists():
        return compiler
    project = tomllib.loads((BENCH.parent / "pyproject.toml").read_text())
    wanted = project["project"]["optional-dependencies"]["bench"]
    print(f"installing {', '.join(wanted)} into {home.relative_to(BENCH.parent)} (280 MB, once)", flush=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    steps = ([sys.executable, "-m", "venv", str(home)], [str(home / "bin" / "python"), *install, *wanted])
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoGoError(f"{', '.join(wanted)} cannot be installed: {_last_line(done.stderr)}")
    if not compiler.exists():
        raise NoGoError(f"{', '.join(wanted)} is installed, but there is no {compiler}")
    return compiler


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
