"""The installation guide against what it tells people to type and to look for."""

import re

import pytest
import typer.main
from manifest_objects import ROOT

from app.cli import app

GUIDE = (ROOT / "docs" / "install.md").read_text()
CODE = "\n".join(path.read_text() for path in (ROOT / "app").rglob("*.py"))


def test_every_target_is_one_of_the_makefile() -> None:
    """What the guide says to make can be made."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^    |&& )make ([a-z]+)", GUIDE, re.MULTILINE))
    assert {"deploy", "verify", "undeploy", "manifests"} <= named <= targets


def test_every_option_of_certs_ensure_exists() -> None:
    """Options that the guide gives to the command are its own."""
    command = typer.main.get_command(app)
    for word in ("certs", "ensure"):
        command = command.commands[word]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in parameter.opts}
    calls = re.findall(r"status-guard certs ensure ([^`\n|]+)", GUIDE)
    assert calls
    assert {word for call in calls for word in call.split() if word.startswith("--")} <= known


@pytest.mark.parametrize(
    "words",
    [
        "status_guard_certificate_expiry_seconds",
        "the rules on disk are refused: ",
        "enableServiceLinks",
        "carries no label",
        "certificates are not settled after",
    ],
)
def test_what_one_is_told_to_look_for_is_printed_somewhere(words: str) -> None:
    """Metrics and messages that the guide names are in the code."""
    assert words.removeprefix("certificates are ") in GUIDE
    assert words in CODE


def test_every_path_exists() -> None:
    """Files and folders that the guide names are there."""
    named = re.findall(r"`?((?:manifests|tests)/[a-z./_-]+[a-z])`?", GUIDE)
    assert len(named) > 8
    assert [path for path in named if not (ROOT / path).exists()] == []
