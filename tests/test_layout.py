"""The shape of the code: what a reader may rely on when they look for something."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "app").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))

LONGEST_FILE = 300
LONGEST_FUNCTION = 40
LONG_FUNCTIONS: dict[str, str] = {}
"""``file::function`` of those that are longer, each with the reason."""

BAGS = {"common", "helpers", "misc", "shared", "util", "utils"}
"""Names that say nothing of what is inside."""

BESIDE_THE_MIRROR = {
    "browser": "what a person sees of the gate",
    "data": "what tests read",
    "dev": "mirrors dev/",
    "manifests": "mirrors manifests/",
    "process": "what only a running server shows",
    "rancher": "the Rancher that tests run against",
    "support": "what tests share beside fixtures",
    "cluster": "what only a real API server shows",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    """Every function of a file, inner ones too."""
    tree = ast.parse(path.read_text())
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def imported_by(*command: str) -> set[str]:
    """The modules that a fresh interpreter imports for a command, its own start excepted."""

    def run(*words: str) -> set[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        result = subprocess.run(
            [sys.executable, "-X", "importtime", *words],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return set(re.findall(r"^import time: .*\| +(\S+)$", result.stderr, re.MULTILINE))

    return run(*command) - run("-c", "pass")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_short(path: Path) -> None:
    """A file has at most 300 lines and a function at most 40, unless a reason is listed."""
    assert len(path.read_text().splitlines()) <= LONGEST_FILE
    for function in functions(path):
        assert function.end_lineno is not None
        length = function.end_lineno - function.lineno + 1
        name = f"{path.relative_to(ROOT)}::{function.name}"
        assert length <= LONGEST_FUNCTION or LONG_FUNCTIONS.get(name), f"{name} has {length} lines"


def test_no_excuse_outlives_its_function() -> None:
    """Every listed long function exists and is still long."""
    long = {
        f"{path.relative_to(ROOT)}::{function.name}"
        for path in MODULES
        for function in functions(path)
        if (function.end_lineno or 0) - function.lineno + 1 > LONGEST_FUNCTION
    }
    assert set(LONG_FUNCTIONS) <= long


def test_a_modules_name_says_what_is_in_it() -> None:
    """No module or package is a bag."""
    assert [path for path in MODULES if BAGS & {path.stem, path.parent.name}] == []


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_says_what_must_hold(path: Path) -> None:
    """Each test function and each test file has a docstring, which ends as a sentence does."""
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path.relative_to(ROOT)} does not say what it tests"
    for function in functions(path):
        if function.name.startswith("test_"):
            said = (ast.get_docstring(function) or "").strip()
            assert said.endswith("."), f"{path.relative_to(ROOT)}::{function.name} does not say what must hold"


def test_tests_stand_where_the_code_does() -> None:
    """Each package of app has its folder in tests, and each folder in tests a package or a reason to be there."""
    packages = {path.parent.name for path in (ROOT / "app").glob("*/__init__.py")}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert packages - folders == set()
    assert folders - packages - set(BESIDE_THE_MIRROR) == set()


def test_the_core_imports_no_framework_and_no_edge() -> None:
    """Importing all of the core loads nothing that does I/O of its own, directly or through another module."""
    core = [path.relative_to(ROOT).with_suffix("") for path in MODULES if (ROOT / "app/core") in path.parents]
    names = [".".join(path.parts) for path in core if path.name != "__init__"]
    loaded = imported_by("-c", f"import {', '.join(names)}")
    assert {"app.core.judge", "app.core.gate.repository", "app.core.export.cel"} <= loaded
    costly = {
        *("asyncio", "socket", "ssl", "logging", "threading", "subprocess", "selectors", "http.client"),
        *("pydantic", "fastapi", "starlette", "uvicorn", "yaml", "structlog", "prometheus_client", "cryptography"),
        *("typer", "rich", "jsonpatch", "httpx", "kubernetes"),
    }
    assert loaded & costly == set()
    assert {name for name in loaded if name.startswith("app.") and not name.startswith("app.core")} == set()


@pytest.mark.parametrize("words", [["--help"], ["review", "--help"], ["rules", "--help"]])
def test_help_answers_without_loading_the_server(words: list[str]) -> None:
    """Help and completion pay for no server, no certificates and no YAML."""
    loaded = imported_by("-m", "app", *words)
    assert "app.cli" in loaded
    costly = {"uvicorn", "uvloop", "fastapi", "starlette", "cryptography", "prometheus_client", "yaml", "kubernetes"}
    assert loaded & costly == set()


def test_serving_does_not_load_fastapi_before_it_is_asked_for() -> None:
    """FastAPI, which the API server never asks for, is no part of the start (docs/decisions/0003)."""
    loaded = imported_by("-c", "import app.main")
    assert "uvicorn" in loaded
    assert loaded & {"fastapi", "starlette", "typer", "cryptography", "kubernetes"} == set()


def test_what_is_no_code_is_shipped_too() -> None:
    """Every file of the package that is not Python is data that a wheel takes along, and with it the image."""
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    shipped = {
        path
        for package, patterns in data.items()
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    tracked = subprocess.run(["git", "ls-files", "app"], cwd=ROOT, capture_output=True, text=True, check=True)
    others = {ROOT / name for name in tracked.stdout.split() if not name.endswith(".py")}
    assert others
    assert others <= shipped
