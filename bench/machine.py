"""On what a run was made, for the head of its table."""

import importlib.metadata
import os
import platform
import ssl
import subprocess
import sysconfig
from pathlib import Path

PACKAGES = ("fastapi", "uvicorn", "uvloop", "httptools", "msgspec")


def describe(go_version: str | None) -> dict[str, str]:
    """Processor, kernel, versions and the state of the source."""
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return {
        "processor": f"{os.cpu_count()} x {_processor()}",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_version()}, {_build()}, {ssl.OPENSSL_VERSION}",
        "packages": packages,
        "Go": go_version or "none",
        "source": _source(),
    }


def _build() -> str:
    """Interpreters compiled without profile-guided optimisation are slower, and many self-made ones are."""
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return "optimised build" if optimised else "build without --enable-optimizations"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _source() -> str:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    commit = git("rev-parse", "--short", "HEAD")
    if not commit:
        return "not a git checkout"
    return f"{commit} with changes" if git("status", "--porcelain", "--", "../app") else commit
