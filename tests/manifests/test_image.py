"""The Dockerfile does what is tested elsewhere, and fits the manifests."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from manifest_objects import ROOT, pod_of, the

from app import __version__

TEXT = (ROOT / "Dockerfile").read_text()
LINES = [
    re.sub(r"\s+", " ", line)
    for line in re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE)).splitlines()
    if line
]
POD = pod_of(the("Deployment", "base/webhook/deployment.yaml"))


def instructions(name: str) -> list[str]:
    """The arguments of every instruction of a name, in order."""
    return [line.removeprefix(f"{name} ") for line in LINES if line.startswith(f"{name} ")]


def test_dependencies_are_installed_as_make_installs_them() -> None:
    """By hash from the lock, and the package itself without resolving anything: the words of the Makefile's recipe."""
    makefile = (ROOT / "Makefile").read_text()
    install = [line for line in instructions("RUN") if "pip install" in line]
    assert "--require-hashes -r requirements.lock" in install[0]
    assert "--require-hashes -r requirements.lock" in makefile
    assert "--no-deps --no-build-isolation ." in install[1]
    assert "--no-deps --no-build-isolation --editable ." in makefile


def test_versions_are_exact_and_python_is_that_of_the_lock() -> None:
    """Both stages start from one image with a full version, of the minor version that tests run on."""
    bases = {line.split()[0] for line in instructions("FROM")}
    assert len(bases) == 1
    found = re.fullmatch(r"python:(\d+\.\d+)\.\d+-slim-\w+", bases.pop())
    assert found is not None
    assert found[1] == f"{sys.version_info.major}.{sys.version_info.minor}" or sys.version_info > (3, 12)


def test_no_tools_remain_in_the_image() -> None:
    """The last stage takes one folder from the build, and pip, setuptools and wheel are gone from both."""
    last = LINES[max(at for at, line in enumerate(LINES) if line.startswith("FROM ")) :]
    assert [line for line in last if line.startswith("COPY ")] == [
        "COPY --from=build /opt/status-guard /opt/status-guard"
    ]
    removed = [line for line in instructions("RUN") if "uninstall" in line]
    assert len(removed) == 2
    assert all({"pip", "setuptools", "wheel"} <= set(line.split()) for line in removed)


def test_it_runs_as_the_user_and_on_the_ports_that_the_pod_asks_for() -> None:
    """User and ports have one figure in both places, and nothing runs as root."""
    user = f"{POD['securityContext']['runAsUser']}:{POD['securityContext']['runAsGroup']}"
    assert instructions("USER") == [user]
    ports = [str(port["containerPort"]) for port in POD["containers"][0]["ports"]]
    assert instructions("EXPOSE") == [" ".join(ports)]


def test_only_what_is_copied_reaches_the_builder() -> None:
    """The ignore file lets in what COPY names, and so no development key."""
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    sources = [word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]]
    assert allowed == set(sources)
    assert all((ROOT / source).exists() for source in sources)


def test_the_entry_point_is_what_the_build_makes(tmp_path: Path) -> None:
    """The build's own commands, run in a folder of its own, make a command that answers without its sources."""
    target, source = tmp_path / "opt", tmp_path / "source"
    subprocess.run(["git", "clone", "--quiet", ROOT, source], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", target], check=True)
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    # Dependencies, pip and setuptools come from the environment of the tests instead of from the network.
    (target / "lib" / python / "site-packages" / "tests.pth").write_text("\n".join(filter(None, sys.path)))
    (command,) = [line for line in instructions("RUN") if "--no-build-isolation" in line]
    build = shlex.split(command.split(" && ")[0].replace("/opt/status-guard", str(target)))
    subprocess.run([*build, "--no-index", "--ignore-installed"], cwd=source, check=True)
    (entry,) = instructions("ENTRYPOINT")
    program = entry.strip('[]"').replace("/opt/status-guard", str(target))
    run = subprocess.run([program, "--version"], cwd="/", capture_output=True, text=True, check=True)
    assert run.stdout == f"status-guard {__version__}\n"
