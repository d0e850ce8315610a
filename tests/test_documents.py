"""The documents against the project: what they name exists, and what exists they name."""

import re
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from app import __version__
from app.cli import app as command_line
from app.rules import load
from app.settings import Settings, default, flag, variable

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()

# in two halves, so that this file does not hold what it looks for
REGISTRIES = ["py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "deb.deb" + "ian.org", "extra-index" + "-url"]
MACHINE_PATHS = [rf"(^|[^A-Za-z0-9_.-])/{name}/" for name in ("wo" + "rk", "ro" + "ot", "home" + "/[a-z]")]


def tracked(*patterns: str) -> list[Path]:
    """The files git knows that match a pattern, and are there."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout; nothing says which files belong to the project")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def where_is() -> list[str]:
    """Every path in the README's table of where things are."""
    table = README.partition("## Where is…")[2]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [path for row in rows for path in re.findall(r"`([^`]+)`", row.rstrip("|").rpartition("|")[2])]


def test_everything_in_the_where_is_table_is_there() -> None:
    """Each path of the README's table exists, as a folder where it is written as one."""
    paths = where_is()
    assert len(paths) > 20
    missing = [
        path for path in paths if not ((ROOT / path).is_dir() if path.endswith("/") else (ROOT / path).is_file())
    ]
    assert missing == []


def test_every_link_between_documents_leads_somewhere() -> None:
    """A relative link in a document names a file that exists."""
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in tracked("*.md")
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())
        if "://" not in target and not (document.parent / target).exists()
    ]
    assert broken == []


def test_every_make_command_in_the_documents_is_a_target() -> None:
    """What the documents tell people to type after make is in the Makefile, with a line in its help."""
    targets = set(re.findall(r"^([a-z-]+):.* ## ", MAKEFILE, re.MULTILINE))
    for document in tracked("*.md"):
        text = document.read_text()
        named = re.findall(r"(?:`|^    |^)make ([a-z-]+)(?=[`\s])", text, re.MULTILINE)
        assert set(named) <= targets, document.name


def test_ci_runs_what_developers_run() -> None:
    """The one test command of the README is what .ci/run calls."""
    assert re.search(r"^    make test +#", README, re.MULTILINE)
    assert re.search(r"^make test\b", (ROOT / ".ci/run").read_text(), re.MULTILINE)


def test_every_command_is_real() -> None:
    """What the README calls after status-guard is a command, and every command is named in a document."""
    commands = set(get_command(command_line).commands)  # type: ignore[attr-defined]
    named = re.findall(r"(?:`|^    )(?:\.venv/bin/)?status-guard ([a-z]+)\b", README, re.MULTILINE)
    assert {"serve", "review"} <= set(named) <= commands
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert [name for name in sorted(commands) if f"status-guard {name}" not in changelog] == []


def test_the_readme_has_every_setting_with_its_default() -> None:
    """The table of options holds each setting's option, variable and default."""
    rows = [line for line in README.splitlines() if line.startswith("| `--")]
    for name in Settings.model_fields:
        [row] = [line for line in rows if f"`{flag(name)}`" in line]
        assert f"`{variable(name)}`" in row
        assert default(name) in row.replace("`", "")
    assert set(re.findall(r"STATUS_GUARD_[A-Z_]+", README)) == set(map(variable, Settings.model_fields))


def test_the_readmes_rule_document_can_be_used(tmp_path: Path) -> None:
    """The example of a StatusGuard passes the strict reader."""
    [example] = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "example.yaml").write_text(example)
    assert load([tmp_path]).count == 1


def test_the_changelog_knows_this_version() -> None:
    """The newest section is the current version, or what comes after it."""
    sections = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sections[0] in {"Unreleased", __version__}


def test_decisions_are_numbered_without_gaps_and_named_in_order() -> None:
    """Each decision's title carries its file's number."""
    files = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [path.name[:4] for path in files] == [f"{number:04}" for number in range(1, len(files) + 1)]
    for path in files:
        assert path.read_text().startswith(f"# {path.name[:4]}: ")


def test_no_tracked_file_names_a_registrys_host_or_a_path_of_one_machine() -> None:
    """The project can be cloned anywhere and installed from any mirror."""
    unwanted = re.compile("|".join([*map(re.escape, REGISTRIES), *MACHINE_PATHS]), re.MULTILINE)
    found = []
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue  # data for tests of bad input
        found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in unwanted.finditer(text)]
    assert found == []
