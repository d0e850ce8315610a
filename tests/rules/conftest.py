"""What the tests of rule documents share: a directory to write them to, and the least document there is."""

from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file below the test's directory."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def minimal() -> Callable[..., str]:
    """The least document that is one, with more lines of its spec if asked for."""

    def minimal(name: str = "things", spec: str = "", resource: str | None = None) -> str:
        return (
            "apiVersion: statusguard.io/v1alpha1\n"
            "kind: StatusGuard\n"
            f"metadata: {{name: {name}}}\n"
            "spec:\n"
            f"  target: {{group: example.io, resource: {resource or name}, statusSubresource: false}}\n"
            f"{spec}"
        )

    return minimal
